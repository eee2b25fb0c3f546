//! A resumed training ends with the bits of one that was not interrupted.

use std::fs;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use palmnet::Activation::*;
use palmnet::compute::Rng;
use palmnet::optim::Lbfgs;
use palmnet::train::ExampleWeights;
use palmnet::unversioned::Safetensors;
use palmnet::{Adam, Checkpoints, Event, Loss, Network, Penalty, Run, Trainer};

use super::{builder, data, facts, has_content, normalized, resumes, trainer, undisturbed};
use crate::support::{Folder, network_bits, put, rules};

/// The checkpoint after every mini-batch and epoch, for every rule, leads to the same result.
#[test]
fn every_checkpoint_resumes_to_the_same_bits() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    for rule in rules(1.0) {
        let expected = undisturbed(trainer(rule));
        let mut states: Vec<Vec<u8>> = Vec::new();
        let checkpoints = Checkpoints::new(&path).every(Duration::ZERO);
        let mut run = Run::default().checkpoints(checkpoints).observe(|_| {
            // The checkpoint after the last event.
            states.extend(has_content(&path).then(|| fs::read(&path).unwrap()));
            Continue(())
        });
        let mut network = builder().build().unwrap();
        let history = trainer(rule).fit_with(&mut network, &data(), &mut run).unwrap();
        drop(run);
        assert_eq!(network_bits(&network), network_bits(&expected.0), "{rule:?}, with checkpoints");
        assert_eq!(facts(&history), facts(&expected.1), "{rule:?}, with checkpoints");
        // The last checkpoint is that of a finished training.
        states.push(fs::read(&path).unwrap());
        assert_eq!(states.len(), 4 * history.epochs.len(), "{rule:?}");
        for (i, state) in states.iter().enumerate() {
            put(&path, state);
            resumes(trainer(rule), &path, &expected, &format!("{rule:?}, checkpoint {i}"));
        }
        fs::remove_file(&path).unwrap();
    }
}

/// Running means, noise, weights and limits on the step are in a checkpoint or follow from its content.
#[test]
fn training_with_every_setting_resumes() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    let trainer = || {
        let trainer = trainer(Adam::new(0.01).into()).example_weights(ExampleWeights::Balanced).label_smoothing(0.1);
        trainer.clip_norm(0.5).max_norm(1.0).freeze(0)
    };
    let train = |mut run: Run<'_>| {
        let mut network = normalized().build().unwrap();
        let history = trainer().fit_with(&mut network, &data(), &mut run).unwrap();
        (network_bits(&network), facts(&history))
    };
    let expected = train(Run::default());
    for stop in 1..30 {
        let mut left = stop;
        let checkpoints = Checkpoints::new(&path).resume();
        train(Run::default().checkpoints(checkpoints.clone()).observe(|_| {
            left -= 1;
            if left == 0 { Break(()) } else { Continue(()) }
        }));
        assert_eq!(train(Run::default().checkpoints(checkpoints)), expected, "stopped after {stop} events");
        let _ = fs::remove_file(&path);
    }
}

/// L-BFGS stores steps instead of moments, and stops by itself: a finished training must not continue.
#[test]
fn lbfgs_resumes() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    let builder = || Network::builder(2).dense(5, Tanh).dense(2, Softmax).seed(5);
    // It ends by either tolerance, because no step helps, by early stopping, and by the number of epochs.
    for (rule, l2, validation, epochs) in [
        (Lbfgs::default().tolerance(1e-2, 0.0), 0.1, 0.0, 500),
        (Lbfgs::default().memory(2).tolerance(0.0, 1e-3), 0.01, 0.0, 500),
        (Lbfgs::default().memory(3).tolerance(0.0, 0.0), 1.0, 0.0, 500),
        (Lbfgs::default(), 0.0, 0.3, 500),
        (Lbfgs::default(), 0.001, 0.0, 12),
    ] {
        let trainer = || {
            let trainer = Trainer::new(Loss::CrossEntropy, rule).epochs(epochs).validation(validation).seed(3);
            let trainer = if validation > 0.0 { trainer.early_stopping(3) } else { trainer };
            trainer.penalty(Penalty::default().l2(l2))
        };
        let train = |mut run: Run<'_>| {
            let mut network = builder().build().unwrap();
            let history = trainer().fit_with(&mut network, &data(), &mut run).unwrap();
            (network_bits(&network), facts(&history), history.epochs.len())
        };
        let expected = train(Run::default());
        assert!((5..500).contains(&expected.2), "{rule:?} ends after {} epochs", expected.2);
        let resumed = || Run::default().checkpoints(Checkpoints::new(&path).every_epochs(2).resume());
        // Stopped once, after each event, and resumed to the end; then resumed from the end.
        for stop in 1..=2 * expected.2 {
            let mut left = stop;
            train(resumed().observe(|_| {
                left -= 1;
                if left == 0 { Break(()) } else { Continue(()) }
            }));
            assert_eq!(train(resumed()), expected, "{rule:?}, stopped after {stop} events");
            assert_eq!(train(resumed()), expected, "{rule:?}, stopped after {stop} events, and at the end");
            fs::remove_file(&path).unwrap();
        }
        // Stopped at every event.
        let mut events = 0;
        while {
            let before = events;
            train(resumed().observe(|_| {
                events += 1;
                Break(())
            }));
            events > before
        } {}
        assert_eq!((train(resumed()), events), (expected.clone(), 2 * expected.2), "{rule:?}");
        fs::remove_file(&path).unwrap();
    }
}

