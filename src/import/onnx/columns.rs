//! The columns of the table before the first layer: they are joined, selected, scaled, filled in and encoded.

use super::gaps;
use super::proto::Node;
use super::reader::{Answer, BRANCHES, Given, Made, Reader, categorize, cells, columns};
use super::tail;
use super::tensor::Tensor;
use super::value::{Cell, Form, Id, Kind, Operation, Part, Step};
use crate::base::text::quoted;
use crate::nn::Activation;

/// Reads a node of the operators for tables.
pub(super) fn encoded<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    match node.operator.as_str() {
        "Scaler" => scaler(reader, node),
        "Imputer" => imputer(reader, node),
        "OneHotEncoder" => one_hot(reader, node),
        "LabelEncoder" => label_encoder(reader, node),
        "FeatureVectorizer" => concat(reader, node),
        "ArrayFeatureExtractor" => gather(reader, node),
        _ => tail::read(reader, node),
    }
}

/// Reads a node of ONNX itself that treats columns or labels.
pub(super) fn moved<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    match node.operator.as_str() {
        "Cast" => cast(reader, node),
        "Concat" => concat(reader, node),
        "Gather" => gather(reader, node),
        "IsNaN" => gaps::mask(reader, node),
        "Equal" => gaps::equal(reader, node),
        "Not" => gaps::not(reader, node),
        "ReduceMax" => gaps::any(reader, node),
        "Where" => choice(reader, node),
        "Greater" => {
            let x = reader.data(node, 0)?;
            let is_truth = gaps::is_truth(&reader.values[x].kind);
            let bound =
                reader.constant(node, 1)?.and_then(Tensor::single).ok_or("it has no constant to compare with")?;
            if is_truth && (0.0..1.0).contains(&bound) {
                return Ok(vec![Made::Value(x)]);
            }
            let dims = reader.values[x].dims.clone();
            Ok(vec![reader.push(Kind::Exceeds(bound, x), dims)])
        }
        _ => {
            let x = reader.data(node, 0)?;
            let width = reader.flat(x)?;
            if cells(reader, x).is_some() || width < 2 || !matches!(node.integer("axis", 0), 1 | -1) {
                return Err("it is not the likeliest class of each row".into());
            }
            Ok(vec![reader.push(Kind::Label(x, None), vec![1])])
        }
    }
}

fn cast<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let x = reader.data(node, 0)?;
    let same = Ok(vec![Made::Value(x)]);
    let to = node.integer("to", 1);
    match (&reader.values[x].kind, to) {
        (Kind::Label(..) | Kind::Named(..), _) => return same,
        (Kind::Exceeds(..) | Kind::HasGap, _) => return same,
        (Kind::Columns(all), 1 | 11) => {
            let is_text = |cell: &&Cell| matches!(cell.form, Form::Plain) && reader.columns[cell.column].is_text;
            if let Some(cell) = all.iter().find(is_text) {
                let name = quoted(&reader.columns[cell.column].name);
                return Err(format!("it turns the texts of column {name} into numbers"));
            }
            return same;
        }
        (Kind::Columns(all), 6 | 7) if all.iter().all(Cell::is_raw) => {}
        (_, 1 | 11) => return same,
        _ => return Err(format!("it turns numbers into those of type {to}")),
    }
    let mut all = columns(reader, x)?;
    all.iter_mut().for_each(|cell| cell.form = Form::Whole);
    let dims = reader.values[x].dims.clone();
    Ok(vec![reader.columns(all, dims)?])
}

fn concat<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let mut ids = Vec::new();
    for index in 0..node.inputs.len() {
        ids.push(reader.data(node, index)?);
    }
    let mut all = Vec::new();
    let mut rank = 1;
    for &id in &ids {
        let Kind::Columns(cells) = &reader.values[id].kind else { return pair(reader, &ids) };
        let dims = &reader.values[id].dims;
        if dims.last() != Some(&cells.len()) {
            return Err(format!("it joins rows in the shape {dims:?}, and palmnet has rows of one dimension"));
        }
        rank = dims.len();
        all.extend(cells.iter().cloned());
        // It is compared before the next is added.
        if all.len() > reader.constants {
            break;
        }
    }
    let axis = node.integer("axis", if node.operator == "Concat" { 0 } else { -1 });
    if ids.is_empty() || (axis != -1 && axis != rank as i64) {
        return Err("it joins rows, not columns".into());
    }
    let mut dims = vec![1; rank];
    dims[rank - 1] = all.len();
    Ok(vec![reader.columns(all, dims)?])
}

