//! The nodes of a graph, one by one: each becomes a value, a constant, or an error.

use super::columns;
use super::fold;
use super::proto::Node;
use super::reader::{Answer, BRANCHES, Given, Made, Reader};
use super::shapes;
use super::tensor::Tensor;
use super::value::{Kind, Norm, Operation, Part, Step, joined};
use crate::nn::Activation;

impl<'a> Reader<'a> {
    /// Reads all nodes.
    pub(super) fn read(&mut self) -> Answer<()> {
        let count = self.graph.nodes.len();
        for (index, node) in self.graph.nodes.iter().enumerate() {
            self.node = index;
            let made = self.made(node).map_err(|why| format!("{}: {why}", node.place(index, count)))?;
            for (name, made) in node.outputs.iter().zip(made) {
                self.names.insert(name, made);
            }
        }
        Ok(())
    }

    fn made(&mut self, node: &'a Node) -> Answer<Vec<Made>> {
        if node.has_graph() {
            return Err("palmnet has no loops and no conditions".into());
        }
        if let Some(made) = self.folded(node)? {
            return Ok(vec![made]);
        }
        match node.domain.as_str() {
            "" | "ai.onnx" => {}
            "ai.onnx.ml" => return columns::encoded(self, node),
            domain => {
                let domain = crate::base::text::quoted(domain);
                return Err(format!("operators of {domain} are not read; those of ONNX itself are"));
            }
        }
        match node.operator.as_str() {
            "Gemm" | "MatMul" => self.dense(node),
            "Add" | "Sub" | "Mul" | "Div" => self.arithmetic(node),
            "BatchNormalization" | "LayerNormalization" => self.normalization(node),
            "Identity" | "Dropout" | "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => shapes::same(self, node),
            "Cast" | "Concat" | "Gather" | "IsNaN" | "ReduceMax" | "Equal" | "Not" | "Where" | "Greater" | "ArgMax" => {
                columns::moved(self, node)
            }
            "Clip" | "Max" | "Min" => self.clip(node),
            _ => self.function(node),
        }
    }

    /// Computes a node of constants.
    fn folded(&mut self, node: &'a Node) -> Answer<Option<Made>> {
        let Some(tensor) = self.computed(node)? else { return Ok(None) };
        self.spend(tensor.len())?;
        Ok(Some(Made::Constant(tensor)))
    }

    fn computed(&self, node: &'a Node) -> Answer<Option<Tensor>> {
        if node.operator == "Constant" {
            return fold::constant(node).map(Some);
        }
        let mut constants = Vec::new();
        for index in 0..node.inputs.len() {
            match self.given(node, index)? {
                Given::Constant(tensor) => constants.push(tensor),
                Given::Absent => {}
                Given::Data(_) => return Ok(None),
            }
        }
        // A node without inputs that is no constant is an unknown one.
        if constants.is_empty() { Ok(None) } else { fold::computed(node, &constants).map(Some) }
    }

    fn dense(&mut self, node: &'a Node) -> Answer<Vec<Made>> {
        let input = self.data(node, 0)?;
        let inputs = self.flat(input)?;
        let weights = self.constant(node, 1)?.ok_or("it has no weights")?;
        let is_gemm = node.operator == "Gemm";
        let flag = |name| is_gemm && node.integer(name, 0) != 0;
        if flag("transA") {
            return Err("it transposes its input".into());
        }
        let [rows, columns] = weights.dims[..] else {
            return Err(format!("its weights have the shape {:?}, and a layer has a matrix", weights.dims));
        };
        let mut numbers = weights.numbers().ok_or("its weights are no floats")?;
        let mut dims = [rows, columns];
        if flag("transB") {
            numbers = (0..numbers.len()).map(|i| numbers[i % rows * columns + i / rows]).collect();
            dims = [columns, rows];
        }
        if dims[0] != inputs || dims[1] == 0 {
            return Err(format!("its weights have the shape {dims:?}, and are given {inputs} inputs"));
        }
        let mut bias = vec![0.0; dims[1]];
        if is_gemm {
            let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
            if alpha != 1.0 {
                numbers.iter_mut().for_each(|w| *w *= alpha);
            }
            if let Some(given) = self.constant(node, 2)? {
                let given = given.numbers().filter(|all| all.len() == 1 || all.len() == dims[1]);
                let given = given.ok_or("its bias does not have a number for each output")?;
                bias.iter_mut().enumerate().for_each(|(i, b)| *b = given[i % given.len()]);
                if beta != 1.0 {
                    bias.iter_mut().for_each(|b| *b *= beta);
                }
            }
        }
        self.spend(numbers.len())?;
        let weights = Tensor { dims: dims.to_vec(), ..Tensor::floats(numbers) };
        Ok(vec![self.push(Kind::Dense(weights, bias, input), vec![dims[1]])])
    }

