//! The steps of the network. Numbers are rows × columns or, for members, members × rows × columns.

use super::graph::{Attribute, Graph, Kind};
use crate::export::program::{Program, Step, Work};
use crate::nn::activation::Activation;

/// Writes the network; returns its outputs.
pub(super) fn write(program: &Program<'_>, graph: &mut Graph<'_>, inputs: String) -> String {
    let of_each = program.steps.iter().fold(inputs, |x, step| write_step(step, 1, &x, graph));
    let x = program.of_members.iter().fold(of_each, |x, step| write_step(step, program.members, &x, graph));
    if program.members == 1 {
        return x;
    }
    let first = graph.ints(&[0]);
    graph.node("ReduceMean", &[&x, &first], &[Attribute::Int("keepdims", 0)])
}

/// Adds the numbers of each column, or of each column of each member.
fn columns_of(numbers: &[f32], width: usize, graph: &mut Graph<'_>) -> String {
    match numbers.len() / width.max(1) {
        1 => graph.row(numbers),
        members => graph.floats(numbers, &[members, 1, width]),
    }
}

fn write_step(step: &Step, members: usize, x: &str, graph: &mut Graph<'_>) -> String {
    let (n, m) = (step.inputs, step.outputs);
    match &step.work {
        Work::Product { weights, bias } => {
            let is_shared = members == 1 || weights.len() == n * m;
            let weights =
                if is_shared { graph.floats(weights, &[n, m]) } else { graph.floats(weights, &[members, n, m]) };
            let (bias, product) = (columns_of(bias, m, graph), graph.op("MatMul", &[x, &weights]));
            graph.op("Add", &[&product, &bias])
        }
        Work::Quantized { .. } => write_quantized(step, members, x, graph),
        Work::Affine { scale, shift } | Work::Normalize { scale, shift } => {
            let is_normalized = matches!(step.work, Work::Normalize { .. });
            let x = if is_normalized { normalized(x, graph) } else { x.to_string() };
            let [scale, shift] = [scale, shift].map(|numbers| columns_of(numbers, m, graph));
            let scaled = graph.op("Mul", &[&x, &scale]);
            graph.op("Add", &[&scaled, &shift])
        }
        Work::Piecewise { bins, edges } => write_piecewise(bins, edges, x, graph),
        Work::Embedding { roles, weights, bias } => {
            let embedding = Embedding { roles, weights, bias };
            embedding.write(x, graph)
        }
        Work::Activate(activation) => activated(*activation, x, graph),
    }
}

/// Writes a layer of 8-bit weights as runtimes recognize it, with numbers that are quantized and made floats again (QDQ):
/// they may compute it in whole numbers. A row with NaN has no whole numbers, but its outputs are NaN in the end anyway.
fn write_quantized(step: &Step, members: usize, x: &str, graph: &mut Graph<'_>) -> String {
    let Work::Quantized { weights, start, scale, inverse, zero } = &step.work else { return x.to_string() };
    let (n, m) = (step.inputs, step.outputs);
    let by_input = |output: usize| (0..n).map(move |input| weights[output * n + input]);
    // Outputs × inputs become inputs × outputs, for each member.
    let matrices = weights.chunks_exact(n * m).flat_map(|own| (0..n * m).map(|at| own[at % m * n + at / m]));
    let matrices: Vec<i8> = matrices.collect();
    let bias = |output: usize| {
        let of_zero: i64 = by_input(output).map(|weight| i64::from(*zero) * i64::from(weight)).sum();
        (i64::from(start[output]) + of_zero) as f32 * scale[output]
    };
    let bias: Vec<f32> = (0..scale.len()).map(bias).collect();
    let of_weights: Vec<f32> = scale.iter().map(|scale| scale * inverse).collect();
    let (of_inputs, zero) = (graph.float(1.0 / inverse), graph.zero_point(*zero));
    let whole = graph.op("QuantizeLinear", &[x, &of_inputs, &zero]);
    let rounded = graph.op("DequantizeLinear", &[&whole, &of_inputs, &zero]);
    let product = if scale.len() == m {
        let (weights, scale) = (graph.bytes(&matrices, &[n, m]), graph.row(&of_weights));
        let weights = graph.node("DequantizeLinear", &[&weights, &scale], &[Attribute::Int("axis", 1)]);
        graph.op("MatMul", &[&rounded, &weights])
    } else {
        // Scales of members and outputs together are none that the operator has.
        let (weights, one) = (graph.bytes(&matrices, &[members, n, m]), graph.float(1.0));
        let weights = graph.op("DequantizeLinear", &[&weights, &one]);
        let (sum, scale) = (graph.op("MatMul", &[&rounded, &weights]), graph.floats(&of_weights, &[members, 1, m]));
        graph.op("Mul", &[&sum, &scale])
    };
    let bias = columns_of(&bias, m, graph);
    graph.op("Add", &[&product, &bias])
}

