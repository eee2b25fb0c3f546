//! A dense layer with weights in 8 bits.
//!
//! It is made of a trained layer after training, and computes whole numbers: the same ones on every processor, and in
//! exported code.

use super::{Dense, Heads, Layer};
use crate::base::error::{Error, Result};
use crate::linalg::bytes::{self, Bytes, Every, MOST_INPUT, MOST_INPUTS, MOST_WEIGHT, Packed, Step};
use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;

/// A dense layer with weights in 8 bits, or one for the rows of each member of an ensemble (Jacob et al., 2018).
///
/// An input *x* is stored as the whole number *q* = round(*x* · (1 / *s*)) + *z*, moved into \[0, 255\], with the scale *s*
/// and the zero point *z* of all inputs of the layer. A weight is *w* · *sⱼ* with a whole number *w* from -127 to 127 and the
/// scale *sⱼ* of its output *j*. An output is (*B* + Σ (*q* - *z*) · *w*) · (*s* · *sⱼ*) with *B* = round(*bias* / (*s* ·
/// *sⱼ*)): a sum of whole numbers, as a float, times a float. All operations on floats are those of single precision, each
/// rounded by itself; `round` is to the nearest whole number, to the even one if there are two.
///
/// No sum overflows in any order: |*B*| + 255 · Σ|*w*| is less than 2³¹ for every output. The outputs of a row with an input
/// that is NaN are NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    /// The matrix of each member.
    packed: Vec<Packed>,
    shape: [usize; 2],
    scale: Vec<f32>,
    bias: Vec<f32>,
    input: InputScale,
}

/// How the inputs of a [`Quantized`] layer are stored: the number *x* as round(*x* · (1 / `scale`)) + `zero`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputScale {
    /// The difference between two neighbors, more than 0.
    pub scale: f32,
    /// The whole number that 0 is stored as.
    pub zero: u8,
}

impl InputScale {
    /// The least scale. Its inverse, and products of two, are far from the ends of single precision.
    const LEAST: f32 = 1e-12;

    /// Returns a scale for numbers from `low` to `high`, and 0.
    pub fn of_range(low: f32, high: f32) -> Self {
        let (low, high) = (low.min(0.0), high.max(0.0));
        let scale = ((high - low) / MOST_INPUT).clamp(InputScale::LEAST, 1.0 / InputScale::LEAST);
        InputScale { scale, zero: (-low / scale).round_ties_even() as u8 }
    }

    fn step(self) -> Step {
        Step { inverse: 1.0 / self.scale, zero: self.zero }
    }
}

/// Everything that makes a [`Quantized`] layer.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantizedParts {
    /// Members, 1 for a plain layer.
    pub members: usize,
    /// Inputs.
    pub inputs: usize,
    /// Outputs of each member.
    pub outputs: usize,
    /// The weights of one member after the other, each inputs × outputs.
    pub weights: Vec<i8>,
    /// The scale of the weights of each output, members × outputs.
    pub scale: Vec<f32>,
    /// Members × outputs.
    pub bias: Vec<f32>,
    /// The scale of the inputs.
    pub input: InputScale,
}

