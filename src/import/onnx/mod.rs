//! ONNX: the graph is read node by node into values (`nodes`), each of which is made of earlier ones; what exporters write
//! as several nodes is recognized on the way (`patterns`). From the output back to the columns there must be one sequence
//! then, which becomes the layers (`stack`), with the inputs in the order of the columns (`arrange`).

mod arrange;
mod columns;
mod fold;
mod gaps;
mod nodes;
mod patterns;
mod proto;
mod reader;
mod shapes;
mod stack;
mod tail;
mod targets;
mod tensor;
mod value;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};
use std::rc::Rc;

use self::proto::{Graph, Port, TEXT};
use self::reader::Reader;
use self::stack::Stack;
use self::value::{Cell, Kind, Source};
use super::options::Options;
use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::data::{Schema, TargetSchema};
use crate::format::onnx::read::{Inside, model_file};
use crate::format::protobuf::read::Damage;
use crate::model::{Model, Preprocessing};
use crate::nn::layer::Layer;
use crate::nn::network::Network;

/// Returns the model in an ONNX file: a sequence of layers that this crate has, as PyTorch (both exporters), Keras (tf2onnx)
/// and scikit-learn (skl2onnx) write it. `file` is the name for errors.
///
/// Before the first layer, columns may be joined, selected, scaled, filled in (Imputer) and one-hot encoded: they become
/// the [schema](Model::schema) and the [preprocessing](Model::preprocessing). Behind the last layer, there may be the
/// classes of the probabilities, or the scale and the range of the values. Without any names of classes, in the graph or in the
/// `options`, the outputs of softmax and sigmoid are probabilities of classes 0, 1, …, and other outputs are values. Of
/// logarithms of probabilities (LogSoftmax), the model predicts the probabilities. The model's note `import` names what
/// was understood in such ways.
///
/// A file of [`export::onnx`](fn@crate::export::onnx) holds the whole model, [folded](Model::folded), with its intervals and
/// notes, which is returned as it is. If the file has been changed since, it is read as any other, and the note says so.
///
/// Outputs are those of the graph up to rounding. Other values of ε in normalizations, a batch normalization in pieces, and
/// inputs in another order are put into the weights.
///
/// ```
/// use palmnet::import::{self, Options};
/// let bytes = include_bytes!("../../../tests/golden/onnx/torch_new_norms.onnx");
/// let mut options = Options::default();
/// options.features = ["a", "b", "c", "d"].map(String::from).to_vec();
/// options.classes = ["no", "yes"].map(String::from).to_vec();
/// let model = import::onnx(bytes, "net.onnx", &options)?;
/// let probabilities = model.predict_cells(&[("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")])?;
/// assert!(model.class(&probabilities).is_some());
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// # Errors
/// [`Error::Format`] if the file is damaged, its numbers are in another file (see [`Options::folder`]), or a node is none
/// of a sequence of layers that this crate has: the message names the node, its operator and its place. If the names in
/// `options` are not as many as there are columns or outputs, or are others than those of a whole model.
pub fn onnx(bytes: &[u8], file: &str, options: &Options) -> Result<Model> {
    let damaged = |why| Error::format(file, format!("is no ONNX file, or a damaged one: {why}"));
    let remark = match model_file(bytes).map_err(damaged)? {
        Inside::Nothing => String::new(),
        Inside::Changed => "the file was changed after palmnet wrote it, and is read as one of another program".into(),
        Inside::Whole(inside) => match Model::from_bytes(&inside, file) {
            Ok(model) => return with_own_names(model, file, options),
            Err(error) => format!("the whole model in its metadata cannot be read, and the graph is: {error}"),
        },
    };
    let graph = Graph::read(bytes, &outside(options)).map_err(damaged)?;
    match model(&graph, options) {
        Ok(mut model) => {
            if !remark.is_empty() {
                let note = model.notes.entry("import".into()).or_default();
                note.push_str(&format!("; {remark}"));
            }
            Ok(model)
        }
        Err(Error::Format { message, .. }) if remark.is_empty() => Err(Error::format(file, message)),
        Err(Error::Format { message, .. }) => Err(Error::format(file, format!("{message} ({remark})"))),
        Err(error) => Err(error),
    }
}

/// Returns a model that has its names, unless others were given.
fn with_own_names(model: Model, file: &str, options: &Options) -> Result<Model> {
    let schema = model.schema();
    let features: Vec<&String> = schema.columns().iter().map(|column| &column.name).collect();
    let classes = if let TargetSchema::Classes { classes, .. } = schema.target() { &classes[..] } else { &[] };
    let same = |given: &[String], own: &[String]| given.is_empty() || given == own;
    if (options.features.is_empty() || options.features.iter().eq(features))
        && same(&options.targets, schema.target().names())
        && same(&options.classes, classes)
    {
        return Ok(model);
    }
    Err(Error::format(
        file,
        "is a whole model of palmnet, which has the names of its columns and classes: give no others",
    ))
}