/// Gives rows mean 0 and variance 1. It is not the operator of this name, which some runtimes compute from the mean of
/// squares, and lose digits.
fn normalized(x: &str, graph: &mut Graph<'_>) -> String {
    let last = graph.ints(&[-1]);
    let mean = graph.op("ReduceMean", &[x, &last]);
    let difference = graph.op("Sub", &[x, &mean]);
    let square = graph.op("Mul", &[&difference, &difference]);
    let variance = graph.op("ReduceMean", &[&square, &last]);
    let epsilon = graph.float(1e-5);
    let sum = graph.op("Add", &[&variance, &epsilon]);
    let deviation = graph.op("Sqrt", &[&sum]);
    graph.op("Div", &[&difference, &deviation])
}

/// Writes the encoding: the tensors are those of the model file.
fn write_piecewise(bins: &[f32], edges: &[f32], x: &str, graph: &mut Graph<'_>) -> String {
    let [low, high, three, one] = [-1e9, 1e9, 3.0, 1.0].map(|number| graph.float(number));
    let cut = graph.op("Clip", &[x, &low, &high]);
    let third = graph.op("Div", &[&cut, &three]);
    let square = graph.op("Mul", &[&third, &third]);
    let sum = graph.op("Add", &[&one, &square]);
    // Bins may be so narrow that the last bit counts, in which roots of single precision are wrong in older runtimes.
    let wide = graph.cast(&sum, Kind::Double);
    let root = graph.op("Sqrt", &[&wide]);
    let root = graph.cast(&root, Kind::Float);
    let mut numbers = graph.op("Div", &[&cut, &root]);
    if bins.iter().any(|bins| *bins < 0.0) {
        let is_clipped = graph.marks(&bins.iter().map(|bins| *bins >= 0.0).collect::<Vec<bool>>());
        numbers = graph.op("Where", &[&is_clipped, &numbers, x]);
    }
    let (mut columns, mut starts, mut widths) = (Vec::new(), Vec::new(), Vec::new());
    let (mut least, mut most) = (Vec::new(), Vec::new());
    let mut edge = 0;
    for (column, &count) in bins.iter().enumerate().filter(|(_, count)| **count > 0.0) {
        let count = count as usize;
        for bin in 0..count {
            columns.push(column);
            starts.push(edges[edge]);
            widths.push(edges[edge + 1] - edges[edge]);
            // The first bin is open below, and the last above.
            least.push(if bin == 0 { f32::MIN } else { 0.0 });
            most.push(if bin + 1 == count { f32::MAX } else { 1.0 });
            edge += 1;
        }
        edge += 1;
    }
    if columns.is_empty() {
        return numbers;
    }
    let mut codes = graph.columns(&numbers, &columns);
    for (operator, constants) in [("Sub", starts), ("Div", widths), ("Max", least), ("Min", most)] {
        let constants = graph.row(&constants);
        codes = graph.op(operator, &[&codes, &constants]);
    }
    graph.beside(&[numbers, codes])
}

