//! One sigmoid neuron separates 100 points by x·(1, -1.5) > 0.4, and its weights say so.
//! `cargo run --release --example neuron`
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
    let data = generate::linear(100, 0);
    let mut network = Network::builder(2).dense(1, Sigmoid).build()?;
    Trainer::new(Loss::MeanSquaredError, Lbfgs::default()).fit(&mut network, &data)?;

    // The accuracy is `None` for values, which these are not.
    let accuracy = network.evaluate(&data)?.accuracy().unwrap();
    println!("accuracy {accuracy:.3} on the 100 points (known: all can be right)");
    if let [weights, bias] = network.parameters().collect::<Vec<_>>()[..] {
        // Only the direction counts: divided by the first weight, it can be compared with the rule behind the points.
        let (slope, threshold) = (weights[1] / weights[0], -bias[0] / weights[0]);
        println!("learned x·(1, {slope:.2}) > {threshold:.2} (known: x·(1, -1.5) > 0.4)");
    }
    Ok(())
}
