//! Models with weights in 8 bits, made of trained ones and a few of their rows.

use super::evaluate::Score;
use super::metrics::Evaluation;
use super::model::Model;
use crate::base::error::{Error, Result};
use crate::data::Dataset;
use crate::linalg::matrix::Matrix;
use crate::nn::layer::{InputScale, Layer, Quantized};
use crate::nn::network::Network;

/// The rows that scales are found on, at most. The rows of an ensemble's members are as many in all, or 256 for each.
const ROWS: usize = 4096;
/// The fractions of the inputs of a layer that may be beyond the ends of its scale, at either end.
const TAILS: [f64; 4] = [0.0, 1e-4, 1e-3, 1e-2];
/// The most that 8 bits may cost: of accuracy, or of the fraction of rows with every label right, and of R².
const MOST_COST: f64 = 0.001;
/// The largest cost of a layer in the loss, as a fraction of it; a loss of almost nothing may grow by [`MOST_COST`] too.
const MOST_LOSS: f64 = 0.05;
/// The largest cost of balanced accuracy: one row of a class of 50, if there are two.
const MOST_RECALL: f64 = 0.01;
const MOST_COST_OF_VALUES: f64 = 0.002;

/// A model with weights in 8 bits, and what it was made of: see [`Model::quantized`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Quantization {
    /// The model.
    pub model: Model,
    /// Its dense layers, first to last.
    pub layers: Vec<LayerCost>,
    /// The score of the model that it was made of.
    pub before: Score,
    /// The score of the model.
    pub after: Score,
}

/// A dense layer of a [`Quantization`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerCost {
    /// The layer before, as in model files: `dense(4,16)`.
    pub layer: String,
    /// Whether its weights are in 8 bits; they stayed floats if that would have cost too much.
    pub is_quantized: bool,
    /// The least and the greatest scale of the weights of an output; `None` if the layer cannot be in 8 bits.
    pub scales: Option<[f32; 2]>,
    /// How much lower the score is, or would be, with this layer in 8 bits too: see [`Score::value`].
    pub cost: f64,
}

impl Model {
    /// Returns the model with the weights of its dense layers in 8 bits (post-training static quantization; Jacob et al.,
    /// 2018): a quarter of the size, the same predictions on every processor, and whole numbers in exported code. `data`,
    /// with labels and in the units of the training data, should be rows like those that will be predicted; a thousand are
    /// enough, and those of the training serve.
    ///
    /// Batch normalization is [folded](Network::folded) first. Layer by layer, scales for the inputs are found on at most
    /// 4096 rows, with up to 1 % of the inputs beyond the ends, each with and without biases that make up for the mean error of
    /// the outputs. The best one counts: that with the highest score on all of `data`, or the lowest loss of those. A layer
    /// with which the score on all of `data` would be more than 0.001 (classes and
    /// labels) or 0.002 (R²) below that of the model, the loss more than a twentieth above, or the balanced accuracy more than 0.01 below, stays as it is. Embeddings, encodings and normalizations are not changed.
    ///
    /// ```
    /// use palmnet::{Dataset, Model, Target};
    /// let model = Model::load("examples/iris.safetensors")?;
    /// let data = Dataset::from_csv("tests/data/iris.csv", Target::Class("species"))?;
    /// let found = model.quantized(&data)?;
    /// assert!(found.layers.iter().all(|layer| layer.is_quantized));
    /// assert!(found.after.value() >= found.before.value() - 0.001);
    /// found.model.to_bytes();
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `data` is empty or does not fit the model, its targets are all the same value, or a layer of the model is in 8 bits
    /// already.
    pub fn quantized(&self, data: &Dataset) -> Result<Quantization> {
        self.network().check_float()?;
        if data.is_empty() {
            return Err(Error::Mismatch("there are no rows to find the scales of 8-bit weights on".into()));
        }
        let before = self.score(data)?;
        if !before.value().is_finite() {
            return Err(Error::Mismatch(
                "the score on these rows is not a number, so that it tells no cost of 8-bit weights: give more rows, whose \
                 targets differ"
                    .into(),
            ));
        }
        let most = match before.evaluation {
            Evaluation::Regression(_) => MOST_COST_OF_VALUES,
            _ => MOST_COST,
        };
        // A rare class may be given up at a better accuracy.
        let balanced = |score: &Score| score.evaluation.classification().map_or(0.0, |found| found.balanced_accuracy());
        let is_safe = |score: &Score| {
            score.loss <= before.loss * (1.0 + MOST_LOSS) + MOST_COST
                && balanced(score) >= balanced(&before) - MOST_RECALL
        };
        let x = self.some_rows(data);
        let mut model = self.clone().folded();
        let float = model.network().clone();
        let (mut layers, mut after) = (Vec::new(), before.clone());
        for (index, layer) in float.layers().iter().enumerate().filter(|(_, layer)| layer.is_dense()) {
            let mut found = LayerCost { layer: layer.to_string(), is_quantized: false, scales: None, cost: f64::NAN };
            let mut best: Option<(Model, Score)> = None;
            for quantized in variants(&float, model.network(), index, &x) {
                let candidate = model.clone().with_network(with_layer(model.network(), index, &quantized)?);
                let score = candidate.score(data)?;
                let rank = |score: &Score| (is_safe(score), score.value(), -score.loss);
                if best.as_ref().is_none_or(|(_, best)| rank(&score) > rank(best)) {
                    let ends = |(low, high): (f32, f32), &scale: &f32| (low.min(scale), high.max(scale));
                    let (low, high) = quantized.scale().iter().fold((f32::INFINITY, 0.0), ends);
                    (found.scales, found.cost) = (Some([low, high]), after.value() - score.value());
                    best = Some((candidate, score));
                }
            }
            let is_good = |score: &Score| is_safe(score) && before.value() - score.value() <= most;
            if let Some((candidate, score)) = best.filter(|(_, score)| is_good(score)) {
                found.is_quantized = true;
                (model, after) = (candidate, score);
            }
            layers.push(found);
        }
        Ok(Quantization { model, layers, before, after })
    }