/// 1 - p and p.
fn pair(reader: &mut Reader<'_>, ids: &[Id]) -> Answer<Vec<Made>> {
    let [other, p] = ids[..] else { return Err(BRANCHES.into()) };
    let is_pair = || {
        let Kind::Step(Step::Add(one), minus) = &reader.values[other].kind else { return false };
        let Kind::Step(Step::Multiply(factor), of) = &reader.values[*minus].kind else { return false };
        one[..] == [1.0] && factor[..] == [-1.0] && *of == p && reader.width(p) == 1
    };
    if is_pair() { Ok(vec![reader.push(Kind::Pair(p), vec![2])]) } else { Err(BRANCHES.into()) }
}

fn gather<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    if let (Given::Constant(classes), Given::Data(index)) = (reader.given(node, 0)?, reader.given(node, 1)?) {
        let classes = classes.words().ok_or("its classes are fractions")?;
        return tail::labeled(reader, index, classes);
    }
    let x = reader.data(node, 0)?;
    let all = columns(reader, x)?;
    let dims = reader.values[x].dims.clone();
    let axis = node.integer("axis", if node.operator == "Gather" { 0 } else { -1 });
    if dims.last() != Some(&all.len()) || (axis != -1 && axis != dims.len() as i64) {
        return Err("it selects rows, not columns".into());
    }
    let indices = reader.constant(node, 1)?.and_then(Tensor::whole).ok_or("its columns are no whole numbers")?;
    if indices.len() > reader.constants {
        return Err("it selects more columns than there are constants".into());
    }
    let count = all.len() as i64;
    let find = |&index: &i64| all.get((if index < 0 { index.saturating_add(count) } else { index }) as usize).cloned();
    let selected: Option<Vec<Cell>> = indices.iter().map(find).collect();
    let selected = selected
        .filter(|found| !found.is_empty())
        .ok_or_else(|| format!("it selects columns that are not among the {count}"))?;
    let mut dims = dims;
    if let Some(last) = dims.last_mut() {
        *last = selected.len();
    }
    Ok(vec![reader.columns(selected, dims)?])
}

fn scaler<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let x = reader.data(node, 0)?;
    let part = |name| node.tensor(name).and_then(Tensor::numbers).filter(|all| !all.is_empty());
    let mut made = vec![Made::Value(x)];
    let offset = part("offset").map(|all| Step::Add(all.iter().map(|x| -x).collect()));
    for step in offset.into_iter().chain(part("scale").map(Step::Multiply)) {
        let Some(Made::Value(x)) = made.pop() else { break };
        let width = match &step {
            Step::Add(all) | Step::Multiply(all) => all.len(),
            _ => 0,
        };
        made = reader.step(x, step, &[width])?;
    }
    Ok(made)
}

fn imputer<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let x = reader.data(node, 0)?;
    let replaced = node.float("replaced_value_float", 0.0);
    if !replaced.is_nan() {
        return Err(format!("it replaces {replaced}, and palmnet fills in missing cells only"));
    }
    let fill = node.tensor("imputed_value_floats").and_then(Tensor::numbers).unwrap_or_default();
    gaps::fill(reader, x, &fill, Cell::is_raw)
}

fn one_hot<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let x = reader.data(node, 0)?;
    let all = columns(reader, x)?;
    let texts = node.tensor("cats_strings");
    let list = texts.or(node.tensor("cats_int64s")).and_then(Tensor::words).filter(|list| !list.is_empty());
    let list = list.ok_or("it has no categories")?;
    reader.check_cells(all.len().saturating_mul(list.len()))?;
    let mut hot = Vec::new();
    for cell in &all {
        let source = &mut reader.columns[cell.column];
        if !cell.is_raw() || source.is_text != texts.is_some() {
            return Err(format!("column {} is not of the kind of its categories", quoted(&source.name)));
        }
        categorize(source, &list)?;
        let fill = cell.fill.map(|fill| fill.to_string());
        hot.extend(list.iter().enumerate().map(|(index, name)| Cell {
            form: Form::Hot(index),
            fill: fill.as_ref().map(|fill| f32::from(fill == name)),
            ..cell.clone()
        }));
    }
    let mut dims = reader.values[x].dims.clone();
    dims.push(list.len());
    if node.integer("zeros", 1) == 0 {
        reader.notes.push("an unknown category counts as none, and is an error in the graph".into());
    }
    Ok(vec![reader.columns(hot, dims)?])
}

