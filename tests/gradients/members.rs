//! Ensembles of members that share their weights, and the piecewise-linear encoding.

use palmnet::compute::Rng;
use palmnet::nn::{Layer, Piecewise, Role};
use palmnet::{Activation, Loss, Matrix, Network, Workspace};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{agree, double, normals, oracle, targets, within};
use crate::support::emulated;

#[derive(Clone, Debug)]
struct Case {
    /// The bins of each input: `None` for one that stays as it is, 0 for one that is only clipped.
    bins: Option<Vec<Option<usize>>>,
    inputs: usize,
    /// The numbers that each group of inputs becomes; 0 for no embedding.
    embedding: usize,
    /// Whether a dense layer is shared before the members.
    shared: bool,
    members: usize,
    hidden: Vec<usize>,
    adapters: bool,
    outputs: usize,
    loss: Loss,
    examples: usize,
    seed: u64,
}

fn cases() -> impl Strategy<Value = Case> {
    let bins = prop::collection::vec(prop::sample::select(&[None, Some(0), Some(2), Some(3), Some(17)][..]), 1..=5);
    let loss = prop::sample::select(&[Loss::MeanSquaredError, Loss::CrossEntropy, Loss::BinaryCrossEntropy][..]);
    let network =
        (any::<(bool, bool, bool)>(), 0..=3usize, 2..=5usize, prop::collection::vec(1..=9usize, 0..=2), 1..=3usize);
    (bins, network, loss, 1..=9usize, any::<u64>()).prop_map(|(bins, network, loss, examples, seed)| {
        let ((encoded, shared, adapters), embedding, members, hidden, outputs) = network;
        let (inputs, bins) = (bins.len(), encoded.then_some(bins));
        let outputs = outputs + usize::from(loss == Loss::CrossEntropy);
        Case { bins, inputs, embedding, shared, members, hidden, adapters, outputs, loss, examples, seed }
    })
}

/// Edges that increase by steps of 0.05 or more, from about -2 on.
fn edges(bins: usize, rng: &mut Rng) -> Vec<f32> {
    let steps = if bins == 0 { 0 } else { bins + 1 };
    let mut edge = -2.0;
    (0..steps)
        .map(|_| {
            edge += 0.05 + 4.0 * rng.uniform() as f32 / bins as f32;
            edge
        })
        .collect()
}

fn build(case: &Case) -> Network {
    let mut rng = Rng::stream(case.seed, 1);
    let mut builder = Network::builder(case.inputs).seed(case.seed);
    if let Some(bins) = &case.bins {
        let columns = bins.iter().map(|bins| bins.map(|bins| edges(bins, &mut rng))).collect();
        builder = builder.piecewise(Piecewise::new(columns).unwrap());
    }
    if case.embedding > 0 {
        let probe = builder.clone().dense(1, Activation::Identity).build().unwrap();
        let Some(Layer::Dense(dense)) = probe.layers().last() else { unreachable!() };
        let width = dense.inputs();
        // The first input is of a group, so that there is one.
        let role = |i: usize| [Role::Group(0), Role::Kept, Role::Group(1), Role::Dropped, Role::Group(1)][i % 5];
        let mut roles: Vec<Role> = (0..width).map(role).collect();
        rng.shuffle(&mut roles);
        builder = builder.embedding(roles, vec![0.5; width], case.embedding);
    }
    if case.shared {
        builder = builder.dense(4, Activation::Identity);
    }
    builder = builder.members(case.members);
    for &units in &case.hidden {
        builder = builder.dense(units, Activation::Identity);
        if case.adapters {
            builder = builder.adapter();
        }
        builder = builder.activation(Activation::Tanh);
    }
    let last = match case.loss {
        Loss::CrossEntropy => Activation::Softmax,
        Loss::BinaryCrossEntropy => Activation::Sigmoid,
        _ => Activation::Identity,
    };
    let mut network = builder.heads(case.outputs, last).build().unwrap();
    // Weights and shifts of zero would hide much.
    network.parameters_mut().flatten().for_each(|x| *x += 0.3 * rng.normal() as f32);
    network
}

fn rows(values: &[f32], columns: usize) -> Vec<Vec<f64>> {
    values.chunks(columns).map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect()
}

