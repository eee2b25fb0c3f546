//! Answers as JSON.

use palmnet::data::{ColumnKind, TargetSchema, Targets};
use palmnet::nn::Layer;
use palmnet::unversioned::Json;
use palmnet::{Dataset, Model, Network, Score};

/// The most examples that are drawn.
const MOST_POINTS: usize = 1000;

pub fn list<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Json {
    Json::Array(texts.into_iter().map(|text| text.as_ref().into()).collect())
}

pub fn figures(score: &Score) -> Json {
    Json::object(score.figures().into_iter().map(|(name, figure)| (name, figure.into())))
}

pub fn network_json(network: &Network) -> Json {
    let outputs = network.layers().iter().filter_map(|layer| match layer {
        Layer::Dense(dense) => Some(dense.outputs()),
        Layer::Heads(heads) => Some(heads.outputs()),
        _ => None,
    });
    let shape: Vec<String> = [network.inputs()].into_iter().chain(outputs).map(|units| units.to_string()).collect();
    Json::object([("shape", shape.join("-").into()), ("parameters", network.parameter_count().into())])
}

/// Returns what a form for one row needs: the columns, with a typical value or the categories, and the targets.
pub fn described(model: &Model) -> Json {
    let (schema, mut input) = (model.schema(), 0);
    let centers = model.preprocessing().features().offset();
    let columns = schema.columns().iter().map(|column| {
        let mut members = vec![("name", Json::from(column.name.as_str()))];
        match &column.kind {
            ColumnKind::Number(form) => {
                let center = form.origin + f64::from(centers.get(input).copied().unwrap_or_default());
                // As many digits as a person types.
                let typical = format!("{center:.3}").trim_end_matches('0').trim_end_matches('.').to_string();
                members.extend([("kind", "number".into()), ("typical", typical.into())]);
            }
            ColumnKind::Categories(names) => members.extend([("kind", "text".into()), ("categories", list(names))]),
            _ => members.push(("kind", "other".into())),
        }
        input += column.width();
        Json::object(members)
    });
    let columns = columns.collect();
    let (kind, classes) = match schema.target() {
        TargetSchema::Classes { classes, .. } => ("classes", list(classes)),
        TargetSchema::Labels { .. } => ("labels", Json::Null),
        TargetSchema::Values { .. } => ("values", Json::Null),
    };
    Json::object([
        ("columns", Json::Array(columns)),
        ("allows_missing", schema.allows_missing().into()),
        ("kind", kind.into()),
        ("target", schema.target().names().join(", ").into()),
        ("classes", classes),
        ("network", network_json(model.network())),
        ("notes", Json::object(model.notes.iter().map(|(name, note)| (name.as_str(), note.as_str().into())))),
    ])
}

/// Returns the probability of every class: a single output is that of the second.
pub fn probabilities(row: &[f32]) -> Vec<f32> {
    match *row {
        [second] => vec![1.0 - second, second],
        _ => row.to_vec(),
    }
}

/// Returns `{"prediction":…,"probabilities":{…}}`, as `palmnet predict --json` prints it. Values of a table are
/// `relative` to the origin of their column, if it has one.
pub fn prediction_line(model: &Model, row: &[f32], relative: bool) -> Json {
    let schema = model.schema();
    let named = |names: &[String], row: &[f32]| {
        Json::object(names.iter().map(String::as_str).zip(row.iter().map(|&x| x.into())))
    };
    match schema.target() {
        TargetSchema::Classes { classes, .. } => {
            let row = probabilities(row);
            let class = model.class(&row).map_or(Json::Null, Json::from);
            Json::object([("prediction", class), ("probabilities", named(classes, &row))])
        }
        TargetSchema::Labels { names, .. } => {
            let labels = model.labels(row).unwrap_or_default().into_iter().map(Json::from);
            let prediction = Json::object(names.iter().map(String::as_str).zip(labels));
            Json::object([("prediction", prediction), ("probabilities", named(names, row))])
        }
        TargetSchema::Values { names } => {
            let value = |(target, &value): (usize, &f32)| match schema.target_forms().get(target) {
                Some(form) if relative && form.origin != 0.0 => Json::from(schema.target_value(target, value)),
                _ => value.into(),
            };
            let values = row.iter().enumerate().map(value);
            Json::object([("prediction", Json::object(names.iter().map(String::as_str).zip(values)))])
        }
    }
}

/// Returns the lowest and the highest value of each of two columns of numbers, with a margin; `None` if there are other
/// features or no classes.
pub fn ranges(train: &Dataset) -> Option<[[f32; 2]; 2]> {
    let is_number = |kind: &ColumnKind| matches!(kind, ColumnKind::Number(_));
    let columns = train.schema().columns();
    let Targets::Classes(_) = train.targets() else { return None };
    if columns.len() != 2 || train.schema().width() != 2 || !columns.iter().all(|column| is_number(&column.kind)) {
        return None;
    }
    let features = train.to_matrix();
    let range = |column: usize| {
        let values = || features.iter_rows().map(|row| row[column]).filter(|value| value.is_finite());
        let (low, high) = (values().fold(f32::MAX, f32::min), values().fold(f32::MIN, f32::max));
        let margin = 0.08 * (high - low) + f32::MIN_POSITIVE;
        [low - margin, high + margin]
    };
    Some([range(0), range(1)])
}

/// Returns the names and ranges of two features, and examples with their classes, to be drawn; `null` if there are others.
pub fn plane(train: &Dataset) -> Json {
    let (Some(ranges), Some(labels)) = (ranges(train), train.labels()) else { return Json::Null };
    let columns = train.schema().columns();
    let features = train.to_matrix();
    let point = |(x, &label): (&[f32], &u32)| Json::Array(vec![x[0].into(), x[1].into(), (label as usize).into()]);
    let ends = |range: [f32; 2], column: usize| {
        let origin = match &columns[column].kind {
            ColumnKind::Number(form) => form.origin,
            _ => 0.0,
        };
        Json::Array(range.iter().map(|&end| (origin + f64::from(end)).into()).collect())
    };
    Json::object([
        ("names", list(columns.iter().map(|column| &column.name))),
        ("low", Json::Array(ranges.iter().map(|range| range[0].into()).collect())),
        ("high", Json::Array(ranges.iter().map(|range| range[1].into()).collect())),
        ("ends", Json::Array(vec![ends(ranges[0], 0), ends(ranges[1], 1)])),
        ("points", Json::Array(features.iter_rows().zip(labels).take(MOST_POINTS).map(point).collect())),
    ])
}
