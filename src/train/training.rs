//! The input of one training, by any method.

use super::config::Config;
use super::position::Restored;
use super::step::{Examples, StepOptions};
use crate::base::error::Result;
use crate::data::Dataset;
use crate::nn::backprop::Pass;
use crate::nn::network::Network;

/// Everything that a training begins with.
pub(super) struct Training<'a> {
    pub(super) network: &'a mut Network,
    pub(super) pass: Pass,
    pub(super) examples: Examples<'a>,
    pub(super) options: StepOptions,
    /// The checkpoint to resume from.
    pub(super) restored: Option<Restored>,
}

impl<'a> Training<'a> {
    pub(super) fn new(
        config: &Config,
        network: &'a mut Network,
        data: &'a Dataset,
        validation_data: Option<&'a Dataset>,
        restored: Option<Restored>,
    ) -> Result<Self> {
        let options = config.step_options(network, data)?;
        let pass = Pass::new(network, config.loss, config.seed)?.freeze(network, options.frozen);
        let examples = config.divide(data, validation_data)?;
        Ok(Training { network, pass, examples, options, restored })
    }
}
