//! The update rules: their settings, whichever it is.

use super::check::above_zero;
use super::{AdaGrad, Adam, Lbfgs, NAdam, RmsProp, Rprop, Sgd};
use crate::base::error::Result;

/// The settings of an update rule, whichever it is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Rule {
    /// Gradient descent, with or without momentum.
    Sgd(Sgd),
    /// Adam, AMSGrad, and with a penalty AdamW.
    Adam(Adam),
    /// Adam with Nesterov's momentum.
    NAdam(NAdam),
    /// AdaGrad.
    AdaGrad(AdaGrad),
    /// RMSProp.
    RmsProp(RmsProp),
    /// Resilient propagation.
    Rprop(Rprop),
    /// L-BFGS.
    Lbfgs(Lbfgs),
}

impl From<Sgd> for Rule {
    fn from(rule: Sgd) -> Self {
        Rule::Sgd(rule)
    }
}

impl From<Adam> for Rule {
    fn from(rule: Adam) -> Self {
        Rule::Adam(rule)
    }
}

impl From<NAdam> for Rule {
    fn from(rule: NAdam) -> Self {
        Rule::NAdam(rule)
    }
}

impl From<AdaGrad> for Rule {
    fn from(rule: AdaGrad) -> Self {
        Rule::AdaGrad(rule)
    }
}

impl From<RmsProp> for Rule {
    fn from(rule: RmsProp) -> Self {
        Rule::RmsProp(rule)
    }
}

impl From<Rprop> for Rule {
    fn from(rule: Rprop) -> Self {
        Rule::Rprop(rule)
    }
}

impl From<Lbfgs> for Rule {
    fn from(rule: Lbfgs) -> Self {
        Rule::Lbfgs(rule)
    }
}

impl Rule {
    /// The learning rate that was set; 1 for L-BFGS.
    pub fn learning_rate(&self) -> f32 {
        match self {
            Rule::Sgd(rule) => rule.learning_rate,
            Rule::Adam(rule) => rule.learning_rate,
            Rule::NAdam(rule) => rule.learning_rate,
            Rule::AdaGrad(rule) => rule.learning_rate,
            Rule::RmsProp(rule) => rule.learning_rate,
            Rule::Rprop(rule) => rule.learning_rate,
            Rule::Lbfgs(_) => 1.0,
        }
    }

    /// Refuses settings with which no training can go well.
    pub(crate) fn check(&self) -> Result<()> {
        above_zero("learning rate", self.learning_rate())?;
        match self {
            Rule::Sgd(rule) => rule.check(),
            Rule::Adam(rule) => rule.check(),
            Rule::NAdam(rule) => rule.check(),
            Rule::AdaGrad(rule) => rule.check(),
            Rule::RmsProp(rule) => rule.check(),
            Rule::Rprop(rule) => rule.check(),
            Rule::Lbfgs(rule) => rule.check(),
        }
    }

    /// The number of moments that the rule keeps for every parameter: running means and the like.
    pub(crate) fn moments(&self) -> usize {
        match self {
            Rule::Sgd(rule) => usize::from(rule.momentum != 0.0),
            Rule::AdaGrad(_) | Rule::RmsProp(_) => 1,
            Rule::Adam(rule) => 2 + usize::from(rule.amsgrad),
            Rule::NAdam(_) | Rule::Rprop(_) => 2,
            // The steps and their gradients, where it is and where it goes.
            Rule::Lbfgs(rule) => rule.memory.saturating_mul(2).saturating_add(6),
        }
    }
}
