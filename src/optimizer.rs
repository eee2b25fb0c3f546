//! How a gradient changes the parameters.

use crate::error::{Error, Result};
use crate::gemm::{Vectorized, vectorize};
use crate::math;
use crate::network::Network;

/// Stochastic gradient descent: w ← w - rate · gradient, with momentum where asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    learning_rate: f32,
    momentum: f32,
    nesterov: bool,
}

impl Sgd {
    /// Plain gradient descent at this learning rate.
    pub fn new(learning_rate: f32) -> Self {
        Sgd { learning_rate, momentum: 0.0, nesterov: false }
    }

    /// v ← momentum · v + gradient; w ← w - rate · v (Polyak, 1964). The usual momentum is 0.9.
    pub fn momentum(self, momentum: f32) -> Self {
        Sgd { momentum, ..self }
    }

    /// Looks ahead along the velocity: w ← w - rate · (gradient + momentum · v) (Nesterov, 1983, in the form of
    /// Sutskever et al., 2013).
    pub fn nesterov(self) -> Self {
        Sgd { nesterov: true, ..self }
    }
}

/// Adam (Kingma, Ba, 2014): momentum, divided by the running root mean square of the gradient, both corrected for
/// their start at zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    learning_rate: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
}

impl Adam {
    /// Adam at this learning rate, with β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸.
    pub fn new(learning_rate: f32) -> Self {
        Adam { learning_rate, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// The decay of the running mean (β₁) and of the running mean square (β₂) of the gradient.
    pub fn betas(self, beta1: f32, beta2: f32) -> Self {
        Adam { beta1, beta2, ..self }
    }

    /// What is added to the root mean square before it divides.
    pub fn epsilon(self, epsilon: f32) -> Self {
        Adam { epsilon, ..self }
    }
}

/// Adam at a learning rate of 0.001.
impl Default for Adam {
    fn default() -> Self {
        Adam::new(0.001)
    }
}

/// The settings of an update rule, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Rule {
    /// Gradient descent.
    Sgd(Sgd),
    /// Adam.
    Adam(Adam),
}

impl From<Sgd> for Rule {
    fn from(sgd: Sgd) -> Self {
        Rule::Sgd(sgd)
    }
}

impl From<Adam> for Rule {
    fn from(adam: Adam) -> Self {
        Rule::Adam(adam)
    }
}

impl Rule {
    /// The learning rate that was set.
    pub fn learning_rate(&self) -> f32 {
        match self {
            Rule::Sgd(sgd) => sgd.learning_rate,
            Rule::Adam(adam) => adam.learning_rate,
        }
    }

    /// Refuses settings with which no training can go well.
    pub(crate) fn check(&self) -> Result<()> {
        let rate = self.learning_rate();
        let share = |x: f32| (0.0..1.0).contains(&x);
        let wrong = |message: String| Err(Error::Setting(message));
        if !(rate.is_finite() && rate > 0.0) {
            return wrong(format!("learning rate {rate}: it must be more than zero"));
        }
        match *self {
            Rule::Sgd(Sgd { momentum, .. }) if !share(momentum) => {
                wrong(format!("momentum {momentum}: it must be at least 0 and less than 1"))
            }
            Rule::Sgd(Sgd { momentum: 0.0, nesterov: true, .. }) => {
                wrong("nesterov looks ahead along the momentum: set one, 0.9 for example".into())
            }
            Rule::Adam(Adam { beta1, beta2, .. }) if !(share(beta1) && share(beta2)) => {
                wrong(format!("Adam's betas {beta1} and {beta2}: they must be at least 0 and less than 1"))
            }
            Rule::Adam(Adam { epsilon, .. }) if !(epsilon.is_finite() && epsilon > 0.0) => {
                wrong(format!("Adam's epsilon {epsilon}: it must be more than zero"))
            }
            _ => Ok(()),
        }
    }

