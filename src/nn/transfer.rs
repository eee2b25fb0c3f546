//! Parameters of one network for another: fine-tuning, target networks, averages.

use super::activation::Activation;
use super::init::Init;
use super::layer::{Dense, Heads, Layer};
use super::network::Network;
use crate::base::error::{Error, Result};
use crate::base::rng::{Rng, purpose};
use crate::base::text::counted;

impl Network {
    /// Replaces the last dense layer, of every member if there are some, and everything after it, by a new dense layer of `outputs` units and
    /// `activation`, for fine-tuning on another task. Its weights are drawn as suits the activation
    /// ([`Init::for_activation`](crate::nn::Init::for_activation)), its bias is zero. The layers before it stay as they
    /// are; [`Trainer::freeze`](crate::Trainer::freeze) keeps training from changing them.
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
        let last = self.layers().iter().rposition(Layer::is_dense).expect("a network has a dense layer");
        let inputs = self.layers()[..last].iter().fold(self.inputs(), |width, layer| layer.outputs(width));
        let head = Dense::units(outputs, activation);
        let mut layers = self.layers()[..last].to_vec();
        let (mut rng, members) = (Rng::stream(seed, purpose::WEIGHTS), self.members());
        layers.push(match members {
            1 => Layer::Dense(head.build(inputs, activation, &mut rng)?),
            _ => Layer::Heads(Heads::random(members, inputs, outputs, Init::for_activation(activation), &mut rng)),
        });
        if activation != Activation::Identity {
            layers.push(Layer::Activation(activation));
        }
        if members > 1 {
            layers.push(Layer::Mean(members));
        }
        *self = Network::from_layers(self.inputs(), layers)?;
        Ok(())
    }

    /// Makes all parameters and running statistics those of `other`, without allocation: for a target network that
    /// follows a trained one (Mnih et al., 2015).
    ///
    /// ```
    /// use palmnet::{Activation::*, Network};
    /// let start = |seed| Network::builder(4).dense(16, Relu).dense(2, Identity).seed(seed).build();
    /// let (trained, mut target) = (start(1)?, start(2)?);
    /// target.copy_parameters_from(&trained)?;
    /// assert_eq!(target, trained);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the networks do not have layers of the same kinds and widths. This network is then as before.
    pub fn copy_parameters_from(&mut self, other: &Network) -> Result<()> {
        self.combine(other, |own, other| own.copy_from_slice(other))
    }

    /// Moves all parameters and running statistics by `fraction`, in \[0, 1\], of the way to those of `other`, without
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
    /// If the networks do not have layers of the same kinds and widths, or `fraction` is not in \[0, 1\]. This network
    /// is then as before.
    pub fn blend_parameters(&mut self, other: &Network, fraction: f32) -> Result<()> {
        if !(0.0..=1.0).contains(&fraction) {
            return Err(Error::Setting(format!("a blend of {fraction}: the fraction must be from 0 to 1")));
        }
        self.combine(other, |own, other| {
            own.iter_mut().zip(other).for_each(|(own, other)| *own += fraction * (other - *own));
        })
    }

    /// Returns the network whose parameters and running statistics are the weighted means of those of `networks`, summed
    /// in double precision (federated averaging; McMahan et al., 2017).
    ///
    /// ```
    /// use palmnet::{Activation::*, Network};
    /// let start = |seed| Network::builder(2).dense(3, Tanh).dense(1, Identity).seed(seed).build();
    /// let (a, b) = (start(1)?, start(2)?);
    /// let mean = Network::average(&[&a, &b], &[1.0, 3.0])?;
    /// let first = [&a, &b, &mean].map(|network| network.parameters().next().unwrap()[0]);
    /// assert!((first[2] - (first[0] + 3.0 * first[1]) / 4.0).abs() < 1e-6);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the networks do not have the same layers; [`Error::Setting`] if there are none, not as many
    /// weights, a weight is negative or not finite, or all are 0.
    pub fn average(networks: &[&Network], weights: &[f64]) -> Result<Network> {
        let total: f64 = weights.iter().sum();
        let fault = match networks {
            [] => "an average needs at least one network".to_string(),
            _ if weights.len() != networks.len() => {
                format!("{} for {}", counted(weights.len(), "weight"), counted(networks.len(), "network"))
            }
            _ if !(weights.iter().all(|weight| *weight >= 0.0) && total > 0.0 && total.is_finite()) => {
                "the weights of an average must be at least 0, and not all 0".to_string()
            }
            _ => String::new(),
        };
        if !fault.is_empty() {
            return Err(Error::Setting(fault));
        }
        let mut mean = networks[0].clone();
        let mut sums = vec![0.0; mean.tensors().map(<[f32]>::len).sum()];
        for (network, weight) in networks.iter().zip(weights) {
            mean.check_alike(network)?;
            let parameters = network.tensors().flatten();
            sums.iter_mut().zip(parameters).for_each(|(sum, x)| *sum += weight / total * f64::from(*x));
        }
        let mut sums = sums.into_iter();
        mean.change_tensors(|tensor| tensor.iter_mut().zip(&mut sums).for_each(|(x, sum)| *x = sum as f32));
        Ok(mean)
    }

    /// Changes every tensor with the other network's.
    fn combine(&mut self, other: &Network, change: impl Fn(&mut [f32], &[f32])) -> Result<()> {
        self.check_alike(other)?;
        let mut tensors = other.tensors();
        self.change_tensors(|own| {
            if let Some(other) = tensors.next() {
                change(own, other);
            }
        });
        Ok(())
    }

    /// Returns an error if the other network does not have layers of the same kinds and widths.
    fn check_alike(&self, other: &Network) -> Result<()> {
        self.check_float()?;
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
        Ok(())
    }
}

