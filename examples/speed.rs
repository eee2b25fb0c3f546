//! The README's speed figures on this machine: training, prediction and products, by one thread and by all.
//! `cargo run --release --example speed -- FOLDER` takes the folder that holds MNIST's four files; without one, noise of
//! the same size stands in, which takes as long. Other programs that run at the same time make every figure worse.

use std::hint::black_box;
use std::time::Instant;

use palmnet::{
    Activation::*, Dataset, Features, Loss, Matrix, Network, Rng, Scaler, Schedule, Scratch, Sgd, Trainer, set_threads,
    threads,
};

fn main() -> palmnet::Result<()> {
    let mut train = match std::env::args().nth(1) {
        Some(folder) => Dataset::from_idx_folder(&folder)?.0,
        None => noise()?,
    };
    train.scale(&Scaler::divide_by(784, 255.0));
    let network = Network::builder(784).dense(128, Relu).dense(128, Relu).dense(10, Softmax).build()?;
    println!("{}, 784-128-128-10, {} examples", palmnet::Isa::current()?, train.len());
    let all = threads();
    let counts = if all > 1 { vec![1, all] } else { vec![1] };
    for batch in [64, 1000] {
        for &threads in &counts {
            set_threads(threads);
            let mut network = network.clone();
            let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(0.1)).schedule(Schedule::Constant);
            let history = trainer.epochs(5).batch_size(batch).fit(&mut network, &train)?;
            let ends: Vec<f64> = history.epochs.iter().map(|epoch| epoch.seconds).collect();
            let epochs = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
            println!("an epoch, batch {batch:>4}, {threads} threads: {:.3} s", median(epochs));
        }
    }
    let mut scratch = Scratch::default();
    for rows in [1, 1000] {
        let x = Matrix::filled(rows, 784, 0.5);
        let seconds = time(|| _ = black_box(network.predict_into(black_box(&x), &mut scratch)));
        println!("a prediction of {rows:>4} at once: {:.2} µs", 1e6 * seconds / rows as f64);
    }
    for n in [64, 128, 256, 512, 1024] {
        let (a, b, mut c) = (Matrix::filled(n, n, 0.5), Matrix::filled(n, n, 0.25), Matrix::default());
        for &threads in &counts {
            set_threads(threads);
            let seconds = time(|| c.set_product(black_box(a.operand()), black_box(b.operand())));
            println!("a product of {n:>4}³, {threads} threads: {:.0} GFLOP/s", 2e-9 * (n * n * n) as f64 / seconds);
        }
    }
    Ok(())
}

/// The median time of a run, of about a tenth of a second in all.
fn time(mut run: impl FnMut()) -> f64 {
    run();
    let start = Instant::now();
    run();
    let repeats = (0.005 / start.elapsed().as_secs_f64()).ceil() as u32;
    let sample = |_| {
        let start = Instant::now();
        (0..repeats).for_each(|_| run());
        start.elapsed().as_secs_f64() / f64::from(repeats)
    };
    median((0..21).map(sample).collect())
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn noise() -> palmnet::Result<Dataset> {
    let mut rng = Rng::new(0);
    let pixels = (0..60_000 * 784 / 8).flat_map(|_| rng.next_u64().to_le_bytes()).collect();
    let labels = (0..60_000).map(|_| rng.below(10) as u32).collect();
    Dataset::from_classes(Features::from_bytes(784, pixels)?, labels, (0..10).map(|class| class.to_string()))
}
