//! Nodes whose inputs are constants, which are constants too.

use super::proto::Node;
use super::tensor::{Tensor, Values};

type Answer<T> = Result<T, String>;

/// Reads a node Constant.
pub(super) fn constant(node: &Node) -> Answer<Tensor> {
    let lists = ["value", "value_floats", "value_ints", "value_strings"];
    if let Some(tensor) = lists.iter().find_map(|name| node.tensor(name)) {
        return Ok(tensor.clone());
    }
    let scalar = |values| Tensor { dims: Vec::new(), values };
    if node.has("value_float") {
        return Ok(Tensor::scalar(node.float("value_float", 0.0)));
    }
    if node.has("value_int") {
        return Ok(scalar(Values::Integers(vec![node.integer("value_int", 0)])));
    }
    if node.has("value_string") {
        return Ok(scalar(Values::Texts(vec![node.text("value_string", "").to_string()])));
    }
    Err("it has no value that is read".into())
}

/// Computes a node of these inputs.
pub(super) fn computed(node: &Node, inputs: &[&Tensor]) -> Answer<Tensor> {
    let fault = || "it is computed of constants in a way that is not read".to_string();
    let first = *inputs.first().ok_or_else(fault)?;
    let floats = || first.numbers().ok_or_else(fault);
    let like = |values: Vec<f32>| Tensor { dims: first.dims.clone(), values: Values::Floats(values) };
    match node.operator.as_str() {
        "Identity" => Ok(first.clone()),
        "Cast" => match (node.integer("to", 1), &first.values) {
            (1 | 11, _) => Ok(like(floats()?)),
            (6 | 7, Values::Integers(_)) | (8, Values::Texts(_)) => Ok(first.clone()),
            _ => Err(fault()),
        },
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => {
            let (mut dims, count) = (vec![first.len()], first.len());
            if let (&"Reshape", Some(shape)) = (&node.operator.as_str(), inputs.get(1).and_then(|shape| shape.whole()))
            {
                let known: Option<usize> = shape
                    .iter()
                    .filter(|&&dim| dim != -1)
                    .try_fold(1usize, |product, &dim| product.checked_mul(usize::try_from(dim).ok()?));
                let known = known.filter(|&known| known > 0 && shape.len() <= 8).ok_or_else(fault)?;
                dims = shape.iter().map(|&dim| if dim == -1 { count / known } else { dim as usize }).collect();
            }
            if dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim)) != Some(count) {
                return Err(fault());
            }
            Ok(Tensor { dims, values: first.values.clone() })
        }
        "Transpose" => {
            let ([rows, columns], numbers) = (first.dims[..].try_into().map_err(|_| fault())?, floats()?);
            let is_usual = node.tensor("perm").and_then(Tensor::whole).is_none_or(|perm| perm == [1, 0]);
            let (rows, columns): (usize, usize) = (rows, columns);
            if !is_usual {
                return Err(fault());
            }
            let values = (0..numbers.len()).map(|i| numbers[i % rows * columns + i / rows]).collect();
            Ok(Tensor { dims: vec![columns, rows], values: Values::Floats(values) })
        }
        "Neg" => Ok(like(floats()?.iter().map(|x| -x).collect())),
        "Sqrt" => Ok(like(floats()?.iter().map(|x| x.sqrt()).collect())),
        "Reciprocal" => Ok(like(floats()?.iter().map(|x| 1.0 / x).collect())),
        "Add" | "Sub" | "Mul" | "Div" => {
            let second = inputs.get(1).ok_or_else(fault)?;
            let (a, b) = (floats()?, second.numbers().ok_or_else(fault)?);
            let dims = if a.len() >= b.len() { &first.dims } else { &second.dims };
            if a.is_empty() || b.is_empty() || !(a.len() == b.len() || a.len() == 1 || b.len() == 1) {
                return Err(fault());
            }
            if node.operator == "Div" && first.whole().is_some() && second.whole().is_some() {
                return Err("it divides whole numbers, without their fractions".into());
            }
            let pairs = (0..a.len().max(b.len())).map(|i| (a[i % a.len()], b[i % b.len()]));
            let values = pairs.map(|(a, b)| match node.operator.as_str() {
                "Add" => a + b,
                "Sub" => a - b,
                "Mul" => a * b,
                _ => a / b,
            });
            Ok(Tensor { dims: dims.clone(), values: Values::Floats(values.collect()) })
        }
        _ => Err(fault()),
    }
}
