//! a, b → a + b, a - b, |a - b| with 2-4-4-3 units, 47 parameters. Known: half of all starts lose too many ReLU units
//! and stay at 0.3 to 0.5; good ones reach 0.0001. `cargo run --release --example sums`

use palmnet::{Activation::*, Adam, Loss, Matrix, Network, Scaler, Trainer, generate};

fn main() -> palmnet::Result<()> {
    let (mut train, mut test) = generate::sums(10_000, 0).split(0.7, 0);
    let scaler = Scaler::standard(train.features());
    let target_scaler = Scaler::standard_of(train.values().expect("sums are values"));
    for part in [&mut train, &mut test] {
        part.scale(&scaler);
        part.scale_targets(&target_scaler);
    }

    let trainer = Trainer::new(Loss::MeanSquaredError, Adam::new(0.01)).epochs(40).batch_size(64);
    for seed in 0..10 {
        let builder = Network::builder(2).dense(4, Relu).dense(4, Relu).dense(3, Identity).seed(seed);
        // Eight short starts, of which the best goes on: a network this small can be born dead.
        let (network, _) = trainer.fit_best_of(8, &builder, &train)?;
        let truth = test.values().expect("sums are values");
        println!("seed {seed}: {:.1e}", mean_norm(&network.outputs_for(&test)?, truth));
    }
    Ok(())
}

/// mean(‖½(ŷ - y)²‖₂), the measure of the write-up that the problem comes from.
fn mean_norm(predicted: &Matrix, truth: &Matrix) -> f32 {
    let half_squares = (predicted - truth).map(|error| 0.5 * error * error);
    let norms = half_squares.iter_rows().map(|row| row.iter().map(|x| x * x).sum::<f32>().sqrt());
    norms.sum::<f32>() / truth.rows() as f32
}
