//! L-BFGS.

use std::collections::VecDeque;

use super::check::{above_zero, wrong};
use super::field::Field;
use super::line_search::{Point, search};
use crate::base::error::Result;
use crate::linalg::reduce::{add_scaled, dot};

/// Limited-memory BFGS (Liu, Nocedal, 1989): the last steps and the changes of the gradient over them give the
/// curvature of the loss, and so an estimate of its minimum. For small networks and a few hundred examples it reaches a
/// lower loss in fewer passes than the other rules; for many thousand examples, mini-batches learn more in a pass.
///
/// It is for [`Trainer`](crate::Trainer), for which each epoch is then an iteration: one step along the estimated
/// direction, on the loss of all training examples, of a length that meets the strong Wolfe conditions (Nocedal,
/// Wright, 2006), found in one to a few passes over the data. The training ends before its last epoch when it has
/// converged: when the largest entry of the gradient or the change of the loss is below its
/// [`tolerance`](Self::tolerance), or no step decreases the loss any more in single precision.
///
/// - The loss of an epoch is that after its step, its learning rate is the length of the step divided by the length
///   that the curvature suggests, and its only batch is all of the data.
/// - The one penalty that it supports is L2. Settings that change the loss from step to step, or are no part of the
///   loss, are refused: L1, whose slope jumps at zero, weight decay, clipping, max-norm, warm-up, dropout, noise and
///   batch normalization.
/// - Schedule and batch size have no influence.
///
/// ```
/// use palmnet::optim::Lbfgs;
/// use palmnet::{Activation::*, Loss, Network, Trainer, generate};
/// let data = generate::moons(300, 0.1, 1);
/// let mut network = Network::builder(2).dense(8, Tanh).dense(1, Sigmoid).seed(1).build()?;
/// let history = Trainer::new(Loss::BinaryCrossEntropy, Lbfgs::default()).epochs(200).fit(&mut network, &data)?;
/// assert!(history.train_loss() < 0.001);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[must_use]
pub struct Lbfgs {
    pub(super) memory: usize,
    gradient: f32,
    change: f32,
}

/// The training ends after this many iterations in a row that did not decrease the loss. One is not enough: near a
/// minimum the decrease is lost in the rounding of the loss, while the gradient still shows it.
const MOST_IDLE: usize = 5;

/// A memory of ten steps, and tolerances of 10⁻⁶ for the gradient and 10⁻⁷ for the relative change of the loss.
impl Default for Lbfgs {
    fn default() -> Self {
        Lbfgs::new()
    }
}

impl Lbfgs {
    pub(super) const fn new() -> Self {
        Lbfgs { memory: 10, gradient: 1e-6, change: 1e-7 }
    }

    /// Sets how many of the last steps are remembered, at least one, each with two numbers for every parameter. More
    /// than there are epochs means all of them.
    pub fn memory(self, steps: usize) -> Self {
        Lbfgs { memory: steps, ..self }
    }

    /// Ends the training when no entry of the gradient is larger than `gradient`, or five iterations in a row have
    /// decreased the loss by at most `change` times itself. Both are at least 0.
    pub fn tolerance(self, gradient: f32, change: f32) -> Self {
        Lbfgs { gradient, change, ..self }
    }

    pub(super) fn fields(&mut self) -> [(&'static str, Field<'_>); 3] {
        [
            ("memory", Field::Count(&mut self.memory)),
            ("gradient_tolerance", Field::Number(&mut self.gradient)),
            ("change_tolerance", Field::Number(&mut self.change)),
        ]
    }

    /// Returns how many vectors of one number for each parameter it keeps in a training of this many epochs: the steps
    /// and the changes of the gradient, where it is and where it goes.
    pub(crate) fn vectors(self, epochs: usize) -> usize {
        self.memory.min(epochs).saturating_mul(2).saturating_add(6)
    }

    pub(super) fn check(self) -> Result<()> {
        above_zero("L-BFGS's memory", self.memory as f32)?;
        for tolerance in [self.gradient, self.change] {
            if !(tolerance >= 0.0 && tolerance.is_finite()) {
                return wrong(format!("L-BFGS's tolerance {tolerance}: it must be at least zero"));
            }
        }
        Ok(())
    }
}

/// A function to be minimized: writes its gradient at the first into the second, and returns its value.
pub(crate) type Function<'f> = &'f mut dyn FnMut(&[f32], &mut [f32]) -> f64;

