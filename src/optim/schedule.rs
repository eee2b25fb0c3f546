//! Learning-rate schedules.

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use crate::base::error::{Error, Result};
use crate::base::math;
use crate::base::names::{Names, named, parameter};

/// A learning-rate schedule: how the learning rate changes over a training, as a factor of the rate that was set.
/// [`Scheduler`] computes the factors.
///
/// Its text form is the lower-case name, with numbers after colons. Those in brackets below may be left out. Case,
/// dashes and underscores make no difference in a name, and some names of other libraries are understood (`invscaling`,
/// `StepLR`, `ReduceLROnPlateau`).
///
/// ```
/// use palmnet::Schedule;
/// assert_eq!("step:30:0.1".parse::<Schedule>()?, Schedule::Step { epochs: 30, factor: 0.1 });
/// assert_eq!("cosine".parse::<Schedule>()?, Schedule::Cosine(0.0));
/// assert_eq!(Schedule::Exponential(0.95).to_string(), "exponential:0.95");
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// A schedule of your own is a function of the progress, the fraction of the steps that are done:
///
/// ```
/// use palmnet::{Activation::*, Adam, Loss, Network, Schedule, Trainer, generate};
/// let data = generate::moons(200, 0.1, 1);
/// let mut network = Network::builder(2).dense(8, Relu).dense(2, Softmax).build()?;
/// let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(10);
/// let quadratic = Schedule::Custom(|progress| (1.0 - progress) * (1.0 - progress));
/// let history = trainer.schedule(quadratic).fit(&mut network, &data)?;
/// assert!(history.epochs[5].learning_rate < 0.01 * 0.25);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
// Functions are compared by address, so equal schedules may be taken for different ones and no more.
#[allow(unpredictable_function_pointer_comparisons)]
#[must_use]
#[non_exhaustive]
pub enum Schedule {
    /// `constant`: the same rate throughout.
    Constant,
    /// `cooldown[:FRACTION]`: the same rate until the last part of the steps, of this fraction, over which it decreases
    /// linearly to zero (Hägele et al., 2024). The small steps at the end remove the noise that the large ones leave in
    /// the weights. From 0 to 1, usually 0.2.
    Cooldown(f32),
    /// `step:EPOCHS:FACTOR`: multiplied by the factor, above 0 and at most 1, after every EPOCHS epochs.
    Step {
        /// The epochs from one change to the next.
        epochs: usize,
        /// The factor, above 0 and at most 1.
        factor: f32,
    },
    /// `exponential:FACTOR`: multiplied by the factor, above 0 and at most 1, after every epoch.
    Exponential(f32),
    /// `inverse_scaling[:POWER]`: divided by tᵖ in step t, counted from 1. The power is at least 0, usually 0.5, as in
    /// scikit-learn.
    InverseScaling(f32),
    /// `cosine[:LOWEST]`: decreases to the lowest factor, from 0 to 1 and usually 0, along half a cosine wave
    /// (Loshchilov, Hutter, 2016).
    Cosine(f32),
    /// `one_cycle`: increases from a twenty-fifth of the rate to all of it over the first three tenths of the steps,
    /// and decreases to nearly zero over the rest, both along half a cosine wave (Smith, Topin, 2017; the numbers are
    /// PyTorch's).
    OneCycle,
    /// `plateau[:EPOCHS[:FACTOR]]`: multiplied by the factor, usually 0.1, when the loss (on the validation set if
    /// there is one) has not decreased by a ten-thousandth for more than EPOCHS epochs, usually 10.
    Plateau {
        /// The epochs without improvement that are allowed.
        patience: usize,
        /// The factor, above 0 and at most 1.
        factor: f32,
    },
    /// `custom`: a function of the progress, from 0 at the first step to just below 1 at the last. It returns the
    /// factor, which should be finite and not negative.
    ///
    /// The text form does not name the function and cannot be read back. A checkpoint, too, holds no more than
    /// `custom`: it is up to you to resume with the same function.
    Custom(fn(f64) -> f64),
}

use Schedule::*;

