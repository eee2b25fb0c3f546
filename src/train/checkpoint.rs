//! Checkpoints: a training on disk, whole, so that it goes on as if nothing had happened.
//!
//! A checkpoint is a safetensors file. What [`Network::save`] writes is in it as such, so that the file can be loaded as
//! a network; beside it are the moments of the optimizer, the best weights so far, the history, and in the metadata where
//! the training is and which training it is. There is no random state, for there is none in training: every epoch's order
//! and every step's dropout follow from the seed and their number.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::checkpoint_options::SETTING;
use super::run::{Event, Run};
use super::snapshot::Best;
use super::step::Shared;
use super::weights::Weights;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::history::{Epoch, History};
use crate::base::text::quoted;
use crate::data::Dataset;
use crate::format::atomic::remove_leftovers;
use crate::format::safetensors::{Safetensors, Tensor};
use crate::model::file::{CHECKPOINT, damaged};
use crate::nn::network::Network;
use crate::optim::Optimizer;

const FORMAT_NUMBER: &str = "1";
/// The member with the digest of everything else.
const DIGEST: &str = "digest";
/// What stands before the names of the tensors of the best epoch, and of the best start.
const BEST: &str = "best.";
const CHOSEN: &str = "chosen.";

/// Where a training is, beside the network and the optimizer.
#[derive(Default)]
pub(super) struct Place {
    /// The epochs that are done.
    pub(super) history: History,
    pub(super) best: Best,
    /// The batches of the epoch under way that are done, and the sum of their examples' losses.
    pub(super) batch: usize,
    pub(super) sum: f64,
    /// The time that training has taken.
    pub(super) seconds: f64,
}

impl Place {
    /// The network gets the weights of its best epoch, if any were noted.
    pub(super) fn finish(self, shared: &Shared<'_>) -> History {
        let Place { mut history, best, .. } = self;
        if best.epoch > 0 {
            shared.restore(&best.weights);
            history.best_epoch = best.epoch;
        }
        history
    }
}

/// The starts that [`Trainer::fit_best_of`](crate::Trainer::fit_best_of) chooses among.
#[derive(Default)]
pub(super) struct Trials {
    /// How many of them are done.
    pub(super) done: usize,
    /// The best of those, with its loss.
    pub(super) best: Option<(f64, Network)>,
}

/// What a checkpoint holds.
pub(super) struct Saved {
    pub(super) network: Network,
    pub(super) place: Place,
    memory: Memory<Vec<f32>>,
}

/// What an update rule knows of its steps.
pub(super) struct Memory<V> {
    /// How many there were; for L-BFGS, how many in a row have gained next to nothing.
    pub(super) steps: u64,
    /// The last one's.
    pub(super) learning_rate: f32,
    /// Vectors of one number for each parameter.
    pub(super) moments: Vec<V>,
}

impl<'o> Memory<&'o [f32]> {
    pub(super) fn of(optimizer: &'o Optimizer) -> Self {
        let (steps, learning_rate) = (optimizer.steps(), optimizer.learning_rate());
        Memory { steps, learning_rate, moments: optimizer.moments().collect() }
    }
}

impl Saved {
    /// Brings the network to where it was, has the update rule `accept` what it knew of its steps, and says where that is
    /// in a training of so many epochs of `batches` batches.
    pub(super) fn restore(
        self,
        network: &mut Network,
        epochs: usize,
        batches: usize,
        accept: &mut dyn FnMut(Memory<Vec<f32>>) -> bool,
    ) -> Option<Place> {
        let Saved { network: saved, place, memory } = self;
        let steps = memory.steps;
        let (done, most) = (place.history.epochs.len(), epochs.saturating_mul(batches) as u64);
        let possible = done <= epochs && place.best.epoch <= done && place.batch <= batches && steps <= most;
        let possible = possible && layers(&saved) == layers(network);
        if !possible || !accept(memory) {
            return None;
        }
        *network = saved;
        Some(place)
    }
}

