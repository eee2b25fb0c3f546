//! Rprop.

use super::check::wrong;
use super::field::Field;
use super::update::Update;
use crate::base::error::Result;
use crate::base::math::sign;

/// Resilient propagation (Riedmiller, Braun, 1993): only the gradient's sign counts. Every parameter has a step of its
/// own, which grows while the sign stays the same and shrinks when it changes; then the parameter stays for one step.
///
/// It needs gradients without noise: make all of the data one batch, as
/// [`batch_size(usize::MAX)`](crate::Trainer::batch_size) does. The learning rate is the size of the first step; a
/// schedule has no influence after that.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Rprop {
    pub(super) learning_rate: f32,
    shrink: f32,
    grow: f32,
    smallest: f32,
    largest: f32,
}

impl Rprop {
    /// Returns Rprop with first steps of this size, above 0, which grow by 1.2 and shrink by 0.5, from 10⁻⁶ to 50.
    pub const fn new(learning_rate: f32) -> Self {
        Rprop { learning_rate, shrink: 0.5, grow: 1.2, smallest: 1e-6, largest: 50.0 }
    }

    /// Sets the factors of a step after the sign has changed (η⁻, between 0 and 1) and after it has not (η⁺, above 1).
    pub fn factors(self, shrink: f32, grow: f32) -> Self {
        Rprop { shrink, grow, ..self }
    }

    /// Sets the smallest and the largest step: above 0, the first at most the second.
    pub fn steps(self, smallest: f32, largest: f32) -> Self {
        Rprop { smallest, largest, ..self }
    }

    pub(super) fn fields(&mut self) -> [(&'static str, Field<'_>); 5] {
        [
            ("learning_rate", Field::Number(&mut self.learning_rate)),
            ("shrink", Field::Number(&mut self.shrink)),
            ("grow", Field::Number(&mut self.grow)),
            ("smallest", Field::Number(&mut self.smallest)),
            ("largest", Field::Number(&mut self.largest)),
        ]
    }

    pub(super) fn check(self) -> Result<()> {
        let Rprop { shrink, grow, smallest, largest, .. } = self;
        if !(0.0 < shrink && shrink < 1.0 && 1.0 < grow && grow.is_finite()) {
            return wrong(format!(
                "Rprop's factors {shrink} and {grow}: the first must be from 0 to 1, the second more than 1"
            ));
        }
        if !(0.0 < smallest && smallest <= largest && largest.is_finite()) {
            return wrong(format!(
                "Rprop's steps from {smallest} to {largest}: the first must be more than 0 and not above the second"
            ));
        }
        Ok(())
    }
}

/// The moments are the steps, which start at the learning rate, and the last gradients.
impl Update<2> for Rprop {
    #[inline(always)]
    fn apply(self, w: f32, g: f32, [step, last]: &mut [f32; 2]) -> f32 {
        // A product of the signs: that of two small gradients may round to zero.
        let agreement = sign(g) * sign(*last);
        let factor = if agreement < 0.0 { self.shrink } else { 1.0 };
        let factor = if agreement > 0.0 { self.grow } else { factor };
        let size = *step * factor;
        let size = if size < self.smallest { self.smallest } else { size };
        *step = if size > self.largest { self.largest } else { size };
        *last = if agreement < 0.0 { 0.0 } else { g };
        w - sign(*last) * *step
    }
}