const NAMES: Names<Schedule> = Names {
    kind: "schedule",
    known: &[
        named("constant", &[], Constant),
        named("cooldown[:FRACTION]", &[], Cooldown(0.2)),
        named("step:EPOCHS:FACTOR", &["step_lr"], Step { epochs: 30, factor: 0.1 }),
        named("exponential:FACTOR", &["exponential_lr"], Exponential(0.95)),
        named("inverse_scaling[:POWER]", &["invscaling"], InverseScaling(0.5)),
        named("cosine[:LOWEST]", &["cosine_annealing", "cosine_annealing_lr"], Cosine(0.0)),
        named("one_cycle", &["one_cycle_lr"], OneCycle),
        named("plateau[:EPOCHS[:FACTOR]]", &["reduce_lr_on_plateau"], Plateau { patience: 10, factor: 0.1 }),
    ],
};

/// A cooldown over the last fifth.
impl Default for Schedule {
    fn default() -> Self {
        Cooldown(0.2)
    }
}

impl Schedule {
    /// Returns the names of all schedules, each with the form of its parameters: `cooldown[:FRACTION]`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.forms()
    }

    pub(crate) fn check(self) -> Result<()> {
        let wrong = |message: String| Err(Error::Setting(message));
        match self {
            Cooldown(fraction) if !(0.0..=1.0).contains(&fraction) => {
                wrong(format!("cooldown {fraction}: the fraction of the steps must be from 0 to 1"))
            }
            Step { epochs: 0, .. } => wrong("step 0: there must be at least one epoch between changes".into()),
            Step { factor, .. } | Exponential(factor) | Plateau { factor, .. } if !(factor > 0.0 && factor <= 1.0) => {
                wrong(format!("{self}: the factor must be more than 0 and at most 1"))
            }
            InverseScaling(power) if !(power >= 0.0 && power.is_finite()) => {
                wrong(format!("inverse_scaling {power}: the power must be at least 0"))
            }
            Cosine(lowest) if !(0.0..=1.0).contains(&lowest) => {
                wrong(format!("cosine {lowest}: the lowest factor must be from 0 to 1"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Constant => f.write_str("constant"),
            Cooldown(fraction) => write!(f, "cooldown:{fraction}"),
            Step { epochs, factor } => write!(f, "step:{epochs}:{factor}"),
            Exponential(factor) => write!(f, "exponential:{factor}"),
            InverseScaling(power) => write!(f, "inverse_scaling:{power}"),
            Cosine(lowest) => write!(f, "cosine:{lowest}"),
            OneCycle => f.write_str("one_cycle"),
            Custom(_) => f.write_str("custom"),
            Plateau { patience, factor } => write!(f, "plateau:{patience}:{factor}"),
        }
    }
}

impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let schedule = NAMES.parse(text, |schedule, parameters| {
            Some(match (schedule, parameters) {
                (Step { .. }, [epochs, factor]) => Step { epochs: parameter(epochs)?, factor: parameter(factor)? },
                (Exponential(_), [factor]) => Exponential(parameter(factor)?),
                (Cooldown(_), [fraction]) => Cooldown(parameter(fraction)?),
                (InverseScaling(_), [power]) => InverseScaling(parameter(power)?),
                (Cosine(_), [lowest]) => Cosine(parameter(lowest)?),
                (Plateau { factor, .. }, [patience]) => Plateau { patience: parameter(patience)?, factor },
                (Plateau { .. }, [patience, factor]) => {
                    Plateau { patience: parameter(patience)?, factor: parameter(factor)? }
                }
                _ => return None,
            })
        })?;
        schedule.check().map(|()| schedule)
    }
}

/// Computes the factors of a [`Schedule`], step by step.
///
/// [`Trainer`](crate::Trainer) has its own. In a training loop of your own:
///
/// ```
/// use palmnet::optim::Scheduler;
/// use palmnet::Schedule;
/// let (epochs, batches) = (10, 4);
/// let mut scheduler = Scheduler::new(Schedule::Exponential(0.5), epochs, batches);
/// for epoch in 0..epochs {
///     for batch in 0..batches {
///         let factor = scheduler.factor(epoch * batches + batch);
///         // optimizer.set_learning_rate(0.1 * factor); optimizer.step(…)
///         assert_eq!(factor, 0.5f32.powi(epoch as i32));
///     }
///     scheduler.end_epoch(0.0);
/// }
/// ```
///
/// Its state follows from the losses of the epochs alone.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Scheduler {
    schedule: Schedule,
    warmup: f32,
    steps: usize,
    batches: usize,
    plateau: f32,
    best: f64,
    waited: usize,
}

