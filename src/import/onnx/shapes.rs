//! Nodes that change the shape of rows, not the numbers in them.

use super::proto::Node;
use super::reader::{Answer, Made, Reader};
use super::tensor::Tensor;
use super::value::Kind;

/// Reads a node that leaves the numbers of its input as they are.
pub(super) fn same<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let x = reader.data(node, 0)?;
    if node.operator == "Dropout" {
        let training = reader.constant(node, 2)?.and_then(Tensor::single);
        if training.is_some_and(|is_training| is_training != 0.0) {
            return Err("it is in training mode: export the model for inference, after model.eval()".into());
        }
    }
    let value = &reader.values[x];
    let is_same = matches!(node.operator.as_str(), "Identity" | "Dropout");
    if is_same || matches!(value.kind, Kind::Label(..) | Kind::Named(..) | Kind::HasGap) {
        return Ok(vec![Made::Value(x)]);
    }
    let own = value.dims.clone();
    let width = value.width();
    let dims = match node.operator.as_str() {
        "Flatten" => match node.integer("axis", 1) {
            1 => vec![width],
            -1 if own.len() == 1 => own,
            _ => return Err("it flattens other axes than those of a row".into()),
        },
        "Reshape" => {
            let shape = reader.constant(node, 1)?.and_then(Tensor::whole).ok_or("its shape is no constant")?;
            reshaped(&own, shape, reader.batch, node.integer("allowzero", 0) != 0)?
        }
        _ => {
            let axes = reader.constant(node, 1)?.or(node.tensor("axes")).and_then(Tensor::whole);
            with_axes(own, axes.unwrap_or(&[]), node.operator == "Unsqueeze")?
        }
    };
    if dims.len() > 8 || dims.iter().product::<usize>() != width {
        return Err(format!("it gives rows of {width} numbers the shape {dims:?}"));
    }
    if dims == reader.values[x].dims {
        return Ok(vec![Made::Value(x)]);
    }
    let kind = reader.values[x].kind.clone();
    match kind {
        Kind::Columns(cells) => Ok(vec![reader.columns(cells, dims)?]),
        // Of what a layer gives, the shape of one dimension is the only one that the next can take.
        _ => Err(format!("it gives the outputs of a layer the shape {dims:?}")),
    }
}

/// Returns the dimensions of a row after a node Reshape with this shape.
fn reshaped(own: &[usize], shape: &[i64], batch: Option<usize>, allow_zero: bool) -> Answer<Vec<usize>> {
    let fault = || format!("it reshapes rows in the shape {own:?} to {shape:?}, across rows");
    let width: usize = own.iter().product();
    let Some((&rows, rest)) = shape.split_first() else { return Err(fault()) };
    let keeps_rows = rows == -1 || (rows == 0 && !allow_zero) || (rows > 0 && batch == usize::try_from(rows).ok());
    let mut dims = Vec::new();
    let mut free = None;
    for (index, &dim) in rest.iter().enumerate() {
        match dim {
            -1 if free.is_none() && rows != -1 => {
                free = Some(index);
                dims.push(1);
            }
            0 if !allow_zero => dims.push(*own.get(index).ok_or_else(fault)?),
            1.. => dims.push(usize::try_from(dim).map_err(|_| fault())?),
            _ => return Err(fault()),
        }
    }
    let known = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim)).ok_or_else(fault)?;
    if let Some(free) = free {
        dims[free] = width.checked_div(known).unwrap_or(0);
    }
    let count = dims.iter().try_fold(1usize, |product, &dim| product.checked_mul(dim));
    if keeps_rows && count == Some(width) { Ok(dims) } else { Err(fault()) }
}

/// Returns the dimensions of a row with axes of length 1 put in or taken out.
fn with_axes(mut dims: Vec<usize>, axes: &[i64], puts_in: bool) -> Answer<Vec<usize>> {
    let fault = || "its axes are not those of a row".to_string();
    if axes.is_empty() || axes.len() > 8 {
        return Err(fault());
    }
    let mut axes = axes.to_vec();
    let rank = (dims.len() + 1 + if puts_in { axes.len() } else { 0 }) as i64;
    axes.iter_mut().for_each(|axis| *axis += if *axis < 0 { rank } else { 0 });
    axes.sort_unstable();
    if !puts_in {
        axes.reverse();
    }
    for axis in axes {
        // The first axis is that of the rows.
        let index = usize::try_from(axis).ok().and_then(|axis| axis.checked_sub(1)).ok_or_else(fault)?;
        if puts_in && index <= dims.len() {
            dims.insert(index, 1);
        } else if !puts_in && dims.get(index) == Some(&1) {
            dims.remove(index);
        } else {
            return Err(fault());
        }
    }
    Ok(dims)
}
