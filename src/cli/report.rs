//! Scores, networks and data as a line of text or JSON.

use palmnet::data::Targets;
use palmnet::metrics::{Classification, LabelMetrics, OutputErrors};
use palmnet::model::{Coverage, Scored};
use palmnet::nn::Layer;
use palmnet::train::Epoch;
use palmnet::unversioned::{Json, printable};
use palmnet::{Dataset, Model, Network, Score};

use super::format::{counted, significant};
use super::terminal::{width, wrap};

/// The level of the intervals and sets whose coverage is reported.
const LEVEL: f64 = 0.9;

/// Returns `{"loss":…,"accuracy":…,"calibration_error":…}`, or with `"subset_accuracy"`, `"label_accuracy"` and `"macro_f1"` and the figures of
/// each label in `"labels"`, or with `"rmse"`, `"mae"` and `"r2"`; of several such targets, those of each are in
/// `"targets"`. The coverage of a target, if it is known, is in its `"interval"` or `"set"`.
pub fn score_json(score: &Score, targets: &[String], coverage: &[Coverage]) -> Json {
    let mut members: Vec<(&str, Json)> =
        score.figures().into_iter().map(|(name, figure)| (name, figure.into())).collect();
    let each: Vec<(&str, Json)> = errors_of(score, targets)
        .enumerate()
        .map(|(target, (name, errors))| {
            let figures = [("rmse", errors.rmse.into()), ("mae", errors.mae.into()), ("r2", errors.r2.into())];
            let interval = coverage.get(target).map(|found| coverage_json(score, found));
            (name.as_str(), Json::object(figures.into_iter().chain(interval)))
        })
        .collect();
    match coverage {
        _ if !each.is_empty() => members.push(("targets", Json::object(each))),
        [found] => members.push(coverage_json(score, found)),
        _ => {}
    }
    if let Some(found) = score.evaluation.multi_label().filter(|_| !targets.is_empty()) {
        let labels = targets.iter().zip(&found.labels);
        members.push(("labels", Json::object(labels.map(|(name, label)| (name.as_str(), label_json(label))))));
    }
    Json::object(members)
}

/// Returns `"interval":{"level":0.9,"coverage":…,"width":…}` or, of classes, `"set":{"level":0.9,"coverage":…,"size":…}`.
fn coverage_json(score: &Score, found: &Coverage) -> (&'static str, Json) {
    let (name, size) = match score.evaluation.regression() {
        Some(_) => ("interval", "width"),
        None => ("set", "size"),
    };
    (name, Json::object([("level", found.level.into()), ("coverage", found.covered.into()), (size, found.size.into())]))
}

/// Returns how often 90 % intervals or sets of predictions hold the truth of the data, for each target; nothing if the model
/// has no calibration for it.
pub fn coverage(model: &Model, data: &Dataset, scored: &Scored) -> palmnet::Result<Vec<Coverage>> {
    match (model.calibration(), data.targets()) {
        (None, _) | (_, Targets::Labels(_)) => Ok(Vec::new()),
        _ => model.coverage_of(data, LEVEL, scored),
    }
}

/// Returns the line `calibration error 0.0123`, if the predictions are probabilities of classes.
pub fn calibration_line(score: &Score) -> String {
    let error = score.evaluation.classification().and_then(Classification::calibration_error);
    error.map_or(String::new(), |error| format!("calibration error {error:.4}\n"))
}

/// Returns a line for each target: `90 % intervals: coverage 0.912, mean width 1.234`.
pub fn coverage_lines(score: &Score, coverage: &[Coverage], targets: &[String]) -> String {
    let line = |(found, name): (&Coverage, &String)| {
        let name = if coverage.len() > 1 { format!("{}: ", printable(name)) } else { String::new() };
        let (percent, size) = (found.level * 100.0, significant(found.size, 4));
        let (things, measure) = match score.evaluation.regression() {
            Some(_) => ("intervals", "mean width"),
            None => ("sets", "mean size"),
        };
        wrap(&format!("{name}{percent:.0} % {things}: coverage {:.3}, {measure} {size}", found.covered), 0)
    };
    coverage.iter().zip(targets).map(line).collect()
}

fn label_json(label: &LabelMetrics) -> Json {
    Json::object([
        ("accuracy", label.accuracy.into()),
        ("precision", label.precision.into()),
        ("recall", label.recall.into()),
        ("f1", label.f1.into()),
        ("roc_auc", label.roc_auc.into()),
        ("examples", label.support.into()),
    ])
}

/// Returns a line for each of several targets: `difference: rmse 1.234, mae 0.9876, R² 0.9123`, or a table of labels.
pub fn target_lines(score: &Score, targets: &[String]) -> String {
    if let Some(found) = score.evaluation.multi_label() {
        return found.report(targets, width());
    }
    errors_of(score, targets).map(|(name, errors)| wrap(&format!("{}: {errors}", printable(name)), 0)).collect()
}

/// Returns the errors of each of several targets, with its name; none if there is only one.
fn errors_of<'a>(score: &'a Score, targets: &'a [String]) -> impl Iterator<Item = (&'a String, &'a OutputErrors)> {
    let outputs = score.evaluation.regression().map_or(&[][..], |found| &found.outputs);
    targets.iter().zip(outputs).filter(|_| outputs.len() > 1)
}

/// Returns the line `{"event":"epoch",…}`.
pub fn epoch_line(epoch: &Epoch) -> String {
    let line = Json::object([
        ("event", "epoch".into()),
        ("epoch", epoch.epoch.into()),
        ("train_loss", epoch.train_loss.into()),
        ("validation_loss", epoch.validation_loss.map_or(Json::Null, Json::from)),
        ("seconds", epoch.seconds.into()),
    ]);
    format!("{line}\n")
}

/// Returns the columns: `4 features → species (3 classes)`.
pub fn columns(train: &Dataset) -> String {
    let targets = match train.targets() {
        Targets::Classes(_) => format!("{} classes", train.class_names().len()),
        Targets::Labels(labels) => counted(labels.columns(), "label"),
        Targets::Values(values) => counted(values.columns(), "value"),
    };
    let features = counted(train.features().columns(), "feature");
    format!("{features} → {} ({targets})", train.schema().target().names().join(", "))
}

/// Returns the numbers of examples: `train 120, test 30 examples`.
pub fn examples(train: &Dataset, test: Option<&Dataset>) -> String {
    match test {
        Some(test) => format!("train {}, test {}", train.len(), counted(test.len(), "example")),
        None => format!("train {}", counted(train.len(), "example")),
    }
}

/// Returns the size of a network: `network 4-64-64-3, 4675 parameters`.
pub fn network_line(network: &Network) -> String {
    format!("network {}, {}", shape(network), counted(network.parameter_count(), "parameter"))
}

/// Returns the inputs and the units of each dense layer: `4-64-64-3`.
pub fn shape(network: &Network) -> String {
    let outputs = network.layers().iter().filter_map(|layer| match layer {
        Layer::Dense(dense) => Some(dense.outputs().to_string()),
        Layer::Heads(heads) => Some(heads.outputs().to_string()),
        Layer::Quantized(layer) => Some(layer.outputs().to_string()),
        _ => None,
    });
    [network.inputs().to_string()].into_iter().chain(outputs).collect::<Vec<String>>().join("-")
}
