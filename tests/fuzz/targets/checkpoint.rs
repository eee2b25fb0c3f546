//! The checkpoint of a training, of which parts are changed: training resumes from it, or refuses it.
//!
//! The first byte chooses among checkpoints. A list of changes follows, which the byte 0xFF separates: the kind, the
//! index of what is changed, and a text or numbers. The digest is made to fit in the end, unless the first byte is 4 or
//! more of 8, since otherwise nothing behind it would be reached.

#![no_main]

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use palmnet::fuzzing::{GIVEN, digest_of_file};
use palmnet::nn::NetworkBuilder;
use palmnet::optim::{Lbfgs, Rule};
use palmnet::train::CheckpointInfo;
use palmnet::unversioned::{Safetensors, Tensor};
use palmnet::{Activation, Adam, Checkpoints, Dataset, Event, Loss, Matrix, Network, Result, Run, Trainer};

static FILE: LazyLock<PathBuf> = LazyLock::new(|| palmnet_fuzz::folder("checkpoint").join("checkpoint.safetensors"));

static DATA: LazyLock<Dataset> = LazyLock::new(|| {
    let features = Matrix::from_fn(8, 2, |row, column| (row * (column + 1) % 5) as f32);
    Dataset::from_classes(features, vec![0, 1, 1, 0, 1, 0, 0, 1], ["a", "b"]).unwrap()
});

/// A training that has begun.
struct Training {
    trainer: Trainer,
    starts: usize,
    file: Safetensors,
}

/// Trainings by gradient descent and by L-BFGS, and a choice among starts.
static TRAININGS: LazyLock<[Training; 3]> = LazyLock::new(|| {
    let begin = |rule: Rule, starts: usize| {
        let trainer = Trainer::new(Loss::CrossEntropy, rule).epochs(4).batch_size(4).threads(1);
        let trainer = trainer.validation(0.25).early_stopping(2);
        let stop = |event: Event<'_>| match event {
            // In the third epoch, after a step.
            Event::Batch { epoch: 3, .. } => ControlFlow::Break(()),
            // Before the first record, as in a short training.
            Event::Batch { .. } if starts > 1 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        };
        train(&trainer, starts, Run::default().checkpoints(Checkpoints::new(&*FILE)).observe(stop)).unwrap();
        let file = Safetensors::read(&*FILE).unwrap();
        std::fs::remove_file(&*FILE).unwrap();
        Training { trainer, starts, file }
    };
    let mut trainings = [(Adam::new(0.01).into(), 1), (Lbfgs::default().into(), 1), (Adam::new(0.01).into(), 3)]
        .map(|(rule, starts)| begin(rule, starts));
    // An observer cannot stop a short training: the file is made into that of one.
    let file = &mut trainings[2].file;
    let chosen: Vec<Tensor> = file.tensors.iter().filter(|tensor| tensor.name.starts_with("layers")).cloned().collect();
    assert!(!chosen.is_empty(), "tensors have other names now");
    let chosen = chosen.into_iter().map(|tensor| Tensor { name: format!("chosen.{}", tensor.name), ..tensor });
    file.tensors.extend(chosen);
    file.metadata.extend([("starts done", "1"), ("chosen loss", "0.7")].map(|(a, b)| (a.to_string(), b.to_string())));
    trainings
});

fn builder() -> NetworkBuilder {
    Network::builder(2).dense(2, Activation::Tanh).dense(2, Activation::Softmax).seed(1)
}

fn train(trainer: &Trainer, starts: usize, mut run: Run<'_>) -> Result<usize> {
    let (_, history) = trainer.fit_best_of_with(starts, &builder(), &DATA, &mut run)?;
    Ok(history.epochs.len())
}

fuzz_target!(|bytes: &[u8]| {
    let [first, changes @ ..] = bytes else { return };
    let Training { trainer, starts, file } = &TRAININGS[usize::from(first / 8) % 3];
    let mut file = file.clone();
    changes.split(|&byte| byte == 0xFF).for_each(|change| make(change, &mut file));
    if first % 8 < 4 {
        file.metadata.insert("digest".into(), digest_of_file(&file));
    }
    let checkpoints = Checkpoints::new(&*FILE).resume();
    if bytes.iter().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte)) >= 4 {
        GIVEN.set(Some(file));
        // The training ends by an error at its first step: otherwise it would write a file.
        let stop = |event: Event<'_>| {
            if let Event::Batch { learning_rate, .. } | Event::Epoch { learning_rate, .. } = event {
                learning_rate.set(f32::NAN);
            }
            ControlFlow::Break(())
        };
        let _ = train(trainer, *starts, Run::default().checkpoints(checkpoints).observe(stop));
        return;
    }
    // One of 64 is a file, and trains to the end.
    std::fs::write(&*FILE, file.to_bytes()).unwrap();
    if let Ok(Some(found)) = CheckpointInfo::read(&*FILE) {
        let _ = (found.setting("loss"), found.note("a"));
    }
    if train(trainer, *starts, Run::default().checkpoints(checkpoints.every_epochs(1))).is_ok() {
        // It can be resumed when it has ended, too.
        let checkpoints = Checkpoints::new(&*FILE).resume();
        train(trainer, *starts, Run::default().checkpoints(checkpoints)).expect("it was written");
    }
});

fn make(change: &[u8], file: &mut Safetensors) {
    let [kind, index, content @ ..] = change else { return };
    let (index, text) = (usize::from(*index), String::from_utf8_lossy(content).into_owned());
    let name = file.metadata.keys().nth(index % file.metadata.len().max(1)).cloned();
    let tensors = file.tensors.len();
    let tensor = file.tensors.get_mut(index % tensors.max(1));
    match (kind % 6, name, tensor) {
        (0, Some(name), _) => drop(file.metadata.insert(name, text)),
        (1, Some(name), _) => drop(file.metadata.remove(&name)),
        (2, _, _) => drop(file.metadata.insert(text, "1".into())),
        (3, _, Some(tensor)) if !tensor.data.is_empty() => {
            let place = content.first().map_or(0, |&byte| usize::from(byte)) % tensor.data.len();
            let number = content.get(1..5).map_or([0xFF; 4], |bytes| bytes.try_into().unwrap());
            tensor.data[place] = f32::from_le_bytes(number);
        }
        (4, _, Some(tensor)) => {
            // Another shape, or another number of numbers.
            let rows = content.first().map_or(1, |&byte| usize::from(byte) % 8);
            let columns = content.get(1).map_or(1, |&byte| usize::from(byte) % 8);
            tensor.data.resize(rows * columns, 0.5);
            tensor.shape = if content.len() > 2 { vec![rows, columns] } else { vec![rows * columns] };
        }
        (5, _, Some(_)) => drop(file.tensors.remove(index % tensors)),
        _ => {}
    }
}
