//! Agreement with PyTorch, whose values in double precision `golden/make_golden.py` has stored.

use std::collections::BTreeMap;
use std::path::Path;

use palmnet::{Activation, Adam, Dense, Layer, Loss, Matrix, Network, Optimizer, Rule, Sgd, Workspace};

/// A safetensors file, read without the crate: eight bytes of length, a JSON header, the numbers.
struct Golden {
    name: String,
    tensors: BTreeMap<String, Matrix>,
}

impl Golden {
    fn read(name: &str) -> Golden {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (length, rest) = bytes.split_at(8);
        let (header, numbers) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let header = std::str::from_utf8(header).unwrap();
        // Each tensor is `"name":{"dtype":"F32","shape":[…],"data_offsets":[…]}`, and nothing else has this form.
        let mut parts = header.split("\":{\"dtype\":\"F32\",\"shape\":[");
        let mut name_in_front = parts.next().unwrap();
        let mut tensors = BTreeMap::new();
        for part in parts {
            let (shape, rest) = part.split_once("],\"data_offsets\":[").unwrap();
            let (offsets, rest) = rest.split_once(']').unwrap();
            let (shape, offsets) = (integers(shape), integers(offsets));
            let values = numbers[offsets[0]..offsets[1]].chunks_exact(4);
            let values = values.map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
            // A vector becomes a matrix of one row.
            let (rows, columns) = if let [n] = shape[..] { (1, n) } else { (shape[0], shape[1]) };
            let tensor = name_in_front.rsplit('"').next().unwrap();
            tensors.insert(tensor.to_string(), Matrix::from_vec(rows, columns, values));
            name_in_front = rest;
        }
        Golden { name: name.to_string(), tensors }
    }

    fn get(&self, tensor: &str) -> &Matrix {
        self.tensors.get(tensor).unwrap_or_else(|| panic!("{} has no {tensor}", self.name))
    }

    /// Holds `got` against a tensor: within 10⁻⁵ relative or 10⁻⁶ absolute.
    fn expect(&self, tensor: &str, got: &[f32]) {
        let truth = self.get(tensor).as_slice();
        assert_eq!(got.len(), truth.len(), "{}: {tensor}", self.name);
        for (i, (&got, &truth)) in got.iter().zip(truth).enumerate() {
            let error = (f64::from(got) - f64::from(truth)).abs();
            let bound = 1e-6 + 1e-5 * f64::from(truth).abs();
            assert!(error <= bound, "{}: entry {i} of {tensor} is {got}, in PyTorch {truth}", self.name);
        }
    }
}

fn integers(list: &str) -> Vec<usize> {
    list.split(',').map(|n| n.trim().parse().unwrap()).collect()
}

#[test]
fn activations() {
    for (name, activation) in [
        ("relu", Activation::Relu),
        ("leaky_relu", Activation::LeakyRelu(0.01)),
        ("elu", Activation::Elu(1.0)),
        ("selu", Activation::Selu),
        ("sigmoid", Activation::Sigmoid),
        ("tanh", Activation::Tanh),
        ("softplus", Activation::Softplus),
        ("silu", Activation::Silu),
        ("gelu", Activation::Gelu),
        ("hard_sigmoid", Activation::HardSigmoid),
        ("softmax", Activation::Softmax),
    ] {
        let golden = Golden::read(&format!("activation_{name}"));
        let (z, mut a) = (golden.get("z"), golden.get("z").clone());
        activation.forward(a.as_mut_slice(), z.columns());
        golden.expect("a", a.as_slice());
        let seen = if activation.reads_output() { &a } else { z };
        let mut delta = golden.get("upstream").clone();
        activation.backward(seen.as_slice(), delta.as_mut_slice(), z.columns());
        golden.expect("dz", delta.as_slice());
    }
}

#[test]
fn losses() {
    for (name, loss) in [
        ("mean_squared_error", Loss::MeanSquaredError),
        ("mean_absolute_error", Loss::MeanAbsoluteError),
        ("huber", Loss::Huber(1.0)),
        ("binary_cross_entropy", Loss::BinaryCrossEntropy),
        ("binary_cross_entropy_logits", Loss::BinaryCrossEntropyLogits),
        ("binary_cross_entropy_logits_extreme", Loss::BinaryCrossEntropyLogits),
        ("cross_entropy_logits", Loss::CrossEntropyLogits),
        ("cross_entropy_logits_extreme", Loss::CrossEntropyLogits),
    ] {
        let golden = Golden::read(&format!("loss_{name}"));
        let (prediction, target) = (golden.get("prediction"), golden.get("target"));
        let mut gradient = Matrix::default();
        let value = loss.gradient(prediction, target, &mut gradient);
        golden.expect("loss", &[value as f32]);
        golden.expect("gradient", gradient.as_slice());
        assert_eq!(gradient.shape(), prediction.shape());
        assert_eq!(loss.value(prediction, target), value, "{name}");
    }
}

