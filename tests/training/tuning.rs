//! Tuning inside `Hyperparameters::fit_with`: observed, stopped, resumed, and warm starts.

use std::ops::ControlFlow::{Break, Continue};

use palmnet::error::ErrorKind;
use palmnet::tune::{FitEvent, FitRun, Overrides};
use palmnet::{Checkpoints, Dataset, Event, Hyperparameters, generate};

use crate::support::{Folder, network_bits};

fn moons() -> (Dataset, Hyperparameters) {
    let data = generate::moons(120, 0.2, 1);
    let given = Overrides { hidden: Some(vec![8]), epochs: Some(30), restarts: Some(2), ..Overrides::default() };
    let hyperparameters = given.for_data(&data);
    (data, hyperparameters)
}

#[test]
fn trials_are_observed() {
    let (data, hyperparameters) = moons();
    let (mut begun, mut fractions, mut tuned, mut epochs) = (Vec::new(), Vec::new(), None, 0);
    let mut run = FitRun::default().observe(|event| {
        match event {
            FitEvent::Trial { index, trials: 6, fraction: 0.0, .. } => begun.push(index),
            FitEvent::Trial { fraction, .. } => fractions.push(fraction),
            FitEvent::Tuned { hyperparameters, trials, .. } => tuned = Some((hyperparameters.clone(), trials.to_vec())),
            FitEvent::Training(Event::Epoch { .. }) => epochs += 1,
            _ => {}
        }
        Continue(())
    });
    let fit = hyperparameters.fit_with(&data, &mut run).unwrap();
    drop(run);
    assert_eq!((begun, epochs), (vec![0, 1, 2, 3, 4, 5], 30));
    assert!(fractions.iter().all(|fraction| (0.0..=1.0).contains(fraction)) && fractions.contains(&1.0));
    let (resolved, trials) = tuned.unwrap();
    assert_eq!(fit.hyperparameters.unwrap(), resolved);
    // The best trial is the one with the lowest loss.
    let lowest = trials.iter().min_by(|a, b| a.loss.unwrap().total_cmp(&b.loss.unwrap())).unwrap();
    assert_eq!(lowest.hyperparameters.penalty, resolved.penalty);
}

/// Stopped in any trial and in the training proper, and resumed: the weights are those of an undisturbed run.
#[test]
fn stopped_tuning_resumes_with_the_same_bits() {
    let (data, hyperparameters) = moons();
    let undisturbed = network_bits(hyperparameters.fit(&data).unwrap().model.network());
    for stop in [Some((0, 0.5)), Some((3, 0.2)), Some((5, 0.9)), None] {
        let folder = Folder::new();
        let checkpoints = || Checkpoints::new(folder.path("tuning.checkpoint")).every_epochs(3).resume();
        let mut run = FitRun::default().checkpoints(checkpoints()).observe(|event| match (event, stop) {
            (FitEvent::Trial { index, fraction, .. }, Some((trial, part))) if index == trial && fraction >= part => {
                Break(())
            }
            (FitEvent::Training(Event::Batch { epoch: 11, batch: 2, .. }), None) => Break(()),
            _ => Continue(()),
        });
        let stopped = hyperparameters.fit_with(&data, &mut run);
        match stop {
            Some(_) => assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Stopped),
            None => assert_eq!(stopped.unwrap().history.epochs.len(), 10),
        }
        let mut trials = Vec::new();
        let mut run = FitRun::default().checkpoints(checkpoints()).observe(|event| {
            if let FitEvent::Trial { index, fraction: 0.0, .. } = event {
                trials.push(index);
            }
            Continue(())
        });
        let fit = hyperparameters.fit_with(&data, &mut run).unwrap();
        drop(run);
        assert_eq!(network_bits(fit.model.network()), undisturbed, "{stop:?}");
        // Trials that have ended are not run again.
        assert_eq!(trials, (stop.map_or(6, |(trial, _)| trial)..6).collect::<Vec<_>>());
    }
}

#[test]
fn tuning_checkpoint_of_other_hyperparameters_is_refused() {
    let (data, hyperparameters) = moons();
    let folder = Folder::new();
    let checkpoints = || Checkpoints::new(folder.path("tuning.checkpoint")).resume();
    let mut run = FitRun::default().checkpoints(checkpoints()).observe(|event| match event {
        FitEvent::Trial { index: 2, fraction, .. } if fraction > 0.5 => Break(()),
        _ => Continue(()),
    });
    hyperparameters.fit_with(&data, &mut run).unwrap_err();
    let mut other = hyperparameters.clone();
    other.dropout = 0.1;
    for (hyperparameters, data) in [(&other, &data), (&hyperparameters, &generate::moons(120, 0.2, 2))] {
        let mut run = FitRun::default().checkpoints(checkpoints());
        let error = hyperparameters.fit_with(data, &mut run).unwrap_err();
        assert!(error.to_string().contains("checkpoint of another training"), "{error}");
    }
}

#[test]
fn warm_start_keeps_the_preprocessing_of_the_model() {
    let (data, hyperparameters) = moons();
    let (first, second) = data.split_at(60).unwrap();
    let model = hyperparameters.fit(&first).unwrap().model;
    let given = Overrides { warm_start: true, epochs: Some(5), ..Overrides::default() };
    let warm = given.for_data(&second);
    assert_eq!((warm.optimizer.name(), warm.tune_penalty, warm.restarts), ("adam", false, 1));
    let fit = warm.fit_with(&second, &mut FitRun::default().start(&model)).unwrap();
    assert_eq!(fit.model.preprocessing(), model.preprocessing());
    assert_ne!(network_bits(fit.model.network()), network_bits(model.network()));
}

#[test]
fn diverged_run_salvages_the_last_good_weights() {
    let (data, mut hyperparameters) = moons();
    (hyperparameters.tune_penalty, hyperparameters.restarts) = (false, 1);
    let mut run = FitRun::default().observe(|event| {
        if let FitEvent::Training(Event::Epoch { record, learning_rate, .. }) = event
            && record.epoch == 4
        {
            learning_rate.set(1e30);
        }
        Continue(())
    });
    let error = hyperparameters.fit_with(&data, &mut run).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Diverged);
    let salvaged = run.salvaged().unwrap();
    assert!(salvaged.network().parameters().flatten().all(|w| w.is_finite()));
    assert!(run.salvaged().is_none());
}
