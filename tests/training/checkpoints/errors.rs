//! Checkpoints that are refused, and those that cannot be written.

use std::fs;
use std::ops::ControlFlow::{Break, Continue};
use std::path::Path;

use palmnet::Activation::*;
use palmnet::compute::Rng;
use palmnet::nn::NetworkBuilder;
use palmnet::optim::NAdam;
use palmnet::unversioned::Safetensors;
use palmnet::{Adam, Checkpoints, Dataset, Event, Network, Penalty, Run, Schedule, Trainer};

use super::{builder, data, resumes, trainer, undisturbed};
use crate::support::{Folder, put};

/// A checkpoint after the second batch of the third epoch.
fn checkpoint(path: &Path) {
    let stop = |event: Event| match event {
        Event::Batch { epoch: 3, batch: 2, .. } => Break(()),
        _ => Continue(()),
    };
    let mut run = Run::default().checkpoints(Checkpoints::new(path)).observe(stop);
    adam().fit_with(&mut builder().build().unwrap(), &data(), &mut run).unwrap();
}

fn adam() -> Trainer {
    trainer(Adam::new(0.01).into())
}

fn with_checkpoint() -> Folder {
    let folder = Folder::new();
    checkpoint(&folder.path("a.checkpoint"));
    folder
}

/// Asserts that the checkpoint is refused, and that neither it nor the network changes: the message.
#[track_caller]
fn refused(folder: &Folder, trainer: Trainer, builder: NetworkBuilder, data: &Dataset) -> String {
    refused_run(folder, trainer, Run::default(), builder, data)
}

#[track_caller]
fn refused_run(folder: &Folder, trainer: Trainer, run: Run<'_>, builder: NetworkBuilder, data: &Dataset) -> String {
    let left = folder.bytes("a.checkpoint");
    let mut network = builder.build().unwrap();
    let before = network.clone();
    let mut run = run.checkpoints(Checkpoints::new(folder.path("a.checkpoint")).resume());
    let message = trainer.fit_with(&mut network, data, &mut run).unwrap_err().to_string();
    assert_eq!(network, before);
    assert!(message.contains("a.checkpoint: ") && message.contains("remove the file"), "{message}");
    assert_eq!(folder.bytes("a.checkpoint"), left);
    message
}

#[test]
fn checkpoint_of_other_settings_is_refused() {
    let folder = with_checkpoint();
    let same = data();
    for (trainer, parts) in [
        (adam().epochs(9), &["epochs was 8 and is 9"][..]),
        (adam().batch_size(21), &["batch size was 20 and is 21"]),
        (adam().seed(4), &["seed was 3 and is 4"]),
        (adam().warmup(0.2), &["warmup was 0.3 and is 0.2"]),
        (adam().clip_value(0.3), &["clip value was 0.2 and is 0.3"]),
        (adam().schedule(Schedule::OneCycle), &["schedule was plateau:0:0.5 and is one_cycle"]),
        (adam().validation(0.25), &["validation was 0.2 and is 0.25"]),
        (adam().early_stopping(4), &["patience was 3 and is 4"]),
        (adam().penalty(Penalty::default().l1(0.001)), &["l2 was 0.001 and is 0", "weight decay was 0.01 and is 0"]),
        (trainer(Adam::new(0.02).into()), &["learning rate was 0.01 and is 0.02"]),
        (trainer(NAdam::new(0.01).into()), &["update rule was adam(", " and is nadam("]),
        (adam().epochs(9).seed(4), &["epochs was 8 and is 9", "seed was 3 and is 4"]),
    ] {
        let message = refused(&folder, trainer, builder(), &data());
        assert!(parts.iter().all(|part| message.contains(part)), "{message} lacks {parts:?}");
        // No other setting is named, except for a rule that contains the rate.
        let (named, rate) = (message.matches(" was ").count(), message.contains("learning rate was"));
        assert_eq!(named, parts.iter().filter(|part| part.contains("was")).count() + usize::from(rate), "{message}");
    }
    let message = refused_run(&folder, adam(), Run::default().validation_data(&same), builder(), &data());
    assert!(message.contains("validation was 0.2 and is 60 examples"), "{message}");
    let mut run = Run::default().checkpoints(Checkpoints::new(folder.path("a.checkpoint")).resume());
    let message = adam().fit_best_of_with(2, &builder(), &data(), &mut run).unwrap_err().to_string();
    assert!(message.contains("starts was 1 and is 2"), "{message}");
    // The checkpoint is still valid.
    resumes(adam(), &folder.path("a.checkpoint"), &undisturbed(adam()), "after all that");
}

