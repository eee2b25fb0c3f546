//! The outputs of a graph: which value they are, and what they predict.

use super::reader::Reader;
use super::stack::Stack;
use super::value::{Id, Kind};
use crate::base::text::{listed, quoted};
use crate::data::TargetSchema;
use crate::import::options::Options;
use crate::nn::activation::Activation;
use crate::nn::layer::Layer;

/// Double precision, as ONNX numbers the types.
const DOUBLE: i64 = 11;

type Answer<T> = Result<T, String>;

/// The end of a graph.
pub(super) struct End {
    /// Probabilities, logits or values.
    pub(super) scores: Id,
    /// The name of the output.
    name: String,
    classes: Option<Vec<String>>,
    /// Whether the graph takes each output for a label by itself.
    is_labels: bool,
    /// Whether it takes the largest output.
    is_largest: bool,
    /// Whether it takes an output for a probability: it compares it with one half, or takes it from 1.
    is_probability: bool,
}

/// The targets of a model.
pub(super) struct Target {
    pub(super) schema: TargetSchema,
    pub(super) is_values: bool,
}

/// Returns the value that probabilities are made of.
fn logits(reader: &Reader<'_>, id: Id) -> Option<Id> {
    match reader.values[id].kind {
        Kind::Activation(Activation::Softmax | Activation::Sigmoid, of) => Some(of),
        _ => None,
    }
}

/// Returns the value that all outputs of the graph are of.
pub(super) fn end(reader: &Reader<'_>) -> Answer<End> {
    let mut end: Option<End> = None;
    for port in &reader.graph.outputs {
        let name = quoted(&port.name);
        if port.kind == DOUBLE && reader.graph.producer == "palmnet" {
            return Err(format!(
                "output {name} is of values far from zero in double precision, which would be rounded: keep the model file"
            ));
        }
        let mut id =
            reader.value_of(&port.name).ok_or_else(|| format!("output {name} comes from no node, or is a constant"))?;
        let (mut classes, mut is_labels, mut is_largest, mut is_probability) = (None, false, false, false);
        loop {
            match &reader.values[id].kind {
                Kind::Named(of, names) => (id, classes) = (*of, Some(names.clone())),
                Kind::Label(of, names) => {
                    is_largest = !matches!(reader.values[*of].kind, Kind::Pair(_) | Kind::Exceeds(..));
                    (id, classes) = (*of, names.clone());
                }
                Kind::Exceeds(bound, of) if *bound == 0.5 => (id, is_labels, is_probability) = (*of, true, true),
                Kind::Pair(of) => (id, is_probability) = (*of, true),
                _ => break,
            }
        }
        match &mut end {
            None => {
                end = Some(End { scores: id, name: port.name.clone(), classes, is_labels, is_largest, is_probability });
            }
            // The likeliest class may be that of the logits.
            Some(end)
                if end.scores == id
                    || logits(reader, id) == Some(end.scores)
                    || logits(reader, end.scores) == Some(id) =>
            {
                if logits(reader, id) == Some(end.scores) {
                    end.scores = id;
                }
                if end.classes.is_some() && classes.is_some() && end.classes != classes {
                    return Err("its outputs have different names of classes".into());
                }
                end.classes = end.classes.take().or(classes);
                end.is_labels |= is_labels;
                end.is_largest |= is_largest;
                end.is_probability |= is_probability;
            }
            Some(end) => {
                let first = quoted(&end.name);
                return Err(format!(
                    "the graph has the outputs {first} and {name}, and palmnet has one: export it with one"
                ));
            }
        }
    }
    end.ok_or_else(|| "the graph has no output".into())
}

/// Refuses decisions about the outputs of an activation that are others than palmnet's.
fn check(end: &End, last: Activation, outputs: usize, is_log: bool) -> Answer<()> {
    if is_log && outputs == 1 {
        return Err("the logarithm of a softmax of one output is always 0".into());
    }
    if end.is_probability && !matches!(last, Activation::Sigmoid | Activation::Softmax) {
        return Err(format!(
            "the graph takes outputs of {last} for probabilities, which palmnet does with those of a sigmoid or a softmax"
        ));
    }
    if end.is_largest && outputs > 1 && !matches!(last, Activation::Identity | Activation::Softmax) {
        return Err(format!(
            "the graph takes the largest output of {last}, and palmnet that of a softmax or of logits"
        ));
    }
    Ok(())
}