fn label_encoder<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let x = reader.data(node, 0)?;
    let list = |names: [&str; 3]| names.iter().find_map(|name| node.tensor(name)).cloned();
    let keys = list(["keys_strings", "keys_int64s", "keys_floats"]).and_then(|keys| keys.words());
    let values = list(["values_strings", "values_int64s", "values_floats"]);
    let (Some(keys), Some(values)) = (keys, values) else { return Err("it has no table of keys and values".into()) };
    if keys.is_empty() || keys.len() != values.len() {
        return Err(format!("it has {} keys and {} values", keys.len(), values.len()));
    }
    let Some(mut all) = cells(reader, x) else {
        let in_order = keys.iter().enumerate().all(|(index, key)| *key == index.to_string());
        let classes = values.words().filter(|_| in_order).ok_or("its keys are not the indices of classes")?;
        return tail::labeled(reader, x, classes);
    };
    let codes = values.numbers().ok_or("it turns texts into others")?;
    reader.check_cells(all.len().saturating_mul(keys.len()))?;
    for cell in &mut all {
        let source = &mut reader.columns[cell.column];
        if !cell.is_raw() || cell.fill.is_some() || source.is_text != node.has("keys_strings") {
            return Err(format!("column {} is not of the kind of its keys", quoted(&source.name)));
        }
        categorize(source, &keys)?;
        cell.form = Form::Codes(codes.clone());
        let name = quoted(&source.name);
        reader.notes.push(format!(
            "in column {name}, an unknown category counts as none, and is a number of its own in the graph"
        ));
    }
    let dims = reader.values[x].dims.clone();
    Ok(vec![reader.columns(all, dims)?])
}

/// Reads a node Where: one that fills in, or the softplus function of PyTorch.
fn choice<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let condition = reader.data(node, 0)?;
    match (reader.given(node, 1)?, reader.given(node, 2)?) {
        (Given::Data(x), Given::Data(y)) => {
            let values = &reader.values;
            let is_softplus = matches!(values[condition].kind, Kind::Exceeds(bound, of) if of == x && bound >= 10.0)
                && matches!(values[y].kind, Kind::Activation(Activation::Softplus, of) if of == x);
            if is_softplus { Ok(vec![Made::Value(y)]) } else { Err(BRANCHES.into()) }
        }
        (Given::Constant(constant), Given::Data(x)) => {
            if matches!(reader.values[condition].kind, Kind::HasGap) {
                return gaps::unanswered(reader, constant, x);
            }
            let with = constant.numbers().ok_or("it fills in texts")?;
            gaps::replaced(reader, node, x, &with)
        }
        _ => Err("its condition is not that cells are missing".into()),
    }
}

/// Returns the message for a value that no layer of palmnet is.
pub(super) fn alone(kind: &Kind) -> &'static str {
    match kind {
        Kind::Both(Operation::Add | Operation::Subtract | Operation::Multiply | Operation::Divide, ..) => BRANCHES,
        Kind::Part(Part::Erf | Part::Erfc, _) => "it is a part of an activation that palmnet does not have",
        Kind::Part(..) => "it is no part of an activation or a normalization that palmnet has",
        Kind::HasGap => "whether cells are missing goes on into the network",
        Kind::Exceeds(..) => "it compares numbers inside the network, which palmnet does not",
        Kind::Label(..) | Kind::Named(..) | Kind::Pair(_) => "its labels or probabilities go on into the network",
        Kind::LogSoftmax(_) => "palmnet has logarithms of probabilities as outputs only",
        _ => BRANCHES,
    }
}
