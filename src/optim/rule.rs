//! The update rules by name: one value for the settings of any of them.

use std::fmt;
use std::str::FromStr;

use super::adagrad::AdaGrad;
use super::adam::{Adam, Corrections, NAdam};
use super::check::above_zero;
use super::field::Field;
use super::lbfgs::Lbfgs;
use super::rmsprop::RmsProp;
use super::rprop::Rprop;
use super::sgd::Sgd;
use crate::base::error::{Error, Result};
use crate::base::names::{Names, named, unknown};
use crate::base::text::quoted;

/// The settings of an update rule, whichever it is.
///
/// Its text form is a name and, in parentheses, every setting. Settings that are left out have their usual values, and
/// the name alone is the rule with its usual learning rate. Case, dashes and underscores make no difference in a name.
///
/// ```
/// use palmnet::optim::Rule;
/// use palmnet::{Adam, Sgd};
/// let rule: Rule = "momentum".parse()?;
/// assert_eq!(rule, Sgd::new(0.03).momentum(0.9).into());
/// assert_eq!((rule.name(), rule.learning_rate()), ("momentum", 0.03));
/// assert_eq!(rule.with_learning_rate(0.1).to_string(), "momentum(learning_rate=0.1,momentum=0.9)");
/// assert_eq!("adam(beta1=0.8)".parse::<Rule>()?, Adam::new(0.001).betas(0.8, 0.999).into());
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// Names are `adam`, `adamw`, `amsgrad`, `nadam`, `sgd`, `momentum`, `nesterov`, `adagrad`, `rmsprop`, `rprop` and
/// `lbfgs`. `adamw` computes as `adam` does: the weight decay that makes the difference is a setting of
/// [`Penalty`](crate::Penalty), for which [`usual_weight_decay`](Self::usual_weight_decay) has the number.
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

macro_rules! rule_from {
    ($($rule:ident)*) => {
        $(impl From<$rule> for Rule {
            fn from(rule: $rule) -> Self {
                Rule::$rule(rule)
            }
        })*
    };
}

rule_from!(Sgd Adam NAdam AdaGrad RmsProp Rprop Lbfgs);

/// Every name with its usual settings.
const NAMES: Names<Rule> = Names {
    kind: "optimizer",
    known: &[
        named("adam", &[], Rule::Adam(Adam::new(0.001))),
        named("adamw", &[], Rule::Adam(Adam::adamw(0.003))),
        named("amsgrad", &[], Rule::Adam(Adam::new(0.001).amsgrad())),
        named("nadam", &[], Rule::NAdam(NAdam::new(0.001))),
        named("sgd", &[], Rule::Sgd(Sgd::new(0.1))),
        named("momentum", &["sgd_momentum"], Rule::Sgd(Sgd::new(0.03).momentum(0.9))),
        named("nesterov", &["nag", "sgd_nesterov"], Rule::Sgd(Sgd::new(0.03).momentum(0.9).nesterov())),
        named("adagrad", &[], Rule::AdaGrad(AdaGrad::new(0.05))),
        named("rmsprop", &[], Rule::RmsProp(RmsProp::new(0.001))),
        named("rprop", &[], Rule::Rprop(Rprop::new(0.001))),
        named("lbfgs", &[], Rule::Lbfgs(Lbfgs::new())),
    ],
};

impl Rule {
    /// Returns the learning rate that was set; 1 for L-BFGS.
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

    /// Returns the rule with this learning rate, and every other setting as it is. [`Lbfgs`] has no learning rate and
    /// stays as it is.
    #[must_use]
    pub fn with_learning_rate(mut self, learning_rate: f32) -> Self {
        match &mut self {
            Rule::Sgd(rule) => rule.learning_rate = learning_rate,
            Rule::Adam(rule) => rule.learning_rate = learning_rate,
            Rule::NAdam(rule) => rule.learning_rate = learning_rate,
            Rule::AdaGrad(rule) => rule.learning_rate = learning_rate,
            Rule::RmsProp(rule) => rule.learning_rate = learning_rate,
            Rule::Rprop(rule) => rule.learning_rate = learning_rate,
            Rule::Lbfgs(_) => {}
        }
        self
    }