/// Writes the checkpoints of one training; without [`Checkpoints`] it does nothing.
pub(super) struct Keeper<'k, 'r> {
    run: &'k mut Run<'r>,
    /// Whether the observer hears nothing for now.
    pub(super) is_silent: bool,
    /// What must be the same when the training is resumed.
    settings: Vec<(&'static str, String)>,
    /// When the last one was written, and how many epochs have passed since.
    written: Instant,
    epochs: usize,
    /// The trials, while they are under way.
    pub(super) trials: Option<Trials>,
}

impl<'k, 'r> Keeper<'k, 'r> {
    pub(super) fn new(run: &'k mut Run<'r>, settings: Vec<(&'static str, String)>) -> Self {
        Keeper { run, is_silent: false, settings, written: Instant::now(), epochs: 0, trials: None }
    }

    pub(super) fn tell(&mut self, event: Event<'_>) -> ControlFlow<()> {
        if self.is_silent { ControlFlow::Continue(()) } else { self.run.tell(event) }
    }

    /// The checkpoint to go on from, if that is wanted and there is one.
    pub(super) fn resume(&mut self, starts: usize) -> Result<Option<Saved>> {
        let Some(checkpoints) = self.run.checkpoints.as_ref().filter(|checkpoints| checkpoints.resume) else {
            return Ok(None);
        };
        remove_leftovers(&checkpoints.path);
        let file = match Safetensors::read(&checkpoints.path) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let (saved, trials) =
            read(&file, &self.settings, starts).map_err(|message| damaged(&checkpoints.path, message))?;
        self.trials = trials;
        Ok(Some(saved))
    }

    /// The error of a checkpoint that contradicts itself.
    pub(super) fn contradiction(&self) -> Error {
        let path = self.run.checkpoints.as_ref().map_or(Path::new(""), |checkpoints| &checkpoints.path);
        damaged(path, "the checkpoint contradicts itself: remove it to begin anew".into())
    }

    /// Whether it is time for a checkpoint.
    pub(super) fn due(&self) -> bool {
        let Some(checkpoints) = &self.run.checkpoints else { return false };
        checkpoints.request.is_some_and(|request| request.swap(false, Ordering::Relaxed))
            || checkpoints.interval.is_some_and(|interval| self.written.elapsed() >= interval)
            || checkpoints.epochs.is_some_and(|epochs| self.epochs >= epochs.max(1))
    }

    pub(super) fn end_epoch(&mut self) {
        self.epochs += 1;
    }

    pub(super) fn write(&mut self, network: &Network, memory: &Memory<&[f32]>, place: &Place) -> Result<()> {
        let Some(checkpoints) = &self.run.checkpoints else { return Ok(()) };
        (self.written, self.epochs) = (Instant::now(), 0);
        let file = file(network, memory, place, self.trials.as_ref(), &self.settings, &checkpoints.notes);
        if file.tensors.iter().any(not_a_state) {
            return Ok(());
        }
        file.write(&checkpoints.path)
    }
}

/// Whether a tensor holds what no training can go on from. A moment may well be infinite: its parameter rests then.
fn not_a_state(tensor: &Tensor) -> bool {
    let of_optimizer = tensor.name.starts_with("moments.");
    !tensor.data.iter().all(|x| x.is_finite() || (of_optimizer && !x.is_nan()))
}

fn file(
    network: &Network,
    memory: &Memory<&[f32]>,
    place: &Place,
    trials: Option<&Trials>,
    settings: &[(&'static str, String)],
    notes: &[(String, String)],
) -> Safetensors {
    let mut file = network.to_safetensors();
    // First, so that no note takes the place of what follows.
    file.metadata.extend(notes.iter().cloned());
    let mut put = |name: &str, text: String| file.metadata.insert(name.to_string(), text);
    put(CHECKPOINT, FORMAT_NUMBER.into());
    for (name, value) in settings {
        put(&format!("{SETTING}{name}"), value.clone());
    }
    put("batch", place.batch.to_string());
    put("loss sum", place.sum.to_string());
    put("seconds", place.seconds.to_string());
    put("best epoch", place.best.epoch.to_string());
    put("best loss", place.best.loss.to_string());
    put("steps", memory.steps.to_string());
    put("learning rate", memory.learning_rate.to_string());
    if let Some(trials) = trials {
        put("trials", trials.done.to_string());
        if let Some((loss, _)) = trials.best {
            put("chosen loss", loss.to_string());
        }
    }
    for (i, moments) in memory.moments.iter().enumerate() {
        file.tensors.push(Tensor::new(format!("moments.{i}"), &[moments.len()], moments.to_vec()));
    }
    if place.best.epoch > 0 {
        let mut best = network.clone();
        place.best.weights.restore(&mut best);
        put_network(&mut file, BEST, &best);
    }
    if let Some((_, chosen)) = trials.and_then(|trials| trials.best.as_ref()) {
        put_network(&mut file, CHOSEN, chosen);
    }
    file.tensors.push(history_to_tensor(&place.history));
    file.metadata.insert(DIGEST.into(), digest_of_file(&file));
    file
}

/// What a file that cannot be trusted holds, if it is a checkpoint of the training with these settings; the error is a
/// sentence about it.
fn read(
    file: &Safetensors,
    settings: &[(&'static str, String)],
    starts: usize,
) -> std::result::Result<(Saved, Option<Trials>), String> {
    match file.metadata.get(CHECKPOINT).map(String::as_str) {
        Some(FORMAT_NUMBER) => {}
        Some(_) => return Err("the checkpoint was written by a newer palmnet: use that".into()),
        None => return Err("this is not a checkpoint of palmnet: name another file".into()),
    }
    if file.metadata.get(DIGEST) != Some(&digest_of_file(file)) {
        return Err("the checkpoint is damaged: its digest does not fit its content; remove it to begin anew".into());
    }
    let differences: Vec<String> = settings
        .iter()
        .filter_map(|(name, now)| match file.metadata.get(&format!("{SETTING}{name}")) {
            Some(then) if then == now => None,
            Some(then) => Some(format!("{name} was {} and is {}", shown(then), shown(now))),
            None => Some(format!("{name} was not known and is {}", shown(now))),
        })
        .collect();
    if !differences.is_empty() {
        return Err(format!(
            "this is the checkpoint of another training: {}. Go on with what it was, or remove the file to begin anew",
            differences.join("; ")
        ));
    }
    let network = Network::from_safetensors(file)?;
    let history = file.tensor("history").and_then(history_from_tensor).ok_or("the history is damaged")?;
    let mut best = Best { epoch: number(file, "best epoch")?, loss: number(file, "best loss")?, ..Best::default() };
    if best.epoch > 0 {
        best.weights.take(&get_network(file, BEST)?);
    }
    let trials = match file.metadata.contains_key("trials") {
        false => None,
        true => {
            let done = number(file, "trials")?;
            if starts == 1 || done >= starts {
                return Err(format!("it says that {done} starts are done, of {starts}: the file is damaged"));
            }
            let mut best = None;
            if file.metadata.contains_key("chosen loss") {
                best = Some((number(file, "chosen loss")?, get_network(file, CHOSEN)?));
            }
            Some(Trials { done, best })
        }
    };
    let moments = (0..).map_while(|i| file.tensor(&format!("moments.{i}")));
    let mut copies = Vec::new();
    for tensor in moments {
        if not_a_state(tensor) {
            return Err(format!("{} holds what is not a number: the file is damaged", quoted(&tensor.name)));
        }
        copies.push(tensor.data.clone());
    }
    let (batch, sum, seconds) = (number(file, "batch")?, number(file, "loss sum")?, number(file, "seconds")?);
    let saved = Saved {
        network,
        place: Place { history, best, batch, sum, seconds },
        memory: Memory {
            steps: number(file, "steps")?,
            learning_rate: number(file, "learning rate")?,
            moments: copies,
        },
    };
    Ok((saved, trials))
}

fn number<T: std::str::FromStr>(file: &Safetensors, name: &str) -> std::result::Result<T, String> {
    let text = file.metadata.get(name).and_then(|text| text.parse().ok());
    text.ok_or_else(|| format!("`{name}` is missing or no number: the file is damaged"))
}

/// A setting as it is shown: what a file says must not get to a terminal as it is.
fn shown(text: &str) -> String {
    text.chars().take(300).flat_map(char::escape_debug).collect()
}

fn put_network(file: &mut Safetensors, prefix: &str, network: &Network) {
    for tensor in network.to_safetensors().tensors {
        file.tensors.push(Tensor { name: format!("{prefix}{}", tensor.name), ..tensor });
    }
}

/// The network of the file's layers whose tensors have this prefix.
fn get_network(file: &Safetensors, prefix: &str) -> std::result::Result<Network, String> {
    let mut part = Safetensors { metadata: file.metadata.clone(), tensors: Vec::new() };
    for tensor in &file.tensors {
        if let Some(name) = tensor.name.strip_prefix(prefix) {
            part.tensors.push(Tensor { name: name.into(), ..tensor.clone() });
        }
    }
    Network::from_safetensors(&part)
}

/// Epochs × (training loss, learning rate, seconds and, where there is one, validation loss) × 4: every number's 64 bits
/// in four whole numbers, the highest first. As text in the header, a very long history could not be read again.
fn history_to_tensor(history: &History) -> Tensor {
    let validated = history.epochs.first().is_some_and(|epoch| epoch.validation_loss.is_some());
    let mut data = Vec::new();
    for epoch in &history.epochs {
        let numbers = [epoch.train_loss, epoch.learning_rate.into(), epoch.seconds];
        for number in numbers.into_iter().chain(epoch.validation_loss) {
            let bits = number.to_bits();
            data.extend([48, 32, 16, 0].map(|shift| f32::from((bits >> shift) as u16)));
        }
    }
    Tensor::new("history", &[history.epochs.len(), 3 + usize::from(validated), 4], data)
}

fn history_from_tensor(tensor: &Tensor) -> Option<History> {
    let &[epochs, columns @ (3 | 4), 4] = &tensor.shape[..] else { return None };
    // Into a whole number, a float is cut to fit.
    let numbers = |four: &[f32]| f64::from_bits(four.iter().fold(0, |bits, &part| bits << 16 | u64::from(part as u16)));
    let numbers: Vec<f64> = tensor.data.chunks(4).map(numbers).collect();
    let epoch = |(i, row): (usize, &[f64])| Epoch {
        epoch: i + 1,
        train_loss: row[0],
        validation_loss: row.get(3).copied(),
        learning_rate: row[1] as f32,
        seconds: row[2],
    };
    Some(History { epochs: numbers.chunks(columns).enumerate().map(epoch).collect(), best_epoch: epochs })
}

fn digest_of_file(file: &Safetensors) -> String {
    let mut digest = Digest::new();
    for (name, text) in file.metadata.iter().filter(|(name, _)| *name != DIGEST) {
        digest.text(name);
        digest.text(text);
    }
    for tensor in &file.tensors {
        digest.text(&tensor.name);
        tensor.shape.iter().for_each(|&size| digest.word(size as u64));
        digest.floats(&tensor.data);
    }
    digest.finish()
}

/// The layers of a network as text.
pub(super) fn layers(network: &Network) -> String {
    network.layers().iter().map(|layer| layer.to_string()).collect::<Vec<String>>().join(" ")
}

/// What the weights of a network are, in short.
pub(super) fn digest_of_network(network: &Network) -> String {
    let mut digest = Digest::new();
    network.to_safetensors().tensors.iter().for_each(|tensor| digest.floats(&tensor.data));
    digest.finish()
}

/// How much the examples count, in short.
pub(super) fn digest_of_weights(weights: Option<&Weights<'_>>, data: &Dataset) -> String {
    // Weights that do not fit the data are refused before a checkpoint is read.
    let Some(weights) = weights.and_then(|weights| weights.of(data).ok()) else { return "none".into() };
    let mut digest = Digest::new();
    digest.floats(&weights);
    digest.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation::*, Adam, Event, Loss, NetworkBuilder, Trainer, generate};
    use std::ops::ControlFlow::{Break, Continue};

    fn builder() -> NetworkBuilder {
        Network::builder(2).dense(3, Relu).dense(2, Softmax)
    }

    fn trainer<'a>(path: &Path) -> Trainer<'a> {
        let trainer = Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(4).batch_size(10);
        trainer.early_stopping(3).checkpoints(Checkpoints::new(path).resume())
    }

    /// Someone may write a checkpoint by hand: the digest fits, the content does not.
    #[test]
    fn what_contradicts_itself_is_an_error() {
        let path = std::env::temp_dir().join(format!("palmnet-contradiction-{}", std::process::id()));
        let data = generate::moons(40, 0.2, 1);
        let stop = |event: Event<'_>| match event {
            Event::Batch { epoch: 3, batch: 2, .. } => Break(()),
            _ => Continue(()),
        };
        trainer(&path).observe(stop).fit(&mut builder().build().unwrap(), &data).unwrap();
        let whole = Safetensors::read(&path).unwrap();
        let fit = |mut file: Safetensors| {
            file.metadata.insert(DIGEST.into(), digest_of_file(&file));
            // A new file: to shorten and fill one, some file systems wait for the disk.
            std::fs::remove_file(&path).unwrap();
            std::fs::write(&path, file.to_bytes()).unwrap();
            trainer(&path).fit(&mut builder().build().unwrap(), &data)
        };
        fit(whole.clone()).unwrap();
        // Whatever the numbers are, nothing panics.
        for name in whole.metadata.keys().filter(|name| *name != DIGEST) {
            for value in ["", "0", "-1", "1", "3", "5", "1e9", "NaN", "inf", "-inf", "18446744073709551615", "x"] {
                let mut file = whole.clone();
                file.metadata.insert(name.clone(), value.into());
                let refused = fit(file).is_err();
                let known = whole.metadata[name] == value || !matches!(value, "x" | "");
                assert!(refused || known || name == "palmnet", "{name}: {value}");
            }
        }
        let with = |name: &str, value: &str| {
            let mut file = whole.clone();
            file.metadata.insert(name.into(), value.into());
            fit(file).unwrap_err().to_string()
        };
        for (name, value) in [("batch", "5"), ("steps", "17"), ("best epoch", "3")] {
            assert!(with(name, value).contains("contradicts itself"), "{name}");
        }
        assert!(with("trials", "0").contains("starts"));
        assert!(with("layers", "dense(2,3) relu dense(3,2)").contains("contradicts itself"));
        for tensor in 0..whole.tensors.len() {
            let name = &whole.tensors[tensor].name;
            for bad in [f32::NAN, f32::INFINITY] {
                let mut file = whole.clone();
                file.tensors[tensor].data[0] = bad;
                // A number of the history is whatever it is; an infinite moment may be.
                let may_be = name == "history" || (name.starts_with("moments.") && bad.is_infinite());
                let refused = fit(file).is_err_and(|error| error.to_string().contains("the file is damaged"));
                assert!(refused || may_be, "{name}: {bad}");
            }
            let mut file = whole.clone();
            file.tensors.remove(tensor);
            assert!(fit(file).is_err(), "without {name}");
            let mut file = whole.clone();
            file.tensors[tensor].shape = vec![file.tensors[tensor].data.len(), 1];
            assert!(fit(file).is_err() || name.starts_with("moments."), "{name} in another shape");
            let mut file = whole.clone();
            file.tensors[tensor] = Tensor::new(name, &[0], Vec::new());
            assert!(fit(file).is_err(), "{name}, empty");
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn every_number_of_a_history_is_kept() {
        let numbers =
            [0.1, -0.0, f64::MIN_POSITIVE / 3.0, f64::MAX, f64::INFINITY, f64::NEG_INFINITY, 1.0 + f64::EPSILON];
        for validation in [false, true] {
            let epochs = numbers.iter().enumerate().map(|(i, &x)| Epoch {
                epoch: i + 1,
                train_loss: x,
                validation_loss: validation.then_some(-x),
                learning_rate: 0.1,
                seconds: 2.0 * x,
            });
            let history = History { epochs: epochs.collect(), best_epoch: numbers.len() };
            let tensor = history_to_tensor(&history);
            assert!(tensor.data.iter().all(|x| x.is_finite()));
            let bytes = Safetensors { tensors: vec![tensor], ..Safetensors::default() }.to_bytes();
            let file = Safetensors::from_bytes(&bytes, "").unwrap();
            let same = history_from_tensor(&file.tensors[0]).unwrap();
            assert_eq!(same, history);
            assert!(same.epochs[1].train_loss.is_sign_negative());
        }
        assert_eq!(history_from_tensor(&history_to_tensor(&History::default())), Some(History::default()));
    }
}