fn has_same_shape(a: &Layer, b: &Layer) -> bool {
    match (a, b) {
        // Its numbers are no parameters.
        (Layer::Piecewise(a), Layer::Piecewise(b)) => a == b,
        (Layer::Activation(a), Layer::Activation(b)) => a == b,
        (Layer::Embedding(a), Layer::Embedding(b)) => a.roles() == b.roles() && a.size() == b.size(),
        _ => (std::mem::discriminant(a), a.grid()) == (std::mem::discriminant(b), b.grid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::matrix::Matrix;
    use crate::nn::activation::Activation::{Elu, Identity, Relu, Softmax};
    use crate::nn::builder::NetworkBuilder;

    fn builder() -> NetworkBuilder {
        Network::builder(3).dense(5, Identity).batch_norm().activation(Relu).dense(4, Relu).dense(2, Softmax)
    }

    #[test]
    fn copy_and_blend_act_on_every_tensor() {
        let (start, mut other) = (builder().seed(1).build().unwrap(), builder().seed(2).build().unwrap());
        other.change_tensors(|values| values.iter_mut().for_each(|x| *x += 1.0));
        let mut copy = start.clone();
        copy.copy_parameters_from(&other).unwrap();
        assert_eq!(copy, other);
        let mut blend = start.clone();
        blend.blend_parameters(&other, 0.25).unwrap();
        for ((a, b), blend) in start.tensors().zip(other.tensors()).zip(blend.tensors()) {
            for ((a, b), blend) in a.iter().zip(b).zip(blend) {
                assert!((blend - (0.75 * a + 0.25 * b)).abs() < 1e-6, "{blend} of {a} and {b}");
            }
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        let mut network = builder().build().unwrap();
        let before = network.clone();
        for (other, part) in [
            (Network::builder(3).dense(2, Softmax), "2 there"),
            (Network::builder(4).dense(5, Identity).batch_norm().activation(Relu).dense(4, Relu), "4 and 5 there"),
            (
                Network::builder(3).dense(5, Identity).layer_norm().activation(Relu).dense(4, Relu).dense(2, Softmax),
                "batch_norm(5) here, layer_norm(5) there",
            ),
            (
                Network::builder(3).dense(5, Identity).batch_norm().activation(Relu).dense(4, Relu).dense(3, Softmax),
                "dense(4,2) here, dense(4,3) there",
            ),
        ] {
            let message = network.copy_parameters_from(&other.build().unwrap()).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        for fraction in [-0.1, 1.1, f32::NAN] {
            assert!(network.blend_parameters(&before, fraction).is_err());
        }
        assert_eq!(network, before);
    }

    #[test]
    fn new_head_keeps_the_features() {
        let before = builder().seed(1).build().unwrap();
        let mut network = before.clone();
        network.replace_head(7, Identity, 3).unwrap();
        let text: Vec<String> = network.layers().iter().map(Layer::to_string).collect();
        assert_eq!(text.join(" "), "dense(3,5) batch_norm(5) relu dense(5,4) relu dense(4,7)");
        let x = Matrix::from_fn(4, 3, |i, j| (i + j) as f32);
        assert_eq!(network.activations(&x, 4), before.activations(&x, 4));
        // The weights that the layer would have in a network of its own.
        let alone = Network::builder(4).dense(7, Identity).seed(3).build().unwrap();
        assert_eq!(network.layers()[5], alone.layers()[0]);
        let now = network.clone();
        assert!(network.replace_head(1, Elu(-1.0), 1).is_err());
        assert!(network.replace_head(usize::MAX, Relu, 1).is_err());
        assert_eq!(network, now);
    }
}
