//! The content of a checkpoint.
//!
//! A checkpoint is a safetensors file. Everything that [`Network::save`] writes is in it as such, so that the file can
//! be loaded as a network; besides, it holds the state of the update rule, the best weights so far, the history, and in
//! the metadata the position and the identity of the training. There is no random state, because there is none in
//! training: every epoch's order and every step's dropout follow from the seed and their number.

use std::collections::BTreeMap;

use super::position::{Position, Restored, RuleState, Starts};
use super::snapshot::BestWeights;
use crate::base::digest::Digest;
use crate::base::history::{Epoch, History};
use crate::base::text::quoted;
use crate::format::safetensors::{Safetensors, Tensor};
use crate::linalg::isa::Isa;
use crate::model::file::CHECKPOINT;
use crate::nn::network::Network;

const FORMAT_NUMBER: u32 = 3;
/// The member with the digest of everything else.
pub(super) const DIGEST: &str = "digest";
/// The member with the owner: the number of the process, and a random number.
pub(super) const OWNER: &str = "owner";
/// The member of a checkpoint without content, by which a training claims the file.
pub(super) const CLAIM: &str = "claim";
/// The prefixes of the names of settings and of notes.
pub(super) const SETTING: &str = "setting: ";
pub(super) const NOTE: &str = "note: ";
/// The prefixes of the names of the tensors of the best epoch, and of the best start.
const BEST: &str = "best.";
const CHOSEN: &str = "chosen.";

/// The settings of a training by name: two trainings with the same ones end with the same bits.
pub(super) type Fingerprint = Vec<(&'static str, String)>;
/// The name of the setting whose remedy is a variable of the environment.
pub(super) const INSTRUCTION_SET: &str = "instruction set";

/// A result whose error is a sentence about the file.
type Result<T> = std::result::Result<T, String>;

/// Everything that goes into a checkpoint.
pub(super) struct Content<'c> {
    pub(super) network: &'c Network,
    pub(super) position: &'c Position,
    pub(super) rule: &'c RuleState<&'c [f32]>,
    pub(super) starts: Option<&'c Starts>,
    pub(super) fingerprint: &'c Fingerprint,
    pub(super) notes: &'c [(String, String)],
    pub(super) owner: &'c str,
}

impl Content<'_> {
    /// Returns the file; `None` if a number is not finite, because no training can continue from it.
    pub(super) fn to_file(&self) -> Option<Safetensors> {
        let Content { network, position, rule, starts, fingerprint, notes, owner } = self;
        let mut file = network.to_safetensors();
        put_identity(&mut file, owner, fingerprint, notes);
        let mut put = |name: &str, text: String| file.metadata.insert(name.to_string(), text);
        put("batch", position.batch.to_string());
        put("loss sum", position.loss_sum.to_string());
        put("learning rate", position.learning_rate.to_string());
        put("seconds", position.seconds.to_string());
        put("best epoch", position.best.epoch.to_string());
        put("best loss", position.best.loss.to_string());
        put("steps", rule.steps.to_string());
        put("learning rate of the last step", rule.learning_rate.to_string());
        if let Some(starts) = starts {
            put("starts done", starts.done.to_string());
            if let Some((loss, _)) = starts.best {
                put("chosen loss", loss.to_string());
            }
        }
        for (i, moments) in rule.moments.iter().enumerate() {
            file.tensors.push(Tensor::new(format!("moments.{i}"), &[moments.len()], moments.to_vec()));
        }
        if position.best.epoch > 0 {
            let mut best = (*network).clone();
            position.best.weights.restore(&mut best);
            put_network(&mut file, BEST, &best);
        }
        if let Some((_, chosen)) = starts.and_then(|starts| starts.best.as_ref()) {
            put_network(&mut file, CHOSEN, chosen);
        }
        file.tensors.push(history_to_tensor(&position.history));
        file.metadata.insert(DIGEST.into(), digest_of_file(&file));
        file.tensors.iter().all(is_state).then_some(file)
    }
}

fn put_identity(file: &mut Safetensors, owner: &str, fingerprint: &[(&str, String)], notes: &[(String, String)]) {
    let mut put = |name: String, text: &str| file.metadata.insert(name, text.into());
    put(CHECKPOINT.into(), &FORMAT_NUMBER.to_string());
    put(OWNER.into(), owner);
    for (name, value) in fingerprint {
        put(format!("{SETTING}{name}"), value);
    }
    for (name, text) in notes {
        put(format!("{NOTE}{name}"), text);
    }
}

/// Returns the file by which a training claims its name before it has anything to write.
pub(super) fn empty(owner: &str, fingerprint: &[(&str, String)], notes: &[(String, String)]) -> Safetensors {
    let mut file = Safetensors::default();
    put_identity(&mut file, owner, fingerprint, notes);
    file.metadata.insert(CLAIM.into(), "nothing is done yet".into());
    file.metadata.insert(DIGEST.into(), digest_of_file(&file));
    file
}

/// Returns whether a training has claimed the file that does not know its settings yet.
pub(super) fn is_bare(metadata: &BTreeMap<String, String>) -> bool {
    metadata.contains_key(CLAIM) && !metadata.keys().any(|name| name.starts_with(SETTING))
}

/// Returns whether training can continue from a tensor. A moment may be infinite: its parameter is then not changed.
fn is_state(tensor: &Tensor) -> bool {
    let of_optimizer = tensor.name.starts_with("moments.");
    tensor.data.iter().all(|x| x.is_finite() || (of_optimizer && !x.is_nan()))
}