/// PyTorch has the cross-entropy of logits only: that of probabilities must be the same number, and its gradient,
/// carried back through the softmax, the same gradient.
#[test]
fn cross_entropy_of_probabilities() {
    let golden = Golden::read("loss_cross_entropy_logits");
    let (mut p, target) = (golden.get("prediction").clone(), golden.get("target"));
    Activation::Softmax.forward(p.as_mut_slice(), 4);
    let mut delta = Matrix::default();
    golden.expect("loss", &[Loss::CrossEntropy.gradient(&p, target, &mut delta) as f32]);
    Activation::Softmax.backward(p.as_slice(), delta.as_mut_slice(), 4);
    golden.expect("gradient", delta.as_slice());
}

/// Three steps of gradient descent at 0.1 on a whole network. `activations` holds what follows each dense layer.
fn network(name: &str, activations: &[Activation], loss: Loss) {
    let golden = Golden::read(&format!("network_{name}"));
    let (x, target) = (golden.get("x"), golden.get("target"));
    let mut layers = Vec::new();
    for (i, &activation) in activations.iter().enumerate() {
        let weights = golden.get(&format!("layer{i}.weights")).clone();
        let bias = golden.get(&format!("layer{i}.bias")).as_slice().to_vec();
        layers.extend([Layer::Dense(Dense::new(weights, bias)), Layer::Activation(activation)]);
    }
    let mut network = Network::from_layers(x.columns(), layers).unwrap();
    let mut workspace = Workspace::new(&network, loss, 0).unwrap();
    let mut optimizer = Optimizer::new(Sgd::new(0.1), &network);
    for step in 0..3 {
        let output = workspace.forward(&network, x);
        if step == 0 {
            golden.expect("output", output.as_slice());
        }
        golden.expect(&format!("loss{step}"), &[workspace.backward(&network, x, target) as f32]);
        if step == 0 {
            let mut rest = workspace.gradient();
            for i in 0..activations.len() {
                for tensor in ["weights", "bias"] {
                    let name = format!("gradient.layer{i}.{tensor}");
                    let (gradient, after) = rest.split_at(golden.get(&name).as_slice().len());
                    golden.expect(&name, gradient);
                    rest = after;
                }
            }
            assert!(rest.is_empty());
        }
        optimizer.step(&mut network, workspace.gradient());
    }
    for (k, parameters) in network.parameters().enumerate() {
        let tensor = if k % 2 == 0 { "weights" } else { "bias" };
        golden.expect(&format!("after3.layer{}.{tensor}", k / 2), parameters);
    }
}

#[test]
fn networks() {
    use Activation::*;
    network("tanh_mse", &[Tanh, Identity], Loss::MeanSquaredError);
    network("sigmoid_deep_mse", &[Sigmoid; 4], Loss::MeanSquaredError);
    // Both ways of writing a loss that is computed from the logits.
    network("relu_cross_entropy", &[Relu, Relu, Identity], Loss::CrossEntropyLogits);
    network("relu_cross_entropy", &[Relu, Relu, Softmax], Loss::CrossEntropy);
    network("elu_leaky_bce", &[Elu(1.0), LeakyRelu(0.01), Identity], Loss::BinaryCrossEntropyLogits);
    network("elu_leaky_bce", &[Elu(1.0), LeakyRelu(0.01), Sigmoid], Loss::BinaryCrossEntropy);
}

#[test]
fn optimizers() {
    let rules: [(&str, Rule); 4] = [
        ("sgd", Sgd::new(0.1).into()),
        ("momentum", Sgd::new(0.1).momentum(0.9).into()),
        ("nesterov", Sgd::new(0.1).momentum(0.9).nesterov().into()),
        ("adam", Adam::new(0.01).into()),
    ];
    for (name, rule) in rules {
        let golden = Golden::read(&format!("optimizer_{name}"));
        // Six weights and one bias hold the seven parameters.
        let (weights, bias) = golden.get("start").as_slice().split_at(6);
        let dense = Dense::new(Matrix::from_vec(6, 1, weights.to_vec()), bias.to_vec());
        let mut network = Network::from_layers(6, vec![Layer::Dense(dense)]).unwrap();
        let mut optimizer = Optimizer::new(rule, &network);
        let mut after = Vec::new();
        for gradient in golden.get("gradients").iter_rows() {
            optimizer.step(&mut network, gradient);
            network.parameters().for_each(|values| after.extend_from_slice(values));
        }
        golden.expect("after", &after);
    }
}
