//! Tuning inside `Hyperparameters::fit_with`: observed, stopped, resumed, and warm starts.

use std::ops::ControlFlow::{Break, Continue};

use palmnet::error::ErrorKind;
use palmnet::tune::{FitEvent, FitRun, Overrides, RandomSearch, SearchEvent, Trial, Tune};
use palmnet::{Checkpoints, Dataset, Event, Hyperparameters, Preprocessing, Scaling, generate};

use crate::support::{Folder, network_bits};

fn moons() -> (Dataset, Hyperparameters) {
    let data = generate::moons(120, 0.2, 1);
    let given =
        Overrides { hidden: Some(vec![8]), epochs: Some(30), restarts: Some(2), fast: true, ..Overrides::default() };
    let hyperparameters = given.for_data(&data);
    (data, hyperparameters)
}

/// An ensemble stopped in any of its trials, which are in five folds, and in the training proper, and resumed: the model,
/// with its calibration, is that of an undisturbed run.
#[test]
fn stopped_ensemble_resumes_with_the_same_model() {
    let data = generate::moons(120, 0.2, 1);
    let given = Overrides { hidden: Some(vec![8]), members: Some(3), ..Overrides::default() };
    let mut hyperparameters = given.for_data(&data);
    hyperparameters.epochs = 18;
    let fit = hyperparameters.fit(&data).unwrap();
    let undisturbed = fit.model.to_bytes();
    assert_eq!(fit.model.calibration().map(|calibration| calibration.rows()), Some(120));
    let mut all = Vec::new();
    let mut run = FitRun::default().observe(|event| {
        if let FitEvent::Tuned { trials, .. } = event {
            all = trials.to_vec();
        }
        Continue(())
    });
    hyperparameters.fit_with(&data, &mut run).unwrap();
    drop(run);
    // A ninth and a third of the epochs, dropout, no encoding, both, bins alone; and then changes of the best.
    let found = |trial: &Trial| {
        let Hyperparameters { epochs, dropout, bins, embedding, .. } = trial.hyperparameters;
        (epochs, dropout, bins, embedding)
    };
    let usual = [(2, 0.0, 16, 8), (6, 0.0, 16, 8), (6, 0.2, 16, 8), (6, 0.0, 0, 0), (6, 0.2, 0, 0), (6, 0.2, 16, 0)];
    assert_eq!(all[..6].iter().map(found).collect::<Vec<_>>(), usual);
    assert!((7..=9).contains(&all.len()));
    let resolved = fit.hyperparameters.unwrap();
    let best = all.iter().min_by(|a, b| a.loss.unwrap().total_cmp(&b.loss.unwrap())).unwrap();
    assert_eq!(resolved, best.hyperparameters);
    assert_eq!((resolved.tune, resolved.members), (Tune::NONE, 3));
    assert_eq!(resolved.fit(&data).unwrap().model.network(), fit.model.network());
    for stop in [Some((0, 0, 0.5)), Some((1, 2, 0.2)), Some((3, 4, 0.6)), None] {
        let folder = Folder::new();
        let checkpoints = || Checkpoints::new(folder.path("tuning.checkpoint")).every_epochs(1).resume();
        let mut run = FitRun::default().checkpoints(checkpoints()).observe(|event| match (event, stop) {
            (FitEvent::Trial { index, fold, folds: 5, fraction, .. }, Some((trial, of, part)))
                if (index, fold) == (trial, of) && fraction >= part =>
            {
                Break(())
            }
            (FitEvent::Training(Event::Batch { epoch: 2, batch: 2, .. }), None) => Break(()),
            _ => Continue(()),
        });
        let stopped = hyperparameters.fit_with(&data, &mut run);
        assert!(stop.is_none() || stopped.unwrap_err().kind() == ErrorKind::Stopped, "{stop:?}");
        // Once more, after the choice is made.
        let mut run = FitRun::default().checkpoints(checkpoints()).observe(|event| match event {
            FitEvent::Training(Event::Epoch { record, .. }) if record.epoch == 2 => Break(()),
            _ => Continue(()),
        });
        hyperparameters.fit_with(&data, &mut run).unwrap();
        let mut run = FitRun::default().checkpoints(checkpoints());
        let fit = hyperparameters.fit_with(&data, &mut run).unwrap();
        drop(run);
        assert_eq!(fit.model.to_bytes(), undisturbed, "{stop:?}");
    }
}

