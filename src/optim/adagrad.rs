//! AdaGrad.

use super::check::above_zero;
use super::field::Field;
use super::update::Update;
use crate::base::error::Result;

/// AdaGrad (Duchi, Hazan, Singer, 2011): the gradient divided by the root of the sum of all its squares so far, so that
/// rare features get large steps and every step is smaller than the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct AdaGrad {
    pub(super) learning_rate: f32,
    epsilon: f32,
}

impl AdaGrad {
    /// Returns AdaGrad at this learning rate, above 0, with ε = 10⁻¹⁰.
    pub const fn new(learning_rate: f32) -> Self {
        AdaGrad { learning_rate, epsilon: 1e-10 }
    }

    /// Sets ε, which is added to the root before it divides: above 0.
    pub fn epsilon(self, epsilon: f32) -> Self {
        AdaGrad { epsilon, ..self }
    }

    pub(super) fn fields(&mut self) -> [(&'static str, Field<'_>); 2] {
        [("learning_rate", Field::Number(&mut self.learning_rate)), ("epsilon", Field::Number(&mut self.epsilon))]
    }

    pub(super) fn check(self) -> Result<()> {
        above_zero("AdaGrad's epsilon", self.epsilon)
    }

    pub(super) fn at(self, rate: f32) -> impl Update<1> {
        AdaGradStep { rate, epsilon: self.epsilon }
    }
}

#[derive(Clone, Copy)]
struct AdaGradStep {
    rate: f32,
    epsilon: f32,
}

impl Update<1> for AdaGradStep {
    #[inline(always)]
    fn apply(self, w: f32, g: f32, [sum]: &mut [f32; 1]) -> f32 {
        *sum += g * g;
        w - self.rate * g / (sum.sqrt() + self.epsilon)
    }
}
