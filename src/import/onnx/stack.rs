//! The sequence of values from the columns to the outputs, as layers of a network.

use super::columns::alone;
use super::reader::Reader;
use super::tensor::{Tensor, Values};
use super::value::{Cell, Id, Kind, Norm, Step};
use crate::data::Scaler;
use crate::linalg::matrix::Matrix;
use crate::model::TargetRange;
use crate::nn::activation::Activation;
use crate::nn::layer::{BatchNorm, Dense, Layer, LayerNorm};

type Answer<T> = Result<T, String>;

/// palmnet's ε of both normalizations.
const EPSILON: f32 = 1e-5;

/// The layers, and what is before and behind them.
pub(super) struct Stack {
    pub(super) cells: Vec<Cell>,
    pub(super) layers: Vec<Layer>,
    /// The operations behind the last layer.
    steps: Vec<Step>,
    /// Whether the last layer is a matrix to which a bias may still be added.
    takes_bias: bool,
    /// Whether the outputs are logarithms of probabilities.
    pub(super) is_log: bool,
}

impl Stack {
    /// Reads the sequence that ends in this value.
    pub(super) fn of(reader: &Reader<'_>, output: Id) -> Answer<Stack> {
        let place = |id: Id| {
            let node = reader.values[id].node;
            reader.graph.nodes.get(node).map_or(String::new(), |found| found.place(node, reader.graph.nodes.len()))
        };
        let mut sequence = Vec::new();
        let mut id = output;
        let cells = loop {
            match &reader.values[id].kind {
                Kind::Columns(cells) => break cells.clone(),
                kind => {
                    let Some(source) = kind.source() else { return Err(format!("{}: {}", place(id), alone(kind))) };
                    sequence.push(id);
                    // A value is made of earlier ones, so that this ends.
                    id = source;
                }
            }
        };
        let mut stack = Stack { cells, layers: Vec::new(), steps: Vec::new(), takes_bias: false, is_log: false };
        for id in sequence.into_iter().rev() {
            if stack.is_log {
                return Err(format!(
                    "{}: it follows logarithms of probabilities, which palmnet has as outputs only",
                    place(id)
                ));
            }
            let kind = &reader.values[id].kind;
            let is_matmul =
                reader.graph.nodes.get(reader.values[id].node).is_some_and(|node| node.operator == "MatMul");
            stack.push(kind, is_matmul).map_err(|why| format!("{}: {why}", place(id)))?;
        }
        Ok(stack)
    }

    fn push(&mut self, kind: &Kind, is_matmul: bool) -> Answer<()> {
        if let Kind::Step(step, _) = kind {
            self.steps.push(step.clone());
            return Ok(());
        }
        self.settle()?;
        match kind {
            Kind::Dense(weights, bias, _) => {
                let (Tensor { dims, values: Values::Floats(numbers) }, [rows, columns]) =
                    (weights, [weights.dims[0], weights.dims[1]])
                else {
                    return Err("its weights are no floats".into());
                };
                debug_assert_eq!(dims.len(), 2);
                let matrix = Matrix::from_vec(rows, columns, numbers.clone());
                self.layers.push(Layer::Dense(Dense::new(matrix, bias.clone())));
            }
            Kind::Activation(activation, _) => self.layers.push(Layer::Activation(*activation)),
            Kind::BatchNorm(norm, _) => self.layers.push(batch_norm(norm.clone())),
            Kind::LayerNorm(norm, _) => {
                if norm.epsilon != EPSILON {
                    self.rescale((EPSILON / norm.epsilon).sqrt())?;
                }
                self.layers.push(Layer::LayerNorm(LayerNorm::from_parts(norm.scale.clone(), norm.shift.clone())));
            }
            Kind::LogSoftmax(_) => self.is_log = true,
            _ => return Err(alone(kind).into()),
        }
        self.takes_bias = is_matmul;
        Ok(())
    }

    /// Puts the operations since the last layer into it or, if it is an activation, into a normalization behind it.
    fn settle(&mut self) -> Answer<()> {
        let steps = std::mem::take(&mut self.steps);
        if let Some(Step::Clip(low, high)) = steps.iter().find(|step| matches!(step, Step::Clip(..))) {
            let ends = |all: &[f32]| all.first().copied().unwrap_or_default();
            return Err(format!(
                "before it, numbers are cut to {} to {}, which palmnet does not",
                ends(low),
                ends(high)
            ));
        }
        if steps.is_empty() {
            return Ok(());
        }
        if !matches!(self.layers.last(), Some(Layer::Dense(_) | Layer::BatchNorm(_) | Layer::LayerNorm(_))) {
            let width = steps.iter().map(|step| step.numbers().len()).max().unwrap_or(1);
            let width = self.width().unwrap_or(width);
            let norm =
                BatchNorm::from_parts(vec![1.0; width], vec![0.0; width], vec![0.0; width], vec![1.0 - EPSILON; width]);
            self.layers.push(Layer::BatchNorm(norm));
        }
        let parameters = self.layers.last_mut().and_then(Layer::weights_and_bias_mut);
        if let Some([weights, bias]) = parameters {
            steps.iter().for_each(|step| fold(step, weights, bias));
        }
        Ok(())
    }