    /// Returns the names of all rules. Each, parsed, is a rule with its usual settings, learning rate included.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.forms()
    }

    /// Returns the rule's name: `momentum` for gradient descent with momentum, for example.
    pub fn name(&self) -> &'static str {
        match self {
            Rule::Sgd(rule) => rule.name(),
            Rule::Adam(rule) => rule.name(),
            Rule::NAdam(_) => "nadam",
            Rule::AdaGrad(_) => "adagrad",
            Rule::RmsProp(_) => "rmsprop",
            Rule::Rprop(_) => "rprop",
            Rule::Lbfgs(_) => "lbfgs",
        }
    }

    /// Returns the decoupled weight decay that usually goes with the rule: 0.01 for `adamw` (Loshchilov, Hutter, 2017;
    /// the number is PyTorch's), 0 for every other. It is a setting of [`Penalty`](crate::Penalty), not of the rule.
    pub fn usual_weight_decay(&self) -> f32 {
        if self.name() == "adamw" { 0.01 } else { 0.0 }
    }

    /// Returns every setting that the name does not decide.
    fn fields(&mut self) -> Vec<(&'static str, Field<'_>)> {
        match self {
            Rule::Sgd(rule) => rule.fields().into(),
            Rule::Adam(rule) => rule.fields().into(),
            Rule::NAdam(rule) => rule.fields().into(),
            Rule::AdaGrad(rule) => rule.fields().into(),
            Rule::RmsProp(rule) => rule.fields().into(),
            Rule::Rprop(rule) => rule.fields().into(),
            Rule::Lbfgs(rule) => rule.fields().into(),
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

    /// Returns the number of moments that the rule keeps for every parameter: running means and the like.
    pub(crate) fn moments(&self) -> usize {
        match self {
            Rule::Sgd(rule) => usize::from(rule.momentum != 0.0),
            Rule::AdaGrad(_) | Rule::RmsProp(_) => 1,
            Rule::Adam(rule) => 2 + usize::from(rule.amsgrad),
            Rule::NAdam(_) | Rule::Rprop(_) => 2,
            // It keeps vectors of its own.
            Rule::Lbfgs(_) => 0,
        }
    }

    /// Returns what a step, counted from 1, needs for every parameter alike, and takes long to compute.
    pub(super) fn corrections(&self, step: u64) -> Corrections {
        match self {
            Rule::Adam(rule) => rule.corrections(step),
            Rule::NAdam(rule) => rule.corrections(step),
            _ => Corrections::default(),
        }
    }
}

/// The name and every setting, so that equal texts mean equal rules: `adam(learning_rate=0.001,beta1=0.9,…)`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        let mut rule = *self;
        for (i, (name, field)) in rule.fields().iter().enumerate() {
            write!(f, "{}{name}={field}", if i == 0 { "(" } else { "," })?;
        }
        f.write_str(")")
    }
}

