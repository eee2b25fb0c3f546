//! `palmnet bench`: measures the speed of this device.

use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use palmnet::compute::{Rng, threads};
use palmnet::data::{Features, Scaler};
use palmnet::nn::Scratch;
use palmnet::unversioned::Json;
use palmnet::{Activation::*, Adam, Dataset, Loss, Matrix, Network, Sgd, Trainer};

use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::format::counted;
use crate::cli::options::{JSON, THREADS};

pub const COMMAND: Command = Command {
    name: "bench",
    usage: "bench [gemm|train|members|small|infer] [options]",
    summary: "Measure how fast this device multiplies matrices, trains and predicts; all of it if nothing is named.",
    details: &[
        "gemm: products C = A·B of m × k and k × n matrices, AᵀB and ABᵀ among them, compared with the peak of this \
         processor's arithmetic on registers alone. Those large enough to be shared are measured again with all \
         threads (×N).",
        "train: epochs of a 784-128-128-10 network, plain gradient descent at 0.1, rows shuffled every epoch.",
        "members: steps of an ensemble of 16 members on 128 examples, compared with those of a plain network on 16 times \
         as many, which have as many multiplications.",
        "small: a step of Adam of a 4-16-16-3 network on 16 examples, and one prediction of a 4-16-3 network, compared with the \
         time of their multiplications and additions at the peak.",
        "infer: predictions of the network of train, by one thread.",
        "Figures are medians. Other programs that run at the same time slow them down.",
    ],
    words: (0, 1),
    names: &JOBS,
    options: &[&DATA, &BATCH, &EPOCHS, &THREADS, &JSON],
};

const DATA: Opt = Opt::new("--data", "FOLDER", Group::Data, "The four files of MNIST, to train on.")
    .default(|| "noise of the same size".into());
const BATCH: Opt = Opt::new("--batch", "N", Group::Training, "Examples in a training step or in a prediction.")
    .aliases(&["--batch-size"])
    .default(|| "64 in training, 1 and 1000 in prediction".into());
const EPOCHS: Opt = Opt::new("--epochs", "N", Group::Training, "Epochs to train.").default(|| "5".into());

const JOBS: [&str; 5] = ["gemm", "train", "members", "small", "infer"];

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    // More examples at once would only fill the memory.
    let batch = arguments.value("--batch", "a whole number from 1 to 100000", |n| (1..=100_000).contains(n))?;
    let epochs = arguments.value("--epochs", "a whole number from 1", |&n: &usize| n > 0)?.unwrap_or(5);
    let jobs = arguments.named(&COMMAND)?.map_or(JOBS.to_vec(), |job| vec![job]);
    let json = arguments.has("--json");
    for job in jobs {
        match job {
            "gemm" => gemm(json, out)?,
            "train" => train(arguments.text("--data"), batch.unwrap_or(64), epochs, json, out)?,
            "members" => members(json, out)?,
            "small" => small(json, out)?,
            _ => infer(&batch.map_or(vec![1, 1000], |batch| vec![batch]), json, out)?,
        }
        out.flush()?;
    }
    Ok(())
}

/// Which factor is transposed.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Plain,
    First,
    Second,
}

/// Products of the sizes that small networks are made of, and a few squares: m, k, n.
const PRODUCTS: [(Form, [usize; 3]); 14] = [
    (Form::Plain, [64, 784, 128]),
    (Form::First, [784, 64, 128]),
    (Form::Second, [64, 128, 784]),
    (Form::Plain, [64, 128, 128]),
    (Form::First, [128, 64, 128]),
    (Form::Second, [64, 128, 128]),
    (Form::Plain, [64, 128, 10]),
    (Form::Plain, [1, 784, 128]),
    (Form::Plain, [1000, 784, 128]),
    (Form::Plain, [64, 64, 64]),
    (Form::Plain, [128, 128, 128]),
    (Form::Plain, [256, 256, 256]),
    (Form::Plain, [512, 512, 512]),
    (Form::Plain, [1024, 1024, 1024]),
];

