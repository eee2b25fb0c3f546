//! Gradient descent, with or without momentum.

use super::check::{below_one, wrong};
use super::field::Field;
use super::update::{Update, settled};
use crate::base::error::Result;

/// Stochastic gradient descent: w ← w - rate · gradient, with momentum if it is set.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Sgd {
    pub(super) learning_rate: f32,
    pub(super) momentum: f32,
    nesterov: bool,
}

impl Sgd {
    /// Returns plain gradient descent at this learning rate, above 0.
    pub const fn new(learning_rate: f32) -> Self {
        Sgd { learning_rate, momentum: 0.0, nesterov: false }
    }

    /// v ← momentum · v + gradient; w ← w - rate · v (Polyak, 1964). The momentum is at least 0 and less
    /// than 1, usually 0.9.
    pub const fn momentum(self, momentum: f32) -> Self {
        Sgd { momentum, ..self }
    }

    /// Looks ahead along the velocity: w ← w - rate · (gradient + momentum · v) (Nesterov, 1983, in the form of
    /// Sutskever et al., 2013).
    pub const fn nesterov(self) -> Self {
        Sgd { nesterov: true, ..self }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Sgd { nesterov: true, .. } => "nesterov",
            Sgd { momentum: 0.0, .. } => "sgd",
            _ => "momentum",
        }
    }

    pub(super) fn fields(&mut self) -> [(&'static str, Field<'_>); 2] {
        [("learning_rate", Field::Number(&mut self.learning_rate)), ("momentum", Field::Number(&mut self.momentum))]
    }

    pub(super) fn check(self) -> Result<()> {
        if self.nesterov && self.momentum == 0.0 {
            return wrong("nesterov looks ahead along the momentum: set one, 0.9 for example".into());
        }
        below_one("momentum", self.momentum)
    }

    pub(super) fn plain(rate: f32) -> impl Update<0> {
        Plain { rate }
    }

    pub(super) fn with_momentum(self, rate: f32) -> impl Update<1> {
        Momentum { rate, momentum: self.momentum, nesterov: self.nesterov }
    }
}

#[derive(Clone, Copy)]
struct Plain {
    rate: f32,
}

impl Update<0> for Plain {
    #[inline(always)]
    fn apply(self, w: f32, g: f32, []: &mut [f32; 0]) -> f32 {
        w - self.rate * g
    }
}

#[derive(Clone, Copy)]
struct Momentum {
    rate: f32,
    momentum: f32,
    nesterov: bool,
}

impl Update<1> for Momentum {
    #[inline(always)]
    fn apply(self, w: f32, g: f32, [velocity]: &mut [f32; 1]) -> f32 {
        *velocity = settled(self.momentum * *velocity + g);
        w - self.rate * if self.nesterov { g + self.momentum * *velocity } else { *velocity }
    }
}