impl Scheduler {
    /// Returns a scheduler for a training of `epochs` epochs of `batches` batches each.
    pub fn new(schedule: Schedule, epochs: usize, batches: usize) -> Self {
        let steps = epochs.saturating_mul(batches);
        Scheduler { schedule, warmup: 0.0, steps, batches, plateau: 1.0, best: f64::INFINITY, waited: 0 }
    }

    /// Over the first part of the steps, of this fraction (from 0 to 1), multiplies the factor of the schedule by one
    /// that increases linearly from 0.1 to 1 (Goyal et al., 2017).
    pub fn warmup(self, fraction: f32) -> Self {
        Scheduler { warmup: fraction, ..self }
    }

    /// Returns the factor for this step, counted from 0.
    pub fn factor(&self, step: usize) -> f32 {
        let epoch = step / self.batches.max(1);
        let part = (step as f64 / self.steps.max(1) as f64).min(1.0);
        let factor = match self.schedule {
            Constant => 1.0,
            Cooldown(fraction) => ((1.0 - part) / f64::from(fraction)).min(1.0),
            Step { epochs, factor } => math::power_f64(f64::from(factor), (epoch / epochs.max(1)) as u64),
            Exponential(factor) => math::power_f64(f64::from(factor), epoch as u64),
            InverseScaling(power) => f64::from(math::exp((-f64::from(power) * math::ln_f64(step as f64 + 1.0)) as f32)),
            Cosine(lowest) => half_wave(1.0, f64::from(lowest), part),
            OneCycle => one_cycle(step as f64, self.steps as f64),
            Plateau { .. } => f64::from(self.plateau),
            Custom(factor) => factor(part),
        };
        let warm = part / f64::from(self.warmup);
        (if warm < 1.0 { (0.1 + 0.9 * warm) * factor } else { factor }) as f32
    }

    /// Reports the loss of an epoch: on the validation set if there is one.
    pub fn end_epoch(&mut self, loss: f64) {
        let Plateau { patience, factor } = self.schedule else { return };
        if loss < self.best * (1.0 - 1e-4) {
            (self.best, self.waited) = (loss, 0);
            return;
        }
        self.waited += 1;
        if self.waited > patience {
            self.waited = 0;
            self.plateau *= factor;
        }
    }
}

/// Returns a half cosine wave from `from` at part 0 to `to` at part 1, level at both ends.
fn half_wave(from: f64, to: f64, part: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + math::sin_cos_f64(PI * part).1)
}