impl Quantized {
    /// Returns the layer of these parts.
    ///
    /// # Errors
    /// If the lengths do not fit each other, there are more than 66,000 inputs, a weight is -128, a scale is not from 10⁻¹² to
    /// 10¹², or a sum could overflow.
    pub fn from_parts(parts: QuantizedParts) -> Result<Self> {
        let QuantizedParts { members, inputs, outputs, weights, scale, bias, input } = parts;
        let (weights_of, columns) = (inputs.checked_mul(outputs), members.checked_mul(outputs));
        let length = weights_of.and_then(|count| count.checked_mul(members));
        let wrong = |what: &str| Error::Mismatch(format!("a layer of 8-bit weights {what}"));
        if length != Some(weights.len())
            || columns != Some(scale.len())
            || bias.len() != scale.len()
            || length == Some(0)
            || inputs > MOST_INPUTS
        {
            return Err(wrong(
                "has not as many weights, scales and biases as its shape says, or more than 66,000 inputs",
            ));
        }
        let range = InputScale::LEAST..=1.0 / InputScale::LEAST;
        if weights.contains(&i8::MIN) || !scale.iter().chain([&input.scale]).all(|scale| range.contains(scale)) {
            return Err(wrong("has a weight of -128, or a scale that is not from 1e-12 to 1e12"));
        }
        let of_member = |member: usize| {
            let own = member * outputs..(member + 1) * outputs;
            let scale: Vec<f32> = scale[own.clone()].iter().map(|scale| input.scale * scale).collect();
            let start = bias[own].iter().zip(&scale).map(|(bias, scale)| (bias / scale).round_ties_even() as i32);
            let weights = &weights[member * inputs * outputs..][..inputs * outputs];
            Packed::new(weights, input.zero, &start.collect::<Vec<i32>>(), &scale)
        };
        let packed: Option<Vec<Packed>> = (0..members).map(of_member).collect();
        let packed = packed.ok_or_else(|| wrong("has sums of 2^31 or more"))?;
        Ok(Quantized { packed, shape: [inputs, outputs], scale, bias, input })
    }

    /// Returns a trained layer with its weights in 8 bits, and inputs on this scale: a dense layer, or one for each member.
    /// The scale of an output is a 127th of its largest weight, and larger if its bias needs that. `None` for other kinds of
    /// layers, for more than 66,000 inputs, and for parameters that are too large or not finite.
    pub fn new(layer: &Layer, input: InputScale) -> Option<Self> {
        let (members, [weights, bias]) = match layer {
            Layer::Dense(dense) => (1, dense.parameters()),
            Layer::Heads(heads) => (heads.members(), heads.parameters()),
            _ => return None,
        };
        let (weights, bias, inputs) = (weights.1, bias.1, layer.inputs()?);
        let outputs = bias.len() / members;
        let rest = (i32::MAX as usize).checked_sub(MOST_INPUT as usize * MOST_WEIGHT as usize * inputs)?;
        if inputs > MOST_INPUTS {
            return None;
        }
        let mut scale = vec![0f32; bias.len()];
        let column = |index: usize| index / (inputs * outputs) * outputs + index % outputs;
        for (index, weight) in weights.iter().enumerate() {
            let most = &mut scale[column(index)];
            *most = most.max(weight.abs());
        }
        for (scale, bias) in scale.iter_mut().zip(bias) {
            // Half of what is left, because it is rounded.
            let of_bias = bias.abs() / (input.scale * (rest / 2) as f32);
            *scale = (*scale / MOST_WEIGHT).max(of_bias).max(InputScale::LEAST);
        }
        let quantized = |(index, weight): (usize, &f32)| (weight / scale[column(index)]).round_ties_even() as i8;
        let weights = weights.iter().enumerate().map(quantized).collect();
        let parts = QuantizedParts { members, inputs, outputs, weights, scale, bias: bias.to_vec(), input };
        Quantized::from_parts(parts).ok()
    }

    /// Returns the parts of the layer.
    pub fn parts(&self) -> QuantizedParts {
        let [inputs, outputs] = self.shape;
        let weight = |i: usize| self.packed[i / (inputs * outputs)].weight(i / outputs % inputs, i % outputs);
        QuantizedParts {
            members: self.members(),
            inputs,
            outputs,
            weights: (0..self.packed.len() * inputs * outputs).map(weight).collect(),
            scale: self.scale.clone(),
            bias: self.bias.clone(),
            input: self.input,
        }
    }

    /// Returns the weights of one output after the other, what the sum of each begins with if its terms are *q* · *w*, and
    /// what it is multiplied by.
    #[cfg(feature = "export")]
    pub(crate) fn by_output(&self) -> (Vec<i8>, Vec<i32>, Vec<f32>) {
        let (mut weights, mut starts, mut scales) = (Vec::new(), Vec::new(), Vec::new());
        let outputs = self.packed.iter().flat_map(|packed| (0..self.outputs()).map(move |j| (packed, j)));
        for (packed, j) in outputs {
            weights.extend((0..self.inputs()).map(|i| packed.weight(i, j)));
            starts.push(packed.start(j));
            scales.push(packed.scale(j));
        }
        (weights, starts, scales)
    }

