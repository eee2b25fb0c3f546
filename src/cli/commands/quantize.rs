//! `palmnet quantize`: a model with weights in 8 bits.

use std::io::Write;
use std::path::Path;

use palmnet::model::{LayerCost, Quantization};
use palmnet::unversioned::{FileKind, Json};
use palmnet::{Dataset, Score};

use super::eval::MISSING;
use crate::cli::Failure;
use crate::cli::arguments::{Arguments, Command, Group, Opt};
use crate::cli::format::{counted, significant};
use crate::cli::input;
use crate::cli::options::{HEADER, JSON, SEPARATOR, THREADS, UNKNOWN};
use crate::cli::output::{Output, check_name};
use crate::cli::terminal::{warn, wrap};

pub const COMMAND: Command = Command {
    name: "quantize",
    usage: "quantize MODEL DATA",
    summary: "Save a model with weights in 8 bits: a quarter of the size, faster, and small in exported code.",
    details: &[
        input::ABOUT,
        "DATA has labels, and rows like those that will be predicted; those of the training serve. A folder stands for its \
         training set. The scales of the numbers are found on some of the rows; a layer that would cost more than 0.1 \
         points of accuracy, 0.002 of R2, a twentieth of the loss or 0.01 of balanced accuracy on all of them stays as it is, and is listed as float.",
        "A model with 8-bit weights predicts and is exported; it is not trained further.",
    ],
    words: (2, 2),
    names: &[],
    options: &[&FILE, &MISSING, &UNKNOWN, &HEADER, &SEPARATOR, &THREADS, &JSON],
};

const FILE: Opt = Opt::new("--out", "FILE", Group::Output, "The file of the model.")
    .aliases(&["-o", "--output"])
    .default(|| "model8.safetensors".into());

pub fn run(arguments: &Arguments, out: &mut dyn Write) -> Result<(), Failure> {
    let drop = arguments.choice(&MISSING)? == Some("drop");
    let [from, data] = [0, 1].map(|word| arguments.word(word).unwrap_or_default());
    let file = arguments.text(FILE.name).unwrap_or("model8.safetensors");
    check_name(arguments, FILE.name, file)?;
    let may_replace = &|path: &Path| Ok(FileKind::of(path)? == FileKind::Model);
    Output { option: FILE.name, noun: "model", may_replace }.check(file, &[from, data])?;
    let model = input::model(arguments)?;
    let (data, warnings) = match Path::new(data).is_dir() {
        true => (Dataset::from_idx_folder(data)?.0, Vec::new()),
        false => input::for_model(arguments, &model, drop)?,
    };
    warnings.iter().for_each(|warning| warn(warning));
    let mut found = model.quantized(&data)?;
    // The scores that the training noted are those of the floats.
    ["train", "test"].iter().for_each(|name| _ = found.model.notes.remove(*name));
    let measured = format!("{}; {} on {}", note(&found), found.after, counted(data.len(), "example"));
    found.model.notes.insert("int8".into(), measured);
    found.model.save(file)?;
    let bytes = [from, file].map(|file| std::fs::metadata(file).map_or(0, |found| found.len() as usize));
    if arguments.has(JSON.name) {
        let mut line = json(&found);
        line.extend([("bytes", bytes[1].into()), ("model", file.into())]);
        return Ok(writeln!(out, "{}", Json::object(line))?);
    }
    write!(out, "{}", table(&found))?;
    let percent = 100.0 * bytes[1] as f64 / bytes[0].max(1) as f64;
    let saved = format!("saved {file}: {} KB, {percent:.0}% of the size", significant(bytes[1] as f64 / 1000.0, 3));
    Ok(write!(out, "{}", wrap(&saved, 0))?)
}

/// Returns how many layers are in 8 bits: `2 of 3 layers`.
pub fn note(found: &Quantization) -> String {
    let count = found.layers.iter().filter(|layer| layer.is_quantized).count();
    format!("{count} of {}", counted(found.layers.len(), "layer"))
}

/// Returns a table of the layers, and the scores, in lines of at most 40 columns.
pub fn table(found: &Quantization) -> String {
    let mut text = format!("{:<16}{:>15}{:>9}\n", "layer", "8-bit scales", "cost");
    for LayerCost { layer, is_quantized, scales, cost, .. } in &found.layers {
        let scales = match scales {
            Some(scales) if *is_quantized => scales.map(|scale| significant(scale.into(), 2)).join("-"),
            _ => "float".into(),
        };
        text += &format!("{layer:<16}{scales:>15}{cost:>9.5}\n");
    }
    let [before, after] = [&found.before, &found.after].map(Score::to_string);
    text + &wrap(&format!("float  {before}"), 0) + &wrap(&format!("8 bits {after}"), 0)
}

/// Returns the members of a JSON object.
fn json(found: &Quantization) -> Vec<(&'static str, Json)> {
    let layers = found.layers.iter().map(|layer| {
        let scales = layer.scales.map_or(Json::Null, |scales| Json::Array(scales.map(Json::from).into()));
        Json::object([
            ("layer", layer.layer.as_str().into()),
            ("bits", if layer.is_quantized { 8 } else { 32 }.into()),
            ("scales", scales),
            ("cost", layer.cost.into()),
        ])
    });
    let figures = |score: &Score| Json::object(score.figures().into_iter().map(|(name, value)| (name, value.into())));
    vec![
        ("event", "done".into()),
        ("layers", Json::Array(layers.collect())),
        ("before", figures(&found.before)),
        ("after", figures(&found.after)),
    ]
}
