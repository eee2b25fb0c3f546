//! An update rule applied to a network: its state and the pass over the parameters.

use std::fmt;

use super::adam::Corrections;
use super::penalty::{Adjustment, Penalty};
use super::rule::Rule;
use super::sgd::Sgd;
use super::update::Part;
use crate::base::error::{Error, Result};
use crate::base::text::{printable, quoted};
use crate::format::safetensors::{Safetensors, Tensor};
use crate::nn::network::Network;

const RULE: &str = "rule";
const TENSORS: &str = "tensors";
const STEPS: &str = "steps";
const LEARNING_RATE: &str = "learning_rate";

fn moment_name(i: usize) -> String {
    format!("moments.{i}")
}

/// An update rule applied to one network: its settings and its state, which is the number of steps taken, the learning
/// rate, and the moments (running means and the like, up to three numbers for every parameter).
///
/// [`Trainer`](crate::Trainer) has its own. In a training loop of your own, keep it as long as the network is trained:
///
/// ```
/// use palmnet::optim::Optimizer;
/// use palmnet::{Activation::*, Adam, Network};
/// let mut network = Network::builder(2).dense(4, Tanh).dense(1, Sigmoid).seed(1).build()?;
/// let mut optimizer = Optimizer::new(Adam::new(0.01), &network);
/// let gradient = vec![0.1; network.parameter_count()];
/// optimizer.step(&mut network, &gradient);
///
/// // To continue another day: the network and the optimizer's state.
/// let state = optimizer.state();
/// let mut later = Optimizer::new(Adam::new(0.01), &network);
/// later.restore(&state)?;
/// assert_eq!(later.state(), state);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone)]
pub struct Optimizer {
    rule: Rule,
    learning_rate: f32,
    penalty: Penalty,
    limit: f32,
    /// The name of every tensor, and the index among all parameters where the next one begins.
    tensors: Vec<(&'static str, usize)>,
    moments: [Vec<f32>; 3],
    steps: u64,
    corrections: Corrections,
}

impl Optimizer {
    /// Returns an optimizer for `network` that has taken no step yet, without penalty or clipping.
    ///
    /// # Panics
    /// If the rule is [`Lbfgs`](crate::optim::Lbfgs), which takes several gradients to a step: it is for
    /// [`Trainer`](crate::Trainer).
    pub fn new(rule: impl Into<Rule>, network: &Network) -> Self {
        let rule = rule.into();
        assert!(!matches!(rule, Rule::Lbfgs(_)), "L-BFGS takes several gradients to a step: use a Trainer");
        let count = network.parameter_count();
        let mut moments = std::array::from_fn(|i| vec![0.0; if i < rule.moments() { count } else { 0 }]);
        if let Rule::Rprop(rule) = rule {
            moments[0].fill(rule.learning_rate);
        }
        let mut end = 0;
        let tensors = network.layers().iter().flat_map(|layer| layer.parameters()).map(|(name, values)| {
            end += values.len();
            (name, end)
        });
        Optimizer {
            rule,
            learning_rate: rule.learning_rate(),
            penalty: Penalty::default(),
            limit: f32::INFINITY,
            tensors: tensors.collect(),
            moments,
            steps: 0,
            corrections: Corrections::default(),
        }
    }

    /// Regularizes: shrinks the weights a little in every step.
    #[must_use]
    pub fn penalty(self, penalty: Penalty) -> Self {
        Optimizer { penalty, ..self }
    }

    /// Clips every entry of the gradient to ±`limit`, which is above zero, before a penalty is added to it.
    #[must_use]
    pub fn clip_value(self, limit: f32) -> Self {
        Optimizer { limit, ..self }
    }

    /// Returns the learning rate of the next step.
    pub fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    /// Sets the learning rate of all further steps.
    pub fn set_learning_rate(&mut self, learning_rate: f32) {
        self.learning_rate = learning_rate;
    }

    /// Returns the number of steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns the moments that the rule keeps, each with one number per parameter.
    pub(crate) fn moments(&self) -> impl Iterator<Item = &[f32]> {
        self.moments[..self.rule.moments()].iter().map(Vec::as_slice)
    }

    /// Returns the state as the bytes of a safetensors file: the rule, the number of steps, the learning rate and the
    /// moments. [`restore`](Self::restore) reads them. Penalty and clipping are settings, and no part of the state.
    pub fn state(&self) -> Vec<u8> {
        let text = |name: &str, value: String| (name.to_string(), value);
        let metadata = [
            text(RULE, self.rule.to_string()),
            text(TENSORS, self.tensor_list()),
            text(STEPS, self.steps.to_string()),
            // The shortest digits that read back as the same number.
            text(LEARNING_RATE, format!("{:?}", self.learning_rate)),
        ];
        let moments = self.moments().enumerate();
        let tensors = moments.map(|(i, moment)| Tensor::new(moment_name(i), &[moment.len()], moment.to_vec()));
        Safetensors { metadata: metadata.into(), tensors: tensors.collect() }.to_bytes()
    }