    /// Returns the number of members, 1 for a plain layer.
    pub fn members(&self) -> usize {
        self.packed.len()
    }

    /// Returns the number of inputs.
    pub fn inputs(&self) -> usize {
        self.shape[0]
    }

    /// Returns the number of outputs, of each member if there are some.
    pub fn outputs(&self) -> usize {
        self.shape[1]
    }

    /// Returns the scale of the weights of each output, members × outputs.
    pub fn scale(&self) -> &[f32] {
        &self.scale
    }

    /// Returns the scale of the inputs.
    pub fn input(&self) -> InputScale {
        self.input
    }

    /// Adds numbers to the bias, members × outputs; `None` if a sum could then overflow.
    pub(crate) fn with_bias(&self, bias: Vec<f32>) -> Option<Self> {
        Quantized::from_parts(QuantizedParts { bias, ..self.parts() }).ok()
    }

    /// Returns the number of weights and biases.
    pub(crate) fn parameter_count(&self) -> usize {
        self.bias.len() * (self.inputs() + 1)
    }

    /// Returns the layer with its weights as floats.
    pub fn dequantized(&self) -> Layer {
        let QuantizedParts { members, inputs, outputs, weights, scale, bias, .. } = self.parts();
        let weight = |row: usize, j: usize| f32::from(weights[row * outputs + j]) * scale[row / inputs * outputs + j];
        let weights = Matrix::from_fn(members * inputs, outputs, weight);
        if members == 1 {
            return Layer::Dense(Dense::new(weights, bias));
        }
        Layer::Heads(Heads::from_parts(members, weights, bias))
    }

