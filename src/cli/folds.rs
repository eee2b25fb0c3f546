//! `palmnet train --folds`: how well settings do, whatever the split.

use std::io::Write;
use std::time::Instant;

use palmnet::json::Json;

use super::Failure;
use super::arguments::Arguments;
use super::data::Parts;
use super::numbers::{counted, duration, significant};
use super::options::Options;
use super::settings::Settings;
use super::terminal::{complain, wrap};
use super::training::{Manner, columns, shape};

/// Trains `k` networks, each on all but one part of the data, and reports what they reach on that part.
pub fn run(
    k: usize,
    arguments: &Arguments,
    options: Options,
    parts: Parts,
    manner: &Manner,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if options.auto_rate {
        return Err(arguments.misuse("--lr auto is for a single training: give --lr a number"));
    }
    let Parts { train: data, remarks, .. } = parts;
    let folds = data.folds(k, options.seed)?;
    let settings = Settings::choose(options, &data);
    if !manner.json {
        let network = settings.builder(&data).build()?;
        let size = counted(network.parameter_count(), "parameter");
        for line in [
            settings.line(arguments),
            columns(&data),
            format!("{k} folds of {}", counted(data.len(), "example")),
            format!("network {}, {size}", shape(&network)),
        ] {
            write!(out, "{}", wrap(&line, 0))?;
        }
        out.flush()?;
    }
    for remark in remarks.iter().filter(|_| !manner.quiet) {
        complain(&wrap(&format!("note: {remark}"), 0));
    }
    let clock = Instant::now();
    let mut reached = Vec::new();
    for (fold, (train, test)) in (1..).zip(folds) {
        let [train, test] = settings.attempt(train, test)?;
        if manner.json {
            let line = Json::object([
                ("event", "fold".into()),
                ("fold", fold.into()),
                ("seconds", clock.elapsed().as_secs_f64().into()),
                ("train", train.json()),
                ("test", test.json()),
            ]);
            writeln!(out, "{line}")?;
        } else {
            write!(out, "{}", wrap(&format!("fold {fold}: {}", test.line()), 0))?;
        }
        // Whoever reads the lines wants them as they come.
        out.flush()?;
        reached.push(test.json());
    }
    let seconds = clock.elapsed().as_secs_f64();
    let summary = summary(&reached);
    if manner.json {
        let pick = |which: fn(&Metric) -> f64| {
            Json::object(summary.iter().map(|metric| (metric.name.as_str(), which(metric).into())))
        };
        let line = Json::object([
            ("event", "done".into()),
            ("folds", k.into()),
            ("seconds", seconds.into()),
            ("mean", pick(|metric| metric.mean)),
            ("deviation", pick(|metric| metric.deviation)),
            ("model", Json::Null),
        ]);
        return Ok(writeln!(out, "{line}")?);
    }
    writeln!(out, "{} in {}", counted(k, "fold"), duration(seconds))?;
    let metrics: Vec<String> = summary.iter().map(Metric::text).collect();
    write!(out, "{}", wrap(&format!("mean {}", metrics.join(", ")), 0))?;
    write!(out, "{}", wrap("nothing is saved: train without --folds for a model", 0))?;
    Ok(())
}

/// A metric over the folds.
struct Metric {
    name: String,
    mean: f64,
    /// The square root of the mean square of the differences from the mean.
    deviation: f64,
}

impl Metric {
    fn text(&self) -> String {
        let number = |x| match self.name.as_str() {
            "accuracy" | "r2" => format!("{x:.4}"),
            _ => significant(x, 4),
        };
        let name = if self.name == "r2" { "R²" } else { &self.name };
        format!("{name} {} ± {}", number(self.mean), number(self.deviation))
    }
}

/// Every metric of the scores, in their order.
fn summary(scores: &[Json]) -> Vec<Metric> {
    let names = scores.first().and_then(Json::as_object).unwrap_or_default().iter().map(|(name, _)| name);
    let metric = |name: &String| {
        let values: Vec<f64> =
            scores.iter().map(|score| score.get(name).and_then(Json::as_f64).unwrap_or(f64::NAN)).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        Metric { name: name.clone(), mean, deviation: square.sqrt() }
    };
    names.map(metric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations() {
        let score = |loss: f64, accuracy: f64| Json::object([("loss", loss.into()), ("accuracy", accuracy.into())]);
        let found = summary(&[score(1.0, 0.5), score(3.0, 1.0), score(5.0, 0.75), score(7.0, 0.75)]);
        // The squares of the differences from 4 are 9, 1, 1 and 9.
        assert_eq!((found[0].mean, found[0].deviation), (4.0, 5f64.sqrt()));
        assert_eq!(found[0].text(), "loss 4.000 ± 2.236");
        // Twice 0 and twice 1/16, of four.
        assert_eq!(found[1].text(), "accuracy 0.7500 ± 0.1768");
    }
}
