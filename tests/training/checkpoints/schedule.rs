//! When checkpoints are written, and what they contain.

use std::fs;
use std::ops::ControlFlow::{Break, Continue};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use palmnet::Activation::*;
use palmnet::unversioned::Safetensors;
use palmnet::{Adam, Checkpoints, Event, Loss, Model, Network, Run, Sgd, Trainer, generate};

use super::{builder, data, has_content, resumes, trainer, undisturbed};
use crate::support::Folder;

#[test]
fn checkpoints_are_written_on_schedule_and_on_request() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    let epochs_and_batches = |checkpoints: Checkpoints<'_>, request: &AtomicBool| {
        let mut written = Vec::new();
        let mut last = Vec::new();
        let mut network = builder().build().unwrap();
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(7).batch_size(20);
        let mut run = Run::default().checkpoints(checkpoints).observe(|event| {
            let file = if has_content(&path) { fs::read(&path).unwrap() } else { Vec::new() };
            if file != last {
                let file = Safetensors::from_bytes(&file, "").unwrap();
                written.push((file.tensor("history").unwrap().shape[0], file.metadata["batch"].clone()));
            }
            last = file;
            request.fetch_or(matches!(event, Event::Batch { epoch: 3, batch: 2, .. }), Ordering::Relaxed);
            Continue(())
        });
        trainer.fit_with(&mut network, &data(), &mut run).unwrap();
        drop(run);
        let _ = fs::remove_file(&path);
        written.iter().map(|(epoch, batch)| format!("{epoch}.{batch}")).collect::<Vec<_>>().join(" ")
    };
    let request = AtomicBool::new(false);
    let checkpoints = || Checkpoints::new(&path);
    assert_eq!(epochs_and_batches(checkpoints(), &request), "");
    request.store(false, Ordering::Relaxed);
    assert_eq!(epochs_and_batches(checkpoints().every_epochs(3), &request), "3.0 6.0");
    request.store(false, Ordering::Relaxed);
    assert_eq!(epochs_and_batches(checkpoints().on_request(&request), &request), "2.2");
    assert!(!request.load(Ordering::Relaxed));
    assert_eq!(epochs_and_batches(checkpoints().every(Duration::MAX), &request), "");
    request.store(false, Ordering::Relaxed);
    // The interval starts again after a request.
    let both = checkpoints().every_epochs(4).on_request(&request);
    assert_eq!(epochs_and_batches(both, &request), "2.2 6.0");
}

#[test]
fn checkpoint_loads_as_a_network() {
    let folder = Folder::new();
    let mut now = None;
    let run = Run::default().checkpoints(Checkpoints::new(folder.path("a.checkpoint")));
    let mut run = run.observe(|event| match event {
        Event::Epoch { network, .. } => {
            now = Some(network.clone());
            Break(())
        }
        _ => Continue(()),
    });
    trainer(Adam::new(0.01).into()).fit_with(&mut builder().build().unwrap(), &data(), &mut run).unwrap();
    drop(run);
    assert_eq!(Network::load(folder.path("a.checkpoint")).unwrap(), now.unwrap());
    let error = Model::load(folder.path("a.checkpoint")).unwrap_err().to_string();
    assert!(error.contains("this is the checkpoint of a training"), "{error}");
}

/// A process killed while writing leaves a temporary file, which nobody locks any more.
#[test]
fn temporary_files_of_killed_processes_are_removed() {
    let folder = Folder::new();
    for name in [".palmnet-1-0.tmp", ".palmnet-2-10.tmp", ".palmnet-notes.tmp", "a.tmp"] {
        folder.write(name, "x");
    }
    let lock = fs::File::open(folder.path(".palmnet-2-10.tmp")).unwrap();
    lock.try_lock().unwrap();
    let expected = undisturbed(trainer(Adam::new(0.01).into()));
    resumes(trainer(Adam::new(0.01).into()), &folder.path("a.checkpoint"), &expected, "from nothing");
    assert_eq!(folder.names(), [".palmnet-2-10.tmp", ".palmnet-notes.tmp", "a.tmp"]);
    drop(lock);
    resumes(trainer(Adam::new(0.01).into()), &folder.path("a.checkpoint"), &expected, "from nothing");
    assert_eq!(folder.names(), [".palmnet-notes.tmp", "a.tmp"]);
}

/// A diverged state must not replace a checkpoint.
#[test]
fn non_finite_state_is_not_written() {
    let folder = Folder::new();
    let fit = |rate: f32| {
        let mut network = Network::builder(2).dense(4, Identity).dense(3, Identity).build().unwrap();
        let checkpoints = Checkpoints::new(folder.path("a.checkpoint")).every(Duration::ZERO);
        let trainer = Trainer::new(Loss::MeanSquaredError, Sgd::new(rate)).epochs(20);
        let mut run = Run::default().checkpoints(checkpoints);
        trainer.fit_with(&mut network, &generate::sums(50, 1), &mut run).unwrap_err();
    };
    // The loss is finite before the first step, the weights are not after it.
    fit(1e38);
    assert!(!folder.path("a.checkpoint").exists());
    fit(1e3);
    Network::load(folder.path("a.checkpoint")).unwrap();
}