    fn arithmetic(&mut self, node: &'a Node) -> Answer<Vec<Made>> {
        let operation = match node.operator.as_str() {
            "Add" => Operation::Add,
            "Sub" => Operation::Subtract,
            "Mul" => Operation::Multiply,
            _ => Operation::Divide,
        };
        match (self.given(node, 0)?, self.given(node, 1)?) {
            (Given::Data(a), Given::Data(b)) => {
                let dims = joined(&self.values[a].dims, &self.values[b].dims)?;
                Ok(vec![self.push(Kind::Both(operation, a, b), dims)])
            }
            (Given::Data(_), Given::Constant(c))
                if operation == Operation::Divide && c.whole().is_some_and(|all| all.iter().any(|&x| x != 1)) =>
            {
                Err("it divides whole numbers, without their fractions, which palmnet does not".into())
            }
            (Given::Data(x), Given::Constant(c)) => {
                let numbers = c.numbers().ok_or("it has texts or too large integers in place of numbers")?;
                let step = match operation {
                    Operation::Add => Step::Add(numbers),
                    Operation::Subtract => Step::Add(numbers.iter().map(|c| -c).collect()),
                    Operation::Multiply => Step::Multiply(numbers),
                    Operation::Divide => Step::Divide(numbers),
                };
                let dims = c.dims.clone();
                self.step(x, step, &dims)
            }
            (Given::Constant(c), Given::Data(x)) => {
                let numbers = c.numbers().ok_or("it has texts or too large integers in place of numbers")?;
                let dims = c.dims.clone();
                match operation {
                    Operation::Add => self.step(x, Step::Add(numbers), &dims),
                    Operation::Multiply => self.step(x, Step::Multiply(numbers), &dims),
                    // c - x = -x + c
                    Operation::Subtract => {
                        let minus = self.step(x, Step::Multiply(vec![-1.0]), &[])?;
                        let Some(Made::Value(minus)) = minus.into_iter().next() else { return Err(BRANCHES.into()) };
                        self.step(minus, Step::Add(numbers), &dims)
                    }
                    Operation::Divide if numbers == [1.0] => self.like(x, Kind::Part(Part::Reciprocal, x)),
                    Operation::Divide => Err("it divides a constant by an input, which palmnet does not".into()),
                }
            }
            _ => Err("it has one input, and two are expected".into()),
        }
    }