/// Reads a file that cannot be trusted: a training with this fingerprint, and its starts if it is to choose among
/// several; `None` if nothing is done yet.
pub(super) fn read(
    file: &Safetensors,
    fingerprint: &Fingerprint,
    starts: usize,
) -> Result<Option<(Restored, Option<Starts>)>> {
    check_identity(file, fingerprint)?;
    if file.metadata.contains_key(CLAIM) {
        return Ok(None);
    }
    let network = Network::from_safetensors(file)?;
    let history = file.tensor("history").and_then(history_from_tensor).ok_or("the history is damaged")?;
    let (epoch, loss) = (number(file, "best epoch")?, number(file, "best loss")?);
    let mut best = BestWeights { epoch, loss, ..BestWeights::default() };
    if best.epoch > 0 {
        best.weights.take(&get_network(file, BEST)?);
    }
    let mut moments = Vec::new();
    for tensor in (0..).map_while(|i| file.tensor(&format!("moments.{i}"))) {
        if !is_state(tensor) {
            return Err(format!("{} holds a number that is not finite: the file is damaged", quoted(&tensor.name)));
        }
        moments.push(tensor.data.clone());
    }
    let position = Position {
        history,
        best,
        batch: number(file, "batch")?,
        loss_sum: number(file, "loss sum")?,
        learning_rate: number(file, "learning rate")?,
        seconds: number(file, "seconds")?,
    };
    let (steps, learning_rate) = (number(file, "steps")?, number(file, "learning rate of the last step")?);
    let rule = RuleState { steps, learning_rate, moments };
    Ok(Some((Restored { network, position, rule }, read_starts(file, starts)?)))
}

/// Returns the format of a checkpoint; an error if the file is none that can be read.
pub(super) fn check_format(file: &Safetensors) -> Result<()> {
    match file.metadata.get(CHECKPOINT).map(|text| text.parse::<u32>()) {
        Some(Ok(FORMAT_NUMBER)) => Ok(()),
        Some(Ok(number)) if number < FORMAT_NUMBER => {
            Err("the checkpoint was written by an older palmnet: resume with that version, or remove it to start over"
                .into())
        }
        Some(_) => Err("the checkpoint was written by a newer palmnet: use that version".into()),
        None => Err("this is not a checkpoint of palmnet: name another file".into()),
    }
}

/// Refuses damaged files and those of other trainings.
fn check_identity(file: &Safetensors, fingerprint: &Fingerprint) -> Result<()> {
    check_format(file)?;
    if file.metadata.get(DIGEST) != Some(&digest_of_file(file)) {
        return Err("the checkpoint is damaged: its digest does not fit its content; remove it to start over".into());
    }
    if is_bare(&file.metadata) {
        return Ok(());
    }
    let difference = |(name, now): &(&str, String)| match file.metadata.get(&format!("{SETTING}{name}")) {
        Some(then) if then == now => None,
        Some(then) => {
            let remedy = match (*name == INSTRUCTION_SET).then(|| Isa::available(then.as_ref())) {
                Some(Some(isa)) => format!(" (set PALMNET_ISA={isa} to resume)"),
                Some(None) => " (which is not in this processor, or not in this build)".into(),
                None => String::new(),
            };
            Some(format!("{name} was {} and is {}{remedy}", shown(then), shown(now)))
        }
        None => Some(format!("{name} was not known and is {}", shown(now))),
    };
    let differences: Vec<String> = fingerprint.iter().filter_map(difference).collect();
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!(
        "this is the checkpoint of another training: {}. Resume with the settings as they were, or remove the file to \
         start over",
        differences.join("; ")
    ))
}

fn read_starts(file: &Safetensors, starts: usize) -> Result<Option<Starts>> {
    if !file.metadata.contains_key("starts done") {
        return Ok(None);
    }
    let done = number(file, "starts done")?;
    if starts == 1 || done >= starts {
        return Err(format!("it says that {done} starts are done, of {starts}: the file is damaged"));
    }
    let best = match file.metadata.contains_key("chosen loss") {
        true => Some((number(file, "chosen loss")?, get_network(file, CHOSEN)?)),
        false => None,
    };
    Ok(Some(Starts { done, best }))
}

fn number<T: std::str::FromStr>(file: &Safetensors, name: &str) -> Result<T> {
    let text = file.metadata.get(name).and_then(|text| text.parse().ok());
    text.ok_or_else(|| format!("`{name}` is missing or no number: the file is damaged"))
}

/// Returns a setting in a form that can be printed: the content of a file must not reach a terminal unescaped.
fn shown(text: &str) -> String {
    text.chars().take(300).flat_map(char::escape_debug).collect()
}

fn put_network(file: &mut Safetensors, prefix: &str, network: &Network) {
    for tensor in network.to_safetensors().tensors {
        file.tensors.push(Tensor { name: format!("{prefix}{}", tensor.name), ..tensor });
    }
}

/// Returns the network of the file's layers whose tensors have this prefix.
fn get_network(file: &Safetensors, prefix: &str) -> Result<Network> {
    let mut part = Safetensors { metadata: file.metadata.clone(), tensors: Vec::new() };
    for tensor in &file.tensors {
        if let Some(name) = tensor.name.strip_prefix(prefix) {
            part.tensors.push(Tensor { name: name.into(), ..tensor.clone() });
        }
    }
    Network::from_safetensors(&part)
}

/// Returns epochs × (training loss, learning rate, seconds and, if there is one, validation loss) × 4: every number's
/// 64 bits in four whole numbers, the highest first. As text in the header, a very long history could not be read
/// again.
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

/// Returns the digest of everything in the file but the member that holds it.
pub fn digest_of_file(file: &Safetensors) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

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
