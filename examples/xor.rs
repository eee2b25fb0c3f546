//! Exclusive or: the four rows that no single neuron can learn (Minsky, Papert, 1969).
//! `cargo run --release --example xor`
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
    let data = generate::xor();
    let builder = Network::builder(2).dense(4, Tanh).dense(1, Sigmoid);
    let trainer = Trainer::new(Loss::BinaryCrossEntropy, Lbfgs::default());
    // Five initial weights, of which the best are trained to the end.
    let (network, _) = trainer.fit_best_of(5, &builder, &data)?;

    let x = data.to_matrix();
    for (x, y) in x.iter_rows().zip(network.predict(&x).iter_rows()) {
        println!("{} xor {} → {:.3}", x[0], x[1], y[0]);
    }
    Ok(())
}