#[test]
fn checkpoint_of_another_network_is_refused() {
    let folder = with_checkpoint();
    for (builder, part) in [
        (builder().seed(6), "initial weights was "),
        (Network::builder(2).dense(7, Relu).dropout(0.2).dense(2, Softmax), "network was dense(2,7) tanh "),
        (Network::builder(2).dense(7, Tanh).dropout(0.3).dense(2, Softmax), "network was "),
    ] {
        let message = refused(&folder, adam(), builder, &data());
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn checkpoint_of_other_data_is_refused() {
    let folder = with_checkpoint();
    let one_label = {
        let mut labels = data().labels().unwrap().to_vec();
        labels[17] = 1 - labels[17];
        let names = data().class_names().to_vec();
        Dataset::from_classes(data().to_matrix(), labels, names).unwrap()
    };
    let one_number = {
        let mut x = data().to_matrix();
        x[(59, 1)] += 1e-5;
        Dataset::from_classes(x, data().labels().unwrap().to_vec(), data().class_names().to_vec()).unwrap()
    };
    let weighted = data().with_weights(vec![1.0; 60]).unwrap();
    let grouped = data().with_groups((0..60).collect()).unwrap();
    let timed = data().with_times(vec![0.0; 60]).unwrap();
    for data in [one_label, one_number, data().select(&(0..59).collect::<Vec<_>>()), weighted, grouped, timed] {
        let message = refused(&folder, adam(), builder(), &data);
        assert!(message.contains("data was 60 examples of digest "), "{message}");
    }
}

#[test]
fn damaged_checkpoints_are_errors() {
    let folder = Folder::new();
    let path = folder.path("a.checkpoint");
    checkpoint(&path);
    let whole = fs::read(&path).unwrap();
    let fails = |bytes: &[u8], what: &str| {
        put(&path, bytes);
        let mut network = builder().build().unwrap();
        let mut run = Run::default().checkpoints(Checkpoints::new(&path).resume());
        let error =
            adam().fit_with(&mut network, &data(), &mut run).err().unwrap_or_else(|| panic!("{what} is accepted"));
        assert!(error.to_string().contains("a.checkpoint: "), "{what}: {error}");
        error.to_string()
    };
    for length in (1..whole.len()).step_by(5) {
        fails(&whole[..length], &format!("{length} bytes"));
    }
    let mut rng = Rng::new(2);
    for index in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[index] ^= 1 << rng.below(8);
        fails(&bytes, &format!("byte {index}, {} for {}", bytes[index], whole[index]));
    }
    assert!(fails(b"a,b\n1,2\n", "a table").contains("not a safetensors file"));
    builder().build().unwrap().save(&path).unwrap();
    assert!(fails(&fs::read(&path).unwrap(), "a network").contains("not a checkpoint"));
    for (number, part) in [("2", "older palmnet"), ("4", "newer palmnet"), ("x", "newer palmnet")] {
        let mut file = Safetensors::from_bytes(&whole, "").unwrap();
        file.metadata.insert("checkpoint".into(), number.into());
        assert!(fails(&file.to_bytes(), number).contains(part), "{number}");
    }
    let (name, value) = ("setting: batch size", "30".to_string());
    let mut file = Safetensors::from_bytes(&whole, "").unwrap();
    file.metadata.insert(name.into(), value).expect("the setting is there");
    assert!(fails(&file.to_bytes(), "another setting").contains("digest"));
}

#[test]
fn unwritable_checkpoint_is_an_error() {
    let folder = Folder::new();
    let path = folder.path("nowhere/a.checkpoint");
    // Resuming without a file starts from the beginning; writing the first checkpoint fails.
    let fit = |checkpoints: Checkpoints<'_>| {
        let mut run = Run::default().checkpoints(checkpoints);
        adam().fit_with(&mut builder().build().unwrap(), &data(), &mut run).unwrap_err().to_string()
    };
    let error = fit(Checkpoints::new(path).every_epochs(1).resume());
    assert!(error.contains("the folder does not exist"), "{error}");
    let error = fit(Checkpoints::new(&folder.0).resume());
    assert!(error.contains("this is a folder"), "{error}");
}