    /// Computes `output` = `activation`(layer(`input`)), with memory for the inputs in 8 bits.
    pub(crate) fn predict(&self, input: &Matrix, activation: Activation, memory: &mut Bytes, output: &mut Matrix) {
        let [inputs, outputs] = self.shape;
        output.reshape(input.rows(), outputs);
        let has_nan = memory.fill(input.as_slice(), [input.rows(), inputs], self.input.step());
        let is_relu = activation == Activation::Relu;
        let floor = if is_relu { 0.0 } else { f32::NEG_INFINITY };
        for (first, packed) in self.packed.iter().enumerate() {
            let rows = Every { first, step: self.members() };
            bytes::product(memory, packed, floor, output.as_mut_slice(), rows);
        }
        if has_nan {
            let rows = input.as_slice().chunks_exact(inputs).zip(output.as_mut_slice().chunks_exact_mut(outputs));
            rows.filter(|(input, _)| input.iter().any(|x| x.is_nan())).for_each(|(_, output)| output.fill(f32::NAN));
        }
        if !is_relu {
            activation.forward(output.as_mut_slice(), outputs);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense() -> Layer {
        let weights = Matrix::from_rows(&[[1.0, -0.5], [0.25, 0.0], [-0.6, 0.1]]);
        Layer::Dense(Dense::new(weights, vec![0.5, -100.0]))
    }

    /// By hand.
    #[test]
    fn a_layer_computes_whole_numbers() {
        let input = InputScale::of_range(-1.0, 3.0);
        // 4 / 255, and 1 / that = 63.75, to the nearest whole number.
        assert_eq!((input.scale, input.zero), (4.0 / 255.0, 64));
        let layer = Quantized::new(&dense(), input).unwrap();
        let parts = layer.parts();
        assert_eq!(parts.weights, [127, -127, 32, 0, -76, 25]);
        assert_eq!(parts.scale, [1.0 / 127.0, 0.5 / 127.0]);
        let mut output = Matrix::default();
        let x = Matrix::from_rows(&[[1.0, -2.0, 0.5], [0.0, f32::NAN, 0.0]]);
        layer.predict(&x, Activation::Identity, &mut Bytes::default(), &mut output);
        // 63.75 is stored as 64 + 64, -127.5 as 0, 31.875 as 64 + 32; the biases are 4048 and -1619250.
        let sums = [64 * 127 - 64 * 32 - 32 * 76 + 4048, -64 * 127 + 32 * 25 - 1_619_250];
        let expected = [0, 1].map(|j| sums[j] as f32 * (parts.input.scale * parts.scale[j]));
        assert_eq!(output.row(0), expected);
        assert!(output.row(1).iter().all(|y| y.is_nan()));
        assert!((output.row(0)[0] - (1.0 - 0.25 - 0.3 + 0.5)).abs() < 0.02, "inputs below -1 are -1");
        let Layer::Dense(same) = layer.dequantized() else { panic!("a dense layer") };
        assert_eq!(same.bias(), [0.5, -100.0]);
        assert!((same.weights()[(2, 0)] + 0.6).abs() < 0.5 / 127.0);
    }

    /// Each member has rows of its own; memory that a wider layer used serves, and ReLU does not hide NaN.
    #[test]
    fn members_take_turns() {
        let parts = |members: usize, inputs: usize| QuantizedParts {
            members,
            inputs,
            outputs: 1,
            weights: (0..members * inputs).map(|i| if i < inputs { 1 } else { -1 }).collect(),
            scale: vec![1.0; members],
            bias: vec![0.5; members],
            input: InputScale { scale: 0.5, zero: 10 },
        };
        let (mut memory, mut output) = (Bytes::default(), Matrix::default());
        let wide = Quantized::from_parts(parts(1, 70)).unwrap();
        wide.predict(&Matrix::filled(3, 70, 7.0), Activation::Identity, &mut memory, &mut output);
        assert_eq!(output.as_slice(), [70.0 * 7.0 + 0.5; 3]);
        let layer = Quantized::from_parts(parts(2, 3)).unwrap();
        let x = Matrix::from_rows(&[[1.0, 2.0, 0.5], [1.0, 2.0, 0.5], [1.0, f32::NAN, 0.0], [-1.0, -2.0, 0.0]]);
        for (activation, expected) in [(Activation::Identity, [4.0, -3.0, 3.5]), (Activation::Relu, [4.0, 0.0, 3.5])] {
            layer.predict(&x, activation, &mut memory, &mut output);
            assert!(output.row(2)[0].is_nan(), "{activation:?}: {output:?}");
            assert_eq!([0, 1, 3].map(|row| output.row(row)[0]), expected, "{activation:?}");
        }
    }

    #[test]
    fn large_biases_and_wide_layers_do_not_overflow() {
        let input = InputScale::of_range(0.0, 1e-3);
        let layer = Layer::Dense(Dense::new(Matrix::filled(3, 2, 1e-9), vec![1e6, 0.0]));
        let layer = Quantized::new(&layer, input).unwrap();
        let mut output = Matrix::default();
        layer.predict(&Matrix::zeros(1, 3), Activation::Identity, &mut Bytes::default(), &mut output);
        assert!((output.row(0)[0] - 1e6).abs() < 1.0 && output.row(0)[1] == 0.0, "{output:?}");
        for (inputs, fits) in [(MOST_INPUTS, true), (MOST_INPUTS + 1, false)] {
            let layer = Layer::Dense(Dense::new(Matrix::filled(inputs, 1, 0.5), vec![-9.0]));
            assert_eq!(Quantized::new(&layer, input).is_some(), fits);
        }
        assert_eq!(Quantized::new(&Layer::Activation(Activation::Relu), input), None);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let good = Quantized::new(&dense(), InputScale::of_range(0.0, 1.0)).unwrap().parts();
        let refused = |change: fn(&mut QuantizedParts)| {
            let mut parts = good.clone();
            change(&mut parts);
            Quantized::from_parts(parts).unwrap_err().to_string()
        };
        assert!(refused(|parts| parts.inputs = 4).contains("as its shape says"));
        assert!(refused(|parts| parts.members = 0).contains("as its shape says"));
        assert!(refused(|parts| _ = parts.bias.pop()).contains("as its shape says"));
        assert!(refused(|parts| parts.weights[3] = -128).contains("-128"));
        assert!(refused(|parts| parts.scale[1] = 0.0).contains("1e-12"));
        assert!(refused(|parts| parts.input.scale = f32::NAN).contains("1e-12"));
        assert!(refused(|parts| parts.bias[0] = 1e20).contains("2^31"));
    }
}