impl FromStr for Rule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, settings) = text.split_once('(').unwrap_or((text, ")"));
        let mut rule = NAMES.parse(name, |_, _| None)?;
        let name = rule.name();
        let wrong = |found: &str| {
            let form = "a name, then nothing or settings in parentheses, as in adam(learning_rate=0.01,beta1=0.8)";
            Error::Setting(format!("optimizer {name}: cannot read {}; expected {form}", quoted(found)))
        };
        let settings = settings.trim_end().strip_suffix(')').ok_or_else(|| wrong(text))?;
        for setting in settings.split(',').filter(|_| !settings.trim().is_empty()) {
            let (wanted, value) = setting.split_once('=').ok_or_else(|| wrong(setting))?;
            let (wanted, value) = (wanted.trim(), value.trim());
            let mut fields = rule.fields();
            let Some(i) = fields.iter().position(|&(known, _)| known == wanted) else {
                let known: Vec<&str> = fields.iter().map(|&(known, _)| known).collect();
                return Err(unknown(&format!("setting of {name}"), wanted, &known));
            };
            if !fields.swap_remove(i).1.set(value) {
                return Err(wrong(setting));
            }
        }
        rule.check().map(|()| rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_usual_rates() {
        let rates: [(&str, f32); 11] = [
            ("adam", 0.001),
            ("adamw", 0.003),
            ("amsgrad", 0.001),
            ("nadam", 0.001),
            ("sgd", 0.1),
            ("momentum", 0.03),
            ("nesterov", 0.03),
            ("adagrad", 0.05),
            ("rmsprop", 0.001),
            ("rprop", 0.001),
            ("lbfgs", 1.0),
        ];
        assert!(Rule::names().eq(rates.map(|(name, _)| name)));
        for (name, rate) in rates {
            let rule: Rule = name.parse().unwrap();
            assert_eq!((rule.name(), rule.learning_rate()), (name, rate));
            assert_eq!(rule.usual_weight_decay(), if name == "adamw" { 0.01 } else { 0.0 });
            let changed = rule.with_learning_rate(0.5);
            assert_eq!((changed.name(), changed.learning_rate()), (name, if name == "lbfgs" { 1.0 } else { 0.5 }));
        }
        assert_eq!("L-BFGS".parse::<Rule>().unwrap(), Lbfgs::default().into());
        assert_eq!("AdamW".parse::<Rule>().unwrap(), Adam::adamw(0.003).into());
    }

    /// Every setting is in the text: rules that differ in any of them have different texts, which read back as they
    /// are.
    #[test]
    fn text_holds_every_setting() {
        let rules: [Rule; 26] = [
            Adam::new(0.001).into(),
            Adam::new(1e-7).into(),
            Adam::new(0.001).betas(0.8, 0.999).into(),
            Adam::new(0.001).betas(0.9, 0.99).into(),
            Adam::new(0.001).epsilon(1e-6).into(),
            Adam::new(0.001).amsgrad().into(),
            Adam::adamw(0.001).into(),
            NAdam::new(0.001).into(),
            NAdam::new(0.001).betas(0.8, 0.99).into(),
            NAdam::new(0.001).epsilon(0.5).into(),
            Sgd::new(0.1).into(),
            Sgd::new(0.1).momentum(0.3).into(),
            Sgd::new(0.1).momentum(0.3).nesterov().into(),
            AdaGrad::new(0.1).into(),
            AdaGrad::new(0.1).epsilon(1e-5).into(),
            RmsProp::new(0.1).into(),
            RmsProp::new(0.1).decay(0.9).into(),
            RmsProp::new(0.1).epsilon(1e-5).into(),
            Rprop::new(0.1).into(),
            Rprop::new(0.1).factors(0.4, 1.2).into(),
            Rprop::new(0.1).factors(0.5, 1.3).into(),
            Rprop::new(0.1).steps(1e-6, 2.0).into(),
            Rprop::new(0.1).steps(1e-5, 50.0).into(),
            Lbfgs::default().into(),
            Lbfgs::default().memory(16_777_217).into(),
            Lbfgs::default().tolerance(0.0, 1e-3).into(),
        ];
        for (i, rule) in rules.iter().enumerate() {
            assert_eq!(rule.to_string().parse::<Rule>().unwrap(), *rule);
            assert!(rules[..i].iter().all(|other| other.to_string() != rule.to_string()), "{rule}");
        }
        let text = "adam(learning_rate=0.001,beta1=0.9,beta2=0.999,epsilon=1e-8)";
        assert_eq!(rules[0].to_string(), text);
    }

    #[test]
    fn errors_name_the_remedy() {
        for (text, remedy) in [
            ("adamm", "unknown optimizer `adamm` (did you mean `adam`?); known are adam, adamw, amsgrad,"),
            ("adam:0.1", "expected `adam`"),
            ("adam(", "as in adam(learning_rate=0.01,beta1=0.8)"),
            ("adam(0.1)", "cannot read `0.1`"),
            ("adam(beta1=x)", "cannot read `beta1=x`"),
            (
                "adam(beta3=0.1)",
                "unknown setting of adam `beta3` (did you mean `beta1`?); known are learning_rate, beta1",
            ),
            ("adam(beta1=1)", "β₁ 1: it must be at least 0 and less than 1"),
            ("adam(learning_rate=NaN)", "learning rate NaN"),
            ("sgd()x", "cannot read `sgd()x`"),
            ("nesterov(momentum=0)", "set one, 0.9 for example"),
            ("lbfgs(memory=1.5)", "cannot read `memory=1.5`"),
            ("", "unknown optimizer ``"),
        ] {
            let message = text.parse::<Rule>().unwrap_err().to_string();
            assert!(message.contains(remedy), "{text}: {message}");
        }
    }
}
