//! Two intertwined spirals, 2-50-50-50-1: a deeper network by the steps of `moons`.
//! `cargo run --release --example spirals`
//!
//! In your own project, put these lines into Cargo.toml: without them, `cargo run` without `--release` trains 81 times
//! slower.
//!
//! ```toml
//! [profile.dev.package.palmnet]
//! opt-level = 3
//! ```

use palmnet::tune::Recipe;
use palmnet::{Activation::*, Adam, Loss, Network, Preprocessing, Scaling, Trainer, generate};

fn main() -> palmnet::Result<()> {
    let (train, test) = generate::spirals(1000, 0.0, 0).split(0.8, 0);
    let recipe = Recipe {
        network: Network::builder(2).dense(50, Relu).dense(50, Relu).dense(50, Relu).dense(1, Sigmoid),
        trainer: Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.003)).epochs(100),
        restarts: 1,
        preprocessing: Preprocessing::fit(&train, Scaling::Standard),
    };
    let fit = recipe.fit(&train)?;

    println!("{} epochs in {:.2} s", fit.history.epochs.len(), fit.history.seconds());
    println!("{} on {} held-out points", fit.model.score(&test)?, test.len());
    Ok(())
}