    fn normalization(&mut self, node: &'a Node) -> Answer<Vec<Made>> {
        let input = self.data(node, 0)?;
        let width = self.flat(input)?;
        let epsilon = node.float("epsilon", 1e-5);
        if !(epsilon > 0.0 && epsilon.is_finite()) {
            return Err(format!("its epsilon is {epsilon}"));
        }
        self.spend(4 * width)?;
        let scale = self.numbers(node, 1, width)?;
        if node.operator == "BatchNormalization" {
            let [shift, mean, variance] = [2, 3, 4].map(|index| self.numbers(node, index, width));
            let norm = Norm { scale, shift: shift?, mean: mean?, variance: variance?, epsilon };
            if node.integer("training_mode", 0) != 0 {
                return Err("it is in training mode: export the model for inference, after model.eval()".into());
            }
            if norm.variance.iter().any(|v| !(*v >= 0.0 && v.is_finite())) {
                return Err("it has a variance that is negative or not finite".into());
            }
            return self.like(input, Kind::BatchNorm(norm, input));
        }
        if !matches!(node.integer("axis", -1), -1 | 1) {
            return Err("it normalizes along another axis than that of the columns".into());
        }
        let shift = match self.constant(node, 2)? {
            Some(_) => self.numbers(node, 2, width)?,
            None => vec![0.0; width],
        };
        let norm = Norm { scale, shift, mean: Vec::new(), variance: Vec::new(), epsilon };
        self.like(input, Kind::LayerNorm(norm, input))
    }

    fn clip(&mut self, node: &'a Node) -> Answer<Vec<Made>> {
        let x = match (self.given(node, 0)?, self.given(node, 1)?) {
            (Given::Data(_), Given::Data(_)) => return Err(BRANCHES.into()),
            (Given::Data(x), _) | (_, Given::Data(x)) => x,
            _ => return Err("it has no input that depends on the row".into()),
        };
        let (mut low, mut high) = (vec![node.float("min", f32::MIN)], vec![node.float("max", f32::MAX)]);
        let bounds: &[(usize, bool)] = match node.operator.as_str() {
            "Clip" => &[(1, true), (2, false)],
            "Max" => &[(0, true), (1, true)],
            _ => &[(0, false), (1, false)],
        };
        if node.operator != "Clip" && node.inputs.len() != 2 {
            return Err("it has more than two inputs".into());
        }
        for &(index, is_low) in bounds {
            if let Given::Constant(bound) = self.given(node, index)? {
                let all = bound.numbers().filter(|all| all.len() == 1 || all.len() == self.width(x));
                let all = all.ok_or("its bounds do not go with its columns")?;
                *(if is_low { &mut low } else { &mut high }) = all;
            }
        }
        if (&low[..], &high[..]) == (&[0.0], &[f32::MAX]) {
            return self.like(x, Kind::Activation(Activation::Relu, x));
        }
        if matches!(self.values[x].kind, Kind::Columns(_)) {
            return Err("palmnet cuts no columns off".into());
        }
        self.like(x, Kind::Step(Step::Clip(low, high), x))
    }

    /// Reads a function of one input.
    fn function(&mut self, node: &'a Node) -> Answer<Vec<Made>> {
        use Activation::*;
        let activation = match node.operator.as_str() {
            "Relu" => Relu,
            "LeakyRelu" => LeakyRelu(node.float("alpha", 0.01)),
            "PRelu" => LeakyRelu(self.slope(node)?),
            "Elu" => Elu(node.float("alpha", 1.0)),
            "Selu" => selu(node)?,
            "Sigmoid" => Sigmoid,
            "Tanh" => Tanh,
            "Softplus" => Softplus,
            "Swish" if node.float("alpha", 1.0) == 1.0 => Silu,
            "Gelu" if node.text("approximate", "none") == "none" => Gelu,
            "Gelu" => return Err("palmnet has the exact function only, not its approximation by tanh".into()),
            "HardSigmoid" => hard_sigmoid(node)?,
            "Softmax" | "LogSoftmax" => return self.softmax(node),
            _ => return self.part(node),
        };
        if let LeakyRelu(parameter) | Elu(parameter) = activation
            && !(parameter.is_finite() && parameter >= 0.0)
        {
            return Err(format!("its parameter is {parameter}, and must be zero or more"));
        }
        let x = self.data(node, 0)?;
        self.like(x, Kind::Activation(activation, x))
    }

    fn softmax(&mut self, node: &'a Node) -> Answer<Vec<Made>> {
        let x = self.data(node, 0)?;
        self.flat(x)?;
        if !matches!(node.integer("axis", if self.graph.opset < 13 { 1 } else { -1 }), 1 | -1) {
            return Err("its axis is not that of the columns".into());
        }
        let is_log = node.operator == "LogSoftmax";
        self.like(x, if is_log { Kind::LogSoftmax(x) } else { Kind::Activation(Activation::Softmax, x) })
    }

