//! Regularization: L1, L2 and decoupled weight decay.

use std::fmt;

use super::check::wrong;
use crate::base::error::Result;

/// Regularization: L1, L2 and decoupled weight decay. Each shrinks the weights a little in every step, which reduces
/// overfitting.
///
/// Biases, and the parameters of normalization layers, are not penalized unless [`biases`](Self::biases) is set. The
/// loss that is reported, and that early stopping uses, does not include the penalty, so that it can be compared
/// between settings.
///
/// ```
/// use palmnet::{Adam, Loss, Penalty, Trainer};
/// // AdamW.
/// let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.001)).penalty(Penalty::default().weight_decay(0.01));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[must_use]
pub struct Penalty {
    /// The strength of the L1 penalty.
    pub l1: f32,
    /// The strength of the L2 penalty.
    pub l2: f32,
    /// The decoupled weight decay.
    pub weight_decay: f32,
    /// Whether it acts on biases and normalization layers too.
    pub biases: bool,
}

impl Penalty {
    /// Adds l1 · sign(w) to the gradient, as the penalty l1 · Σ |w| does (Tibshirani, 1996): weights that are of little
    /// use shrink to about nothing.
    pub fn l1(self, l1: f32) -> Self {
        Penalty { l1, ..self }
    }

    /// Adds l2 · w to the gradient, as the penalty l2 / 2 · Σ w² does. PyTorch's SGD and Adam call this weight decay.
    pub fn l2(self, l2: f32) -> Self {
        Penalty { l2, ..self }
    }

    /// Sets the decoupled weight decay (Loshchilov, Hutter, 2017): w ← (1 - rate · decay) · w before the step, without
    /// an effect on the gradient and its running means. With [`Adam`](crate::Adam) it is AdamW.
    pub fn weight_decay(self, weight_decay: f32) -> Self {
        Penalty { weight_decay, ..self }
    }

    /// Penalizes biases, and the scales and shifts of normalization layers, too, as PyTorch does.
    pub fn biases(self) -> Self {
        Penalty { biases: true, ..self }
    }

    /// Returns whether it acts on the parameters of this name.
    pub(crate) fn covers(self, name: &str) -> bool {
        self.biases || name == "weights"
    }

    /// Returns the strength of the L2 penalty; `None` if there is another penalty.
    pub(crate) fn only_l2(self) -> Option<f32> {
        (self.l1 == 0.0 && self.weight_decay == 0.0).then_some(self.l2)
    }

    pub(crate) fn check(self) -> Result<()> {
        for (name, strength) in [("l1", self.l1), ("l2", self.l2), ("weight decay", self.weight_decay)] {
            if !(strength.is_finite() && strength >= 0.0) {
                return wrong(format!("{name} {strength}: it must be at least zero"));
            }
        }
        Ok(())
    }

    /// Returns the adjustment at this learning rate, with the gradient clipped to ±`limit` first.
    pub(super) fn adjustment(self, rate: f32, limit: f32) -> Adjustment {
        Adjustment { limit, l1: self.l1, l2: self.l2, kept: 1.0 - rate * self.weight_decay }
    }
}

/// Writes every strength by name: `l1=0,l2=0,weight_decay=0.1,biases=false`.
impl fmt::Display for Penalty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Penalty { l1, l2, weight_decay, biases } = self;
        write!(f, "l1={l1},l2={l2},weight_decay={weight_decay},biases={biases}")
    }
}

/// The clipping and the penalty of a gradient and its parameter, before the rule is applied.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Adjustment {
    /// The largest entry of the gradient.
    pub(super) limit: f32,
    pub(super) l1: f32,
    pub(super) l2: f32,
    /// The fraction of the parameter that remains after decay.
    pub(super) kept: f32,
}

impl Adjustment {
    pub(super) const NONE: Adjustment = Adjustment { limit: f32::INFINITY, l1: 0.0, l2: 0.0, kept: 1.0 };
}