/// Returns the reader of files beside the graph, which reads each once.
fn outside(options: &Options) -> impl Fn(&str) -> std::result::Result<Rc<[u8]>, Damage> {
    let read: RefCell<BTreeMap<String, Rc<[u8]>>> = RefCell::default();
    move |name| {
        let Some(folder) = &options.folder else {
            return Err("its numbers are in another file: export it with external_data=False");
        };
        if let Some(found) = read.borrow().get(name) {
            return Ok(Rc::clone(found));
        }
        // A graph must not name files that are not beside it.
        let mut parts = Path::new(name).components();
        let is_beside = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        let found = if is_beside { fs::read(folder.join(name)).ok() } else { None };
        let found: Rc<[u8]> = found.ok_or("the file beside it that has its numbers cannot be read")?.into();
        read.borrow_mut().insert(name.to_string(), Rc::clone(&found));
        Ok(found)
    }
}

/// Makes an error of the reason why a graph is no model.
fn refused(why: String) -> Error {
    Error::format("", why)
}

fn model(graph: &Graph, options: &Options) -> Result<Model> {
    let constants = graph.constant_count();
    let mut reader = Reader {
        graph,
        values: Vec::new(),
        names: BTreeMap::new(),
        columns: Vec::new(),
        batch: None,
        node: usize::MAX,
        notes: Vec::new(),
        constants,
        budget: 64 * (constants + 64),
    };
    let single = graph.inputs.len() == 1;
    for port in &graph.inputs {
        input(&mut reader, port, single.then_some(options)).map_err(refused)?;
    }
    name_columns(&mut reader, options).map_err(refused)?;
    reader.read().map_err(refused)?;
    let end = targets::end(&reader).map_err(refused)?;
    let mut stack = Stack::of(&reader, end.scores).map_err(refused)?;
    let target = targets::target(&mut reader, &stack, end, options).map_err(refused)?;
    let (scaler, range) = match target.is_values {
        true => stack.scaled_values().map_err(refused)?,
        false => stack.close().map(|()| (None, None)).map_err(refused)?,
    };
    let Reader { columns, mut notes, .. } = reader;
    let arranged = arrange::arrange(&mut stack, &columns, &mut notes).map_err(refused)?;
    let positions = (columns.len()..columns.len() + target.schema.names().len()).collect();
    let schema = Schema::from_parts_ignoring(arranged.columns, target.schema, positions, arranged.ignored)?;
    let network = Network::from_layers(schema.width(), stack.layers)?;
    let tensors =
        |layer: &Layer| layer.parameters().chain(layer.state()).all(|(_, all)| all.iter().all(|x| x.is_finite()));
    if !network.layers().iter().all(tensors) {
        return Err(refused("its weights are not all finite numbers".into()));
    }
    let preprocessing = Preprocessing::new(arranged.scaler, scaler).with_imputer(arranged.imputer).with_range(range);
    let mut model = Model::new(network, preprocessing, schema)?;
    notes.dedup();
    let producer = if graph.producer.is_empty() { "an unknown program".into() } else { quoted(&graph.producer) };
    let notes: Vec<String> = std::iter::once(format!("from ONNX, written by {producer}")).chain(notes).collect();
    model.notes.insert("import".into(), notes.join("; "));
    Ok(model)
}

/// Adds the columns of an input of the graph; of the only one, `options` may say how many there are.
fn input<'a>(reader: &mut Reader<'a>, port: &'a Port, options: Option<&Options>) -> std::result::Result<(), String> {
    let name = quoted(&port.name);
    // Floats, integers, texts and doubles.
    if !matches!(port.kind, 1 | 6 | 7 | TEXT | 11) {
        return Err(format!("input {name} has a type of numbers that is not read"));
    }
    let Some((rows, dims)) = port.dims.split_first() else {
        return Err(format!("input {name} has no shape, and one row for each example is expected"));
    };
    reader.batch = reader.batch.or(*rows);
    let given = options.map(|options| options.features.len()).filter(|&count| count > 0);
    let mut own = Vec::new();
    for dim in dims {
        let only = given.filter(|_| dims.len() == 1);
        own.push(dim.or(only).ok_or_else(|| {
            format!("input {name} does not say how many columns it has: name them by --features a,b,c")
        })?);
    }
    let count = own.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    let count = count.filter(|_| own.len() < 8).ok_or_else(|| format!("input {name} has an impossible shape"))?;
    if dims.is_empty() && rows.is_some_and(|rows| rows > 1) {
        return Err(format!("input {name} is one row, and one row for each example is expected"));
    }
    reader.check_cells(count).map_err(|why| format!("input {name}: {why}"))?;
    let first = reader.columns.len();
    let is_text = port.kind == TEXT;
    for index in 0..count {
        let name = if count == 1 { port.name.clone() } else { format!("{}_{}", port.name, index + 1) };
        reader.columns.push(Source { name, is_text, categories: None });
    }
    let cells = (first..first + count).map(Cell::new).collect();
    let made = reader.push(Kind::Columns(cells), own);
    reader.names.insert(&port.name, made);
    Ok(())
}

/// Gives the columns the names of the options, or numbers if they are those of one input.
fn name_columns(reader: &mut Reader<'_>, options: &Options) -> std::result::Result<(), String> {
    let count = reader.columns.len();
    let names: Vec<String> = match options.features.len() {
        0 if reader.graph.inputs.len() == 1 && count > 1 => (1..=count).map(|number| number.to_string()).collect(),
        0 => return Ok(()),
        given if given == count => options.features.clone(),
        given => return Err(format!("{given} names of features were given, and the graph takes {count}")),
    };
    reader.columns.iter_mut().zip(names).for_each(|(column, name)| column.name = name);
    Ok(())
}