/// Returns what the outputs predict.
pub(super) fn target(reader: &mut Reader<'_>, stack: &Stack, end: End, options: &Options) -> Answer<Target> {
    let outputs = reader.width(end.scores);
    let last = match stack.layers.last() {
        Some(Layer::Activation(activation)) => *activation,
        _ => Activation::Identity,
    };
    // Numbers that are made of probabilities are none.
    let is_of_probabilities =
        stack.has_steps() && matches!(last, Activation::Sigmoid | Activation::HardSigmoid | Activation::Softmax);
    if is_of_probabilities && (end.classes.is_some() || !options.classes.is_empty() || end.is_labels || end.is_largest)
    {
        return Err(format!(
            "the graph computes with the outputs of {last} before it takes them for classes, which palmnet does not: leave \
             the classes out, and the outputs are values"
        ));
    }
    let last = if is_of_probabilities { Activation::Identity } else { last };
    check(&end, last, outputs, stack.is_log)?;
    let is_sigmoid = last == Activation::Sigmoid;
    let given = (!options.classes.is_empty()).then(|| options.classes.clone());
    let is_labels =
        outputs > 1 && (end.is_labels || (is_sigmoid && given.as_ref().is_none_or(|names| names.len() == 2)));
    let names = |usual: Vec<String>| -> Answer<Vec<String>> {
        let (given, expected) = (options.targets.len(), usual.len());
        match given {
            0 => Ok(usual),
            _ if given == expected => Ok(options.targets.clone()),
            _ => Err(format!("{given} names of targets were given, and the graph has {expected}")),
        }
    };
    let numbers = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<String>>();
    if is_labels {
        let usual = end.classes.unwrap_or_else(|| numbers(outputs));
        let usual = usual.iter().map(|name| format!("label_{name}")).collect();
        let pair = given.unwrap_or_else(|| numbers(2));
        let [no, yes] = &pair[..] else {
            return Err(format!("the graph has {outputs} labels, each of two classes: name two"));
        };
        let names = names(usual)?;
        if names.len() != outputs {
            return Err(format!("the graph has {outputs} labels and {} names of them", names.len()));
        }
        let classes = vec![[no.clone(), yes.clone()]; outputs];
        reader.notes.push(format!("each output is the probability that a label is {}", quoted(yes)));
        return Ok(Target { schema: TargetSchema::Labels { names, classes }, is_values: false });
    }
    let is_class = end.is_largest && outputs > 1;
    let is_probability =
        is_class || is_sigmoid && outputs == 1 || last == Activation::Softmax && outputs > 1 || stack.is_log;
    let classes = given.or(end.classes).or_else(|| {
        is_probability.then(|| {
            reader.notes.push("the classes have no names in the graph: --classes names them".into());
            numbers(outputs.max(2))
        })
    });
    if let Some(classes) = classes {
        if classes.len() != outputs.max(2) {
            let (count, listed) = (classes.len(), listed(&classes));
            return Err(format!("there are {count} names of classes, {listed}, for {outputs} outputs"));
        }
        if !matches!(last, Activation::Identity | Activation::Sigmoid | Activation::Softmax)
            || (is_sigmoid && outputs > 1)
        {
            return Err(format!("its outputs are those of {last}, which are no probabilities of {outputs} classes"));
        }
        if stack.is_log {
            reader.notes.push("outputs are probabilities, of which the graph has the logarithms".into());
        } else if last == Activation::Identity {
            reader.notes.push("the outputs are taken for logits of the classes".into());
        }
        let name = names(vec!["class".into()])?.concat();
        return Ok(Target { schema: TargetSchema::Classes { name, classes }, is_values: false });
    }
    let usual = match outputs {
        1 => vec![end.name],
        _ => (1..=outputs).map(|number| format!("{}_{number}", end.name)).collect(),
    };
    Ok(Target { schema: TargetSchema::Values { names: names(usual)? }, is_values: true })
}
