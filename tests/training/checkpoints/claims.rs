//! Two trainings with one file: the file belongs to one of them.

use std::fs;
use std::ops::ControlFlow::{Break, Continue};
use std::path::Path;

use palmnet::unversioned::Safetensors;
use palmnet::{Adam, Checkpoints, Event, History, Network, Result, Run, Trainer};

use super::{builder, data, facts, has_content, resumes, trainer, undisturbed};
use crate::support::{Folder, network_bits, says};

fn adam() -> Trainer {
    trainer(Adam::new(0.01).into())
}

fn fit(mut run: Run<'_>) -> Result<(Network, History)> {
    let mut network = builder().build().unwrap();
    let history = adam().fit_with(&mut network, &data(), &mut run)?;
    Ok((network, history))
}

fn with(checkpoints: Checkpoints<'_>) -> Run<'_> {
    Run::default().checkpoints(checkpoints)
}

/// Trains until the second batch of the third epoch.
fn stop(checkpoints: Checkpoints<'_>) {
    let run = with(checkpoints).observe(|event| match event {
        Event::Batch { epoch: 3, batch: 2, .. } => Break(()),
        _ => Continue(()),
    });
    fit(run).unwrap();
}

fn owner(path: &Path) -> String {
    Safetensors::read(path).unwrap().metadata["owner"].clone()
}

#[test]
fn file_is_claimed_before_the_first_step() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    let (mut events, mut second) = (0, Vec::new());
    let run = with(Checkpoints::new(&path)).observe(|_| {
        events += 1;
        if events == 1 {
            assert!(path.exists() && !has_content(&path));
            // Another training, whatever it is to do with a checkpoint.
            for checkpoints in [Checkpoints::new(&path), Checkpoints::new(&path).resume()] {
                second.push(fit(with(checkpoints.clone())).unwrap_err().to_string());
                second.push(fit(with(checkpoints.start_over())).unwrap_err().to_string());
            }
        }
        Continue(())
    });
    let (network, history) = fit(run).unwrap();
    let expected = undisturbed(adam());
    assert_eq!((network_bits(&network), facts(&history)), (network_bits(&expected.0), facts(&expected.1)));
    assert_eq!(second.len(), 4);
    let process = format!("a training that runs now (process {}) writes this checkpoint", std::process::id());
    assert!(second.iter().all(|message| message.contains(&process)), "{second:?}");
    // Nothing was written: the claim goes with the training.
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn early_claim_is_kept_until_it_is_dropped() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    let checkpoints = Checkpoints::new(&path);
    let hold = checkpoints.claim().unwrap();
    says(fit(with(Checkpoints::new(&path).resume())), &["a training that runs now"]);
    // The training of the claim itself finds its file, and gives it back to the claim.
    assert_eq!(checkpoints.clone().resume().find().unwrap(), None);
    fit(with(checkpoints.clone())).unwrap();
    says(fit(with(Checkpoints::new(&path).resume())), &["a training that runs now"]);
    drop(hold);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn unfinished_training_is_not_replaced() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    stop(Checkpoints::new(&path));
    let left = folder.bytes("a.checkpoint");
    says(fit(with(Checkpoints::new(&path))), &["a.checkpoint: holds a training that did not end"]);
    assert!(folder.bytes("a.checkpoint") == left);
    resumes(adam(), &path, &undisturbed(adam()), "after the refusal");
    assert!(folder.bytes("a.checkpoint") == left);
    stop(Checkpoints::new(&path).start_over());
    assert_ne!(owner(&path), Safetensors::from_bytes(&left, "").unwrap().metadata["owner"]);
}

/// A process that is killed leaves its claim.
#[test]
fn claim_of_a_killed_training_is_taken_over() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    let (mut claim, mut taken) = (Vec::new(), Vec::new());
    let run = with(Checkpoints::new(&path)).observe(|_| {
        claim = fs::read(&path).unwrap();
        Break(())
    });
    fit(run).unwrap();
    for checkpoints in [Checkpoints::new(&path), Checkpoints::new(&path).resume()] {
        fs::remove_file(&path).unwrap();
        fs::write(&path, &claim).unwrap();
        let run = with(checkpoints).observe(|_| {
            taken.push(owner(&path));
            Continue(())
        });
        let (network, _) = fit(run).unwrap();
        assert_eq!(network_bits(&network), network_bits(&undisturbed(adam()).0));
        fs::write(&path, b"").unwrap();
    }
    let first = &Safetensors::from_bytes(&claim, "").unwrap().metadata["owner"];
    assert!(taken.len() > 2 && !taken.contains(first), "{first} {taken:?}");
    // An empty file is what a kill leaves where a file cannot be given its name in one step.
    assert_eq!(Checkpoints::new(&path).resume().find().unwrap(), None);
    fit(with(Checkpoints::new(&path).resume())).unwrap();
    assert_eq!(folder.names(), [""; 0]);
}

/// Where files cannot be locked, a second training may take the file over: the first does not take it back.
#[test]
fn training_whose_file_was_taken_over_ends() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    let second = folder.path("second");
    stop(Checkpoints::new(&second));
    let theirs = folder.bytes("second");
    let mut events = 0;
    let checkpoints = Checkpoints::new(&path).every_epochs(1);
    let run = with(checkpoints.clone()).observe(|_| {
        events += 1;
        if events == 6 {
            fs::rename(&second, &path).unwrap();
        }
        Continue(())
    });
    says(fit(run), &["a.checkpoint: another training writes this checkpoint now", "name another file"]);
    assert!(folder.bytes("a.checkpoint") == theirs);
    // Nor is it removed.
    checkpoints.remove().unwrap();
    assert!(folder.bytes("a.checkpoint") == theirs);
    let own = Checkpoints::new(folder.path("own"));
    stop(own.clone());
    own.remove().unwrap();
    assert_eq!(folder.names(), ["a.checkpoint"]);
}

#[test]
fn file_of_another_kind_is_not_replaced() {
    let folder = Folder::new();
    let path = folder.path("a");
    let mut foreign = Safetensors::default();
    foreign.metadata.insert("format".into(), "pt".into());
    builder().build().unwrap().save(folder.path("network")).unwrap();
    for content in [foreign.to_bytes(), folder.bytes("network"), b"a table, of text".to_vec()] {
        fs::write(&path, &content).unwrap();
        for checkpoints in [Checkpoints::new(&path), Checkpoints::new(&path).start_over()] {
            says(fit(with(checkpoints)), &["a: "]);
            assert!(folder.bytes("a") == content);
        }
    }
    // A file that is removed meanwhile is written again, but not over a stranger.
    fs::remove_file(&path).unwrap();
    for stranger in [None, Some("notes")] {
        let mut events = 0;
        let run = with(Checkpoints::new(&path).every_epochs(1)).observe(|_| {
            events += 1;
            if events == 6 {
                fs::remove_file(&path).unwrap();
                stranger.inspect(|text| fs::write(&path, text).unwrap());
            }
            Continue(())
        });
        let trained = fit(run);
        match stranger {
            None => assert!(trained.is_ok() && has_content(&path)),
            Some(text) => {
                says(trained, &["a: "]);
                assert_eq!(folder.bytes("a"), text.as_bytes());
            }
        }
        fs::remove_file(&path).unwrap();
    }
}
