//! `palmnet search`: settings drawn at random, of which the best are trained again on everything.

use std::io::Write;
use std::time::Instant;

use palmnet::json::Json;
use palmnet::{Dataset, Error, Rng};

use super::Failure;
use super::arguments::{Arguments, Command, THREADS, choice};
use super::data::{self, Request};
use super::numbers::{counted, exact};
use super::options::Options;
use super::report::Score;
use super::settings::Settings;
use super::terminal::{width, wrap};
use super::train::{self, Places};
use super::training::{self, Manner, Results, columns};

pub const COMMAND: Command = Command {
    name: "search",
    usage: "search DATA [options]",
    summary: "Try settings drawn at random, train the best on all training data, and save it.",
    details: &[
        data::ABOUT,
        "The first trial has the settings that train chooses. The others draw what is not given: one to three equal \
         hidden layers, learning rate, batch size, dropout and weight decay (Bergstra and Bengio, 2012). The lowest \
         loss on a part that no trial is trained on wins.",
    ],
    words: (1, 1),
    options: &[
        choice("--trials", "N", "How many settings are tried: 20 when not given."),
        choice("--validation", "P", "Share of the training data that trials are judged on: 0.2 when not given."),
        data::TARGET,
        data::TASK,
        data::TEST,
        data::IGNORE,
        data::MISSING,
        choice("--hidden", "N[,N...]", "Units of each hidden layer, in every trial."),
        choice("--lr", "X", "Learning rate, in every trial."),
        choice("--batch", "N", "Examples per step, in every trial."),
        choice("--dropout", "P", "Dropout, in every trial."),
        choice("--weight-decay", "X", "Weight decay, in every trial."),
        choice("--activation", "NAME", "As for train; not drawn."),
        choice("--optimizer", "NAME", "As for train; not drawn."),
        choice("--schedule", "NAME", "As for train; not drawn."),
        choice("--epochs", "N", "As for train; not drawn."),
        choice("--scale", "standard|minmax|none", "As for train; not drawn."),
        choice("--seed", "N", "Everything random follows from it: 0 when not given."),
        choice("--out", "FILE", "Where the model goes: model.safetensors when not given."),
        choice("--history", "FILE", "Where a table of the last training's epochs goes, as CSV."),
        THREADS,
        choice("--every", "N", "Print a plain progress line every N epochs of the last training."),
        choice("--quiet", "", "No progress and no remarks."),
        choice("--json", "", "JSON lines on standard output: an object for each trial, then those of train."),
    ],
};

/// Options of this command that `train` knows by another meaning, or not at all.
const OWN: [&str; 2] = ["--trials", "--validation"];
/// The stream of the seed that settings are drawn from; the library's own have small numbers.
const DRAWING: u64 = 1000;

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let manner = Manner::parse(arguments)?;
    let request = Request::parse(arguments)?;
    let trials = arguments.value("--trials", "a whole number from 1", |&n: &usize| n > 0)?.unwrap_or(20);
    let share = "a share above 0 and less than 1";
    let share = arguments.value("--validation", share, |p: &f64| *p > 0.0 && *p < 1.0)?.unwrap_or(0.2);
    let options = Options::parse(&trial(arguments, &[])?)?;
    if options.optimizer == Some("lbfgs") {
        return Err(
            arguments.misuse("--optimizer lbfgs: the search draws rates, batches and dropout, which L-BFGS has not")
        );
    }
    if options.auto_rate {
        return Err(arguments.misuse("--lr auto: the search draws rates by itself: leave it out, or give a number"));
    }
    if options.auto_decay {
        return Err(
            arguments.misuse("--weight-decay auto: the search draws decays by itself: leave it out, or give a number")
        );
    }
    let places = Places::parse(arguments, &request.files())?;
    let seed = options.seed;
    let parts = request.read(seed)?;
    // Another seed than the one that the test part was chosen by.
    let mut rng = Rng::stream(seed, DRAWING);
    let (learned, judged) = parts.train.split((1.0 - share).min(1.0 - f64::EPSILON), rng.next_u64());
    if judged.is_empty() {
        return Err(Error::Mismatch("one example is too little to search with".into()).into());
    }
    let mut usual = Settings::choose(options, &parts.train);
    usual = usual.settled(&learned, &usual.preprocessing(&learned))?;
    let mut results = Results { out, state: Ok(()) };
    if !manner.json {
        let (judged, all) = (judged.len(), counted(parts.train.len(), "example"));
        let heading = format!("{}, judged on {judged} of {all}", counted(trials, "trial"));
        let header = row(["#", "loss", "units", "lr", "size", "drop", "decay"].map(String::from));
        results.write(&format!("{}{}{header}\n", wrap(&columns(&learned), 0), wrap(&heading, 0)));
    }
    let mut best: Option<(usize, f64, Arguments)> = None;
    let mut failure = None;
    for number in 1..=trials {
        let drawn = draw(&mut rng, &usual, learned.len(), arguments);
        let words = trial(arguments, &if number == 1 { unchanged(&usual, arguments) } else { drawn })?;
        let settings = Settings::choose(Options::parse(&words)?, &learned);
        let clock = Instant::now();
        let score = match judge(&settings, &learned, &judged) {
            Ok(score) => Some(score),
            Err(error @ Error::Diverged { .. }) => {
                failure.get_or_insert(error);
                None
            }
            Err(error) => return Err(error.into()),
        };
        results.write(&match manner.json {
            true => format!("{}\n", line(number, &settings, score.as_ref(), clock.elapsed().as_secs_f64())),
            false => format!("{}\n", told(number, &settings, score.as_ref())),
        });
        if let Some(score) = score.filter(|score| score.loss.is_finite())
            && best.as_ref().is_none_or(|(_, lowest, _)| score.loss < *lowest)
        {
            best = Some((number, score.loss, words));
        }
    }
    let Some((number, _, words)) = best else {
        let nothing = || Error::Mismatch("no trial came to a loss that is a number: look at the data".into());
        return Err(failure.unwrap_or_else(nothing).into());
    };
    results.write(&match manner.json {
        true => format!("{}\n", Json::object([("event", "best".into()), ("trial", number.into())])),
        false => format!("best: trial {number}, now on all examples\n"),
    });
    let job = train::job(&words, Options::parse(&words)?, parts, None, places, &manner, results.out)?;
    training::run(job, &manner, results.out).map(drop)
}