#[test]
fn trials_are_observed() {
    let (data, hyperparameters) = moons();
    let (mut begun, mut fractions, mut tuned, mut epochs) = (Vec::new(), Vec::new(), None, 0);
    let mut run = FitRun::default().observe(|event| {
        match event {
            FitEvent::Trial { index, trials: Some(6), fraction: 0.0, .. } => begun.push(index),
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

#[test]
fn hyperparameters_out_of_range_are_refused() {
    let (data, usual) = moons();
    let refused = |change: &dyn Fn(&mut Hyperparameters), part: &str| {
        let mut hyperparameters = usual.clone();
        hyperparameters.tune_penalty = false;
        change(&mut hyperparameters);
        let error = hyperparameters.fit(&data).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Setting, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    };
    refused(&|h| h.dropout = f64::NAN, "dropout");
    refused(&|h| h.dropout = -1.0, "dropout");
    refused(&|h| h.noise = -1.0, "noise");
    refused(&|h| h.hidden = vec![8, 0], "0 units");
    refused(&|h| h.frozen = 1, "frozen");
    refused(&|h| h.restarts = 0, "restarts");
    refused(&|h| h.batch_size = 0, "batch");
    refused(&|h| h.epochs = 0, "epochs 0");
    let empty = data.select(&[]);
    assert_eq!(usual.fit(&empty).unwrap_err().kind(), ErrorKind::Mismatch);
    assert_eq!(usual.tuned(&empty).unwrap_err().kind(), ErrorKind::Mismatch);
}

#[test]
fn warm_start_refuses_other_classes_and_values() {
    let (data, hyperparameters) = moons();
    let model = hyperparameters.fit(&data).unwrap().model;
    let labels = data.labels().unwrap().to_vec();
    let renamed = Dataset::from_classes(data.to_matrix(), labels, ["zzz", "yyy"]).unwrap();
    let values = Dataset::from_values(data.to_matrix(), palmnet::Matrix::zeros(120, 2)).unwrap();
    for other in [&renamed, &values] {
        let error = hyperparameters.fit_with(other, &mut FitRun::default().start(&model)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Mismatch, "{error}");
    }
}

#[test]
fn recipe_refuses_preprocessing_of_other_data() {
    let (data, hyperparameters) = moons();
    let sums = generate::sums(50, 1);
    let other = Preprocessing::fit(&sums, Scaling::Standard);
    let mut recipe = hyperparameters.recipe(&data, other);
    assert_eq!(recipe.fit(&data).unwrap_err().kind(), ErrorKind::Mismatch);
    recipe.preprocessing = Preprocessing::fit(&data, Scaling::Standard);
    recipe.restarts = 0;
    assert_eq!(recipe.fit(&data).unwrap_err().kind(), ErrorKind::Setting);
}

/// The checkpoints of a run belong to every call, not to the first alone.
#[test]
fn run_writes_checkpoints_in_every_call() {
    let (data, mut hyperparameters) = moons();
    hyperparameters.tune_penalty = false;
    let folder = Folder::new();
    let path = folder.path("run.checkpoint");
    let mut run = FitRun::default().checkpoints(Checkpoints::new(&path).every_epochs(5));
    for _ in 0..2 {
        hyperparameters.fit_with(&data, &mut run).unwrap();
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn random_search_is_observed_and_stopped() {
    let (data, hyperparameters) = moons();
    let hidden = Some(hyperparameters.hidden);
    let given = Overrides { hidden, epochs: Some(5), fast: true, ..Overrides::default() };
    let search = RandomSearch::new(given.clone()).trials(5);
    let mut tuning = 0;
    let tuned = search.run_with(&data, &mut |event| match event {
        SearchEvent::Fit { index: None, event: FitEvent::Trial { fraction: 0.0, .. }, .. } => {
            tuning += 1;
            Continue(())
        }
        SearchEvent::Fit { index: Some(3), event: FitEvent::Training(_), .. } => Break(()),
        _ => Continue(()),
    });
    assert_eq!((tuned.unwrap().trials.len(), tuning), (3, 6));
    let stopped = search.run_with(&data, &mut |event| match event {
        SearchEvent::Fit { index: Some(0), event: FitEvent::Training(_), .. } => Break(()),
        _ => Continue(()),
    });
    assert_eq!(stopped.unwrap_err().kind(), ErrorKind::Stopped);
    let tunes = Overrides { tune_penalty: Some(true), ..given };
    assert_eq!(RandomSearch::new(tunes).run(&data).unwrap_err().kind(), ErrorKind::Setting);
}
