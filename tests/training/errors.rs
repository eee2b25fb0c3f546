//! Divergence.

use palmnet::Activation::*;
use palmnet::{Error, Loss, Network, Schedule, Sgd, Trainer, generate};

use super::finite;
use crate::support::network_bits;

#[test]
fn divergence_is_an_error_and_weights_stay_finite() {
    let sums = generate::sums(200, 1);
    for rate in [1e4, 1e10, 1e20, 1e30, 1e38] {
        let mut network = Network::builder(2).dense(16, Relu).dense(3, Identity).seed(1).build().unwrap();
        let error = Trainer::new(Loss::MeanSquaredError, Sgd::new(rate)).fit(&mut network, &sums).unwrap_err();
        let Error::Diverged { epoch, batch, .. } = error else { panic!("{error}") };
        assert!((1..=100).contains(&epoch) && (1..=7).contains(&batch), "{error}");
        let message = error.to_string();
        let start = format!("training diverged in epoch {epoch}, batch {batch}: ");
        assert!(message.starts_with(&start) && message.contains("learning rate"), "{message}");
        assert!(finite(&network), "rate {rate}");
    }
    // The weights overflow in the first step, before any loss shows it.
    let mut network = Network::builder(2).dense(16, Relu).dense(3, Identity).seed(1).build().unwrap();
    let mut trainer = Trainer::new(Loss::MeanSquaredError, Sgd::new(3e38)).schedule(Schedule::Constant);
    trainer = trainer.epochs(1).batch_size(50);
    let before = network_bits(&network);
    assert!(matches!(trainer.fit(&mut network, &sums), Err(Error::Diverged { epoch: 1, batch: 1, .. })));
    assert_eq!(network_bits(&network), before);
}
