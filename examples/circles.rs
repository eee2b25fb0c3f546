//! Points inside or outside of a circle, with 2-3-2 sigmoid units, L-BFGS, a training and a test set.
//! `cargo run --release --example circles`
//!
//! In your own project, put these lines into Cargo.toml: without them, `cargo run` without `--release` trains 81 times
//! slower.
//!
//! ```toml
//! [profile.dev.package.palmnet]
//! opt-level = 3
//! ```

use palmnet::optim::Lbfgs;
use palmnet::{Activation::*, Loss, Network, Trainer, generate};

fn main() -> palmnet::Result<()> {
    let (train, test) = generate::circles(1000, 0.0, 0).split(0.8, 0);
    let builder = Network::builder(2).dense(3, Sigmoid).dense(2, Sigmoid);
    let trainer = Trainer::new(Loss::MeanSquaredError, Lbfgs::default()).epochs(300);
    let (network, history) = trainer.fit_best_of(5, &builder, &train)?;

    println!("{} epochs in {:.2} s", history.epochs.len(), history.seconds());
    // Three units draw three soft edges: a rounded triangle covers most of a circle, not all of it.
    let accuracy = network.evaluate(&test)?.accuracy().unwrap();
    println!("accuracy {accuracy:.3} on {} held-out points", test.len());
    Ok(())
}