    /// Returns whether there are operations behind the last layer.
    pub(super) fn has_steps(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Returns the number of outputs of the layers so far.
    fn width(&self) -> Option<usize> {
        let inputs = self.cells.len();
        Some(self.layers.iter().fold(inputs, |width, layer| layer.outputs(width))).filter(|&width| width > 0)
    }

    /// Multiplies the inputs of the next layer by `factor`, for a normalization of rows, which does not change but for
    /// its ε: (x - mean) / √(variance + ε) is the same for c · x and c² · ε.
    fn rescale(&mut self, factor: f32) -> Answer<()> {
        for layer in self.layers.iter_mut().rev() {
            match layer {
                // c · g(z) = g(c · z)
                Layer::Activation(Activation::Relu | Activation::LeakyRelu(_) | Activation::Identity) => {}
                Layer::Dense(_) | Layer::BatchNorm(_) | Layer::LayerNorm(_) => {
                    for numbers in layer.parameters_mut() {
                        numbers.iter_mut().for_each(|x| *x *= factor);
                    }
                    return Ok(());
                }
                _ => {
                    return Err(format!(
                        "its epsilon is not palmnet's, {EPSILON}, and the activation before it cannot be scaled"
                    ));
                }
            }
        }
        self.cells.iter_mut().for_each(|cell| cell.factor *= f64::from(factor));
        Ok(())
    }

    /// Puts all operations behind the last layer into the network.
    pub(super) fn close(&mut self) -> Answer<()> {
        self.settle().map_err(|_| "the outputs are cut off, which palmnet does for values only".to_string())
    }

    /// Makes the operations behind the last layer a scaler and a range of values.
    pub(super) fn scaled_values(&mut self) -> Answer<(Option<Scaler>, Option<TargetRange>)> {
        let width = self.width().unwrap_or(1);
        let mut steps = std::mem::take(&mut self.steps);
        let range = match steps.pop() {
            Some(Step::Clip(low, high)) => {
                let all = |ends: &[f32]| (0..width).map(|i| ends[i % ends.len()]).collect();
                Some(TargetRange::from_parts(all(&low), all(&high)).map_err(|error| error.to_string())?)
            }
            step => {
                steps.extend(step);
                None
            }
        };
        let is_dense = matches!(self.layers.last(), Some(Layer::Dense(_)));
        let own =
            steps.iter().take(usize::from(self.takes_bias && is_dense)).take_while(|step| matches!(step, Step::Add(_)));
        let own = own.count();
        let behind = steps.split_off(own);
        let is_scale = matches!(
            behind[..],
            [Step::Multiply(_) | Step::Divide(_)] | [Step::Multiply(_) | Step::Divide(_), Step::Add(_)]
        );
        if !is_scale {
            steps.extend(behind);
            self.steps = steps;
            self.settle()?;
            return Ok((None, range));
        }
        self.steps = steps;
        self.settle()?;
        // y = x / factor + offset
        let (mut factor, mut offset) = (vec![1.0; width], vec![0.0; width]);
        for step in &behind {
            let at = |index: usize| step.numbers()[index % step.numbers().len()];
            match step {
                Step::Multiply(_) => factor.iter_mut().enumerate().for_each(|(i, factor)| *factor = 1.0 / at(i)),
                Step::Divide(_) => factor.iter_mut().enumerate().for_each(|(i, factor)| *factor = at(i)),
                _ => offset.iter_mut().enumerate().for_each(|(i, offset)| *offset = at(i)),
            }
        }
        Ok((Some(Scaler::from_parts(offset, factor).map_err(|error| error.to_string())?), range))
    }
}

impl Step {
    fn numbers(&self) -> &[f32] {
        match self {
            Step::Add(all) | Step::Multiply(all) | Step::Divide(all) | Step::Clip(all, _) => all,
        }
    }
}

/// Applies an operation on the outputs of a layer to its parameters.
fn fold(step: &Step, weights: &mut [f32], bias: &mut [f32]) {
    let (all, columns) = (step.numbers(), bias.len());
    let each = |numbers: &mut [f32], operation: fn(f32, f32) -> f32| {
        numbers.iter_mut().enumerate().for_each(|(i, x)| *x = operation(*x, all[i % columns % all.len()]));
    };
    match step {
        Step::Add(_) => each(bias, |x, c| x + c),
        Step::Multiply(_) => [weights, bias].into_iter().for_each(|numbers| each(numbers, |x, c| x * c)),
        Step::Divide(_) => [weights, bias].into_iter().for_each(|numbers| each(numbers, |x, c| x / c)),
        Step::Clip(..) => {}
    }
}

/// Returns the layer with palmnet's ε: the rest of the given one is added to the variance.
fn batch_norm(norm: Norm) -> Layer {
    let Norm { mut scale, shift, mean, mut variance, epsilon } = norm;
    if epsilon != EPSILON {
        for (scale, variance) in scale.iter_mut().zip(&mut variance) {
            let sum = *variance + epsilon;
            *variance = (sum - EPSILON).max(0.0);
            *scale *= ((*variance + EPSILON) / sum).sqrt();
        }
    }
    Layer::BatchNorm(BatchNorm::from_parts(scale, shift, mean, variance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normalization_that_only_scales_divides_by_one() {
        assert_eq!((1.0 - EPSILON) + EPSILON, 1.0);
    }
}