/// The tensors of an embedding.
struct Embedding<'a> {
    roles: &'a [f32],
    weights: &'a [f32],
    bias: &'a [f32],
}

impl Embedding<'_> {
    fn write(&self, x: &str, graph: &mut Graph<'_>) -> String {
        let of = |wanted: f32| (0..self.roles.len()).filter(|&i| self.roles[i] == wanted).collect::<Vec<usize>>();
        let grouped: Vec<usize> = (0..self.roles.len()).filter(|&i| self.roles[i] >= 0.0).collect();
        let size = self.weights.len() / grouped.len().max(1);
        let mut groups = Vec::new();
        for group in 0..self.bias.len() / size.max(1) {
            let columns = of(group as f32);
            let slots = columns.iter().filter_map(|column| grouped.binary_search(column).ok());
            let weights: Vec<f32> = slots.flat_map(|slot| &self.weights[slot * size..][..size]).copied().collect();
            let (inputs, weights) = (graph.columns(x, &columns), graph.floats(&weights, &[columns.len(), size]));
            groups.push(graph.op("MatMul", &[&inputs, &weights]));
        }
        let (all, bias) = (graph.beside(&groups), graph.row(self.bias));
        let embedded = graph.op("Add", &[&all, &bias]);
        let kept = of(-1.0);
        if kept.is_empty() {
            return embedded;
        }
        let kept = graph.columns(x, &kept);
        graph.beside(&[kept, embedded])
    }
}

/// Writes an activation.
pub(super) fn activated(activation: Activation, x: &str, graph: &mut Graph<'_>) -> String {
    use Attribute::{Float, Int};
    match activation {
        Activation::Identity => x.to_string(),
        Activation::Relu => graph.op("Relu", &[x]),
        Activation::LeakyRelu(slope) => graph.node("LeakyRelu", &[x], &[Float("alpha", slope)]),
        Activation::Elu(alpha) => graph.node("Elu", &[x], &[Float("alpha", alpha)]),
        Activation::Selu => graph.node("Selu", &[x], &[Float("alpha", 1.673_263_2), Float("gamma", 1.050_701)]),
        Activation::Sigmoid => sigmoid(x, graph),
        Activation::Tanh => graph.op("Tanh", &[x]),
        Activation::Softplus => graph.op("Softplus", &[x]),
        Activation::Silu => {
            let sigmoid = sigmoid(x, graph);
            graph.op("Mul", &[x, &sigmoid])
        }
        Activation::Gelu => {
            let [root, one, half] = [std::f32::consts::SQRT_2, 1.0, 0.5].map(|number| graph.float(number));
            let ratio = graph.op("Div", &[x, &root]);
            let error = graph.op("Erf", &[&ratio]);
            let sum = graph.op("Add", &[&error, &one]);
            let twice = graph.op("Mul", &[x, &sum]);
            graph.op("Mul", &[&twice, &half])
        }
        Activation::HardSigmoid => graph.node("HardSigmoid", &[x], &[Float("alpha", 1.0 / 6.0), Float("beta", 0.5)]),
        Activation::Softmax => graph.node("Softmax", &[x], &[Int("axis", -1)]),
    }
}

/// Writes the logistic function, as `base::math` computes it: the operator of this name is only exact to 10⁻⁷ in some
/// runtimes, which is much of a small probability.
fn sigmoid(x: &str, graph: &mut Graph<'_>) -> String {
    let [zero, one] = [0.0, 1.0].map(|number| graph.float(number));
    let size = graph.op("Abs", &[x]);
    let negative = graph.op("Neg", &[&size]);
    let power = graph.op("Exp", &[&negative]);
    let is_below = graph.op("Less", &[x, &zero]);
    let numerator = graph.op("Where", &[&is_below, &power, &one]);
    let denominator = graph.op("Add", &[&one, &power]);
    graph.op("Div", &[&numerator, &denominator])
}
