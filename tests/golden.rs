//! Agreement with PyTorch, whose values in double precision `golden/make_golden.py` has stored.

use std::collections::BTreeMap;
use std::path::Path;

use palmnet::nn::{BatchNorm, Dense, Embedding, Heads, Layer, Members, Piecewise, Role};
use palmnet::optim::{AdaGrad, NAdam, Optimizer, RmsProp, Rprop, Rule, Scheduler};
use palmnet::{Activation, Adam, Loss, Matrix, Network, Penalty, Schedule, Sgd, Workspace};

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
            // A vector becomes a matrix of one row, the matrices of several members one below the other.
            let (&columns, others) = shape.split_last().unwrap();
            let rows = others.iter().product();
            let tensor = name_in_front.rsplit('"').next().unwrap();
            tensors.insert(tensor.to_string(), Matrix::from_vec(rows, columns, values));
            name_in_front = rest;
        }
        Golden { name: name.to_string(), tensors }
    }

    fn get(&self, tensor: &str) -> &Matrix {
        self.tensors.get(tensor).unwrap_or_else(|| panic!("{} has no {tensor}", self.name))
    }

    /// Compares `got` with a tensor: within 10⁻⁵ relative plus 10⁻⁶ absolute.
    fn expect(&self, tensor: &str, got: &[f32]) {
        agree(&format!("{}: {tensor}", self.name), got, self.get(tensor).as_slice());
    }

    /// Compares the numbers of all tensors of these names, which `got` has one after the other, with `kind.name`.
    fn expect_all(&self, kind: &str, names: &[String], mut got: &[f32]) {
        for name in names {
            let name = format!("{kind}.{name}");
            let (of_tensor, rest) = got.split_at(self.get(&name).as_slice().len());
            self.expect(&name, of_tensor);
            got = rest;
        }
        assert!(got.is_empty(), "{}: {kind}", self.name);
    }
}

fn agree(what: &str, got: &[f32], truth: &[f32]) {
    assert_eq!(got.len(), truth.len(), "{what}");
    for (i, (&got, &truth)) in got.iter().zip(truth).enumerate() {
        let error = (f64::from(got) - f64::from(truth)).abs();
        let bound = 1e-6 + 1e-5 * f64::from(truth).abs();
        assert!(error <= bound, "{what}: entry {i} is {got}, in PyTorch {truth}");
    }
}

fn integers(list: &str) -> Vec<usize> {
    list.split(',').map(|n| n.trim().parse().unwrap()).collect()
}

#[test]
fn activations_match_pytorch() {
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
fn losses_match_pytorch() {
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
        let value = loss.value_and_gradient(prediction, target, &mut gradient);
        golden.expect("loss", &[value as f32]);
        golden.expect("gradient", gradient.as_slice());
        assert_eq!(gradient.shape(), prediction.shape());
        assert_eq!(loss.value(prediction, target), value, "{name}");
    }
}

/// PyTorch has the cross-entropy of logits only: that of probabilities must be the same number, and its gradient,
/// carried back through the softmax, the same gradient.
#[test]
fn cross_entropy_of_probabilities_matches_pytorch() {
    let golden = Golden::read("loss_cross_entropy_logits");
    let (mut p, target) = (golden.get("prediction").clone(), golden.get("target"));
    Activation::Softmax.forward(p.as_mut_slice(), 4);
    let mut delta = Matrix::default();
    golden.expect("loss", &[Loss::CrossEntropy.value_and_gradient(&p, target, &mut delta) as f32]);
    Activation::Softmax.backward(p.as_slice(), delta.as_mut_slice(), 4);
    golden.expect("gradient", delta.as_slice());
}

