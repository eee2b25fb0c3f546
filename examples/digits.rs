//! Handwritten digits of 8 × 8 pixels, 64-128-64-10 with dropout. Known: scikit-learn's MLPClassifier gets 0.973 on
//! average. `cargo run --release --example digits`
//!
//! In your own project, put these lines into Cargo.toml: without them, `cargo run` without `--release` trains 81 times
//! slower.
//!
//! ```toml
//! [profile.dev.package.palmnet]
//! opt-level = 3
//! ```

use palmnet::data::Scaler;
use palmnet::tune::Recipe;
use palmnet::{Activation::*, Adam, Loss, Network, Trainer, generate};

fn main() -> palmnet::Result<()> {
    let (train, test) = generate::digits().split(0.8, 0);
    let hidden = Network::builder(64).dense(128, Relu).dropout(0.3).dense(64, Relu).dropout(0.3);
    let recipe = Recipe {
        network: hidden.dense(10, Softmax),
        trainer: Trainer::new(Loss::CrossEntropy, Adam::new(0.003)).epochs(60),
        restarts: 1,
        // The pixels are 0 to 16.
        preprocessing: Scaler::divide_by(64, 16.0).into(),
    };
    let fit = recipe.fit(&train)?;

    println!("{} epochs in {:.2} s", fit.history.epochs.len(), fit.history.seconds());
    println!("{} on {} held-out digits", fit.model.score(&test)?, test.len());
    // Precision, recall and F1 of every digit, in 40 columns.
    if let Some(classes) = fit.model.evaluate(&test)?.classification() {
        println!("{}", classes.report(test.class_names(), 40));
    }
    Ok(())
}
