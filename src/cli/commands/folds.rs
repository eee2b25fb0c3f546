//! `palmnet train --folds`: cross-validation.

use std::io::Write;
use std::time::Instant;

use palmnet::Hyperparameters;
use palmnet::Preprocessing;
use palmnet::tune::{Figure, cross_validate, summarize};
use palmnet::unversioned::Json;

use crate::cli::Failure;
use crate::cli::format::{counted, duration, significant};
use crate::cli::input::Parts;
use crate::cli::report::{columns, network_line, score_json};
use crate::cli::run::OutputMode;
use crate::cli::terminal::{warn, wrap};

/// The training of `k` networks, each on all but one fold, which are scored on that fold.
pub struct Folds {
    pub k: usize,
    /// The command line that repeats these trainings.
    pub line: String,
    pub hyperparameters: Hyperparameters,
    pub parts: Parts,
    pub mode: OutputMode,
}

impl Folds {
    pub fn run(&self, out: &mut dyn Write) -> Result<(), Failure> {
        let Folds { k, line, hyperparameters, parts, mode } = self;
        let (k, data) = (*k, &parts.train);
        let folds = cross_validate(hyperparameters, data, k)?;
        if !mode.json {
            let network = hyperparameters.network(data, &Preprocessing::fit(data, hyperparameters.scaling)).build()?;
            for line in [
                line.clone(),
                columns(data),
                format!("{k} folds of {}", counted(data.len(), "example")),
                network_line(&network),
            ] {
                write!(out, "{}", wrap(&line, 0))?;
            }
            out.flush()?;
        }
        parts.warnings.iter().filter(|_| !mode.quiet).for_each(|warning| warn(warning));
        let clock = Instant::now();
        let mut scores = Vec::new();
        for (number, fold) in (1..).zip(folds) {
            let fold = fold?;
            if mode.json {
                let line = Json::object([
                    ("event", "fold".into()),
                    ("fold", number.into()),
                    ("seconds", clock.elapsed().as_secs_f64().into()),
                    ("train", score_json(&fold.train, &[], &[])),
                    ("test", score_json(&fold.test, &[], &[])),
                ]);
                writeln!(out, "{line}")?;
            } else {
                write!(out, "{}", wrap(&format!("fold {number}: {}", fold.test), 0))?;
            }
            // A reader gets each line when it is printed.
            out.flush()?;
            scores.push(fold.test);
        }
        let seconds = clock.elapsed().as_secs_f64();
        let summary = summarize(&scores);
        if mode.json {
            let pick = |which: fn(&Figure) -> f64| {
                Json::object(summary.iter().map(|figure| (figure.name, which(figure).into())))
            };
            let line = Json::object([
                ("event", "done".into()),
                ("folds", k.into()),
                ("seconds", seconds.into()),
                ("mean", pick(|figure| figure.mean)),
                ("deviation", pick(|figure| figure.standard_deviation)),
                ("model", Json::Null),
            ]);
            return Ok(writeln!(out, "{line}")?);
        }
        writeln!(out, "{} in {}", counted(k, "fold"), duration(seconds))?;
        let figures: Vec<String> = summary.iter().map(figure_text).collect();
        write!(out, "{}", wrap(&format!("mean {}", figures.join(", ")), 0))?;
        write!(out, "{}", wrap("nothing is saved: train without --folds for a model", 0))?;
        Ok(())
    }
}

/// Returns a figure as text: `accuracy 0.9533 ± 0.0267`.
fn figure_text(figure: &Figure) -> String {
    let Figure { name, mean, standard_deviation, .. } = *figure;
    let number = |x| match name {
        "accuracy" | "subset_accuracy" | "label_accuracy" | "macro_f1" | "r2" | "calibration_error" => {
            format!("{x:.4}")
        }
        _ => significant(x, 4),
    };
    let name = match name {
        "r2" => "R²",
        "subset_accuracy" => "exact match",
        "label_accuracy" => "label accuracy",
        "macro_f1" => "macro F1",
        "calibration_error" => "calibration error",
        name => name,
    };
    format!("{name} {} ± {}", number(mean), number(standard_deviation))
}
