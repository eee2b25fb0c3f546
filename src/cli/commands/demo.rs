//! `palmnet demo`: small problems, each trained in a moment.

use std::io::Write;

use palmnet::data::{Scaler, Targets};
use palmnet::nn::NetworkBuilder;
use palmnet::optim::{Lbfgs, Rule};
use palmnet::tune::{FitRun, Recipe};
use palmnet::{
    Activation::*, Adam, Dataset, Hyperparameters, Loss, Matrix, Model, Network, Preprocessing, Scaling, Trainer,
    generate,
};

use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Opt};
use crate::cli::files::OutputFiles;
use crate::cli::options::*;
use crate::cli::run::{self, Job, Origin, OutputMode};

/// `--out` with a default of its own.
const DEMO_OUT: Opt = OUT.default(|| "NAME.safetensors".into());

pub const COMMAND: Command = Command {
    name: "demo",
    usage: "demo [NAME] [options]",
    summary: "Train a network on a problem that needs no file, and show what it learned.",
    details: &[
        "NAME is digits (the default: 8 × 8 handwritten digits), sums, moons, circles, neuron, spirals or xor; or \
         mnist with the folder that holds its four files: demo mnist FOLDER.",
    ],
    words: (0, 2),
    names: &NAMES,
    options: &[
        &SEED,
        &THREADS,
        &DEMO_OUT,
        &PLOT,
        &REPORT,
        &CHECKPOINT,
        &CHECKPOINT_EVERY,
        &RESUME,
        &EVERY,
        &QUIET,
        &JSON,
    ],
};

const NAMES: [&str; 8] = ["digits", "sums", "moons", "circles", "neuron", "spirals", "xor", "mnist"];

/// A problem, the network for it, and the settings of its training.
struct Problem {
    about: &'static str,
    /// A result that others have reported.
    known: &'static str,
    train: Dataset,
    test: Dataset,
    scaler: Scaler,
    builder: NetworkBuilder,
    loss: Loss,
    rule: Rule,
    epochs: usize,
    batch: usize,
    restarts: usize,
    /// Prints what no picture shows of the model's predictions, given the test set.
    show: Option<Show>,
}

type Show = fn(&Model, &Dataset, &mut dyn Write) -> std::io::Result<()>;

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let seed = arguments.overrides()?.seed.unwrap_or(0);
    let mode = OutputMode::parse(arguments)?;
    let name = arguments.named(&COMMAND)?.unwrap_or("digits");
    if let (Some(extra), true) = (arguments.word(1), name != "mnist") {
        return Err(arguments.misuse(&format!("unexpected argument {extra}: demo {name} needs no data")));
    }
    let problem = match name {
        "digits" => digits(seed),
        "sums" => sums(seed),
        "moons" => moons(),
        "circles" => circles(seed),
        "neuron" => neuron(seed),
        "spirals" => spirals(seed),
        "xor" => xor(),
        _ => mnist(arguments.word(1).ok_or_else(|| {
            arguments.misuse("demo mnist needs the folder with the four MNIST files: palmnet demo mnist FOLDER")
        })?)?,
    };
    let mut files = OutputFiles::parse(arguments, &format!("{name}.safetensors"), &[])?;
    files.pictures = files.pictures.printed(!mode.json && !mode.quiet);
    let trainer = Trainer::new(problem.loss, problem.rule).epochs(problem.epochs).batch_size(problem.batch).seed(seed);
    // The targets are scaled as by default.
    let targets = Preprocessing::fit(&problem.train, Scaling::None).targets().cloned();
    let recipe = Recipe {
        network: problem.builder.seed(seed),
        trainer,
        restarts: problem.restarts,
        preprocessing: Preprocessing::new(problem.scaler, targets),
    };
    let origin = |_: Option<&Hyperparameters>| format!("palmnet demo {name} --seed {seed}");
    let job = Job {
        heading: vec![format!("{name}: {}", problem.about), format!("known: {}", problem.known)],
        train: &problem.train,
        test: Some(&problem.test),
        files: &files,
        mode,
        epochs: problem.epochs,
        restarts: problem.restarts,
        reports_trials: false,
        origin: Origin { note: "made by", line: &origin },
        trials: &[],
        warnings: Vec::new(),
    };
    let model = run::run(&job, None, |run: &mut FitRun<'_>| recipe.fit_with(&problem.train, run), out)?;
    if let Some(show) = problem.show.filter(|_| !mode.json) {
        show(&model, &problem.test, out)?;
    }
    Ok(())
}