    /// Continues from a state that [`state`](Self::state) returned, to the bit.
    ///
    /// # Errors
    /// [`Error::Format`] if the bytes are not such a state, [`Error::Mismatch`] if it is the state of another rule (one
    /// with other settings, too) or of a network with another number of parameters. The optimizer then stays as it was.
    pub fn restore(&mut self, state: &[u8]) -> Result<()> {
        const NAME: &str = "the optimizer's state";
        let file = Safetensors::from_bytes(state, NAME)?;
        let text = |name: &str| {
            let lacks =
                || Error::format(NAME, format!("lacks its {}: it is not the state of an optimizer", quoted(name)));
            file.metadata.get(name).ok_or_else(lacks)
        };
        let (rule, own) = (text(RULE)?, self.rule.to_string());
        if *rule != own {
            let message =
                format!("the state is of the optimizer {}, and this one is {own}: make that one", printable(rule));
            return Err(Error::Mismatch(message));
        }
        if *text(TENSORS)? != self.tensor_list() {
            let message = format!("the state is not that of an optimizer of {}", self.tensor_list());
            return Err(Error::Mismatch(message));
        }
        let wrong = |name: &str| Error::format(NAME, format!("{} is not a number: the state is damaged", quoted(name)));
        let steps = text(STEPS)?.parse().map_err(|_| wrong(STEPS))?;
        let learning_rate: f32 = text(LEARNING_RATE)?.parse().map_err(|_| wrong(LEARNING_RATE))?;
        // A moment may be infinite: its parameter rests then.
        if !(learning_rate.is_finite() && learning_rate >= 0.0) || file.tensors.iter().any(Tensor::has_nan) {
            return Err(Error::format(NAME, "holds a number that no training leads to: the state is damaged"));
        }
        let moments = (0..).map_while(|i| file.tensor(&moment_name(i)).map(|tensor| tensor.data.clone()));
        if !self.resume(steps, learning_rate, moments.collect()) {
            let parameters = self.parameter_count();
            let message =
                format!("the state is not that of an optimizer of {parameters} parameters, as the network has");
            return Err(Error::Mismatch(message));
        }
        Ok(())
    }

    /// Returns the tensors of the network by name and size: `weights 640, bias 10`.
    fn tensor_list(&self) -> String {
        let begins = [0].into_iter().chain(self.tensors.iter().map(|&(_, end)| end));
        let sizes = self.tensors.iter().zip(begins).map(|(&(name, end), begin)| format!("{name} {}", end - begin));
        sizes.collect::<Vec<String>>().join(", ")
    }

    /// Returns the number of parameters of the network.
    fn parameter_count(&self) -> usize {
        self.tensors.last().map_or(0, |&(_, end)| end)
    }

    /// Continues from the state of another optimizer of the same rule; `false` if these moments are not of its kind.
    pub(crate) fn resume(&mut self, steps: u64, learning_rate: f32, moments: Vec<Vec<f32>>) -> bool {
        if !moments.iter().map(Vec::len).eq(self.moments().map(<[f32]>::len)) {
            return false;
        }
        (self.steps, self.learning_rate) = (steps, learning_rate);
        self.moments.iter_mut().zip(moments).for_each(|(moment, saved)| *moment = saved);
        true
    }

    /// Takes one step against `gradient`, which holds one tensor after the other in the order of
    /// [`Network::parameters`].
    ///
    /// # Panics
    /// If `gradient` does not have one entry per parameter of the network, or the network does not have as many
    /// parameters as the one that the optimizer was made for.
    pub fn step(&mut self, network: &mut Network, gradient: &[f32]) {
        let count = network.parameter_count();
        assert_eq!(gradient.len(), count, "{} gradients for {count} parameters", gradient.len());
        let own = self.parameter_count();
        assert_eq!(own, count, "an optimizer of {own} parameters for a network of {count}");
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
        self.corrections = self.rule.corrections(self.steps);
    }

    /// Does the step's part for these `parameters`, the first of which has the index `start` among all. The parts may
    /// come in any order, and begin and end anywhere. Returns `false` if a parameter is no longer finite.
    pub(crate) fn update(&mut self, parameters: &mut [f32], gradient: &[f32], start: usize) -> bool {
        if self.limit == f32::INFINITY && self.penalty == Penalty::default() {
            // All tensors are treated alike.
            return self.adjust_and_update(Adjustment::NONE, parameters, gradient, start);
        }
        let (mut from, mut finite) = (0, true);
        while from < parameters.len() {
            let tensor = self.tensors.partition_point(|&(_, end)| end <= start + from);
            let (name, end) = self.tensors[tensor];
            let to = parameters.len().min(end - start);
            let penalty = if self.penalty.covers(name) { self.penalty } else { Penalty::default() };
            let adjustment = penalty.adjustment(self.learning_rate, self.limit);
            finite &= self.adjust_and_update(adjustment, &mut parameters[from..to], &gradient[from..to], start + from);
            from = to;
        }
        finite
    }

