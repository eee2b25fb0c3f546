//! `palmnet info`: the content of a model file.

use std::io::Write;

use palmnet::data::{ColumnKind, TargetSchema};
use palmnet::plot::{WeightHistogram, sparkline, weight_histograms};
use palmnet::unversioned::Json;
use palmnet::{Model, Network};

use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::format::{counted, significant};
use crate::cli::options::JSON;
use crate::cli::report::shape;
use crate::cli::terminal::{has_unicode, wrap};

pub const COMMAND: Command = Command {
    name: "info",
    usage: "info MODEL",
    summary: "Show a saved model: its layers, its columns, and how it was trained.",
    details: &[],
    words: (1, 1),
    names: &[],
    options: &[&WEIGHTS, &JSON],
};

const WEIGHTS: Opt = Opt::new("--weights", "", Group::Output, "Show how the weights of each layer are distributed.");

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let model = Model::load(arguments.word(0).unwrap_or_default())?;
    let (network, schema) = (model.network(), model.schema());
    let has_weights = arguments.has(WEIGHTS.name);
    if arguments.has("--json") {
        return Ok(writeln!(out, "{}", json(&model, has_weights))?);
    }
    writeln!(out, "network {}\n\n{network}\n", shape(network))?;
    let columns = schema.columns().iter().zip(0..12).map(|(column, _)| match &column.kind {
        ColumnKind::Categories(categories) => format!("{} ({})", column.name, categories.join(", ")),
        _ => column.name.clone(),
    });
    let mut columns: Vec<String> = columns.collect();
    if schema.columns().len() > columns.len() {
        columns.push(format!("… {} in all", schema.columns().len()));
    }
    let filled = if model.preprocessing().imputer().is_some() { ", missing cells filled in" } else { "" };
    write!(out, "{}", wrap(&format!("takes: {}{filled}", columns.join(", ")), 0))?;
    let target = match schema.target() {
        TargetSchema::Classes { name, classes } => format!("predicts: {name}, one of {}", classes.join(", ")),
        TargetSchema::Labels { names, classes } => {
            let pairs = names.iter().zip(classes).map(|(name, pair)| format!("{name} ({})", pair.join(" or ")));
            format!("predicts labels: {}", pairs.collect::<Vec<_>>().join(", "))
        }
        TargetSchema::Values { names } => format!("predicts: {}", names.join(", ")),
    };
    write!(out, "{}", wrap(&target, 0))?;
    if let Some(found) = model.calibration() {
        let temperature = match schema.target() {
            TargetSchema::Values { .. } => String::new(),
            _ => format!(", temperature {:.2}", found.temperature()),
        };
        let rows = counted(found.rows(), "held-out row");
        write!(out, "{}", wrap(&format!("calibrated on {rows}{temperature}"), 0))?;
    }
    for (name, text) in &model.notes {
        write!(out, "{}", wrap(&format!("{name}: {text}"), 0))?;
    }
    if has_weights {
        write_weights(network, out)?;
    }
    Ok(())
}

fn json(model: &Model, has_weights: bool) -> Json {
    let (network, schema) = (model.network(), model.schema());
    let strings = |names: &[String]| Json::Array(names.iter().map(|name| name.as_str().into()).collect());
    let (kind, targets) = match schema.target() {
        TargetSchema::Classes { classes, .. } => ("classes", strings(classes)),
        TargetSchema::Labels { names, classes } => {
            ("labels", Json::object(names.iter().map(String::as_str).zip(classes.iter().map(|pair| strings(pair)))))
        }
        TargetSchema::Values { names } => ("values", strings(names)),
    };
    let columns = schema.columns().iter().map(|column| match &column.kind {
        ColumnKind::Categories(categories) => (column.name.as_str(), strings(categories)),
        ColumnKind::Time(_) => (column.name.as_str(), "time".into()),
        _ => (column.name.as_str(), "number".into()),
    });
    let layers: Vec<Json> = network.layers().iter().map(|layer| layer.to_string().into()).collect();
    let numbers = |values: &[f32]| Json::Array(values.iter().map(|&value| value.into()).collect());
    let scaler = Json::object([
        ("offset", numbers(model.preprocessing().features().offset())),
        ("factor", numbers(model.preprocessing().features().factor())),
    ]);
    let notes = model.notes.iter().map(|(name, text)| (name.as_str(), text.as_str().into()));
    let mut members = vec![
        ("shape", shape(network).as_str().into()),
        ("layers", Json::Array(layers)),
        ("parameters", network.parameter_count().into()),
        ("columns", Json::object(columns)),
        ("inputs", strings(&schema.input_names())),
        ("scaler", scaler),
        ("target", strings(schema.target().names())),
        (kind, targets),
        ("notes", Json::object(notes)),
    ];
    if let Some(imputer) = model.preprocessing().imputer() {
        members.insert(5, ("fill", numbers(imputer.fill())));
    }
    if let Some(found) = model.calibration() {
        let calibration = [("rows", found.rows().into()), ("temperature", found.temperature().into())];
        members.push(("calibration", Json::object(calibration)));
    }
    if has_weights {
        members.push(("weights", Json::Array(weight_histograms(network).iter().map(weights_json).collect())));
    }
    Json::object(members)
}

fn write_weights(network: &Network, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "\nweights, from the lowest to the highest")?;
    for found in weight_histograms(network) {
        let bins: Vec<f64> = found.bins.iter().map(|&count| count as f64).collect();
        let [low, high] = found.range.map(|end| significant(end, 2));
        writeln!(out, "{}, {}", found.layer, counted(found.count, "weight"))?;
        writeln!(out, "{low:>7} {} {high}", sparkline(&bins, bins.len(), has_unicode()))?;
        let [mean, deviation] = [found.mean, found.standard_deviation].map(|x| significant(x, 2));
        writeln!(out, "{:8}mean {mean}, std {deviation}", "")?;
    }
    Ok(())
}

fn weights_json(found: &WeightHistogram) -> Json {
    Json::object([
        ("layer", found.layer.as_str().into()),
        ("weights", found.count.into()),
        ("mean", found.mean.into()),
        ("standard_deviation", found.standard_deviation.into()),
        ("range", Json::Array(found.range.map(Json::from).into())),
        ("bins", Json::Array(found.bins.iter().map(|&count| count.into()).collect())),
    ])
}
