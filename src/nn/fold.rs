//! A network without the layers that only training needs.

use crate::linalg::matrix::Matrix;
use crate::nn::layer::{Dense, Layer};
use crate::nn::network::Network;

impl Network {
    /// Returns a network for prediction with fewer layers: batch normalization is merged into the dense layer before
    /// it, or else into the one after it, and dropout and noise are left out. Outputs are the same up to rounding. A
    /// batch normalization that is not next to a dense layer stays, and so does layer normalization, which is not
    /// linear.
    ///
    /// ```
    /// use palmnet::{Activation::*, Matrix, Network};
    /// let network = Network::builder(2).dense(8, Identity).batch_norm().activation(Relu).dense(1, Identity).build()?;
    /// assert_eq!(network.folded().layers().len(), 3);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    #[must_use]
    pub fn folded(&self) -> Network {
        let mut layers: Vec<Layer> = Vec::with_capacity(self.layers().len());
        for layer in self.layers() {
            match (layer, layers.last_mut()) {
                (Layer::Dropout(_) | Layer::Noise(_), _) => {}
                (Layer::BatchNorm(norm), Some(Layer::Dense(dense))) => *dense = scaled_outputs(dense, |j| norm.line(j)),
                (Layer::Dense(dense), Some(before @ Layer::BatchNorm(_))) => {
                    let Layer::BatchNorm(norm) = before else { continue };
                    *before = Layer::Dense(scaled_inputs(dense, |i| norm.line(i)));
                }
                _ => layers.push(layer.clone()),
            }
        }
        Network::from_layers(self.inputs(), layers).expect("widths and activations are as before")
    }
}

/// Returns `dense` followed by the map y ↦ factor · y + constant of each output, with (factor, constant) = `line(j)`,
/// as one layer.
fn scaled_outputs(dense: &Dense, line: impl Fn(usize) -> (f32, f32)) -> Dense {
    let weights = Matrix::from_fn(dense.inputs(), dense.outputs(), |i, j| dense.weights()[(i, j)] * line(j).0);
    let bias = dense.bias().iter().enumerate().map(|(j, bias)| bias * line(j).0 + line(j).1).collect();
    Dense::new(weights, bias)
}

/// Returns `dense` preceded by the map x ↦ factor · x + constant of each input, with (factor, constant) = `line(i)`, as
/// one layer.
fn scaled_inputs(dense: &Dense, line: impl Fn(usize) -> (f32, f32)) -> Dense {
    let weights = Matrix::from_fn(dense.inputs(), dense.outputs(), |i, j| dense.weights()[(i, j)] * line(i).0);
    let constant = |j| -> f64 {
        let terms = (0..dense.inputs()).map(|i| f64::from(line(i).1) * f64::from(dense.weights()[(i, j)]));
        terms.sum()
    };
    let bias = dense.bias().iter().enumerate().map(|(j, &bias)| (f64::from(bias) + constant(j)) as f32).collect();
    Dense::new(weights, bias)
}

#[cfg(test)]
mod tests {
    use crate::base::rng::Rng;
    use crate::linalg::matrix::Matrix;
    use crate::nn::activation::Activation::{Identity, Relu, Softmax};
    use crate::nn::layer::Layer;
    use crate::nn::network::Network;

    #[test]
    fn folding_changes_no_output() {
        let builder = Network::builder(5).noise(0.1).batch_norm().dense(70, Identity).batch_norm().activation(Relu);
        let builder = builder.dropout(0.5).batch_norm().dense(6, Identity).dropout(0.1).batch_norm().activation(Relu);
        let mut network = builder.batch_norm().activation(Relu).layer_norm().dense(3, Softmax).seed(1).build().unwrap();
        let mut rng = Rng::new(2);
        network.change_tensors(|values| values.iter_mut().for_each(|x| *x = 0.5 + x.abs() + rng.uniform() as f32));
        for layer in network.layers_mut() {
            if let Layer::Dense(dense) = layer {
                dense.parameters_mut()[0].iter_mut().for_each(|x| *x = 0.3 * rng.normal() as f32);
            }
        }
        let x = Matrix::from_fn(20, 5, |_, _| rng.normal() as f32);
        let (folded, whole) = (network.folded(), network.predict(&x));
        let text: Vec<String> = folded.layers().iter().map(Layer::to_string).collect();
        let expected = "dense(5,70) relu dense(70,6) relu batch_norm(6) relu layer_norm(6) dense(6,3) softmax";
        assert_eq!(text.join(" "), expected);
        for (a, b) in folded.predict(&x).as_slice().iter().zip(whole.as_slice()) {
            assert!((a - b).abs() < 1e-5, "{a} for {b}");
        }
        let spread = whole.as_slice().iter().fold(0f32, |most, &p| most.max(p));
        assert!(spread < 0.999, "the outputs are saturated");
        assert_eq!(folded.folded(), folded);
    }
}