/// How the settings do on examples that they were not trained on.
fn judge(settings: &Settings, learned: &Dataset, judged: &Dataset) -> palmnet::Result<Score> {
    let [_, score] = settings.attempt(learned.clone(), judged.clone())?;
    Ok(score)
}

/// The command line of `train` with what was given here and what was drawn.
fn trial(arguments: &Arguments, drawn: &[(&str, String)]) -> Result<Arguments, Failure> {
    let passed = COMMAND.options.iter().filter(|option| !OWN.contains(&option.name));
    let given = passed.filter_map(|option| Some((option, arguments.text(option.name)?)));
    let given = given.map(|(option, value)| match option.value {
        "" => option.name.to_string(),
        _ => format!("{}={value}", option.name),
    });
    let drawn = drawn.iter().map(|(name, value)| format!("{name}={value}"));
    let data = ["--".to_string(), arguments.word(0).unwrap_or_default().to_string()];
    let parsed = train::COMMAND.parse(given.chain(drawn).chain(data))?;
    parsed.ok_or_else(|| arguments.misuse("no help is asked for"))
}

/// Settings around the usual ones, where nothing is given. However much is given, as much is drawn.
fn draw(rng: &mut Rng, usual: &Settings, rows: usize, arguments: &Arguments) -> Vec<(&'static str, String)> {
    let usual_units = usual.hidden.first().copied().unwrap_or(16).clamp(8, 128);
    let units = (usual_units / 2) << rng.below(4);
    let hidden = vec![units.to_string(); 1 + rng.below(3)].join(",");
    // Up to ten times less or more, all orders of magnitude alike.
    let rate = f64::from(usual.learning_rate) * logarithmic(rng, -12, 12);
    // A batch of everything, as for Rprop, is meant.
    let batch = match usual.batch {
        batch if batch >= rows => batch,
        batch => ((batch / 2).max(1) << rng.below(4)).min((rows / 4).max(1)),
    };
    let dropout = f64::from(rng.below(2) as u32) * 0.1 * (1 + rng.below(5)) as f64;
    // What a step takes off a weight: from next to nothing to what leaves little.
    let decay = logarithmic(rng, -60, -18) / f64::from(usual.learning_rate);
    let [rate, dropout, decay] = [rate, dropout, decay].map(|x| exact(two_digits(x)));
    not_given([hidden, rate, batch.to_string(), dropout, decay], arguments)
}