/// Three steps of gradient descent at 0.1 on a whole network. `activations` holds what follows each dense layer.
fn network(name: &str, activations: &[Activation], loss: Loss) {
    let golden = Golden::read(&format!("network_{name}"));
    let (x, target) = (golden.get("x"), golden.get("target"));
    let (mut layers, mut names) = (Vec::new(), Vec::new());
    for (i, &activation) in activations.iter().enumerate() {
        let weights = golden.get(&format!("layer{i}.weights")).clone();
        let bias = golden.get(&format!("layer{i}.bias")).as_slice().to_vec();
        layers.push(Layer::Dense(Dense::new(weights, bias)));
        names.extend([format!("layer{i}.weights"), format!("layer{i}.bias")]);
        let norm = ["scale", "shift"].map(|tensor| format!("norm{i}.{tensor}"));
        if golden.tensors.contains_key(&norm[0]) {
            let [scale, shift] = norm.each_ref().map(|name| golden.get(name).as_slice().to_vec());
            let columns = scale.len();
            let norm_layer = BatchNorm::from_parts(scale, shift, vec![0.0; columns], vec![1.0; columns]);
            layers.push(Layer::BatchNorm(norm_layer));
            names.extend(norm);
        }
        layers.push(Layer::Activation(activation));
    }
    let mut network = Network::from_layers(x.columns(), layers).unwrap();
    let mut workspace = Workspace::new(&network, 0);
    let mut optimizer = Optimizer::new(Sgd::new(0.1), &network);
    for step in 0..3 {
        let output = workspace.forward(&network, x).clone();
        if step == 0 {
            // PyTorch's losses with a form for logits take those, and so its networks put them out.
            let of_logits = matches!(loss, Loss::CrossEntropy | Loss::BinaryCrossEntropy);
            let logits = workspace.activations(&network, network.layers().len() - 2);
            golden.expect("output", if of_logits { logits.unwrap() } else { &output }.as_slice());
        }
        golden.expect(&format!("loss{step}"), &[workspace.backward(&network, loss, target).unwrap() as f32]);
        if step == 0 {
            golden.expect_all("gradient", &names, workspace.gradient());
        }
        optimizer.step(&mut network, workspace.gradient());
    }
    golden.expect_all("after3", &names, &network.parameters().collect::<Vec<_>>().concat());
}

#[test]
fn networks_match_pytorch() {
    use Activation::*;
    network("tanh_mse", &[Tanh, Identity], Loss::MeanSquaredError);
    network("sigmoid_deep_mse", &[Sigmoid; 4], Loss::MeanSquaredError);
    // Both ways of writing a loss that is computed from the logits.
    network("relu_cross_entropy", &[Relu, Relu, Identity], Loss::CrossEntropyLogits);
    network("batch_norm_cross_entropy", &[Relu, Relu, Identity], Loss::CrossEntropyLogits);
    network("relu_cross_entropy", &[Relu, Relu, Softmax], Loss::CrossEntropy);
    network("elu_leaky_bce", &[Elu(1.0), LeakyRelu(0.01), Identity], Loss::BinaryCrossEntropyLogits);
    network("elu_leaky_bce", &[Elu(1.0), LeakyRelu(0.01), Sigmoid], Loss::BinaryCrossEntropy);
}

/// The encoding of an ensemble's file: edges of each column, and roles of the inputs and of the codes after them.
fn encoding(golden: &Golden) -> (Piecewise, Embedding) {
    let mut edges = golden.get("piecewise.edges").as_slice();
    let mut column = |&bins: &f32| {
        let count = if bins > 0.0 { bins as usize + 1 } else { 0 };
        let of_column;
        (of_column, edges) = edges.split_at(count);
        (bins >= 0.0).then(|| of_column.to_vec())
    };
    let columns = golden.get("piecewise.bins").as_slice().iter().map(&mut column).collect();
    let role = |&role: &f32| match role {
        -1.0 => Role::Kept,
        -2.0 => Role::Dropped,
        group => Role::Group(group as u32),
    };
    let roles = golden.get("embedding.roles").as_slice().iter().map(role).collect();
    let (weights, bias) = (golden.get("embedding.embeddings").clone(), golden.get("embedding.bias"));
    let embedding = Embedding::from_parts(roles, weights, bias.as_slice().to_vec()).unwrap();
    (Piecewise::new(columns).unwrap(), embedding)
}