    /// The number of running means that the rule keeps for every parameter.
    fn moments(&self) -> usize {
        match self {
            Rule::Sgd(sgd) => usize::from(sgd.momentum != 0.0),
            Rule::Adam(_) => 2,
        }
    }
}

/// An update rule at work on one network: its settings, its running means, the number of steps taken.
#[derive(Clone, Debug)]
pub struct Optimizer {
    rule: Rule,
    learning_rate: f32,
    moments: [Vec<f32>; 2],
    steps: u64,
}

impl Optimizer {
    /// An optimizer for `network` that has taken no step yet.
    pub fn new(rule: impl Into<Rule>, network: &Network) -> Self {
        let rule = rule.into();
        let count = network.parameter_count();
        let moments = std::array::from_fn(|i| vec![0.0; if i < rule.moments() { count } else { 0 }]);
        Optimizer { rule, learning_rate: rule.learning_rate(), moments, steps: 0 }
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    /// Changes the learning rate of the steps to come.
    pub fn set_learning_rate(&mut self, learning_rate: f32) {
        self.learning_rate = learning_rate;
    }

    /// One step against `gradient`, which holds one tensor after the other in the order of
    /// [`Network::parameters`].
    ///
    /// # Panics
    /// When `gradient` has not one entry per parameter.
    pub fn step(&mut self, network: &mut Network, gradient: &[f32]) {
        let count = network.parameter_count();
        assert_eq!(gradient.len(), count, "{} gradients for {count} parameters", gradient.len());
        self.begin();
        let mut start = 0;
        for parameters in network.parameters_mut() {
            let gradient = &gradient[start..][..parameters.len()];
            self.update(parameters, gradient, start);
            start += parameters.len();
        }
    }

    /// Counts a step, of which [`update`](Self::update) then does the parts.
    pub(crate) fn begin(&mut self) {
        self.steps += 1;
    }

    /// The step's part for these `parameters`, the first of which has the place `start` among all.
    pub(crate) fn update(&mut self, parameters: &mut [f32], gradient: &[f32], start: usize) {
        let range = start..start + parameters.len();
        // A moment that the rule does not keep is empty.
        let [m, v] = self.moments.each_mut().map(|moment| moment.get_mut(range.clone()).unwrap_or_default());
        match self.rule {
            Rule::Sgd(sgd) => {
                let rate = self.learning_rate;
                vectorize(SgdStep { sgd, rate, parameters, gradient, velocity: m });
            }
            Rule::Adam(adam) => {
                let (rate, root_correction) = adam.corrected(self.learning_rate, self.steps);
                vectorize(AdamStep { adam, rate, root_correction, parameters, gradient, mean: m, square: v });
            }
        }
    }
}

/// One pass over a tensor and all that belongs to it.
struct SgdStep<'a> {
    sgd: Sgd,
    rate: f32,
    parameters: &'a mut [f32],
    gradient: &'a [f32],
    /// Empty without momentum.
    velocity: &'a mut [f32],
}

impl Vectorized for SgdStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (rate, Sgd { momentum, nesterov, .. }) = (self.rate, self.sgd);
        let steps = self.parameters.iter_mut().zip(self.gradient);
        if momentum == 0.0 {
            for (w, g) in steps {
                *w -= rate * g;
            }
            return;
        }
        for ((w, g), v) in steps.zip(self.velocity) {
            *v = momentum * *v + g;
            *w -= rate * if nesterov { g + momentum * *v } else { *v };
        }
    }
}

/// One pass over a tensor and all that belongs to it.
struct AdamStep<'a> {
    adam: Adam,
    /// As [`Adam::corrected`] gives them.
    rate: f32,
    root_correction: f32,
    parameters: &'a mut [f32],
    gradient: &'a [f32],
    mean: &'a mut [f32],
    square: &'a mut [f32],
}

impl Adam {
    /// The learning rate over the correction of the mean, and one over the root of that of the mean square.
    fn corrected(self, rate: f32, steps: u64) -> (f32, f32) {
        let correction = |beta: f32| 1.0 - math::power_f64(f64::from(beta), steps);
        ((f64::from(rate) / correction(self.beta1)) as f32, (1.0 / correction(self.beta2).sqrt()) as f32)
    }
}

impl Vectorized for AdamStep<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let (rate, root_correction, Adam { beta1, beta2, epsilon, .. }) = (self.rate, self.root_correction, self.adam);
        let moments = self.mean.iter_mut().zip(self.square);
        for ((w, g), (m, v)) in self.parameters.iter_mut().zip(self.gradient).zip(moments) {
            *m += (1.0 - beta1) * (g - *m);
            *v += (1.0 - beta2) * (g * g - *v);
            *w -= rate * *m / (v.sqrt() * root_correction + epsilon);
        }
    }
}