/// The usual settings in the same words.
fn unchanged(usual: &Settings, arguments: &Arguments) -> Vec<(&'static str, String)> {
    let sizes: Vec<String> = usual.hidden.iter().map(usize::to_string).collect();
    let hidden = if sizes.is_empty() { "0".to_string() } else { sizes.join(",") };
    let numbers = [usual.learning_rate, usual.dropout(), usual.weight_decay].map(exact);
    let [rate, dropout, decay] = numbers;
    let mut values = not_given([hidden, rate, usual.batch.to_string(), dropout, decay], arguments);
    values.push(("--l1", exact(usual.options.l1)));
    values
}

fn not_given(values: [String; 5], arguments: &Arguments) -> Vec<(&'static str, String)> {
    let names = ["--hidden", "--lr", "--batch", "--dropout", "--weight-decay"];
    names.into_iter().zip(values).filter(|(name, _)| !arguments.has(name)).collect()
}

/// Ten to the power of a twelfth of a number in `low..=high`, in two digits: the series E12 of resistors, so that no
/// system's mathematics library has a say.
fn logarithmic(rng: &mut Rng, low: i32, high: i32) -> f64 {
    const SERIES: [f64; 12] = [1.0, 1.2, 1.5, 1.8, 2.2, 2.7, 3.3, 3.9, 4.7, 5.6, 6.8, 8.2];
    let step = low + rng.below((high - low + 1) as usize) as i32;
    SERIES[step.rem_euclid(12) as usize] * 10f64.powi(step.div_euclid(12))
}

fn two_digits(x: f64) -> f32 {
    format!("{x:.1e}").parse().expect("a number that was just written")
}

/// A line of the table, for 40 columns where there are no more.
fn row([number, loss, units, rate, size, dropout, decay]: [String; 7]) -> String {
    let gap = if width() > 46 { "  " } else { " " };
    let cells = [
        format!("{number:>3}"),
        format!("{loss:>6}"),
        format!("{units:>5}"),
        format!("{rate:>6}"),
        format!("{size:>4}"),
        format!("{dropout:>4}"),
        format!("{decay:>6}"),
    ];
    cells.join(gap).trim_end().to_string()
}

fn told(number: usize, settings: &Settings, score: Option<&Score>) -> String {
    let hidden = &settings.hidden;
    let units = match &hidden[..] {
        [] => "none".to_string(),
        [units] => units.to_string(),
        [units, others @ ..] if others.iter().all(|other| other == units) => format!("{units}×{}", hidden.len()),
        [units, ..] => format!("{units},…"),
    };
    let small = |x: f64| if x == 0.0 { "0".to_string() } else { format!("{x:.1e}") };
    let loss = match score.map(|score| score.loss) {
        Some(loss) if (0.001..1000.0).contains(&loss) => format!("{loss:.4}").chars().take(6).collect(),
        Some(loss) if loss.is_finite() => small(loss),
        _ => "failed".to_string(),
    };
    row([
        number.to_string(),
        loss,
        units,
        small(settings.learning_rate.into()),
        settings.batch.to_string(),
        settings.dropout().to_string(),
        small(settings.weight_decay.into()),
    ])
}

fn line(number: usize, settings: &Settings, score: Option<&Score>, seconds: f64) -> Json {
    Json::object([
        ("event", "trial".into()),
        ("trial", number.into()),
        ("hidden", Json::Array(settings.hidden.iter().map(|&units| units.into()).collect())),
        ("lr", settings.learning_rate.into()),
        ("batch", settings.batch.into()),
        ("dropout", settings.dropout().into()),
        ("weight_decay", settings.weight_decay.into()),
        ("seconds", seconds.into()),
        ("validation", score.map_or(Json::Null, Score::json)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_orders_of_magnitude_alike() {
        let mut rng = Rng::new(5);
        let found: Vec<f64> = (0..4000).map(|_| logarithmic(&mut rng, -24, 11)).collect();
        assert!(found.iter().all(|x| (0.01..10.0).contains(x)));
        for low in [0.01, 0.1, 1.0] {
            let count = found.iter().filter(|&&x| x >= low * 0.999 && x < low * 9.99).count();
            assert!((1200..1467).contains(&count), "{count} of 4000 from {low}");
        }
        // Each step is a twelfth of an order of magnitude, to two digits.
        for step in -12..24 {
            let [a, b] = [step, step + 1].map(|step| logarithmic(&mut Rng::new(0), step, step));
            assert!((b / a - 10f64.powf(1.0 / 12.0)).abs() < 0.06, "{a} {b}");
        }
    }
}