    /// Reads a part of an activation or a normalization.
    fn part(&mut self, node: &'a Node) -> Answer<Vec<Made>> {
        let part = match node.operator.as_str() {
            "Neg" => {
                let x = self.data(node, 0)?;
                return self.step(x, Step::Multiply(vec![-1.0]), &[]);
            }
            "Erf" => Part::Erf,
            "Erfc" => Part::Erfc,
            "Sqrt" => Part::SquareRoot,
            "Reciprocal" => Part::Reciprocal,
            "Pow" if self.constant(node, 1)?.and_then(Tensor::single) == Some(2.0) => Part::Square,
            "ReduceMean" => {
                let x = self.data(node, 0)?;
                self.flat(x)?;
                let axes = self.constant(node, 1)?.or(node.tensor("axes")).and_then(Tensor::whole);
                if !matches!(axes, Some([1 | -1])) || node.integer("keepdims", 1) == 0 {
                    return Err("it is not the mean of each row".into());
                }
                return Ok(vec![self.push(Kind::Part(Part::Mean, x), vec![1])]);
            }
            operator => return Err(unknown(operator, &self.graph.functions)),
        };
        let x = self.data(node, 0)?;
        self.like(x, Kind::Part(part, x))
    }

    /// Returns the slope of a PRelu, if all columns have the same.
    fn slope(&self, node: &'a Node) -> Answer<f32> {
        let slopes = self.constant(node, 1)?.and_then(Tensor::numbers).unwrap_or_default();
        match slopes.first() {
            Some(first) if slopes.iter().all(|slope| slope == first) => Ok(*first),
            _ => Err("its columns have slopes of their own, and palmnet has one for all".into()),
        }
    }
}

fn selu(node: &Node) -> Answer<Activation> {
    let (alpha, gamma) = (node.float("alpha", 1.673_263_2), node.float("gamma", 1.050_701));
    let is_usual = (alpha - 1.673_263_2).abs() < 1e-5 && (gamma - 1.050_701).abs() < 1e-5;
    if is_usual {
        Ok(Activation::Selu)
    } else {
        Err(format!("its alpha is {alpha} and its gamma {gamma}, which are not the usual ones"))
    }
}

fn hard_sigmoid(node: &Node) -> Answer<Activation> {
    let (alpha, beta) = (node.float("alpha", 0.2), node.float("beta", 0.5));
    let is_known = (alpha - 1.0 / 6.0).abs() < 1e-6 && beta == 0.5;
    let message = format!("its slope is {alpha} and its value at 0 is {beta}; palmnet has 1/6 and 1/2");
    if is_known { Ok(Activation::HardSigmoid) } else { Err(message) }
}

/// Returns the message for an operator that palmnet does not have.
fn unknown(operator: &str, functions: &[String]) -> String {
    if functions.iter().any(|name| name == operator) {
        return "it is a function that the file itself defines: export the model with its functions inlined".into();
    }
    let only = "palmnet has dense layers, activations and normalizations only";
    match operator {
        "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" | "GlobalAveragePool" | "RNN" | "LSTM" | "GRU"
        | "Attention" | "MultiHeadAttention" => "palmnet has dense layers only".into(),
        "HardSwish" | "Mish" | "Celu" | "ThresholdedRelu" | "Softsign" | "Sin" | "Exp" | "Shrink" => {
            let names: Vec<&str> = Activation::names().collect();
            format!("palmnet has no such activation: it has {}", names.join(", "))
        }
        "QuantizeLinear" | "DequantizeLinear" | "DynamicQuantizeLinear" | "QLinearMatMul" | "MatMulInteger" => {
            "the network is quantized: export the one before".into()
        }
        _ => only.into(),
    }
}
