//! Two half moons, 2-25-50-50-25-1, with preprocessing: the result is a model that takes unscaled data. Known: 0.97
//! after 10,000 epochs, 13 s in NumPy. `cargo run --release --example moons`
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
    let (train, test) = generate::moons(1000, 0.2, 1).split(0.9, 1);
    let layers = Network::builder(2).dense(25, Relu).dense(50, Relu).dense(50, Relu).dense(25, Relu).dense(1, Sigmoid);
    let recipe = Recipe {
        network: layers,
        trainer: Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.003)).epochs(40),
        restarts: 1,
        // Mean and standard deviation are those of the training set.
        preprocessing: Preprocessing::fit(&train, Scaling::Standard),
    };
    let fit = recipe.fit(&train)?;

    println!("{} epochs in {:.2} s", fit.history.epochs.len(), fit.history.seconds());
    println!("{} on {} held-out points", fit.model.score(&test)?, test.len());
    // A hundred points are few: any number can be drawn from the same moons.
    let fresh = generate::moons(100_000, 0.2, 4);
    println!("{} on 100,000 fresh points; the noise allows an accuracy of 0.971", fit.model.score(&fresh)?);
    Ok(())
}