fn gemm(json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let isa = palmnet::compute::Isa::current()?;
    if !json {
        writeln!(out, "products, {isa}")?;
        writeln!(out, "{:>5}{:>6}{:>6}{:>12}{:>9}", "m", "k", "n", "GFLOP/s", "of peak")?;
    }
    let most = threads();
    let mut rng = Rng::new(0);
    let mut random = |rows, columns| Matrix::from_fn(rows, columns, |_, _| rng.uniform_in(-1.0, 1.0) as f32);
    for (form, [m, k, n]) in PRODUCTS {
        let a = if form == Form::First { random(k, m) } else { random(m, k) };
        let b = if form == Form::Second { random(n, k) } else { random(k, n) };
        let a = if form == Form::First { a.operand().transposed() } else { a.operand() };
        let b = if form == Form::Second { b.operand().transposed() } else { b.operand() };
        let mut c = Matrix::default();
        // Small products are never shared.
        let shared =
            if m * k * n >= palmnet::unversioned::SHARED_PRODUCT && most > 1 { vec![1, most] } else { vec![1] };
        for threads in shared {
            palmnet::compute::set_threads(threads);
            // The peak is measured with each product: the clock of a processor changes with its load and temperature.
            let peak = palmnet::unversioned::peak_flops() * threads as f64 / 1e9;
            let gflops = (2 * m * k * n) as f64 / seconds(&mut || c.set_product(black_box(a), black_box(b))) / 1e9;
            if json {
                let line = Json::object([
                    ("job", "gemm".into()),
                    ("m", m.into()),
                    ("k", k.into()),
                    ("n", n.into()),
                    ("transposed", [Json::Null, "a".into(), "b".into()][form as usize].clone()),
                    ("threads", threads.into()),
                    ("isa", isa.to_string().into()),
                    ("gflops", gflops.into()),
                    ("peak", peak.into()),
                ]);
                writeln!(out, "{line}")?;
            } else {
                let name = match threads {
                    1 => ["", "AᵀB", "ABᵀ"][form as usize].to_string(),
                    _ => format!("×{threads}"),
                };
                writeln!(out, "{m:>5}{k:>6}{n:>6} {name:<4}{gflops:>7.1}{:>8.0}%", 100.0 * gflops / peak)?;
            }
        }
    }
    palmnet::compute::set_threads(most);
    Ok(())
}

/// Returns the median time of a run in seconds, measured for about a fifth of a second.
fn seconds(run: &mut dyn FnMut()) -> f64 {
    const SAMPLES: u32 = 21;
    let start = Instant::now();
    let mut count = 0u32;
    while start.elapsed() < Duration::from_millis(5) {
        run();
        count += 1;
    }
    // Samples are long enough for the clock, and short enough that a disturbance does not affect all of them.
    let repeats = (count * 2).max(1);
    let samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            (0..repeats).for_each(|_| run());
            start.elapsed().as_secs_f64() / f64::from(repeats)
        })
        .collect();
    median(&samples)
}

/// Returns the median of a few samples, by comparing each with every other.
fn median(samples: &[f64]) -> f64 {
    let middle = |x: &f64| {
        let below = samples.iter().filter(|&y| y < x).count();
        let equal = samples.iter().filter(|&y| y == x).count();
        (below..below + equal).contains(&(samples.len() / 2))
    };
    samples.iter().copied().find(middle).unwrap_or(f64::NAN)
}

const LAYERS: [usize; 4] = [784, 128, 128, 10];

fn network() -> palmnet::Result<Network> {
    let [inputs, first, second, outputs] = LAYERS;
    Network::builder(inputs).dense(first, Relu).dense(second, Relu).dense(outputs, Softmax).build()
}

fn layers() -> Json {
    Json::Array(LAYERS.map(Json::from).into())
}

