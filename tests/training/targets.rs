//! Targets that a loss or the outputs of a network cannot reach.

use palmnet::Activation::*;
use palmnet::data::Scaler;
use palmnet::error::ErrorKind;
use palmnet::nn::NetworkBuilder;
use palmnet::optim::Lbfgs;
use palmnet::tune::Recipe;
use palmnet::{
    Activation, Adam, Dataset, History, Loss, Matrix, Model, Network, Preprocessing, Run, Scaling, Trainer, generate,
};

use crate::support::{network_bits, program, says};

/// Three examples of one feature with these targets; the targets are called 2, 3, ….
fn data<const N: usize>(targets: [[f32; N]; 3]) -> Dataset {
    Dataset::from_values(Matrix::from_rows(&[[1.0], [2.0], [3.0]]), Matrix::from_rows(&targets)).unwrap()
}

fn ends_in(last: Activation, outputs: usize) -> NetworkBuilder {
    Network::builder(1).dense(4, Tanh).dense(outputs, last)
}

fn fit(loss: Loss, network: &NetworkBuilder, data: &Dataset) -> palmnet::Result<History> {
    let mut network = network.build().unwrap();
    let before = network_bits(&network);
    let result = Trainer::new(loss, Adam::new(0.01)).epochs(2).fit(&mut network, data);
    assert!(result.is_ok() || network_bits(&network) == before, "a refused network has changed");
    result
}

#[test]
fn binary_cross_entropy_needs_probabilities() {
    for (loss, last) in [
        (Loss::BinaryCrossEntropy, Sigmoid),
        (Loss::BinaryCrossEntropy, HardSigmoid),
        (Loss::BinaryCrossEntropyLogits, Identity),
    ] {
        let network = ends_in(last, 2);
        for bad in [17.5, -0.25, 1.01] {
            let found = fit(loss, &network, &data([[0.0, 1.0], [0.5, 0.0], [1.0, bad]]));
            let place = format!("the target `3` of example 2, counted from 0, is {bad} (scaled, if the targets are)");
            says(found, &[&place, &format!("{loss} is for targets from 0 to 1"), "mean_squared_error"]);
        }
        fit(loss, &network, &data([[0.0, 1.0], [0.5, 0.0], [1.0, 0.3]])).unwrap();
    }
}

#[test]
fn bounded_outputs_need_targets_within_their_range() {
    // The activation, its range, and two values beyond: the minima of GELU and SiLU are -0.16997 and -0.27846.
    for (last, range, bad) in [
        (Sigmoid, "from 0 to 1", &[-0.1, 1.1][..]),
        (HardSigmoid, "from 0 to 1", &[-0.1, 1.1]),
        (Tanh, "from -1 to 1", &[-1.1, 1.1]),
        (Relu, "from 0 to inf", &[-0.001, -5.0]),
        (LeakyRelu(0.0), "from 0", &[-0.001, -5.0]),
        (Softplus, "from 0", &[-0.001, -5.0]),
        (Elu(0.5), "from -0.5", &[-0.51, -5.0]),
        (Selu, "from -1.75", &[-1.76, -5.0]),
        (Silu, "from -0.278", &[-0.279, -5.0]),
        (Gelu, "from -0.1699", &[-0.171, -5.0]),
    ] {
        for &bad in bad {
            for loss in [Loss::MeanSquaredError, Loss::MeanAbsoluteError, Loss::Huber(1.0), Loss::Pinball(0.3)] {
                let found = fit(loss, &ends_in(last, 1), &data([[0.0], [bad], [1.0]]));
                let place = format!("the target `2` of example 1, counted from 0, is {bad} (scaled");
                let end = format!("the outputs of {last} are {range}");
                says(found, &[&place, &end, "end the network in identity"]);
            }
            // In prediction, dropout and noise do nothing.
            let network = ends_in(last, 1).dropout(0.1).noise(0.1);
            says(
                fit(Loss::MeanSquaredError, &network, &data([[0.0], [bad], [1.0]])),
                &[&format!("the outputs of {last} are")],
            );
        }
        fit(Loss::MeanSquaredError, &ends_in(last, 1), &data([[0.0], [1.0], [0.3]])).unwrap();
    }
    fit(Loss::MeanSquaredError, &ends_in(Tanh, 1), &data([[-1.0], [1.0], [0.3]])).unwrap();
    for last in [Identity, LeakyRelu(0.1)] {
        fit(Loss::MeanSquaredError, &ends_in(last, 1), &data([[-1e3], [1e3], [0.3]])).unwrap();
    }
}

/// Scaling to [0, 1] rounds: a few units in the last place more than 1 are not beyond a sigmoid.
#[test]
fn rounded_targets_are_within_the_range() {
    for (loss, last) in [(Loss::MeanSquaredError, Sigmoid), (Loss::BinaryCrossEntropy, Sigmoid)] {
        fit(loss, &ends_in(last, 1), &data([[-4e-7], [1.000_000_5], [0.5]])).unwrap();
        says(fit(loss, &ends_in(last, 1), &data([[0.0], [1.000_01], [0.5]])), &["example 1"]);
        says(fit(loss, &ends_in(last, 1), &data([[0.0], [0.5], [-1e-5]])), &["example 2"]);
    }
}

