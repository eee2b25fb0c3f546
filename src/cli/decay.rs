//! The weight decay that suits the data, or an L1 penalty in its place: trials on a part of it, judged on the rest.

use std::sync::atomic::AtomicBool;

use palmnet::json::Json;
use palmnet::{Dataset, Error, Network, Result, Rng, Run, Scaler};

use super::checkpoint::Checkpoint;
use super::numbers::exact;
use super::report::Score;
use super::settings::{STEPS, Settings};

/// What a step takes off a weight, of which decay is the share of one learning rate.
const TAKEN: [f32; 5] = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2];
/// What it is where there are too few examples for trials.
const USUAL: f32 = 1e-3;
/// The L1 penalty that is tried besides: where most features say nothing, it leaves them out.
const L1: f32 = 0.01;
/// The share of the examples that trials are judged on, and how few are too few.
const JUDGED: f64 = 0.2;
const FEWEST: usize = 50;
/// The stream of the seed that the division follows from; the library's own have small numbers.
const DIVIDING: u64 = 1001;

/// What keeps weights small, and the loss that it led to on examples that training had not seen; none when it diverged.
pub struct Trial {
    decay: f32,
    l1: f32,
    loss: Option<f64>,
}

/// Weight decay and L1 penalty of each trial.
pub fn trials(settings: &Settings, examples: usize) -> Vec<(f32, f32)> {
    if examples < FEWEST {
        return Vec::new();
    }
    let decays = TAKEN.map(|taken| (decay(taken, settings), settings.options.l1)).into_iter();
    // Who asked for a penalty knows what it is to be.
    let penalised = settings.options.l1 > 0.0 || settings.options.l2 > 0.0;
    decays.chain((!penalised).then_some((0.0, L1))).collect()
}

/// Trains networks with these settings (or that of `start`) and each decay or penalty, as long as [`STEPS`] at most.
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
    let trials = trials(settings, train.len());
    if trials.is_empty() {
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
    let mut losses = checkpoint.as_ref().and_then(|checkpoint| checkpoint.trials()).unwrap_or_default();
    losses.truncate(trials.len() - 1);
    let done = losses.len();
    for (number, &(decay, l1)) in (1..).zip(&trials).skip(losses.len()) {
        begin(number);
        let trial = Settings { epochs, ..settings.with(decay, l1) };
        let at_once = AtomicBool::new(true);
        let (trainer, mut run) = (trial.trainer(), Run::default());
        if let Some(checkpoint) = &mut checkpoint {
            // A later trial has none yet: the file is that of the trial before.
            checkpoint.resume &= losses.len() == done;
            run = run.checkpoints(checkpoint.settings_of_trial(&losses, &at_once));
        }
        let trained = match start {
            None => trainer
                .fit_best_of_with(trial.restarts, &trial.builder(&learned), &learned, &mut run)
                .map(|(network, _)| network),
            Some(network) => {
                let mut network = network.clone();
                trainer.fit_with(&mut network, &learned, &mut run).map(|_| network)
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
    Ok(trials.into_iter().zip(losses).map(|((decay, l1), loss)| Trial { decay, l1, loss }).collect())
}

/// These settings with what led to the lowest loss; where there is none, with the usual decay at this learning rate.
pub fn best(trials: &[Trial], settings: &Settings) -> Settings {
    let mut best: Option<(f64, &Trial)> = None;
    for trial in trials {
        if let Some(loss) = trial.loss.filter(|&loss| best.is_none_or(|(lowest, _)| loss < lowest)) {
            best = Some((loss, trial));
        }
    }
    match best {
        Some((_, trial)) => settings.with(trial.decay, trial.l1),
        None => settings.with(decay(USUAL, settings), settings.options.l1),
    }
}

/// `weight decay 0.33 found, the best of 6 trials`.
pub fn told(trials: &[Trial], found: &Settings) -> String {
    let decay = exact(found.weight_decay);
    match trials.iter().filter_map(|trial| trial.loss).count() {
        _ if trials.is_empty() => format!("weight decay {decay}, for there are too few examples to look for one"),
        0 => format!("no weight decay made training go well: {decay} is taken"),
        _ if found.weight_decay == 0.0 => {
            format!("L1 penalty {} found, the best of {} trials", exact(found.options.l1), trials.len())
        }
        _ => format!("weight decay {decay} found, the best of {} trials", trials.len()),
    }
}

/// `{"event":"decay","weight_decay":…,"l1":…,"trials":[{"weight_decay":…,"l1":…,"loss":…},…]}`.
pub fn json(trials: &[Trial], found: &Settings) -> Json {
    let trial = |trial: &Trial| {
        let loss = trial.loss.map_or(Json::Null, Json::from);
        Json::object([("weight_decay", trial.decay.into()), ("l1", trial.l1.into()), ("loss", loss)])
    };
    Json::object([
        ("event", "decay".into()),
        ("weight_decay", found.weight_decay.into()),
        ("l1", found.options.l1.into()),
        ("trials", Json::Array(trials.iter().map(trial).collect())),
    ])
}

/// The decay with which a step takes off so much.
fn decay(taken: f32, settings: &Settings) -> f32 {
    // At the smallest of rates, none does.
    let decay = (taken / settings.learning_rate).min(1e9);
    // Two digits say all that is meant.
    format!("{decay:.1e}").parse().expect("a number that was just written")
}