    /// Does the step's part for parameters that have one adjustment.
    fn adjust_and_update(
        &mut self,
        adjustment: Adjustment,
        parameters: &mut [f32],
        gradient: &[f32],
        start: usize,
    ) -> bool {
        let (rate, corrections) = (self.learning_rate, self.corrections);
        let part = Part { parameters, gradient, moments: &mut self.moments, start };
        match self.rule {
            Rule::Sgd(rule) if rule.momentum == 0.0 => part.update(Sgd::plain(rate), adjustment),
            Rule::Sgd(rule) => part.update(rule.with_momentum(rate), adjustment),
            Rule::Adam(rule) if rule.amsgrad => part.update::<3>(rule.at(rate, corrections), adjustment),
            Rule::Adam(rule) => part.update::<2>(rule.at(rate, corrections), adjustment),
            Rule::NAdam(rule) => part.update(rule.at(rate, corrections), adjustment),
            Rule::AdaGrad(rule) => part.update(rule.at(rate), adjustment),
            Rule::RmsProp(rule) => part.update(rule.at(rate), adjustment),
            Rule::Rprop(rule) => part.update(rule, adjustment),
            Rule::Lbfgs(_) => unreachable!("refused by new"),
        }
    }
}

/// The settings and the size of the state, not its numbers.
impl fmt::Debug for Optimizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Optimizer")
            .field("rule", &format_args!("{}", self.rule))
            .field("learning_rate", &self.learning_rate)
            .field("penalty", &self.penalty)
            .field("clip_value", &self.limit)
            .field("parameters", &self.parameter_count())
            .field("steps", &self.steps)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::nn::activation::Activation;
    use crate::optim::{AdaGrad, Adam, NAdam, RmsProp, Rprop};

    #[test]
    #[should_panic(expected = "an optimizer of 4 parameters for a network of 6")]
    fn another_network() {
        let network = |inputs| Network::builder(inputs).dense(1, Activation::Identity).build().unwrap();
        Optimizer::new(crate::optim::Sgd::new(0.1), &network(3)).step(&mut network(5), &[0.0; 6]);
    }

    #[test]
    fn debug_form_is_short() {
        let network = Network::builder(300).dense(100, Activation::Relu).dense(9, Activation::Softmax).build().unwrap();
        let text = format!("{:?}", Optimizer::new(Adam::new(0.01), &network));
        let expected = "Optimizer { rule: adam(learning_rate=0.01,beta1=0.9,beta2=0.999,epsilon=1e-8), \
                        learning_rate: 0.01, penalty: Penalty { l1: 0.0, l2: 0.0, weight_decay: 0.0, biases: false }, \
                        clip_value: inf, parameters: 31009, steps: 0 }";
        assert_eq!(text, expected);
    }

    /// Training hands over the parameters piece by piece, whatever the tensors and the vectors of the processor.
    #[test]
    fn pieces_in_any_order_give_the_same_bits() {
        let rules: [Rule; 9] = [
            Sgd::new(0.1).into(),
            Sgd::new(0.1).momentum(0.9).into(),
            Sgd::new(0.1).momentum(0.9).nesterov().into(),
            Adam::new(0.01).into(),
            Adam::new(0.01).amsgrad().into(),
            NAdam::new(0.01).into(),
            AdaGrad::new(0.1).into(),
            RmsProp::new(0.01).into(),
            Rprop::new(0.01).into(),
        ];
        let penalty = Penalty::default().l1(0.01).l2(0.02).weight_decay(0.03);
        for (rule, penalty) in rules.into_iter().flat_map(|rule| [(rule, Penalty::default()), (rule, penalty)]) {
            let builder = Network::builder(9).dense(21, Activation::Relu).dense(3, Activation::Identity);
            let mut network = builder.build().unwrap();
            let mut flat: Vec<f32> = network.parameters().flatten().copied().collect();
            let count = flat.len();
            let mut whole = Optimizer::new(rule, &network).penalty(penalty).clip_value(0.9);
            let mut parts = whole.clone();
            let mut rng = Rng::new(1);
            for _ in 0..5 {
                let gradient: Vec<f32> = (0..count).map(|_| rng.normal() as f32).collect();
                whole.step(&mut network, &gradient);
                let mut cuts: Vec<usize> = (0..12).map(|_| rng.below(count)).chain([0, count]).collect();
                cuts.sort();
                let mut pieces: Vec<&[usize]> = cuts.windows(2).collect();
                rng.shuffle(&mut pieces);
                parts.begin();
                for piece in pieces {
                    let range = piece[0]..piece[1];
                    parts.update(&mut flat[range.clone()], &gradient[range], piece[0]);
                }
                let bits = |w: &f32| w.to_bits();
                assert!(network.parameters().flatten().map(bits).eq(flat.iter().map(bits)), "{rule:?} {penalty:?}");
            }
        }
    }
}