    /// Returns rows from all of the data as the network takes them.
    fn some_rows(&self, data: &Dataset) -> Matrix {
        let count = data.len().min((ROWS / self.network().members()).max(256));
        let rows: Vec<usize> = (0..count).map(|i| i * data.len() / count).collect();
        let mut x = Matrix::default();
        data.features().gather(&rows, &mut x);
        self.preprocessing().apply_to_features(&mut x);
        x
    }
}

/// Returns the layer of this index in 8 bits, for a network whose layers before it are final, in a few ways; none if it cannot
/// be. `float` is the network before all changes.
fn variants(float: &Network, network: &Network, index: usize, x: &Matrix) -> Vec<Quantized> {
    let before = index.checked_sub(1).map(|before| network.activations(x, before));
    let inputs = before.as_ref().unwrap_or(x).as_slice();
    let mut found = Vec::new();
    for layer in input_scales(inputs).into_iter().filter_map(|scale| Quantized::new(&float.layers()[index], scale)) {
        found.extend(with_mean_outputs(float, network, index, &layer, x));
        found.push(layer);
    }
    found
}

/// Returns a layer with biases that make up for the mean error of its outputs.
fn with_mean_outputs(
    float: &Network,
    network: &Network,
    index: usize,
    layer: &Quantized,
    x: &Matrix,
) -> Option<Quantized> {
    let changed = with_layer(network, index, layer).ok()?.activations(x, index);
    let mut bias: Vec<f64> = layer.parts().bias.iter().map(|&bias| bias.into()).collect();
    // Rows of members come one after the other, as the biases do.
    let columns = bias.len();
    let examples = (changed.as_slice().len() / columns) as f64;
    let outputs = float.activations(x, index);
    for (index, (y, changed)) in outputs.as_slice().iter().zip(changed.as_slice()).enumerate() {
        bias[index % columns] += f64::from(y - changed) / examples;
    }
    layer.with_bias(bias.into_iter().map(|bias| bias as f32).collect())
}

fn with_layer(network: &Network, index: usize, layer: &Quantized) -> Result<Network> {
    let mut layers = network.layers().to_vec();
    layers[index] = Layer::Quantized(layer.clone());
    Network::from_layers(network.inputs(), layers)
}

/// Returns scales for these inputs, with more or less of them beyond the ends.
fn input_scales(inputs: &[f32]) -> Vec<InputScale> {
    let mut sorted: Vec<f32> = inputs.iter().copied().filter(|x| x.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return vec![InputScale::of_range(0.0, 1.0)] };
    let beyond = TAILS.map(|tail| (tail * last as f64) as usize);
    let mut scales = beyond.map(|beyond| InputScale::of_range(sorted[beyond], sorted[last - beyond])).to_vec();
    scales.dedup();
    scales
}