fn digits(seed: u64) -> Problem {
    let data = generate::digits();
    let (train, test) = data.split(0.8, seed);
    Problem {
        about: "1,797 handwritten digits of 8 × 8 pixels",
        known: "scikit-learn's MLPClassifier: 0.973 on average",
        train,
        test,
        scaler: Scaler::divide_by(64, 16.0),
        builder: Network::builder(64).dense(128, Relu).dropout(0.3).dense(64, Relu).dropout(0.3).dense(10, Softmax),
        loss: Loss::CrossEntropy,
        rule: Adam::new(0.003).into(),
        epochs: 60,
        batch: 32,
        restarts: 1,
        show: None,
    }
}

fn sums(seed: u64) -> Problem {
    let (train, test) = generate::sums(10_000, seed).split(0.7, seed);
    Problem {
        about: "a, b → a + b, a - b, |a - b| with 47 parameters",
        known: "half of all starts stay at 0.3 to 0.5, the best reach 0.0001",
        scaler: Scaler::standard(train.features()),
        train,
        test,
        builder: Network::builder(2).dense(4, Relu).dense(4, Relu).dense(3, Identity),
        loss: Loss::MeanSquaredError,
        rule: Adam::new(0.01).into(),
        epochs: 40,
        batch: 64,
        restarts: 8,
        show: Some(show_sums),
    }
}

/// Prints mean(‖½(ŷ - y)²‖₂) on standardized targets, the measure of the write-up that the problem comes from, and a
/// few sums.
fn show_sums(model: &Model, test: &Dataset, out: &mut dyn Write) -> std::io::Result<()> {
    let Targets::Values(truth) = test.targets() else { return Ok(()) };
    let predicted = model.predict(&test.to_matrix());
    let factor = model.preprocessing().targets().map(Scaler::factor).unwrap_or_default();
    let of_row = |(p, y): (&[f32], &[f32])| {
        let terms = p.iter().zip(y).zip(factor).map(|((p, y), f)| 0.5 * f64::from((p - y) * f).powi(2));
        terms.map(|term| term * term).sum::<f64>().sqrt()
    };
    let metric = predicted.iter_rows().zip(truth.iter_rows()).map(of_row).sum::<f64>() / truth.rows() as f64;
    writeln!(out, "mean ‖½(ŷ-y)²‖₂ {metric:.1e}")?;
    for (a, b) in [(30.0, 12.0), (5.0, 80.0), (99.0, 99.0)] {
        let y = model.predict(&Matrix::from_rows(&[[a, b]]));
        writeln!(out, "a {a}, b {b} → {:.1}, {:.1}, {:.1}", y[(0, 0)], y[(0, 1)], y[(0, 2)])?;
    }
    Ok(())
}

/// The seed of the points, which are the same for every seed of the network: a test set of 100 is too small to compare
/// across splits.
const MOONS: u64 = 1;

fn moons() -> Problem {
    let (train, test) = generate::moons(1000, 0.2, MOONS).split(0.9, MOONS);
    Problem {
        about: "two half moons, 1,000 points, noise 0.2",
        known: "0.97 after 10,000 epochs, 13 s in NumPy",
        scaler: Scaler::standard(train.features()),
        train,
        test,
        builder: Network::builder(2).dense(25, Relu).dense(50, Relu).dense(50, Relu).dense(25, Relu).dense(1, Sigmoid),
        loss: Loss::BinaryCrossEntropy,
        rule: Adam::new(0.003).into(),
        epochs: 40,
        batch: 32,
        restarts: 1,
        show: None,
    }
}

