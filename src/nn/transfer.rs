//! Parameters of one network for another: fine-tuning, target networks, averages.

use super::activation::Activation;
use super::layer::{Dense, Layer};
use super::network::Network;
use crate::base::error::{Error, Result};
use crate::base::rng::{Rng, purpose};

impl Network {
    /// Replaces the last dense layer, and everything after it, by a new dense layer of `outputs` units and `activation`,
    /// for fine-tuning on another task. Its weights are drawn as suits the activation
    /// ([`Init::for_activation`](crate::Init::for_activation)), its bias is zero. The layers before it stay as they are;
    /// [`Trainer::freeze`](crate::Trainer::freeze) keeps training from changing them.
    ///
    /// ```
    /// use palmnet::{Activation::*, Network};
    /// let mut network = Network::builder(4).dense(16, Relu).dense(3, Softmax).build()?;
    /// network.replace_head(1, Sigmoid, 7)?;
    /// assert_eq!(network.outputs(), 1);
    /// assert_eq!(network.layers().len(), 4);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the activation's parameter is out of range, or the layer does not fit into memory. The network is then as
    /// before.
    pub fn replace_head(&mut self, outputs: usize, activation: Activation, seed: u64) -> Result<()> {
        let is_dense = |layer: &Layer| matches!(layer, Layer::Dense(_));
        let last = self.layers().iter().rposition(is_dense).expect("a network has a dense layer");
        let inputs = self.layers()[..last].iter().fold(self.inputs(), |width, layer| layer.outputs(width));
        let head = Dense::units(outputs, activation);
        let mut layers = self.layers()[..last].to_vec();
        layers.push(Layer::Dense(head.build(inputs, activation, &mut Rng::stream(seed, purpose::WEIGHTS))?));
        if activation != Activation::Identity {
            layers.push(Layer::Activation(activation));
        }
        *self = Network::from_layers(self.inputs(), layers)?;
        Ok(())
    }

    /// Makes all parameters and running statistics those of `other`, without allocation: for a target network that
    /// follows a trained one (Mnih et al., 2015).
    ///
    /// # Errors
    /// If the networks do not have layers of the same kinds and widths. This network is then as before.
    pub fn copy_parameters_from(&mut self, other: &Network) -> Result<()> {
        self.combine(other, |own, other| own.copy_from_slice(other))
    }

    /// Moves all parameters and running statistics by `fraction`, in \[0, 1\], of the way towards those of `other`, without
    /// allocation: w ← w + fraction · (other - w).
    ///
    /// A small fraction at every step is the soft update of a target network (Lillicrap et al., 2015) or an exponential
    /// moving average of the weights. The fractions 1/2, 1/3, … for one network after the other give the mean of all
    /// (stochastic weight averaging; Izmailov et al., 2018):
    ///
    /// ```
    /// use palmnet::{Activation::*, Network};
    /// let start = |seed| Network::builder(2).dense(3, Tanh).dense(1, Identity).seed(seed).build();
    /// let (mut mean, others) = (start(0)?, [start(1)?, start(2)?]);
    /// let first = [&mean, &others[0], &others[1]].map(|network| network.parameters().next().unwrap()[0]);
    /// for (i, network) in others.iter().enumerate() {
    ///     mean.blend_parameters(network, 1.0 / (i + 2) as f32)?;
    /// }
    /// let average = first.iter().sum::<f32>() / 3.0;
    /// assert!((mean.parameters().next().unwrap()[0] - average).abs() < 1e-6);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the networks do not have layers of the same kinds and widths, or `fraction` is not in \[0, 1\]. This network is
    /// then as before.
    pub fn blend_parameters(&mut self, other: &Network, fraction: f32) -> Result<()> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(Error::Setting(format!("a blend of {fraction}: the fraction must be from 0 to 1")));
        }
        self.combine(other, |own, other| {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += fraction * (other - *own));
        })
    }

    /// Changes every tensor with the other network's.
    fn combine(&mut self, other: &Network, change: impl Fn(&mut [f32], &[f32])) -> Result<()> {
        let (own, others) = (self.layers(), other.layers());
        if (self.inputs(), own.len()) != (other.inputs(), others.len()) {
            return Err(Error::Mismatch(format!(
                "parameters of another network: {} inputs and {} layers here, {} and {} there",
                self.inputs(),
                own.len(),
                other.inputs(),
                others.len()
            )));
        }
        if let Some((own, other)) = own.iter().zip(others).find(|(own, other)| !has_same_shape(own, other)) {
            return Err(Error::Mismatch(format!(
                "parameters of another network: a layer is {own} here, {other} there"
            )));
        }
        let mut tensors = other.tensors();
        self.change_tensors(|own| {
            if let Some(other) = tensors.next() {
                change(own, other);
            }
        });
        Ok(())
    }
}

fn has_same_shape(a: &Layer, b: &Layer) -> bool {
    let shape = |layer: &Layer| (std::mem::discriminant(layer), layer.inputs(), layer.outputs(0));
    shape(a) == shape(b)
}