/// The second network from the crate's layers and their numbers.
fn copy(network: &Network) -> Vec<oracle::Layer> {
    let layer = |layer: &Layer| {
        let [first, second] = [0, 1].map(|i| layer.parameters().nth(i).map(|(_, values)| values).unwrap_or_default());
        let all = |columns: usize| [rows(first, columns), rows(second, columns)].concat();
        match layer {
            Layer::Dense(dense) => {
                Some(oracle::Layer::Dense(rows(first, dense.outputs()), rows(second, dense.outputs()).remove(0)))
            }
            Layer::Activation(g) => Some(oracle::Layer::Function(*g)),
            Layer::Piecewise(piecewise) => {
                let wide = |edges: &Vec<f32>| edges.iter().map(|&x| f64::from(x)).collect();
                Some(oracle::Layer::Piecewise(
                    piecewise.columns().iter().map(|edges| edges.as_ref().map(wide)).collect(),
                ))
            }
            Layer::Embedding(embedding) => {
                let role = |role: &Role| match role {
                    Role::Kept => -1,
                    Role::Dropped => -2,
                    Role::Group(group) => *group as i32,
                    Role::Frozen(_) => unreachable!("none is made here"),
                };
                let roles = embedding.roles().iter().map(role).collect();
                Some(oracle::Layer::Embedding(roles, all(embedding.size())))
            }
            Layer::Members(members) => {
                Some(oracle::Layer::Members { spreads: members.spreads(), parameters: all(members.columns()) })
            }
            Layer::Heads(heads) => Some(oracle::Layer::Heads(heads.members(), all(heads.outputs()))),
            // The loss is that of every member.
            Layer::Mean(_) => None,
            other => panic!("no copy of {other}"),
        }
    };
    network.layers().iter().filter_map(layer).collect()
}

fn check(case: &Case) -> Result<bool, String> {
    let network = build(case);
    let mut rng = Rng::stream(case.seed, 2);
    let x = normals(case.examples, case.inputs, &mut rng);
    let y = targets(case.loss, case.examples, case.outputs, &mut rng);
    let layers = copy(&network);
    let (x64, y64) = (double(&x), double(&y));
    let (outputs, value, corners) = oracle::run(&layers, case.loss, &x64, &y64);
    if corners.nearest < 1e-4 || corners.smallest_probability < 0.01 {
        return Ok(false);
    }
    let mut workspace = Workspace::new(&network, 0);
    assert_eq!(workspace.forward(&network, &x).shape(), (case.examples * case.members, case.outputs));
    let got = workspace.backward(&network, case.loss, &y).unwrap();
    if !within(got, value, 1e-5 * value.abs().max(1.0)) {
        return Err(format!("loss {got} for {value}"));
    }
    let slope = oracle::slope(case.loss, &outputs, &repeated(&y64, case.members));
    agree(workspace.gradient(), &oracle::gradient(&layers, case.loss, &x64, &y64), slope, 1.0)?;

    // A prediction is the mean of the members' outputs.
    for (got, members) in network.predict(&x).iter_rows().zip(outputs.chunks(case.members)) {
        for (j, &got) in got.iter().enumerate() {
            let mean = members.iter().map(|row| row[j]).sum::<f64>() / case.members as f64;
            if !within(f64::from(got), mean, 1e-5 * mean.abs().max(1.0)) {
                return Err(format!("output {got} for {mean}"));
            }
        }
    }
    check_inputs(case, &network, &layers, &x)
}

/// The gradient of the sum of all predictions with respect to the inputs, by differences.
fn check_inputs(case: &Case, network: &Network, layers: &[oracle::Layer], x: &Matrix) -> Result<bool, String> {
    let gradient = network.input_gradient(x, &Matrix::filled(case.examples, case.outputs, 1.0));
    let y = vec![vec![0.5; case.outputs]; case.examples];
    let mut truth = Vec::new();
    for i in 0..case.examples {
        for j in 0..case.inputs {
            let at = |shift: f64| {
                let mut x = double(x);
                x[i][j] += shift;
                let (outputs, _, corners) = oracle::run(layers, case.loss, &x, &y);
                (outputs.iter().flatten().sum::<f64>() / case.members as f64, corners)
            };
            let ((above, a), (below, b)) = (at(1e-5), at(-1e-5));
            truth.push(a.same_sides(&b).then_some((above - below) / 2e-5));
        }
    }
    agree(gradient.as_slice(), &truth, 1.0, 1.0).map(|_| true)
}

fn repeated(y: &[Vec<f64>], times: usize) -> Vec<Vec<f64>> {
    y.iter().flat_map(|row| vec![row.clone(); times]).collect()
}

#[test]
fn gradients_of_members() {
    let tried = if emulated() { 60 } else { 600 };
    let config = ProptestConfig { failure_persistence: None, cases: tried, ..ProptestConfig::default() };
    let compared = std::cell::Cell::new(0);
    let outcome = TestRunner::new(config).run(&cases(), |case| {
        compared.set(compared.get() + usize::from(check(&case).map_err(TestCaseError::fail)?));
        Ok(())
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
    assert!(compared.get() >= tried as usize / 2, "{} compared", compared.get());
}

#[test]
fn layers_of_members_that_do_not_go_together_are_refused() {
    use Activation::Identity;
    let wrong = [
        Network::builder(3).members(4).dense(2, Identity),
        Network::builder(3).members(1).heads(2, Identity),
        Network::builder(3).members(4).members(4).heads(2, Identity),
        Network::builder(3).heads(2, Identity),
        Network::builder(3).adapter().dense(2, Identity),
        Network::builder(3).members(4).dense(2, Identity).batch_norm().heads(2, Identity),
        Network::builder(3).members(4).heads(2, Identity).dense(2, Identity),
        Network::builder(3).members(257).heads(2, Identity),
        Network::builder(3).members(usize::MAX).heads(2, Identity),
    ];
    for builder in wrong {
        assert!(builder.build().is_err(), "{builder:?}");
    }
}
