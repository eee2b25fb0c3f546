//! The observer of a training.

use std::cell::RefCell;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};

use palmnet::{Adam, Event, Loss, Run, Schedule, Sgd, Trainer, generate};

use super::classifier;
use crate::support::{all_close, flat, network_bits};

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

/// The rates of the epochs' last steps; one update of plain gradient descent shows that the rate is used.
#[test]
fn observer_changes_the_learning_rate() {
    let data = generate::moons(70, 0.2, 1);
    let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(0.5)).batch_size(70).epochs(6);
    let halving = Schedule::Step { epochs: 2, factor: 0.5 };
    let rates = |trainer: Trainer| {
        let mut run = Run::default().observe(|event| {
            match event {
                Event::Epoch { record, learning_rate, .. } if record.epoch == 3 => learning_rate.set(0.0625),
                Event::Batch { epoch: 5, learning_rate, .. } => learning_rate.set(2.0 * learning_rate.get()),
                _ => {}
            }
            Continue(())
        });
        let history = trainer.fit_with(&mut classifier(1), &data, &mut run).unwrap();
        history.epochs.iter().map(|epoch| epoch.learning_rate).collect::<Vec<f32>>()
    };
    assert_eq!(rates(trainer.clone().schedule(Schedule::Constant)), [0.5, 0.5, 0.5, 0.0625, 0.0625, 0.125]);
    // The schedule's factor is applied on top.
    assert_eq!(rates(trainer.clone().schedule(halving)), [0.5, 0.5, 0.25, 0.03125, 0.015625, 0.03125]);
    for rate in [0.0, -0.1, f32::NAN, f32::INFINITY] {
        let mut run = Run::default().observe(|event| {
            if let Event::Batch { learning_rate, .. } = event {
                learning_rate.set(rate);
            }
            Continue(())
        });
        let error = trainer.fit_with(&mut classifier(1), &data, &mut run).unwrap_err().to_string();
        assert!(error.contains(&format!("the learning rate to {rate}")), "{error}");
    }
}

/// Two epochs at one rate and two at another are the same as two trainings, because gradient descent keeps nothing.
#[test]
fn changed_learning_rate_takes_effect_on_the_steps_to_come() {
    let data = generate::moons(70, 0.2, 1);
    let trainer = |rate, epochs| {
        let trainer = Trainer::new(Loss::CrossEntropy, Sgd::new(rate)).schedule(Schedule::Constant);
        trainer.batch_size(70).epochs(epochs)
    };
    let mut network = classifier(1);
    let mut run = Run::default().observe(|event| {
        if let Event::Epoch { record, learning_rate, .. } = event
            && record.epoch == 2
        {
            learning_rate.set(0.03);
        }
        Continue(())
    });
    trainer(0.5, 4).fit_with(&mut network, &data, &mut run).unwrap();
    let mut apart = classifier(1);
    trainer(0.5, 2).fit(&mut apart, &data).unwrap();
    trainer(0.03, 2).fit(&mut apart, &data).unwrap();
    // The order of the examples differs, and with it the rounding of the sums over the one mini-batch.
    let apart: Vec<f64> = flat(&apart).into_iter().map(f64::from).collect();
    all_close(&flat(&network), &apart, 1e-5);
}

/// A trainer on another thread is watched, asked for predictions and stopped.
#[test]
fn training_on_another_thread_is_watched_and_stopped() {
    let data = generate::moons(70, 0.2, 1);
    let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(usize::MAX);
    let (latest, stop) = (Mutex::new(classifier(1)), AtomicBool::new(false));
    let (sender, receiver) = mpsc::channel();
    let (epochs, network) = std::thread::scope(|scope| {
        let training = scope.spawn(|| {
            let sender = sender;
            let mut network = classifier(1);
            let mut run = Run::default().observe(|event| {
                if let Event::Epoch { record, network, .. } = event {
                    latest.lock().unwrap().clone_from(network);
                    let _ = sender.send(*record);
                }
                if stop.load(Ordering::Relaxed) { Break(()) } else { Continue(()) }
            });
            let history = trainer.fit_with(&mut network, &data, &mut run).unwrap();
            (history.epochs.len(), network)
        });
        for record in receiver {
            assert!(latest.lock().unwrap().predict(&data.to_matrix()).as_slice().iter().all(|x| x.is_finite()));
            stop.fetch_or(record.epoch >= 3, Ordering::Relaxed);
        }
        training.join().unwrap()
    });
    assert!(epochs >= 3, "{epochs}");
    assert!(network.evaluate(&data).is_ok());
}