/// The minimization of a function by L-BFGS.
pub(crate) struct Minimizer {
    rule: Lbfgs,
    /// The current point, the function there, and its gradient.
    pub(crate) x: Vec<f32>,
    pub(crate) value: f64,
    gradient: Vec<f32>,
    /// The number of iterations in a row that decreased the function too little.
    idle: usize,
    /// The last steps, oldest first.
    pairs: VecDeque<Pair>,
    direction: Vec<f32>,
    next: Vec<f32>,
    next_gradient: Vec<f32>,
}

/// A step, the change of the gradient over it, and their product.
struct Pair {
    step: Vec<f32>,
    change: Vec<f32>,
    product: f64,
    /// The multiple of the change that was subtracted from the direction.
    multiple: f64,
}

/// The result of an iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Iteration {
    /// The length of the step; zero if none was possible.
    pub(crate) step: f64,
    /// Whether it has converged.
    pub(crate) over: bool,
}

impl Minimizer {
    pub(crate) fn new(rule: Lbfgs, x: Vec<f32>, function: Function<'_>) -> Self {
        let zeros = || vec![0.0; x.len()];
        let (mut gradient, direction, next, next_gradient) = (zeros(), zeros(), zeros(), zeros());
        let value = function(&x, &mut gradient);
        Minimizer { rule, x, value, gradient, idle: 0, pairs: VecDeque::new(), direction, next, next_gradient }
    }

    /// Takes one step.
    pub(crate) fn iterate(&mut self, function: Function<'_>) -> Iteration {
        let nothing = Iteration { step: 0.0, over: true };
        if self.is_level() {
            return nothing;
        }
        let found = loop {
            self.choose_direction();
            // A step that is lost in rounding does not count.
            if let Some(found) = self.step(function)
                && self.next != self.x
            {
                break found;
            }
            // The remembered steps may mislead: try again along the gradient alone.
            if self.pairs.is_empty() {
                return nothing;
            }
            self.pairs.clear();
        };
        let fall = self.value - found.value;
        let full = self.pairs.len() == self.rule.memory;
        let oldest = if full { self.pairs.pop_front() } else { None };
        let (mut step, mut change) = oldest.map_or_else(Default::default, |pair| (pair.step, pair.change));
        subtract(&self.next, &self.x, &mut step);
        subtract(&self.next_gradient, &self.gradient, &mut change);
        self.remember(step, change);
        self.value = found.value;
        std::mem::swap(&mut self.x, &mut self.next);
        std::mem::swap(&mut self.gradient, &mut self.next_gradient);
        self.idle = if fall <= f64::from(self.rule.change) * self.value.abs() { self.idle + 1 } else { 0 };
        Iteration { step: found.step, over: self.is_over() }
    }

    /// Returns whether it has converged.
    pub(crate) fn is_over(&self) -> bool {
        self.idle >= MOST_IDLE || self.is_level()
    }

    /// Returns its state apart from the current point: the number of iterations in a row that decreased the function
    /// too little, and the steps that it remembers, each followed by the change of the gradient over it.
    pub(crate) fn memory(&self) -> (usize, Vec<&[f32]>) {
        (self.idle, self.pairs.iter().flat_map(|pair| [&pair.step[..], &pair.change[..]]).collect())
    }

    /// Continues with the [`memory`](Self::memory) of another one; `false` if it cannot be that.
    pub(crate) fn restore(&mut self, idle: usize, vectors: Vec<Vec<f32>>) -> bool {
        if vectors.iter().any(|vector| vector.len() != self.x.len()) || vectors.len() / 2 > self.rule.memory {
            return false;
        }
        let mut vectors = vectors.into_iter();
        while let Some(step) = vectors.next() {
            let Some(change) = vectors.next() else { return false };
            self.remember(step, change);
        }
        self.idle = idle;
        true
    }

    /// Returns whether no entry of the gradient is above its tolerance.
    fn is_level(&self) -> bool {
        self.gradient.iter().all(|g| g.abs() <= self.rule.gradient)
    }

    /// Computes the direction against the gradient, corrected for the curvature by the remembered steps (Nocedal,
    /// Wright, 2006, algorithm 7.4).
    fn choose_direction(&mut self) {
        let Minimizer { pairs, direction, gradient, .. } = self;
        direction.iter_mut().zip(&*gradient).for_each(|(d, g)| *d = -g);
        for pair in pairs.iter_mut().rev() {
            pair.multiple = dot(&pair.step, direction) / pair.product;
            add_scaled(direction, (-pair.multiple) as f32, &pair.change);
        }
        if let Some(last) = pairs.back() {
            let scale = (last.product / dot(&last.change, &last.change)) as f32;
            direction.iter_mut().for_each(|d| *d *= scale);
        }
        for pair in &*pairs {
            let back = dot(&pair.change, direction) / pair.product;
            add_scaled(direction, (pair.multiple - back) as f32, &pair.step);
        }
    }