fn train(folder: Option<&str>, batch: usize, epochs: usize, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let (mut train, mut test) = match folder {
        Some(folder) => Dataset::from_idx_folder(Path::new(folder))?,
        None => (noise(60_000)?, noise(10)?),
    };
    let scaler = Scaler::divide_by(train.features().columns(), 255.0);
    train.scale(&scaler);
    test.scale(&scaler);
    let mut network = network()?;
    network.check(&train)?;
    let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(0.1)).schedule(palmnet::Schedule::Constant);
    let history = trainer.epochs(epochs).batch_size(batch).fit(&mut network, &train)?;
    let ends: Vec<f64> = history.epochs.iter().map(|epoch| epoch.seconds).collect();
    let times: Vec<f64> = ends.iter().enumerate().map(|(i, end)| end - if i > 0 { ends[i - 1] } else { 0.0 }).collect();
    let accuracy = folder.map(|_| network.evaluate(&test)).transpose()?.and_then(|found| found.accuracy());
    if json {
        let line = Json::object([
            ("job", "train".into()),
            ("layers", layers()),
            ("batch", batch.into()),
            ("threads", threads().into()),
            ("isa", palmnet::compute::Isa::current()?.to_string().into()),
            ("epoch_s", Json::Array(times.into_iter().map(Json::from).collect())),
            ("test_accuracy", accuracy.map_or(Json::Null, Json::from)),
        ]);
        writeln!(out, "{line}")?;
    } else {
        let examples = train.len();
        writeln!(out, "training on {examples} × 784 bytes, batch {batch}, {}", counted(threads(), "thread"))?;
        writeln!(out, "{:.3} s per epoch, the median of {epochs}", median(&times))?;
        match accuracy {
            Some(accuracy) => writeln!(out, "test accuracy {accuracy:.4}")?,
            None => writeln!(out, "noise: --data FOLDER for MNIST")?,
        }
    }
    Ok(())
}

