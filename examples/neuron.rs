//! One sigmoid neuron separates 100 points by x·(1, -1.5) > 0.4. `cargo run --release --example neuron`

use palmnet::{Activation::*, Lbfgs, Loss, Network, Trainer, generate};

fn main() -> palmnet::Result<()> {
    let data = generate::linear(100, 0);
    let mut network = Network::builder(2).dense(1, Sigmoid).build()?;
    Trainer::new(Loss::MeanSquaredError, Lbfgs::default()).fit(&mut network, &data)?;

    println!(
        "accuracy {:.3} on the 100 points (known: all can be right)",
        network.evaluate(&data)?.accuracy().unwrap()
    );
    if let [weights, bias] = network.parameters().collect::<Vec<_>>()[..] {
        // Only the direction counts: divided by the first weight, it can be compared with the rule behind the points.
        let (slope, threshold) = (weights[1] / weights[0], -bias[0] / weights[0]);
        println!("learned x·(1, {slope:.2}) > {threshold:.2} (known: x·(1, -1.5) > 0.4)");
    }
    Ok(())
}