    /// Searches for the length of the step. If it finds one, `next` is the point there, with its gradient.
    fn step(&mut self, function: Function<'_>) -> Option<Point> {
        let Minimizer { x, value, gradient, pairs, direction, next, next_gradient, .. } = self;
        let start = Point { step: 0.0, value: *value, slope: dot(direction, gradient) };
        // NaN is not a descent either.
        if start.slope.is_nan() || start.slope >= 0.0 {
            return None;
        }
        // Without memory the curvature, and so the right length, is unknown.
        let first = if pairs.is_empty() { 1.0f64.min(1.0 / dot(gradient, gradient).sqrt()) } else { 1.0 };
        search(start, first, |step| {
            for ((next, &x), &d) in next.iter_mut().zip(&*x).zip(&*direction) {
                *next = (f64::from(x) + step * f64::from(d)) as f32;
            }
            let value = function(next, next_gradient);
            (value, dot(direction, next_gradient))
        })
    }

    /// Remembers a step if the function curves upwards along it.
    fn remember(&mut self, step: Vec<f32>, change: Vec<f32>) {
        let product = dot(&step, &change);
        if product > 1e-10 * dot(&change, &change) {
            self.pairs.push_back(Pair { step, change, product, multiple: 0.0 });
        }
    }
}

/// `to` = `a` - `b`.
fn subtract(a: &[f32], b: &[f32], to: &mut Vec<f32>) {
    to.clear();
    to.extend(a.iter().zip(b).map(|(a, b)| a - b));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The function of Rosenbrock (1960), whose valley is curved: its minimum is at (1, 1).
    #[test]
    fn down_a_curved_valley() {
        let mut passes = 0;
        let mut function = |x: &[f32], gradient: &mut [f32]| {
            passes += 1;
            let (a, b) = (f64::from(x[0]), f64::from(x[1]));
            gradient[0] = (-2.0 * (1.0 - a) - 400.0 * a * (b - a * a)) as f32;
            gradient[1] = (200.0 * (b - a * a)) as f32;
            (1.0 - a).powi(2) + 100.0 * (b - a * a).powi(2)
        };
        let mut minimizer = Minimizer::new(Lbfgs::default().tolerance(1e-6, 0.0), vec![-1.2, 1.0], &mut function);
        let mut iterations = 0;
        loop {
            let before = minimizer.value;
            let iteration = minimizer.iterate(&mut function);
            iterations += 1;
            assert!(minimizer.value <= before && iterations < 100);
            if iteration.over {
                break;
            }
        }
        assert!(minimizer.x.iter().all(|x| (x - 1.0).abs() < 1e-5), "{:?} after {iterations}", minimizer.x);
        // Plain descent takes thousands.
        assert!(passes < 80, "{passes} passes");
    }

    /// On a quadratic function with few distinct curvatures, no more iterations than a few for each.
    #[test]
    fn memory_is_of_use() {
        let curvature = |i: usize| [1.0, 10.0, 100.0, 1000.0][i % 4];
        let mut function = |x: &[f32], gradient: &mut [f32]| {
            let mut value = 0.0;
            for (i, (x, g)) in x.iter().zip(gradient).enumerate() {
                let off = f64::from(*x) - 0.1 * (i % 7) as f64;
                *g = (curvature(i) * off) as f32;
                value += 0.5 * curvature(i) * off * off;
            }
            value
        };
        let mut iterations = |memory| {
            let mut minimizer =
                Minimizer::new(Lbfgs::default().memory(memory).tolerance(1e-3, 0.0), vec![2.0; 37], &mut function);
            let iterations = 1 + (0..500).take_while(|_| !minimizer.iterate(&mut function).over).count();
            assert!(
                minimizer.x.iter().enumerate().all(|(i, x)| (x - 0.1 * (i % 7) as f32).abs() < 1e-3),
                "{:?}",
                minimizer.x
            );
            iterations
        };
        let (short, long) = (iterations(1), iterations(10));
        assert!(long <= 40 && 2 * long < short, "{long} and {short}");
    }
}
