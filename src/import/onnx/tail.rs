//! The end of a graph: labels, probabilities, and the linear models of scikit-learn.

use super::proto::Node;
use super::reader::{Made, Reader};
use super::tensor::Tensor;
use super::value::{Id, Kind};
use crate::nn::Activation;

type Answer<T> = Result<T, String>;

/// Reads a node of the operators for tables that is behind the network, or is a network.
pub(super) fn read<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    match node.operator.as_str() {
        "ZipMap" => {
            let x = reader.data(node, 0)?;
            let classes = class_names(node).ok_or("it has no classes")?;
            Ok(vec![reader.push(Kind::Named(x, classes), vec![1])])
        }
        "Normalizer" => {
            let x = reader.data(node, 0)?;
            let sums_to_one = matches!(reader.values[x].kind, Kind::Activation(Activation::Softmax, _) | Kind::Pair(_));
            if sums_to_one && node.text("norm", "MAX") == "L1" {
                return Ok(vec![Made::Value(x)]);
            }
            Err("palmnet does not normalize rows".into())
        }
        "Binarizer" => {
            let x = reader.data(node, 0)?;
            if !matches!(reader.values[x].kind, Kind::Activation(..)) || node.float("threshold", 0.0) != 0.5 {
                return Err("palmnet has a threshold of one half, on probabilities of labels".into());
            }
            let dims = reader.values[x].dims.clone();
            Ok(vec![reader.push(Kind::Exceeds(0.5, x), dims)])
        }
        "LinearClassifier" => linear_classifier(reader, node),
        "LinearRegressor" => {
            if node.text("post_transform", "NONE") != "NONE" {
                return Err("it transforms its values".into());
            }
            let values = linear(reader, node, usize::try_from(node.integer("targets", 1)).ok())?;
            Ok(vec![Made::Value(values)])
        }
        _ => Err("palmnet has networks, scalers, imputers and one-hot encoding only".into()),
    }
}

/// Names the classes of a label.
pub(super) fn labeled(reader: &mut Reader<'_>, index: Id, classes: Vec<String>) -> Answer<Vec<Made>> {
    let Kind::Label(of, None) = reader.values[index].kind else {
        return Err("it looks up something else than the names of classes".into());
    };
    let dims = reader.values[index].dims.clone();
    Ok(vec![reader.push(Kind::Label(of, Some(classes)), dims)])
}

fn class_names(node: &Node) -> Option<Vec<String>> {
    let lists = ["classlabels_strings", "classlabels_int64s", "classlabels_ints"];
    lists.iter().find_map(|name| node.tensor(name)).and_then(Tensor::words)
}

/// Adds the dense layer of a linear model, whose coefficients are outputs × inputs.
fn linear<'a>(reader: &mut Reader<'a>, node: &'a Node, outputs: Option<usize>) -> Answer<Id> {
    let x = reader.data(node, 0)?;
    let inputs = reader.flat(x)?;
    let coefficients = node.tensor("coefficients").and_then(Tensor::numbers).unwrap_or_default();
    let outputs = outputs.unwrap_or(coefficients.len() / inputs);
    if outputs == 0 || outputs.checked_mul(inputs) != Some(coefficients.len()) {
        let count = coefficients.len();
        return Err(format!("it has {count} coefficients, for {inputs} inputs and {outputs} outputs"));
    }
    let bias = node.tensor("intercepts").and_then(Tensor::numbers).filter(|all| !all.is_empty());
    let bias = bias.unwrap_or_else(|| vec![0.0; outputs]);
    if bias.len() != outputs {
        return Err(format!("it has {} intercepts, for {outputs} outputs", bias.len()));
    }
    let numbers = (0..coefficients.len()).map(|i| coefficients[i % outputs * inputs + i / outputs]).collect();
    let weights = Tensor { dims: vec![inputs, outputs], ..Tensor::floats(numbers) };
    match reader.push(Kind::Dense(weights, bias, x), vec![outputs]) {
        Made::Value(id) => Ok(id),
        Made::Constant(_) => Err("it is a constant".into()),
    }
}

fn linear_classifier<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let classes = class_names(node).filter(|classes| classes.len() > 1).ok_or("it has no classes")?;
    let dense = linear(reader, node, None)?;
    let outputs = reader.width(dense);
    let scores = match (node.text("post_transform", "NONE"), outputs) {
        ("SOFTMAX", 2..) => reader.push(Kind::Activation(Activation::Softmax, dense), vec![outputs]),
        // The scores of two classes are -s and s, and the probability of the second is that of a sigmoid.
        ("NONE", 2) if classes.len() == 2 => Made::Value(second_of_opposites(reader, dense)?),
        ("NONE", 2..) => Made::Value(dense),
        ("LOGISTIC", 1 | 2) if classes.len() == 2 => {
            let single = second_of_opposites(reader, dense)?;
            let p = reader.push(Kind::Activation(Activation::Sigmoid, single), vec![1]);
            let Made::Value(p) = p else { return Err("it is a constant".into()) };
            reader.push(Kind::Pair(p), vec![2])
        }
        ("LOGISTIC", _) => return Err("it scores every class by itself, and palmnet has softmax for classes".into()),
        (name, _) => {
            return Err(format!("it transforms {outputs} scores by {}", crate::base::text::quoted(name)));
        }
    };
    let Made::Value(of) = scores else { return Err("it is a constant".into()) };
    let label = reader.push(Kind::Label(of, Some(classes)), vec![1]);
    Ok(vec![label, scores])
}

/// Returns the layer with the second output alone, if the first is its negative.
fn second_of_opposites(reader: &mut Reader<'_>, dense: Id) -> Answer<Id> {
    let Kind::Dense(weights, bias, x) = &reader.values[dense].kind else { return Ok(dense) };
    if bias.len() == 1 {
        return Ok(dense);
    }
    let numbers = weights.numbers().unwrap_or_default();
    if bias[0] != -bias[1] || !numbers.chunks_exact(2).all(|pair| pair[0] == -pair[1]) {
        return Err("it scores every class by itself, and palmnet has softmax for classes".into());
    }
    let weights = Tensor {
        dims: vec![numbers.len() / 2, 1],
        ..Tensor::floats(numbers.chunks_exact(2).map(|pair| pair[1]).collect())
    };
    let kind = Kind::Dense(weights, vec![bias[1]], *x);
    match reader.push(kind, vec![1]) {
        Made::Value(id) => Ok(id),
        Made::Constant(_) => Ok(dense),
    }
}
