//! RMSProp.

use super::check::{above_zero, below_one};
use super::field::Field;
use super::update::{Update, settled};
use crate::base::error::Result;

/// RMSProp (Tieleman, Hinton, 2012): the gradient divided by its running root mean square.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct RmsProp {
    pub(super) learning_rate: f32,
    decay: f32,
    epsilon: f32,
}

impl RmsProp {
    /// Returns RMSProp at this learning rate, above 0, with a decay of 0.99 and ε = 10⁻⁸.
    pub const fn new(learning_rate: f32) -> Self {
        RmsProp { learning_rate, decay: 0.99, epsilon: 1e-8 }
    }

    /// Sets the decay of the running mean square of the gradient: at least 0 and less than 1.
    pub fn decay(self, decay: f32) -> Self {
        RmsProp { decay, ..self }
    }

    /// Sets ε, which is added to the root mean square before it divides: above 0.
    pub fn epsilon(self, epsilon: f32) -> Self {
        RmsProp { epsilon, ..self }
    }

    pub(super) fn fields(&mut self) -> [(&'static str, Field<'_>); 3] {
        [
            ("learning_rate", Field::Number(&mut self.learning_rate)),
            ("decay", Field::Number(&mut self.decay)),
            ("epsilon", Field::Number(&mut self.epsilon)),
        ]
    }

    pub(super) fn check(self) -> Result<()> {
        below_one("RMSProp's decay", self.decay)?;
        above_zero("RMSProp's epsilon", self.epsilon)
    }

    pub(super) fn at(self, rate: f32) -> impl Update<1> {
        RmsPropStep { rate, decay: self.decay, epsilon: self.epsilon }
    }
}

#[derive(Clone, Copy)]
struct RmsPropStep {
    rate: f32,
    decay: f32,
    epsilon: f32,
}

impl Update<1> for RmsPropStep {
    #[inline(always)]
    fn apply(self, w: f32, g: f32, [square]: &mut [f32; 1]) -> f32 {
        *square = settled(*square + (1.0 - self.decay) * (g * g - *square));
        w - self.rate * g / (square.sqrt() + self.epsilon)
    }
}
