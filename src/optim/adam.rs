//! Adam and its relatives with two running means.

use super::check::{above_zero, below_one};
use super::field::Field;
use super::update::{Update, settled};
use crate::base::error::Result;
use crate::base::math;

/// Adam (Kingma, Ba, 2014): momentum, divided by the running root mean square of the gradient, both corrected for
/// their start at zero.
///
/// Together with [`Penalty::weight_decay`](crate::Penalty::weight_decay) it is AdamW.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Adam {
    pub(super) learning_rate: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    pub(super) amsgrad: bool,
    /// Whether it is meant as AdamW. It changes the name alone, and is never set together with `amsgrad`.
    decoupled: bool,
}

impl Adam {
    /// Returns Adam at this learning rate, above 0, with β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸.
    pub const fn new(learning_rate: f32) -> Self {
        Adam { learning_rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, amsgrad: false, decoupled: false }
    }

    /// Returns Adam under the name of AdamW (Loshchilov, Hutter, 2017): it computes as Adam does, and goes with
    /// [`Penalty::weight_decay`](crate::Penalty::weight_decay).
    pub const fn adamw(learning_rate: f32) -> Self {
        Adam { decoupled: true, ..Adam::new(learning_rate) }
    }

    /// Sets the decay of the running mean (β₁) and of the running mean square (β₂) of the gradient: each at least 0 and
    /// less than 1.
    pub fn betas(self, beta1: f32, beta2: f32) -> Self {
        Adam { beta1, beta2, ..self }
    }

    /// Sets ε, which is added to the root mean square before it divides: above 0.
    pub fn epsilon(self, epsilon: f32) -> Self {
        Adam { epsilon, ..self }
    }

    /// Divides by the largest root mean square so far instead of the current one: AMSGrad (Reddi, Kale, Kumar, 2018).
    pub const fn amsgrad(self) -> Self {
        Adam { amsgrad: true, decoupled: false, ..self }
    }

    pub(super) fn name(&self) -> &'static str {
        match (self.amsgrad, self.decoupled) {
            (true, _) => "amsgrad",
            (false, true) => "adamw",
            (false, false) => "adam",
        }
    }

    pub(super) fn fields(&mut self) -> [(&'static str, Field<'_>); 4] {
        [
            ("learning_rate", Field::Number(&mut self.learning_rate)),
            ("beta1", Field::Number(&mut self.beta1)),
            ("beta2", Field::Number(&mut self.beta2)),
            ("epsilon", Field::Number(&mut self.epsilon)),
        ]
    }

    pub(super) fn check(self) -> Result<()> {
        below_one("Adam's β₁", self.beta1)?;
        below_one("Adam's β₂", self.beta2)?;
        above_zero("Adam's epsilon", self.epsilon)
    }

    /// Returns the corrections at this step, counted from 1.
    pub(super) fn corrections(self, step: u64) -> Corrections {
        let product = math::power_f64(f64::from(self.beta1), step);
        Corrections { product, root: root_correction(self.beta2, step), ..Corrections::default() }
    }

    /// Returns the rule for the step with these corrections.
    pub(super) fn at(self, rate: f32, corrections: Corrections) -> AdamStep {
        let Adam { beta1, beta2, epsilon, .. } = self;
        AdamStep {
            rate: (f64::from(rate) / (1.0 - corrections.product)) as f32,
            root_correction: corrections.root,
            beta1,
            beta2,
            epsilon,
        }
    }
}

/// Adam at a learning rate of 0.001.
impl Default for Adam {
    fn default() -> Self {
        Adam::new(0.001)
    }
}

/// Running means start at zero, and are corrected for that at every step (Kingma, Ba, 2014, section 3).
#[derive(Clone, Copy, Default)]
pub(super) struct Corrections {
    /// The product of the momenta of all steps so far: the running mean is divided by 1 minus it.
    product: f64,
    /// A factor of the root mean square.
    root: f32,
    /// How far the momentum of NAdam still has to grow.
    power: f64,
}

/// Returns one over the root of the bias correction 1 − βᵗ.
fn root_correction(beta: f32, step: u64) -> f32 {
    (1.0 / (1.0 - math::power_f64(f64::from(beta), step)).sqrt()) as f32
}

#[derive(Clone, Copy)]
pub(super) struct AdamStep {
    /// The learning rate divided by the bias correction of the mean.
    rate: f32,
    root_correction: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
}

