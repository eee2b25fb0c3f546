//! Two half moons, 2-25-50-50-25-1. Known: 0.97 after 10,000 epochs, 13 s in NumPy.
//! `cargo run --release --example moons`

use palmnet::{Activation::*, Adam, Loss, Network, Scaler, Trainer, generate};

fn main() -> palmnet::Result<()> {
    let (mut train, mut test) = generate::moons(1000, 0.2, 1).split(0.9, 1);
    let scaler = Scaler::standard(train.features());
    train.scale(&scaler);
    test.scale(&scaler);

    let layers = Network::builder(2).dense(25, Relu).dense(50, Relu).dense(50, Relu).dense(25, Relu).dense(1, Sigmoid);
    let mut network = layers.build()?;
    let trainer = Trainer::new(Loss::BinaryCrossEntropy, Adam::new(0.003)).epochs(40);
    let history = trainer.fit(&mut network, &train)?;

    println!("{} epochs in {:.2} s", history.epochs.len(), history.seconds());
    println!("accuracy {:.3} on {} held-out points", network.evaluate(&test)?.accuracy(), test.len());
    // A hundred points are few: as many as one likes can be drawn from the same moons.
    let mut fresh = generate::moons(100_000, 0.2, 4);
    fresh.scale(&scaler);
    println!("accuracy {:.3} on 100,000 fresh ones; the noise allows 0.971", network.evaluate(&fresh)?.accuracy());
    Ok(())
}