fn circles(seed: u64) -> Problem {
    let (train, test) = generate::circles(1000, 0.0, seed).split(0.8, seed);
    Problem {
        about: "inside or outside of a circle, three sigmoid units",
        known: "three units draw three straight edges: not quite a circle",
        scaler: Scaler::identity(2),
        train,
        test,
        builder: Network::builder(2).dense(3, Sigmoid).dense(2, Sigmoid),
        loss: Loss::MeanSquaredError,
        rule: Lbfgs::default().into(),
        epochs: 300,
        batch: 800,
        restarts: 5,
        show: None,
    }
}

fn neuron(seed: u64) -> Problem {
    let data = generate::linear(100, seed);
    Problem {
        about: "one sigmoid neuron separates 100 points by x·(1, -1.5) > 0.4",
        known: "a neuron can learn it exactly: every point right",
        scaler: Scaler::identity(2),
        train: data.clone(),
        test: data,
        builder: Network::builder(2).dense(1, Sigmoid),
        loss: Loss::MeanSquaredError,
        rule: Lbfgs::default().into(),
        epochs: 100,
        batch: 100,
        restarts: 1,
        show: Some(show_neuron),
    }
}

fn show_neuron(model: &Model, _: &Dataset, out: &mut dyn Write) -> std::io::Result<()> {
    if let [weights, bias] = model.network().parameters().collect::<Vec<_>>()[..] {
        let (slope, threshold) = (weights[1] / weights[0], -bias[0] / weights[0]);
        writeln!(out, "learned: x·(1, {slope:.2}) > {threshold:.2}")?;
    }
    Ok(())
}

fn spirals(seed: u64) -> Problem {
    let (train, test) = generate::spirals(1000, 0.0, seed).split(0.8, seed);
    Problem {
        about: "two intertwined spirals, 1,000 points",
        known: "the write-up's author \"cannot build a deep network\"",
        scaler: Scaler::standard(train.features()),
        train,
        test,
        builder: Network::builder(2).dense(50, Relu).dense(50, Relu).dense(50, Relu).dense(1, Sigmoid),
        loss: Loss::BinaryCrossEntropy,
        rule: Adam::new(0.003).into(),
        epochs: 100,
        batch: 32,
        restarts: 1,
        show: None,
    }
}

fn xor() -> Problem {
    let data = generate::xor();
    Problem {
        about: "exclusive or: no single neuron can do it",
        known: "four rows, all right",
        scaler: Scaler::identity(2),
        train: data.clone(),
        test: data,
        builder: Network::builder(2).dense(4, Tanh).dense(1, Sigmoid),
        loss: Loss::BinaryCrossEntropy,
        rule: Lbfgs::default().into(),
        epochs: 100,
        batch: 4,
        restarts: 5,
        show: Some(|model, test, out| {
            let x = test.to_matrix();
            for (x, y) in x.iter_rows().zip(model.predict(&x).iter_rows()) {
                writeln!(out, "{} xor {} → {:.3}", x[0], x[1], y[0])?;
            }
            Ok(())
        }),
    }
}

fn mnist(folder: &str) -> palmnet::Result<Problem> {
    let (train, test) = Dataset::from_idx_folder(folder)?;
    let pixels = train.features().columns();
    Ok(Problem {
        about: "60,000 handwritten digits of 28 × 28 pixels",
        known: "PyTorch gets 0.978, the same network at a constant rate",
        scaler: Scaler::divide_by(pixels, 255.0),
        builder: Network::builder(pixels).dense(128, Relu).dense(128, Relu).dense(train.class_names().len(), Softmax),
        train,
        test,
        loss: Loss::CrossEntropy,
        rule: Adam::new(0.001).into(),
        epochs: 10,
        batch: 64,
        restarts: 1,
        show: None,
    })
}
