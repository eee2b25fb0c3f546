//! Regression with three targets: a, b → a + b, a - b, |a - b| with 2-4-4-3 units, 47 parameters. Known: half of all
//! initial weights lose too many ReLU units and stay at 0.3 to 0.5; good ones reach 0.0001.
//! `cargo run --release --example sums`
//!
//! In your own project, put these lines into Cargo.toml: without them, `cargo run` without `--release` trains 81 times
//! slower.
//!
//! ```toml
//! [profile.dev.package.palmnet]
//! opt-level = 3
//! ```

use palmnet::{Activation::*, Adam, Loss, Matrix, Network, Preprocessing, Scaling, Trainer, generate};

fn main() -> palmnet::Result<()> {
    let (mut train, mut test) = generate::sums(10_000, 0).split(0.7, 0);
    // Features and targets get mean 0 and variance 1: the write-up measures the error of scaled targets.
    let preprocessing = Preprocessing::fit(&train, Scaling::Standard);
    preprocessing.apply(&mut train);
    preprocessing.apply(&mut test);

    let trainer = Trainer::new(Loss::MeanSquaredError, Adam::new(0.01)).epochs(40).batch_size(64);
    for seed in 0..10 {
        let builder = Network::builder(2).dense(4, Relu).dense(4, Relu).dense(3, Identity).seed(seed);
        // Eight short trainings, the best of which continues: units of a network this small can be dead from the start.
        let (network, _) = trainer.fit_best_of(8, &builder, &train)?;
        let truth = test.values().expect("sums are values");
        println!("seed {seed}: {:.1e}", mean_norm(&network.predict_dataset(&test)?, truth));
    }
    Ok(())
}

/// mean(‖½(ŷ - y)²‖₂), the measure of the write-up that the problem comes from.
fn mean_norm(predicted: &Matrix, truth: &Matrix) -> f32 {
    let half_squares = (predicted - truth).map(|error| 0.5 * error * error);
    let norms = half_squares.iter_rows().map(|row| row.iter().map(|x| x * x).sum::<f32>().sqrt());
    norms.sum::<f32>() / truth.rows() as f32
}
