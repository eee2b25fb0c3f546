//! Missing cells: what a graph finds out about them, and what it does then. Categories that are compared with texts belong
//! here too, because a missing one is the empty text.

use super::proto::Node;
use super::reader::{Answer, Made, Reader, categorize, cells, columns};
use super::tensor::Tensor;
use super::value::{Cell, Form, Id, Kind};

/// Reads `IsNaN`: a mask of the columns.
pub(super) fn mask<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let x = reader.data(node, 0)?;
    let mut all = columns(reader, x)?;
    if !all.iter().all(Cell::is_unscaled) {
        return Err("it looks for missing cells in columns that are scaled, or far from zero".into());
    }
    for cell in &mut all {
        cell.form = if cell.is_raw() { Form::Missing } else { Form::Gap };
    }
    let dims = reader.values[x].dims.clone();
    Ok(vec![reader.columns(all, dims)?])
}

/// Reads `Equal`: a cell that is compared with all categories, or with the empty text.
pub(super) fn equal<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let x = reader.data(node, 0)?;
    let texts =
        reader.constant(node, 1)?.and_then(Tensor::words).ok_or("it compares with something that is no text")?;
    let all = columns(reader, x)?;
    let [cell] = &all[..] else { return Err("it compares several columns with texts".into()) };
    if !cell.is_raw() || !reader.columns[cell.column].is_text {
        return Err("it compares a column with texts that has none".into());
    }
    if texts == [""] {
        return Ok(vec![reader.columns(vec![Cell { form: Form::Gap, ..cell.clone() }], vec![1])?]);
    }
    reader.check_cells(texts.len())?;
    categorize(&mut reader.columns[cell.column], &texts)?;
    let hot = (0..texts.len()).map(|index| Cell { form: Form::Hot(index), ..cell.clone() }).collect();
    Ok(vec![reader.columns(hot, vec![texts.len()])?])
}

/// Reads `ReduceMax`: whether a cell of the row is missing, or a category is one of the known.
pub(super) fn any<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let x = reader.data(node, 0)?;
    let axes = reader.constant(node, 1)?.and_then(Tensor::whole);
    let all = cells(reader, x).filter(|all| all.iter().all(|cell| cell.is_unscaled() && cell.fill.is_none()));
    let (Some(all), Some([1 | -1]), [_]) = (all, axes, &reader.values[x].dims[..]) else {
        return Err("it is not whether a cell of the row is missing".into());
    };
    if all.iter().all(|cell| matches!(cell.form, Form::Missing | Form::Gap)) {
        return Ok(vec![reader.push(Kind::HasGap, vec![1])]);
    }
    let categories = all.first().and_then(|first| reader.columns[first.column].categories.as_ref()).map_or(0, Vec::len);
    let is_next = |(index, cell): (usize, &Cell)| cell.form == Form::Hot(index) && cell.column == all[0].column;
    if all.len() != categories || !all.iter().enumerate().all(is_next) {
        return Err("it is not whether a category is one of the known".into());
    }
    Ok(vec![reader.columns(vec![Cell { form: Form::Known, ..all[0].clone() }], vec![1])?])
}

/// Reads `Not`: the mark of a category that is missing or unknown.
pub(super) fn not<'a>(reader: &mut Reader<'a>, node: &'a Node) -> Answer<Vec<Made>> {
    let x = reader.data(node, 0)?;
    match cells(reader, x).as_deref() {
        Some([cell]) if cell.form == Form::Known => {
            Ok(vec![reader.columns(vec![Cell { form: Form::Missing, ..cell.clone() }], vec![1])?])
        }
        _ => Err("it is not the mark of an unknown category".into()),
    }
}

/// Returns whether a value is a truth value that a comparison with a number from 0 to 1 does not change.
pub(super) fn is_truth(kind: &Kind) -> bool {
    match kind {
        Kind::HasGap => true,
        Kind::Columns(all) => matches!(&all[..], [Cell { form: Form::Known, .. }]),
        _ => false,
    }
}

/// Reads `Where` with a constant for the rows that have gaps: nothing, as in a model that fills nothing in.
pub(super) fn unanswered<'a>(reader: &Reader<'a>, nothing: &Tensor, x: Id) -> Answer<Vec<Made>> {
    let is_filled = |kind: &Kind| matches!(kind, Kind::Columns(all) if all.iter().any(|cell| cell.fill.is_some()));
    let is_nothing = match nothing.numbers() {
        Some(all) => all.iter().all(|x| x.is_nan()),
        None => nothing.words().is_some_and(|words| words.iter().all(String::is_empty)),
    };
    if !is_nothing || reader.values.iter().any(|value| is_filled(&value.kind)) {
        return Err("it gives rows with missing cells an answer of their own".into());
    }
    Ok(vec![Made::Value(x)])
}

/// Reads `Where` with constants in place of missing cells.
pub(super) fn replaced<'a>(reader: &mut Reader<'a>, node: &'a Node, x: Id, with: &[f32]) -> Answer<Vec<Made>> {
    let condition = reader.data(node, 0)?;
    let (mask, own) = (columns(reader, condition)?, columns(reader, x)?);
    let of = |index: usize| &mask[if mask.len() == 1 { 0 } else { index }];
    let is_mask = (mask.len() == 1 || mask.len() == own.len())
        && own
            .iter()
            .enumerate()
            .all(|(index, own)| matches!(of(index).form, Form::Missing | Form::Gap) && of(index).column == own.column);
    if !is_mask {
        return Err("its condition is not that cells are missing".into());
    }
    // A category that is missing has no inputs: as in palmnet.
    if with.iter().all(|x| x.is_nan()) && own.iter().all(|own| matches!(own.form, Form::Hot(_))) {
        return Ok(vec![Made::Value(x)]);
    }
    fill(reader, x, with, Cell::is_unscaled)
}

/// Fills in the missing cells of columns, one number for all or one for each, if all are as they must be.
pub(super) fn fill<'a>(reader: &mut Reader<'a>, x: Id, with: &[f32], suits: fn(&Cell) -> bool) -> Answer<Vec<Made>> {
    let mut all = columns(reader, x)?;
    if !(with.len() == 1 || with.len() == all.len()) || !with.iter().all(|x| x.is_finite()) {
        return Err(format!("it has {} numbers to fill in, for {} columns", with.len(), all.len()));
    }
    for (index, cell) in all.iter_mut().enumerate() {
        let is_text = reader.columns[cell.column].is_text && cell.is_raw();
        if !suits(cell) || cell.fill.is_some() || is_text {
            return Err("it fills in columns that are scaled, filled in or encoded before, or texts".into());
        }
        cell.fill = Some(with[index % with.len()]);
    }
    let dims = reader.values[x].dims.clone();
    Ok(vec![reader.columns(all, dims)?])
}