#[test]
fn probabilities_of_classes_sum_to_one() {
    let several = data([[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 0.0, 1.0]]);
    let none = data([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
    // Written with two digits.
    let good = data([[0.33, 0.33, 0.33], [1.0, 0.0, 0.0], [0.67, 0.17, 0.17]]);
    let beyond = data([[1.5, -0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]);
    for (loss, last) in [
        (Loss::CrossEntropy, Softmax),
        (Loss::CrossEntropyLogits, Identity),
        (Loss::MeanSquaredError, Softmax),
        (Loss::BinaryCrossEntropy, Softmax),
    ] {
        let network = ends_in(last, 3);
        says(fit(loss, &network, &several), &["targets of example 1", "sum to 2", "end the network in sigmoid"]);
        says(fit(loss, &network, &none), &["targets of example 1", "sum to 0"]);
        says(fit(loss, &network, &beyond), &["target `2` of example 0", "is 1.5", "from 0 to 1"]);
        fit(loss, &network, &good).unwrap();
    }
    // The remedy.
    fit(Loss::BinaryCrossEntropy, &ends_in(Sigmoid, 3), &several).unwrap();
}

#[test]
fn every_way_to_train_checks_targets() {
    let (bad, good) = (data([[0.0], [3.0], [1.0]]), data([[0.0], [0.5], [1.0]]));
    let builder = ends_in(Sigmoid, 1);
    let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.01)).epochs(2);
    let parts = ["the target `2` of example 1", "is 3"];
    let fresh = || builder.build().unwrap();
    says(trainer.fit_best_of(3, &builder, &bad), &parts);
    says(trainer.find_rate(&fresh(), &bad), &parts);
    says(Trainer::new(Loss::BinaryCrossEntropy, Lbfgs::default()).fit(&mut fresh(), &bad), &parts);
    let mut online = trainer.online(&fresh()).unwrap();
    says(online.partial_fit(&mut fresh(), &bad), &parts);
    says(online.fit_batches(&mut fresh(), [Ok(good.clone()), Ok(bad.clone())]), &parts);
    let mut run = Run::default().validation_data(&bad);
    let error = trainer.fit_with(&mut fresh(), &good, &mut run).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    says::<()>(Err(error), &parts);
    // A value that the outputs do not reach can still be measured: another dataset has other extremes.
    let squares = Trainer::new(Loss::MeanSquaredError, Adam::new(0.01)).epochs(2);
    squares.fit_with(&mut fresh(), &good, &mut Run::default().validation_data(&bad)).unwrap();
    // By default, preprocessing scales targets to mean 0: 0, 0.5 and 1 to -1.22, 0 and 1.22.
    let preprocessing = Preprocessing::fit(&good, Scaling::Standard);
    let recipe =
        |preprocessing| Recipe { network: builder.clone(), trainer: trainer.clone(), restarts: 1, preprocessing };
    says(recipe(preprocessing.clone()).fit(&good), &["of example 0", "is -1.22", "(scaled, if the targets are)"]);
    recipe(preprocessing.features().clone().into()).fit(&good).unwrap();
}

/// A model is not saved, and not scored, by a loss that its outputs are not made for.
#[test]
fn model_refuses_a_loss_that_does_not_suit_its_outputs() {
    let moons = generate::moons(20, 0.1, 1);
    let model = |last| {
        let network = Network::builder(2).dense(2, last).build().unwrap();
        Model::new(network, Scaler::identity(2), moons.schema().clone()).unwrap()
    };
    let file = std::env::temp_dir().join(format!("palmnet-unsuitable-{}", std::process::id()));
    let wrong = model(Sigmoid).with_loss(Loss::CrossEntropy);
    says(wrong.save(&file), &["probabilities that sum to 1"]);
    assert!(!file.exists());
    says(wrong.score(&moons), &["probabilities that sum to 1"]);
    says(Model::from_bytes(&wrong.to_bytes(), "m"), &["m: the loss `cross_entropy` does not suit the outputs"]);
    // The loss of a model that names none suits its outputs.
    for (last, loss) in [
        (Sigmoid, Loss::BinaryCrossEntropy),
        (HardSigmoid, Loss::BinaryCrossEntropy),
        (Softmax, Loss::CrossEntropy),
        (Identity, Loss::CrossEntropyLogits),
        (Relu, Loss::MeanSquaredError),
    ] {
        assert_eq!(model(last).loss(), loss);
        assert!(model(last).score(&moons).unwrap().loss.is_finite());
    }
}

/// The variable is read once in a process, so the test is started again in one of its own.
#[test]
fn misspelt_instruction_set_is_an_error() {
    const NAME: &str = "targets::misspelt_instruction_set_is_an_error";
    if std::env::var_os("PALMNET_ISA").is_none_or(|wish| wish != "avx3") {
        let mut test = program(&std::env::current_exe().unwrap());
        let run = test.args(["--exact", NAME]).env("PALMNET_ISA", "avx3").output().unwrap();
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let (data, network) = (data([[0.0], [0.5], [1.0]]), ends_in(Identity, 1));
    let parts = ["PALMNET_ISA=avx3: no such instruction set", "unset it or choose one of"];
    says(palmnet::compute::Isa::current(), &parts);
    says(fit(Loss::MeanSquaredError, &network, &data), &parts);
    let mut network = network.build().unwrap();
    let trainer = Trainer::new(Loss::MeanSquaredError, Adam::new(0.01));
    says(trainer.online(&network).unwrap().partial_fit(&mut network, &data), &parts);
    says(trainer.find_rate(&network, &data), &parts);
    says(network.predict_dataset(&data), &parts);
    says(network.evaluate(&data), &parts);
    // Without an error to return, the best instruction set serves.
    assert!(network.predict(&data.to_matrix()).as_slice().iter().all(|y| y.is_finite()));
}