fn one_cycle(step: f64, steps: f64) -> f64 {
    let (start, end) = (1.0 / 25.0, 1.0 / 250_000.0);
    // The steps with the highest and the lowest rate.
    let (top, last) = ((0.3 * steps - 1.0).max(0.0), steps - 1.0);
    if step < top {
        half_wave(start, 1.0, step / top)
    } else {
        // A training of one step has all of the rate.
        half_wave(1.0, end, ((step - top) / (last - top).max(1.0)).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors() {
        let factors = |schedule| [0, 79, 80, 90, 99].map(|step| Scheduler::new(schedule, 10, 10).factor(step));
        assert_eq!(factors(Constant), [1.0; 5]);
        assert_eq!(factors(Cooldown(0.2)), [1.0, 1.0, 1.0, 0.5, 0.05]);
        assert_eq!(factors(Cooldown(0.0)), [1.0; 5]);
        assert_eq!(Scheduler::new(Cooldown(1.0), 100, 1).factor(25), 0.75);
        // Per epoch of ten steps.
        assert_eq!(factors(Step { epochs: 4, factor: 0.5 }), [1.0, 0.5, 0.25, 0.25, 0.25]);
        assert_eq!(factors(Exponential(0.5)), [1.0, 1.0 / 128.0, 1.0 / 256.0, 1.0 / 512.0, 1.0 / 512.0]);
        assert_eq!(factors(Cosine(0.0))[..2], [1.0, 0.104_922_494]);
        // The hundredth step, and the eighty-first.
        let inverse = factors(InverseScaling(0.5));
        assert!((inverse[4] - 0.1).abs() < 1e-7 && (inverse[2] - 1.0 / 9.0).abs() < 1e-7, "{inverse:?}");
    }

    #[test]
    fn custom_schedule_is_a_function_of_the_progress() {
        let line = |progress| 1.0 - progress;
        let scheduler = Scheduler::new(Custom(line), 10, 10).warmup(0.2);
        assert_eq!([0, 10, 20, 75, 99].map(|step| scheduler.factor(step)), [0.1, 0.495, 0.8, 0.25, 0.01]);
        assert_eq!((Custom(line).to_string(), Custom(line).check().is_ok()), ("custom".to_string(), true));
        assert!("custom".parse::<Schedule>().unwrap_err().to_string().starts_with("unknown schedule `custom`"));
    }

    #[test]
    fn warmup_is_a_factor_of_the_schedule() {
        let scheduler = |schedule| Scheduler::new(schedule, 10, 10).warmup(0.2);
        let factors = |schedule| [0, 10, 20, 90].map(|step| scheduler(schedule).factor(step));
        assert_eq!(factors(Constant), [0.1, 0.55, 1.0, 1.0]);
        assert_eq!(factors(Exponential(0.5)), [0.1, 0.275, 0.25, 1.0 / 512.0]);
        assert_eq!(factors(Cooldown(0.2)), [0.1, 0.55, 1.0, 0.5]);
    }

    /// The rates that PyTorch's ReduceLROnPlateau(factor=0.5, patience=1) has after each of these losses.
    #[test]
    fn plateau() {
        let losses = [1.0, 0.9, 0.95, 0.9, 0.92, 0.91, 0.89995, 0.5, 0.6, f64::NAN, 0.49, 0.48];
        let rates = [1.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25, 0.125, 0.125, 0.125];
        let mut scheduler = Scheduler::new(Plateau { patience: 1, factor: 0.5 }, 12, 3);
        for (loss, rate) in losses.into_iter().zip(rates) {
            scheduler.end_epoch(loss);
            assert_eq!(scheduler.factor(5), rate, "after {loss}");
        }
        // The others ignore the loss.
        let mut scheduler = Scheduler::new(Constant, 12, 3);
        (0..12).for_each(|_| scheduler.end_epoch(1.0));
        assert_eq!(scheduler.factor(35), 1.0);
    }

    #[test]
    fn short_trainings_and_long_ones() {
        for schedule in NAMES.known.iter().map(|named| named.value) {
            for epochs in 0..5 {
                let scheduler = Scheduler::new(schedule, epochs, 1);
                let factors: Vec<f32> = (0..10).map(|step| scheduler.factor(step)).collect();
                assert!(factors.iter().all(|factor| (0.0..=1.0).contains(factor)), "{schedule}: {factors:?}");
                assert!(epochs == 0 || factors[..epochs].iter().any(|&factor| factor > 0.3), "{schedule}: {factors:?}");
            }
        }
    }

    #[test]
    fn text() {
        for schedule in NAMES.known.iter().map(|named| named.value) {
            assert_eq!(schedule.to_string().parse::<Schedule>().unwrap(), schedule);
        }
        for (text, schedule) in [
            ("constant", Constant),
            ("cooldown", Schedule::default()),
            ("cooldown:0.5", Cooldown(0.5)),
            ("step:7:0.5", Step { epochs: 7, factor: 0.5 }),
            ("exponential:0.9", Exponential(0.9)),
            ("inverse_scaling", InverseScaling(0.5)),
            ("cosine:0.01", Cosine(0.01)),
            ("one-cycle", OneCycle),
            ("invscaling", InverseScaling(0.5)),
            ("ReduceLROnPlateau:3", Plateau { patience: 3, factor: 0.1 }),
            ("plateau", Plateau { patience: 10, factor: 0.1 }),
            ("plateau:3", Plateau { patience: 3, factor: 0.1 }),
            ("plateau:0:0.5", Plateau { patience: 0, factor: 0.5 }),
        ] {
            assert_eq!(text.parse::<Schedule>().unwrap(), schedule, "{text}");
        }
        let bad = "cooldown:2 cooldown:x cosin cooldown:NaN constant:1 step step:3 step:0:0.1 step:3:0 step:3:0.5:1 \
                   step:x:0.1 exponential exponential:0 exponential:1.1 exponential:NaN inverse_scaling:-1 \
                   inverse_scaling:inf cosine:1.5 cosine: one_cycle:1 plateau:1:2 plateau:x plateau:-1 \
                   plateau:1:0.1:1 :";
        for bad in bad.split_whitespace().chain([""]) {
            assert!(bad.parse::<Schedule>().is_err(), "{bad}");
        }
        let message = "cosin".parse::<Schedule>().unwrap_err().to_string();
        assert!(
            message.contains("`cosin` (did you mean `cosine`?)") && message.contains("cosine[:LOWEST], one_cycle,"),
            "{message}"
        );
    }
}
