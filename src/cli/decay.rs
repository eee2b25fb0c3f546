//! The weight decay that suits the data: trials on a part of it, judged on the rest.

use std::sync::atomic::AtomicBool;

use palmnet::json::Json;
use palmnet::{Dataset, Error, Network, Result, Rng, Scaler};

use super::checkpoint::Checkpoint;
use super::numbers::exact;
use super::report::Score;
use super::settings::{STEPS, Settings};

/// What a step takes off a weight, of which decay is the share of one learning rate.
const TAKEN: [f32; 5] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2];
/// What it is where there are too few examples for trials.
const USUAL: f32 = 1e-3;
/// The share of the examples that trials are judged on, and how few are too few.
const JUDGED: f64 = 0.2;
const FEWEST: usize = 50;
/// The stream of the seed that the division follows from; the library's own have small numbers.
const DIVIDING: u64 = 1001;

/// A weight decay, and the loss that it led to on examples that it had not seen; none when training diverged.
pub struct Trial {
    decay: f32,
    loss: Option<f64>,
}

/// How many trials there are on so many examples.
pub fn trials(examples: usize) -> usize {
    if examples < FEWEST { 0 } else { TAKEN.len() }
}

/// Trains networks with these settings (or that of `start`) and each weight decay, as long as [`STEPS`] at most.
/// `train` is not yet scaled. `begin` is told the number of each trial, from 1. A checkpoint is gone on from where it is
/// that of a trial.
pub fn find(
    settings: &Settings,
    train: &Dataset,
    scaler: &Scaler,
    target_scaler: Option<&Scaler>,
    start: Option<&Network>,
    mut checkpoint: Option<&mut Checkpoint>,
    begin: &mut dyn FnMut(usize),
) -> Result<Vec<Trial>> {
    let decays = TAKEN.map(|taken| two_digits(taken / settings.learning_rate));
    let decays = &decays[..trials(train.len())];
    if decays.is_empty() {
        return Ok(Vec::new());
    }
    let mut rng = Rng::stream(settings.options.seed, DIVIDING);
    let (mut learned, mut judged) = train.split(1.0 - JUDGED, rng.next_u64());
    for part in [&mut learned, &mut judged] {
        part.scale(scaler);
        if let Some(scaler) = target_scaler {
            part.scale_targets(scaler);
        }
    }
    let epochs = (STEPS.saturating_mul(settings.batch) / learned.len()).clamp(1, settings.epochs);
    let (resume, done) = match &checkpoint {
        Some(checkpoint) => (checkpoint.resume, checkpoint.trials()),
        None => (false, None),
    };
    let mut losses = done.clone().unwrap_or_default();
    losses.truncate(decays.len() - 1);
    for (number, &decay) in (1..).zip(decays).skip(losses.len()) {
        begin(number);
        let trial = Settings { weight_decay: decay, epochs, ..settings.clone() };
        let at_once = AtomicBool::new(true);
        let mut trainer = trial.trainer();
        if let Some(checkpoint) = &mut checkpoint {
            // The file is that of the trial before, unless it was there.
            checkpoint.resume = resume && losses.len() == done.as_ref().map_or(0, Vec::len);
            trainer = trainer.checkpoints(checkpoint.settings_of_trial(&losses, &at_once));
        }
        let trained = match start {
            None => trainer.fit_best_of(trial.restarts, &trial.builder(&learned), &learned).map(|(network, _)| network),
            Some(network) => {
                let mut network = network.clone();
                trainer.fit(&mut network, &learned).map(|_| network)
            }
        };
        losses.push(match trained {
            Err(Error::Diverged { .. }) => None,
            network => {
                Some(Score::of(&network?, &judged, settings.loss, target_scaler)?.loss).filter(|x| x.is_finite())
            }
        });
    }
    if let Some(checkpoint) = checkpoint {
        // The training proper has none yet.
        checkpoint.resume = false;
    }
    Ok(decays.iter().zip(losses).map(|(&decay, loss)| Trial { decay, loss }).collect())
}

/// The decay of the lowest loss; where there is none, the usual one at this learning rate.
pub fn best(trials: &[Trial], learning_rate: f32) -> f32 {
    let mut best: Option<(f64, f32)> = None;
    for trial in trials {
        if let Some(loss) = trial.loss.filter(|&loss| best.is_none_or(|(lowest, _)| loss < lowest)) {
            best = Some((loss, trial.decay));
        }
    }
    best.map_or_else(|| two_digits(USUAL / learning_rate), |(_, decay)| decay)
}

/// `weight decay 0.33 found, the best of 0.033, 0.1, 0.33, 1 and 3.3`.
pub fn told(trials: &[Trial], decay: f32) -> String {
    match trials {
        [first, .., last] => {
            let (count, first, last) = (trials.len(), exact(first.decay), exact(last.decay));
            format!("weight decay {} found, the best of {count} from {first} to {last}", exact(decay))
        }
        _ => format!("weight decay {}, for there are too few examples to look for one", exact(decay)),
    }
}

/// `{"event":"decay","weight_decay":…,"trials":[{"weight_decay":…,"loss":…},…]}`.
pub fn json(trials: &[Trial], decay: f32) -> Json {
    let trial = |trial: &Trial| {
        let loss = trial.loss.map_or(Json::Null, Json::from);
        Json::object([("weight_decay", trial.decay.into()), ("loss", loss)])
    };
    Json::object([
        ("event", "decay".into()),
        ("weight_decay", decay.into()),
        ("trials", Json::Array(trials.iter().map(trial).collect())),
    ])
}

fn two_digits(x: f32) -> f32 {
    format!("{x:.1e}").parse().expect("a number that was just written")
}
