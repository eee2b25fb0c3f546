//! An update rule at work: moments, steps, and the pass over the parameters.

use super::penalty::Penalty;
use super::rule::Rule;
use super::sgd::Sgd;
use super::update::Part;
use crate::nn::network::Network;

/// An update rule at work on one network: its settings, its moments, the number of steps taken.
#[derive(Clone, Debug)]
pub struct Optimizer {
    rule: Rule,
    learning_rate: f32,
    penalty: Penalty,
    limit: f32,
    /// The name of every tensor, and the place where the next one begins.
    tensors: Vec<(&'static str, usize)>,
    moments: [Vec<f32>; 3],
    steps: u64,
}

impl Optimizer {
    /// An optimizer for `network` that has taken no step yet, without penalty or clipping.
    ///
    /// # Panics
    /// When the rule is [`Lbfgs`], which takes several gradients to a step: it is for [`Trainer`](crate::Trainer).
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
        }
    }

    /// Pulls the weights towards zero in every step.
    pub fn penalty(self, penalty: Penalty) -> Self {
        Optimizer { penalty, ..self }
    }

    /// Cuts every entry of the gradient to ±`limit`, before a penalty is added to it.
    pub fn clip_value(self, limit: f32) -> Self {
        Optimizer { limit, ..self }
    }

    /// The learning rate of the next step.
    pub fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    /// Changes the learning rate of the steps to come.
    pub fn set_learning_rate(&mut self, learning_rate: f32) {
        self.learning_rate = learning_rate;
    }

    /// The number of steps taken.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// The moments that the rule keeps, each with one number per parameter.
    pub(crate) fn moments(&self) -> impl Iterator<Item = &[f32]> {
        self.moments[..self.rule.moments()].iter().map(Vec::as_slice)
    }

    /// Goes on from where another optimizer of the same rule was; `false` when these moments are not of its kind.
    pub(crate) fn restore(&mut self, steps: u64, learning_rate: f32, moments: Vec<Vec<f32>>) -> bool {
        if !moments.iter().map(Vec::len).eq(self.moments().map(<[f32]>::len)) {
            return false;
        }
        (self.steps, self.learning_rate) = (steps, learning_rate);
        self.moments.iter_mut().zip(moments).for_each(|(moment, saved)| *moment = saved);
        true
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

    /// The step's part for these `parameters`, the first of which has the place `start` among all. The parts may come
    /// in any order, and begin and end anywhere. `false` when a parameter is no longer finite.
    pub(crate) fn update(&mut self, parameters: &mut [f32], gradient: &[f32], start: usize) -> bool {
        let (mut from, mut finite) = (0, true);
        while from < parameters.len() {
            let tensor = self.tensors.partition_point(|&(_, end)| end <= start + from);
            let (name, end) = self.tensors[tensor];
            let to = parameters.len().min(end - start);
            finite &= self.update_within(name, &mut parameters[from..to], &gradient[from..to], start + from);
            from = to;
        }
        finite
    }

    /// As [`update`](Self::update), for parameters of the one tensor of this name.
    fn update_within(&mut self, name: &str, parameters: &mut [f32], gradient: &[f32], start: usize) -> bool {
        let (rate, step) = (self.learning_rate, self.steps);
        let penalty = if self.penalty.covers(name) { self.penalty } else { Penalty::default() };
        let adjustment = penalty.adjustment(rate, self.limit);
        let part = Part { parameters, gradient, moments: &mut self.moments, start };
        match self.rule {
            Rule::Sgd(rule) if rule.momentum == 0.0 => part.update(Sgd::plain(rate), adjustment),
            Rule::Sgd(rule) => part.update(rule.with_momentum(rate), adjustment),
            Rule::Adam(rule) if rule.amsgrad => part.update::<3>(rule.at(rate, step), adjustment),
            Rule::Adam(rule) => part.update::<2>(rule.at(rate, step), adjustment),
            Rule::NAdam(rule) => part.update(rule.at(rate, step), adjustment),
            Rule::AdaGrad(rule) => part.update(rule.at(rate), adjustment),
            Rule::RmsProp(rule) => part.update(rule.at(rate), adjustment),
            Rule::Rprop(rule) => part.update(rule, adjustment),
            Rule::Lbfgs(_) => unreachable!("refused by new"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Rng;
    use crate::nn::activation::Activation;
    use crate::optim::{AdaGrad, Adam, NAdam, RmsProp, Rprop};

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