/// The observer stops it repeatedly, within an epoch or at its end.
#[test]
fn stopped_training_resumes_where_it_was() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    let mut rng = Rng::new(1);
    for rule in rules(1.0).into_iter().cycle().take(27) {
        let expected = undisturbed(trainer(rule));
        let (mut events, mut stops) = (0, Vec::new());
        loop {
            let mut left = rng.below(7);
            let mut run = Run::default().checkpoints(Checkpoints::new(&path).resume()).observe(|event| {
                events += 1;
                if left == 0 {
                    stops.push(format!("{event:?}"));
                    return Break(());
                }
                left -= 1;
                Continue(())
            });
            let mut network = builder().build().unwrap();
            let history = trainer(rule).fit_with(&mut network, &data(), &mut run).unwrap();
            drop(run);
            if left > 0 || history.epochs.len() == 8 {
                assert_eq!(network_bits(&network), network_bits(&expected.0), "{rule:?} {stops:?}");
                assert_eq!(facts(&history), facts(&expected.1), "{rule:?} {stops:?}");
                break;
            }
        }
        // Nothing was done twice.
        assert!(events <= 4 * 8, "{events} events");
        fs::remove_file(&path).unwrap();
    }
}

/// Checkpoints of the trials lead to the same choice and the same result.
#[test]
fn restarts_resume_to_the_same_choice() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    // Trials of four epochs.
    let trainer = trainer(Adam::new(0.02).into()).epochs(40).early_stopping(30);
    let with = |checkpoints| Run::default().checkpoints(checkpoints);
    let fit = |mut run: Run<'_>| {
        let (network, history) = trainer.fit_best_of_with(3, &builder(), &data(), &mut run).unwrap();
        (network_bits(&network), facts(&history))
    };
    let unused = folder.path("unused");
    let expected = fit(with(Checkpoints::new(&unused)));
    assert!(!unused.exists());
    let request = AtomicBool::new(false);
    let mut trials = Vec::new();
    // There are 12 epochs of trials and 40 of the best: until enough have passed, the file is from the trials.
    for every in [0, 3, 5, 7, 9, 12, 13, 50] {
        let checkpoints = Checkpoints::new(&path);
        let checkpoints = match every {
            // After the first batch of all.
            0 => checkpoints.on_request(&request),
            _ => checkpoints.every_epochs(every),
        };
        request.store(true, Ordering::Relaxed);
        let mut stopped = with(checkpoints).observe(|event| {
            // As if it had been killed: the file is restored after the checkpoint at the end.
            match event {
                Event::Batch { epoch: 1, batch: 1, .. } if has_content(&path) => {
                    fs::copy(&path, folder.path("kept")).unwrap();
                    Break(())
                }
                Event::Epoch { record, .. } if record.epoch == 39 => {
                    fs::copy(&path, folder.path("kept")).unwrap();
                    Break(())
                }
                _ => Continue(()),
            }
        });
        trainer.fit_best_of_with(3, &builder(), &data(), &mut stopped).unwrap();
        drop(stopped);
        fs::rename(folder.path("kept"), &path).unwrap();
        trials.push(Safetensors::read(&path).unwrap().metadata.get("starts done").cloned().unwrap_or("-".into()));
        assert_eq!(fit(with(Checkpoints::new(&path).resume())), expected, "every {every}");
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(trials, ["0", "2", "2", "1", "2", "2", "-", "-"]);
}

/// The learning rate that an observer has set is in the checkpoint, and so is a note.
#[test]
fn changed_learning_rate_resumes() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    let trainer = trainer(Adam::new(0.01).into());
    let train = |run: Run<'_>, stop: usize| {
        let mut left = stop;
        let mut run = run.observe(|event| {
            left -= 1;
            if let Event::Batch { epoch: 3, batch: 2, learning_rate, .. } = event {
                learning_rate.set(0.002);
            }
            if left == 0 { Break(()) } else { Continue(()) }
        });
        let mut network = builder().build().unwrap();
        let history = trainer.fit_with(&mut network, &data(), &mut run).unwrap();
        (network_bits(&network), facts(&history))
    };
    let expected = train(Run::default(), usize::MAX);
    assert_ne!(expected.0, network_bits(&undisturbed(trainer.clone()).0));
    for stop in 8..16 {
        let checkpoints = Checkpoints::new(&path).note("batch", "a note").note("x", stop.to_string()).resume();
        assert_eq!(checkpoints.find().unwrap(), None);
        train(Run::default().checkpoints(checkpoints.clone()), stop);
        let found = checkpoints.find().unwrap().unwrap();
        assert_eq!((found.note("batch"), found.note("x")), (Some("a note"), Some(&stop.to_string()[..])));
        assert_eq!((found.note("y"), found.setting("batch size"), found.path()), (None, Some("20"), path.as_path()));
        assert!(Checkpoints::is_checkpoint(&path));
        assert_eq!(checkpoints.clone().start_over().find().unwrap(), None);
        assert_eq!(train(Run::default().checkpoints(checkpoints), usize::MAX), expected, "stopped after {stop} events");
        fs::remove_file(&path).unwrap();
    }
    put(&path, b"a,b");
    assert!(!Checkpoints::is_checkpoint(&path) && Checkpoints::new(&path).resume().find().is_err());
}