impl Update<2> for AdamStep {
    #[inline(always)]
    fn apply(self, w: f32, g: f32, [mean, square]: &mut [f32; 2]) -> f32 {
        *mean = settled(*mean + (1.0 - self.beta1) * (g - *mean));
        *square = settled(*square + (1.0 - self.beta2) * (g * g - *square));
        w - self.rate * *mean / (square.sqrt() * self.root_correction + self.epsilon)
    }
}

/// AMSGrad: the third moment is the largest mean square.
impl Update<3> for AdamStep {
    #[inline(always)]
    fn apply(self, w: f32, g: f32, [mean, square, largest]: &mut [f32; 3]) -> f32 {
        *mean = settled(*mean + (1.0 - self.beta1) * (g - *mean));
        *square = settled(*square + (1.0 - self.beta2) * (g * g - *square));
        *largest = if *largest > *square { *largest } else { *square };
        w - self.rate * *mean / (largest.sqrt() * self.root_correction + self.epsilon)
    }
}

/// Adam whose momentum looks ahead as Nesterov's does (Dozat, 2016). As in the paper, the momentum grows from half of
/// β₁ to β₁ over the first thousands of steps.
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct NAdam {
    pub(super) learning_rate: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
}

/// 0.96 to the power of 0.004.
const GROWTH: f64 = 0.999_836_725_352_675_3;

impl NAdam {
    /// Returns NAdam at this learning rate, above 0, with β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸.
    pub const fn new(learning_rate: f32) -> Self {
        NAdam { learning_rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// Sets the decay of the running mean (β₁) and of the running mean square (β₂) of the gradient: each at least 0 and
    /// less than 1.
    pub fn betas(self, beta1: f32, beta2: f32) -> Self {
        NAdam { beta1, beta2, ..self }
    }

    /// Sets ε, which is added to the root mean square before it divides: above 0.
    pub fn epsilon(self, epsilon: f32) -> Self {
        NAdam { epsilon, ..self }
    }

    pub(super) fn fields(&mut self) -> [(&'static str, Field<'_>); 4] {
        [
            ("learning_rate", Field::Number(&mut self.learning_rate)),
            ("beta1", Field::Number(&mut self.beta1)),
            ("beta2", Field::Number(&mut self.beta2)),
            ("epsilon", Field::Number(&mut self.epsilon)),
        ]
    }

    pub(super) fn check(self) -> Result<()> {
        below_one("NAdam's β₁", self.beta1)?;
        below_one("NAdam's β₂", self.beta2)?;
        above_zero("NAdam's epsilon", self.epsilon)
    }

    fn momentum(self, power: f64) -> f64 {
        f64::from(self.beta1) * (1.0 - 0.5 * power)
    }

    /// Returns the corrections at this step, counted from 1.
    pub(super) fn corrections(self, step: u64) -> Corrections {
        let (mut product, mut power) = (1.0, 1.0);
        for _ in 0..step {
            power *= GROWTH;
            product *= self.momentum(power);
            // 1 minus this is 1 in double precision: more factors change nothing.
            if product < 1e-17 {
                break;
            }
        }
        Corrections { product, root: root_correction(self.beta2, step), power: math::power_f64(GROWTH, step) }
    }

    /// Returns the rule for the step with these corrections.
    pub(super) fn at(self, rate: f32, corrections: Corrections) -> impl Update<2> {
        let Corrections { product, root, power } = corrections;
        let (rate, now, next) = (f64::from(rate), self.momentum(power), self.momentum(power * GROWTH));
        NAdamStep {
            gradient_rate: (rate * (1.0 - now) / (1.0 - product)) as f32,
            mean_rate: (rate * next / (1.0 - product * next)) as f32,
            root_correction: root,
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
        }
    }
}

#[derive(Clone, Copy)]
struct NAdamStep {
    gradient_rate: f32,
    mean_rate: f32,
    root_correction: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
}

impl Update<2> for NAdamStep {
    #[inline(always)]
    fn apply(self, w: f32, g: f32, [mean, square]: &mut [f32; 2]) -> f32 {
        *mean = settled(*mean + (1.0 - self.beta1) * (g - *mean));
        *square = settled(*square + (1.0 - self.beta2) * (g * g - *square));
        let root = square.sqrt() * self.root_correction + self.epsilon;
        w - (self.gradient_rate * g + self.mean_rate * *mean) / root
    }
}