/// Three steps on an ensemble with an encoding: `last` is the activation of the heads.
fn ensemble(name: &str, last: Activation, loss: Loss, rule: impl Into<Rule>, penalty: Penalty) {
    let golden = Golden::read(&format!("ensemble_{name}"));
    let (x, target) = (golden.get("x"), golden.get("target"));
    let pair = |layer: &str, first: &str, second: &str| {
        let [first, second] = [first, second].map(|tensor| golden.get(&format!("{layer}.{tensor}")).clone());
        (first, second.as_slice().to_vec())
    };
    let dense = |layer| {
        let (weights, bias) = pair(layer, "weights", "bias");
        Layer::Dense(Dense::new(weights, bias))
    };
    let members = |layer, spreads| {
        let (scale, shift) = pair(layer, "scale", "shift");
        Layer::Members(Members::from_parts(scale, shift, spreads))
    };
    let (piecewise, embedding) = encoding(&golden);
    let (weights, bias) = pair("heads", "weights", "bias");
    let count = golden.get("members.scale").rows();
    let layers = vec![
        Layer::Piecewise(piecewise),
        Layer::Embedding(embedding),
        members("members", true),
        dense("dense0"),
        members("adapter", false),
        Layer::Activation(Activation::Relu),
        dense("dense1"),
        Layer::Heads(Heads::from_parts(count, weights, bias)),
        Layer::Activation(last),
        Layer::Mean(count),
    ];
    let names = [
        ("embedding", ["embeddings", "bias"]),
        ("members", ["scale", "shift"]),
        ("dense0", ["weights", "bias"]),
        ("adapter", ["scale", "shift"]),
        ("dense1", ["weights", "bias"]),
        ("heads", ["weights", "bias"]),
    ];
    let names: Vec<String> =
        names.iter().flat_map(|(layer, tensors)| tensors.map(|tensor| format!("{layer}.{tensor}"))).collect();
    let mut network = Network::from_layers(x.columns(), layers).unwrap();
    golden.expect("output", network.predict(x).as_slice());
    let mut workspace = Workspace::new(&network, 0);
    let mut optimizer = Optimizer::new(rule, &network).penalty(penalty);
    for step in 0..3 {
        workspace.forward(&network, x);
        golden.expect(&format!("loss{step}"), &[workspace.backward(&network, loss, target).unwrap() as f32]);
        if step == 0 {
            golden.expect_all("gradient", &names, workspace.gradient());
        }
        optimizer.step(&mut network, workspace.gradient());
    }
    golden.expect_all("after3", &names, &network.parameters().collect::<Vec<_>>().concat());
}

#[test]
fn ensembles_match_pytorch() {
    use Activation::{Identity, Softmax};
    let none = Penalty::default();
    ensemble("cross_entropy", Softmax, Loss::CrossEntropy, Sgd::new(0.1), none);
    ensemble("mse", Identity, Loss::MeanSquaredError, Sgd::new(0.1), none);
    // Only weights decay: embeddings, scales, shifts and biases do not.
    ensemble("adamw", Softmax, Loss::CrossEntropy, Adam::new(0.01), none.weight_decay(0.5));
}

/// The parameters after each step of the first `steps` against the gradients of a file, which are taken in turn.
fn parameters_after(golden: &Golden, rule: impl Into<Rule>, penalty: Penalty, steps: usize) -> Vec<f32> {
    // Six weights and one bias hold the seven parameters.
    let (weights, bias) = golden.get("start").as_slice().split_at(6);
    let dense = Dense::new(Matrix::from_vec(6, 1, weights.to_vec()), bias.to_vec());
    let mut network = Network::from_layers(6, vec![Layer::Dense(dense)]).unwrap();
    let mut optimizer = Optimizer::new(rule, &network).penalty(penalty);
    let mut after = Vec::new();
    let gradients = golden.get("gradients");
    for step in 0..steps {
        optimizer.step(&mut network, gradients.row(step % gradients.rows()));
        network.parameters().for_each(|values| after.extend_from_slice(values));
    }
    after
}

