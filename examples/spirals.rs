//! Two intertwined spirals, 2-50-50-50-1. `cargo run --release --example spirals`

use palmnet::{Activation::*, Adam, Loss, Network, Scaler, Trainer, generate};

fn main() -> palmnet::Result<()> {
    let (mut train, mut test) = generate::spirals(1000, 0.0, 0).split(0.8, 0);
    let scaler = Scaler::standard(train.features());
    train.scale(&scaler);
    test.scale(&scaler);

    let mut network = Network::builder(2).dense(50, Relu).dense(50, Relu).dense(50, Relu).dense(1, Sigmoid).build()?;
    let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.003)).epochs(100);
    let history = trainer.fit(&mut network, &train)?;

    println!("{} epochs in {:.2} s", history.epochs.len(), history.seconds());
    println!("accuracy {:.3} on {} held-out points", network.evaluate(&test)?.accuracy(), test.len());
    Ok(())
}
