//! The checkpoint of a training, of which parts are changed: training resumes from it, or refuses it.
//!
//! The input is a list of changes, which the byte 0xFF separates: the kind, the index of what is changed, and a text or
//! numbers. The digest is made to fit in the end, since otherwise nothing behind it would be reached.

#![no_main]

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use palmnet::train::CheckpointInfo;
use palmnet::unversioned::Safetensors;
use palmnet::{Activation, Adam, Checkpoints, Dataset, Event, Loss, Matrix, Network, Result, Run, Trainer};

const EPOCHS: usize = 4;

static FILE: LazyLock<PathBuf> = LazyLock::new(|| palmnet_fuzz::folder("checkpoint").join("checkpoint.safetensors"));

/// A checkpoint that was written after the second of four epochs.
static WRITTEN: LazyLock<Safetensors> = LazyLock::new(|| {
    let stop = |event: Event<'_>| match event {
        Event::Epoch { record, .. } if record.epoch == 2 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    train(&mut Run::default().checkpoints(Checkpoints::new(&*FILE).every_epochs(1)).observe(stop)).unwrap();
    let file = Safetensors::read(&*FILE).unwrap();
    assert_eq!(file.metadata["digest"], digest(&file), "the digest is made otherwise now");
    file
});

fn train(run: &mut Run<'_>) -> Result<usize> {
    let features = Matrix::from_fn(8, 2, |row, column| (row * (column + 1) % 5) as f32);
    let data = Dataset::from_classes(features, vec![0, 1, 1, 0, 1, 0, 0, 1], ["a", "b"])?;
    let mut network = Network::builder(2).dense(2, Activation::Tanh).dense(2, Activation::Softmax).seed(1).build()?;
    let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(EPOCHS).batch_size(4).threads(1);
    let trainer = trainer.validation(0.25).early_stopping(2);
    Ok(trainer.fit_with(&mut network, &data, run)?.epochs.len())
}

fuzz_target!(|bytes: &[u8]| {
    let mut file = WRITTEN.clone();
    bytes.split(|&byte| byte == 0xFF).for_each(|change| make(change, &mut file));
    if bytes.first() != Some(&b'!') {
        let digest = digest(&file);
        file.metadata.insert("digest".into(), digest);
    }
    std::fs::write(&*FILE, file.to_bytes()).unwrap();
    if let Ok(Some(found)) = CheckpointInfo::read(&*FILE) {
        let _ = (found.setting("loss"), found.note("a"));
    }
    let _ = train(&mut Run::default().checkpoints(Checkpoints::new(&*FILE).every_epochs(1).resume()));
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

/// The digest, as src/base/digest.rs and src/train/checkpoint_file.rs make it.
fn digest(file: &Safetensors) -> String {
    let mut sum = 0xCBF2_9CE4_8422_2325u64;
    let mut word = |word: u64| {
        let mixed = (sum ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        sum = mixed ^ (mixed >> 32);
    };
    let text = |text: &str, word: &mut dyn FnMut(u64)| {
        text.bytes().for_each(|byte| word(byte.into()));
        word(text.len() as u64);
    };
    for (name, value) in file.metadata.iter().filter(|(name, _)| *name != "digest") {
        text(name, &mut word);
        text(value, &mut word);
    }
    for tensor in &file.tensors {
        text(&tensor.name, &mut word);
        tensor.shape.iter().for_each(|&size| word(size as u64));
        let (pairs, rest) = tensor.data.as_chunks();
        pairs.iter().for_each(|&[a, b]: &[f32; 2]| word(u64::from(a.to_bits()) << 32 | u64::from(b.to_bits())));
        rest.iter().for_each(|x| word(x.to_bits().into()));
        word(tensor.data.len() as u64);
    }
    format!("{sum:016x}")
}