#[test]
fn optimizers_match_pytorch() {
    // PyTorch's penalties are for biases too.
    let (none, all) = (Penalty::default(), Penalty::default().biases());
    let rules: [(&str, Rule, Penalty); 9] = [
        ("sgd", Sgd::new(0.1).into(), none),
        ("sgd_weight_decay", Sgd::new(0.1).into(), all.l2(0.01)),
        ("momentum", Sgd::new(0.1).momentum(0.9).into(), none),
        ("nesterov", Sgd::new(0.1).momentum(0.9).nesterov().into(), none),
        ("adam", Adam::new(0.01).into(), none),
        ("adamw", Adam::new(0.01).into(), all.weight_decay(0.1)),
        ("adagrad", AdaGrad::new(0.1).into(), none),
        ("rmsprop", RmsProp::new(0.01).into(), none),
        ("rprop", Rprop::new(0.01).into(), none),
    ];
    for (name, rule, penalty) in rules {
        let golden = Golden::read(&format!("optimizer_{name}"));
        golden.expect("after", &parameters_after(&golden, rule, penalty, 10));
    }
}

/// PyTorch's parameters in double precision after steps with the gradients of `optimizer_adam`.
#[test]
fn other_optimizers_match_pytorch() {
    let golden = Golden::read("optimizer_adam");
    let (none, all) = (Penalty::default(), Penalty::default().biases());
    let adam = Adam::new(0.01);
    // A short memory, so that the largest mean square is often an old one.
    let short = adam.betas(0.9, 0.5);
    let rules: [(&str, Rule, Penalty, usize, [f32; 7]); 7] = [
        (
            "amsgrad",
            adam.amsgrad().into(),
            none,
            10,
            [0.6084851, 0.5367398, 1.2130686, -1.1722906, 0.8872565, -0.4726938, 0.0779034],
        ),
        (
            "amsgrad with a short memory",
            short.amsgrad().into(),
            none,
            10,
            [0.6095515, 0.5367198, 1.203842, -1.1719052, 0.8838486, -0.4648384, 0.0854325],
        ),
        (
            "nadam",
            NAdam::new(0.01).into(),
            none,
            10,
            [0.5941917, 0.5405279, 1.2125386, -1.1584861, 0.8766256, -0.4612797, 0.0904634],
        ),
        (
            "nadam with other betas",
            NAdam::new(0.01).betas(0.8, 0.5).into(),
            none,
            10,
            [0.600535, 0.5320806, 1.2133711, -1.1593343, 0.8752657, -0.4632625, 0.0894618],
        ),
        (
            "nadam for long",
            NAdam::new(0.01).into(),
            none,
            200,
            [0.0746476, 0.8604996, 1.9993021, -0.694551, 1.1463457, -1.5082273, -0.3740748],
        ),
        (
            "momentum with l2",
            Sgd::new(0.1).momentum(0.9).into(),
            all.l2(0.3),
            10,
            [-0.3470847, -0.0529256, 1.266944, 0.4327067, 0.1411903, -1.2951298, -0.99372],
        ),
        (
            "adam with l2",
            adam.into(),
            all.l2(0.3),
            10,
            [0.572039, 0.5162022, 1.1522021, -1.1346955, 0.8710909, -0.4591883, 0.0754981],
        ),
    ];
    for (name, rule, penalty, steps, truth) in rules {
        let after = parameters_after(&golden, rule, penalty, steps);
        agree(name, &after[after.len() - 7..], &truth);
    }
}

#[test]
fn schedules_match_pytorch() {
    let of = |schedule| Scheduler::new(schedule, 50, 1);
    for (name, scheduler) in [
        ("step", of(Schedule::Step { epochs: 10, factor: 0.5 })),
        ("exponential", of(Schedule::Exponential(0.95))),
        ("cosine", of(Schedule::Cosine(0.01))),
        ("linear_warmup", of(Schedule::Constant).warmup(0.2)),
        ("one_cycle", of(Schedule::OneCycle)),
    ] {
        let rates: Vec<f32> = (0..50).map(|step| 0.1 * scheduler.factor(step)).collect();
        Golden::read(&format!("schedule_{name}")).expect("rate", &rates);
    }
}
