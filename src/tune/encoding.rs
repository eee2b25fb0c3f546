//! The bins of a piecewise-linear encoding.

use crate::data::{ColumnKind, Dataset};
use crate::model::preprocessing::Preprocessing;
use crate::nn::layer::Piecewise;

/// The least width of the first and of the last bin, which are open, as a fraction of the range: the code of a number
/// outside would be large if they were narrow.
const OUTER: f32 = 1.0 / 64.0;

/// Returns the encoding of the features of `train` after `preprocessing`: every column of numbers in at most `bins` bins
/// of about as many numbers each.
pub(super) fn piecewise(train: &Dataset, preprocessing: &Preprocessing, bins: usize) -> Piecewise {
    let schema = train.schema();
    let mut columns = vec![None; schema.width()];
    for (column, inputs) in schema.columns().iter().zip(schema.inputs()) {
        if matches!(column.kind, ColumnKind::Number(_) | ColumnKind::Time(_)) {
            for input in inputs.start..inputs.start + column.kind.width() {
                columns[input] = Some(edges(preprocessed(train, preprocessing, input), bins));
            }
        }
    }
    Piecewise::new(columns).expect("edges that increase")
}

/// Returns one input of every example, as the network gets it.
fn preprocessed(train: &Dataset, preprocessing: &Preprocessing, input: usize) -> Vec<f32> {
    let (scaler, fill) = (preprocessing.features(), preprocessing.imputer().map(|imputer| imputer.fill()[input]));
    let (offset, factor) = (scaler.offset()[input], scaler.factor()[input]);
    let numbers = train.features().column(input).map(|x| if x.is_nan() { fill.unwrap_or(x) } else { x });
    numbers.map(|x| Piecewise::clip((x - offset) * factor)).collect()
}

/// Returns edges of bins between which there are about as many of the numbers each: the numbers themselves if they are
/// few. None if there would be fewer than two bins.
fn edges(mut numbers: Vec<f32>, bins: usize) -> Vec<f32> {
    numbers.sort_unstable_by(f32::total_cmp);
    let mut distinct = numbers.clone();
    distinct.dedup();
    let mut edges = distinct;
    if edges.len() > bins + 1 {
        let last = numbers.len() - 1;
        edges = (0..=bins).map(|i| numbers[(i * last + bins / 2) / bins]).collect();
        edges.dedup();
    }
    let (Some(&low), Some(&high)) = (edges.first(), edges.last()) else { return Vec::new() };
    let margin = OUTER * (high - low);
    let inner = |&edge: &f32| edge == low || edge == high || (edge - low >= margin && high - edge >= margin);
    edges.retain(inner);
    if edges.len() < 3 || !edges.windows(2).all(|pair| (pair[1] - pair[0]).is_normal()) {
        return Vec::new();
    }
    edges
}