/// Compares the steps of an ensemble and of a plain network that multiply as much, in turns.
fn members(json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    const MEMBERS: usize = 16;
    const EXAMPLES: usize = 128;
    const STEPS: usize = 4;
    const TURNS: usize = 7;
    if !json {
        writeln!(out, "steps of {MEMBERS} members, {EXAMPLES} examples")?;
    }
    let mut rng = Rng::new(0);
    for inputs in [64, 128, 256] {
        let mut data = |rows| {
            let x = Matrix::from_fn(rows, inputs, |_, _| rng.uniform_in(-1.0, 1.0) as f32);
            let y = Matrix::from_fn(rows, 1, |row, _| x[(row, 0)]);
            Dataset::from_values(x, y)
        };
        let (of_members, plain) = (data(EXAMPLES * STEPS)?, data(EXAMPLES * STEPS * MEMBERS)?);
        let hidden = |builder: palmnet::nn::NetworkBuilder| builder.dense(64, Relu).dense(64, Relu).dense(64, Relu);
        let ensemble = hidden(Network::builder(inputs).members(MEMBERS)).heads(1, Identity).build()?;
        let single = hidden(Network::builder(inputs)).dense(1, Identity).build()?;
        let step = |network: &Network, data: &Dataset, batch: usize| -> palmnet::Result<f64> {
            let trainer = Trainer::new(Loss::MeanSquaredError, Adam::new(0.001)).batch_size(batch);
            let history = trainer.epochs(2).fit(&mut network.clone(), data)?;
            // The first epoch asks for memory.
            Ok((history.epochs[1].seconds - history.epochs[0].seconds) / STEPS as f64)
        };
        let (mut times, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
        for _ in 0..TURNS {
            let [members, plain] =
                [step(&ensemble, &of_members, EXAMPLES)?, step(&single, &plain, EXAMPLES * MEMBERS)?];
            times[0].push(members);
            times[1].push(plain);
            ratios.push(members / plain);
        }
        let ([members, plain], ratio) = (times.map(|times| 1e3 * median(&times)), median(&ratios));
        if json {
            let line = Json::object([
                ("job", "members".into()),
                ("inputs", inputs.into()),
                ("members", MEMBERS.into()),
                ("batch", EXAMPLES.into()),
                ("threads", threads().into()),
                ("isa", palmnet::compute::Isa::current()?.to_string().into()),
                ("step_ms", members.into()),
                ("plain_step_ms", plain.into()),
                ("ratio", ratio.into()),
            ]);
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{inputs:>3} inputs {members:>7.2} ms, plain {plain:>7.2} ms: {ratio:.2}")?;
        }
    }
    Ok(())
}

/// Measures a step and a prediction of networks so small that products are the least part of it.
fn small(json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    const BATCH: usize = 16;
    // Ten steps in an epoch, about as many as of the 150 flowers of iris.
    const EXAMPLES: usize = 10 * BATCH;
    const EPOCHS: usize = 100;
    let mut rng = Rng::new(0);
    let x = Matrix::from_fn(EXAMPLES, 4, |_, _| rng.uniform_in(-1.0, 1.0) as f32);
    let y = Matrix::from_fn(EXAMPLES, 3, |row, class| f32::from(row % 3 == class));
    let data = Dataset::from_values(x, y)?;
    let network = Network::builder(4).dense(16, Relu).dense(16, Relu).dense(3, Softmax).build()?;
    let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.001)).batch_size(BATCH).epochs(EPOCHS);
    let training = seconds(&mut || {
        black_box(trainer.fit(&mut network.clone(), &data).is_ok());
    });
    let smaller = Network::builder(4).dense(16, Relu).dense(3, Softmax).build()?;
    let (x, mut scratch) = (Matrix::filled(1, 4, 0.5), Scratch::default());
    let prediction = seconds(&mut || {
        black_box(smaller.predict_into(black_box(&x), &mut scratch));
    });
    // Products of a step: forward, for the gradient of the weights and, but for the first layer, that of the inputs.
    let of_step = BATCH * (3 * (4 * 16 + 16 * 16 + 16 * 3) - 4 * 16);
    let steps = (EPOCHS * EXAMPLES / BATCH) as f64;
    for (work, seconds, multiply_adds) in
        [("step 4-16-16-3 ×16", training / steps, of_step), ("prediction 4-16-3", prediction, 4 * 16 + 16 * 3)]
    {
        let (ns, peak_ns) = (1e9 * seconds, 2e9 * multiply_adds as f64 / palmnet::unversioned::peak_flops());
        if json {
            let line = Json::object([
                ("job", "small".into()),
                ("work", work.into()),
                ("threads", 1usize.into()),
                ("isa", palmnet::compute::Isa::current()?.to_string().into()),
                ("ns", ns.into()),
                ("peak_ns", peak_ns.into()),
            ]);
            writeln!(out, "{line}")?;
        } else {
            writeln!(out, "{work} {ns:.0} ns, peak {peak_ns:.0}")?;
        }
    }
    Ok(())
}

/// Returns random images of the size of MNIST's with random labels: training on them takes as long.
fn noise(rows: usize) -> palmnet::Result<Dataset> {
    let mut rng = Rng::new(0);
    let columns = LAYERS[0];
    let data = (0..rows * columns / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    let labels = (0..rows).map(|_| rng.below(10) as u32).collect();
    let features = Features::from_bytes(columns, data)?;
    Dataset::from_classes(features, labels, (0..10).map(|class| class.to_string()))
}

fn infer(batches: &[usize], json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let network = network()?;
    let mut scratch = Scratch::default();
    let mut rng = Rng::new(0);
    for &batch in batches {
        let x = Matrix::from_fn(batch, LAYERS[0], |_, _| rng.uniform() as f32);
        let us = 1e6
            * seconds(&mut || {
                black_box(network.predict_into(black_box(&x), &mut scratch));
            });
        if json {
            let line = Json::object([
                ("job", "infer".into()),
                ("layers", layers()),
                ("batch", batch.into()),
                ("threads", 1usize.into()),
                ("isa", palmnet::compute::Isa::current()?.to_string().into()),
                ("us", us.into()),
            ]);
            writeln!(out, "{line}")?;
        } else if batch == 1 {
            writeln!(out, "one prediction {us:.2} µs")?;
        } else {
            writeln!(out, "{batch} at once {:.2} µs each", us / batch as f64)?;
        }
    }
    Ok(())
}
