//! The observer of a training.

use std::cell::RefCell;
use std::ops::ControlFlow::{Break, Continue};

use palmnet::{Adam, Event, Loss, Run, Schedule, Trainer, generate};

use super::classifier;
use crate::support::network_bits;

#[test]
fn observer_events_come_in_order() {
    let data = generate::moons(70, 0.2, 1);
    let seen = RefCell::new(Vec::new());
    let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(3).batch_size(32);
    let mut run = Run::default().observe(|event| {
        seen.borrow_mut().push(match event {
            Event::Batch { epoch, batch, batches, mean_loss: loss, .. } => {
                assert!(loss > 0.0 && batches == 3);
                (epoch, batch, loss)
            }
            Event::Epoch { record, .. } => (record.epoch, 0, record.train_loss),
            _ => unreachable!("no other event"),
        });
        Continue(())
    });
    let history = trainer.fit_with(&mut classifier(1), &data, &mut run).unwrap();
    let seen = seen.borrow();
    let order: Vec<(usize, usize)> = seen.iter().map(|&(epoch, batch, _)| (epoch, batch)).collect();
    let expected: Vec<_> = (1..=3).flat_map(|epoch| [1, 2, 3, 0].map(|batch| (epoch, batch))).collect();
    assert_eq!(order, expected);
    // The last batch's running mean is the epoch's loss.
    for epoch in 0..3 {
        assert_eq!(seen[4 * epoch + 2].2, history.epochs[epoch].train_loss);
        assert_eq!(seen[4 * epoch + 3].2, history.epochs[epoch].train_loss);
    }
    assert!(history.epochs.windows(2).all(|pair| pair[0].seconds <= pair[1].seconds));
}

#[test]
fn observer_break_ends_the_training() {
    let data = generate::moons(70, 0.2, 1);
    let run = |stop: (usize, usize)| {
        let mut network = classifier(1);
        let mut events = 0;
        let observer = |event: Event<'_>| {
            events += 1;
            let here = match event {
                Event::Batch { epoch, batch, .. } => (epoch, batch),
                Event::Epoch { record, .. } => (record.epoch, 0),
                _ => unreachable!("no other event"),
            };
            if here == stop { Break(()) } else { Continue(()) }
        };
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).schedule(Schedule::Constant).epochs(9);
        let mut run = Run::default().observe(observer);
        let history = trainer.fit_with(&mut network, &data, &mut run).unwrap();
        drop(run);
        (network_bits(&network), history.epochs.len(), events)
    };
    let plain = |epochs| {
        let mut network = classifier(1);
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).schedule(Schedule::Constant).epochs(epochs);
        trainer.fit(&mut network, &data).unwrap();
        network_bits(&network)
    };
    let (weights, epochs, events) = run((2, 0));
    assert_eq!((epochs, events), (2, 8));
    assert_eq!(weights, plain(2));
    let (weights, epochs, events) = run((2, 1));
    assert_eq!((epochs, events), (1, 5));
    assert!(weights != plain(1) && weights != plain(2));
    assert_eq!(run((1, 1)).1, 0);
}
