//! The inputs of the network in the order of the table's columns. Where the graph has another order, lacks some categories
//! of a column or has numbers for them, the weights of the first layer are changed, which gives the same outputs.

use super::stack::Stack;
use super::value::{Cell, Form, Source};
use crate::base::text::quoted;
use crate::data::{Column, ColumnKind, Imputer, Scaler};
use crate::linalg::matrix::Matrix;
use crate::nn::layer::{Dense, Layer};

/// The whole numbers from here on are not all in single precision.
const FAR: f64 = 16_777_216.0;

type Answer<T> = Result<T, String>;

/// The columns, and what becomes of their numbers.
pub(super) struct Arranged {
    pub(super) columns: Vec<Column>,
    /// The indices of the columns of the table that are not used.
    pub(super) ignored: Vec<usize>,
    pub(super) scaler: Scaler,
    pub(super) imputer: Option<Imputer>,
}

/// An input of the network: where its weights come from, and its scale.
struct Input {
    /// The index of the graph's input and a factor for its weights; `None` for a category that the graph does not use.
    from: Option<(usize, f32)>,
    fill: f32,
    offset: f32,
    factor: f32,
}

impl Input {
    fn of(index: usize, cell: &Cell) -> Input {
        let (offset, factor) = (cell.offset as f32, cell.factor as f32);
        Input { from: Some((index, 1.0)), fill: cell.fill.unwrap_or_default(), offset, factor }
    }

    fn unused() -> Input {
        Input { from: None, fill: 0.0, offset: 0.0, factor: 1.0 }
    }
}

/// Arranges the inputs of a network.
pub(super) fn arrange(stack: &mut Stack, sources: &[Source], notes: &mut Vec<String>) -> Answer<Arranged> {
    let mut of_source: Vec<Vec<usize>> = vec![Vec::new(); sources.len()];
    stack.cells.iter().enumerate().for_each(|(index, cell)| of_source[cell.column].push(index));
    let (mut columns, mut inputs, mut ignored) = (Vec::new(), Vec::new(), Vec::new());
    let has_fill = stack.cells.iter().any(|cell| cell.fill.is_some());
    let mut unfilled = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        if of_source[index].is_empty() {
            ignored.push(index);
            continue;
        }
        let cells: Vec<(usize, &Cell)> = of_source[index].iter().map(|&i| (i, &stack.cells[i])).collect();
        let (column, mut own) =
            column(source, &cells).map_err(|why| format!("column {}: {why}", quoted(&source.name)))?;
        let is_number = matches!(column.kind, ColumnKind::Number(_));
        if has_fill && is_number && cells.iter().all(|(_, cell)| cell.fill.is_none()) {
            own[0].fill = own[0].offset;
            unfilled.push(quoted(&source.name));
        }
        columns.push(column);
        inputs.append(&mut own);
    }
    if !ignored.is_empty() {
        let names: Vec<&str> = ignored.iter().map(|&index| sources[index].name.as_str()).collect();
        notes.push(format!("not used by the graph: {}", crate::base::text::listed(&names)));
    }
    if !unfilled.is_empty() {
        notes.push(format!(
            "the graph fills in no missing cells of {}: the offset of the scale is taken",
            unfilled.join(", ")
        ));
    }
    reorder(stack, &inputs)?;
    let part = |number: fn(&Input) -> f32| inputs.iter().map(number).collect();
    let scaler = Scaler::from_parts(part(|input| input.offset), part(|input| input.factor));
    let imputer = has_fill.then(|| Imputer::from_parts(part(|input| input.fill))).transpose();
    let imputer = imputer.map_err(|error| error.to_string())?;
    Ok(Arranged { columns, ignored, scaler: scaler.map_err(|error| error.to_string())?, imputer })
}

/// Returns the column that these inputs of the graph are made of, and its inputs.
fn column(source: &Source, cells: &[(usize, &Cell)]) -> Answer<(Column, Vec<Input>)> {
    if let Some((_, cell)) = cells.iter().find(|(_, cell)| cell.offset.abs() >= FAR) {
        let offset = cell.offset;
        return Err(format!(
            "{offset} is subtracted from it, so far from zero that single precision would lose its digits"
        ));
    }
    let (missing, own): (Vec<_>, Vec<_>) = cells.iter().partition(|(_, cell)| cell.form == Form::Missing);
    let (mut kind, mut inputs) = (ColumnKind::Number(Default::default()), Vec::new());
    match (&source.categories, &own[..]) {
        (None, [(index, cell)]) if cell.form == Form::Plain && !source.is_text => inputs.push(Input::of(*index, cell)),
        (Some(names), [(index, cell)]) if matches!(cell.form, Form::Codes(_)) => {
            let Form::Codes(codes) = &cell.form else { return Err("it is not encoded".into()) };
            let scaled = |code: &f32| ((f64::from(*code) - cell.offset) * cell.factor) as f32;
            inputs.extend(codes.iter().map(|code| Input { from: Some((*index, scaled(code))), ..Input::unused() }));
            kind = ColumnKind::Categories(names.clone());
        }
        (Some(names), _) => {
            inputs.extend(names.iter().map(|_| Input::unused()));
            for (index, cell) in own {
                let Form::Hot(category) = cell.form else {
                    return Err("the graph takes it both as it is and encoded".into());
                };
                if inputs[category].from.is_some() {
                    return Err("a category of it is taken twice".into());
                }
                inputs[category] = Input::of(index, cell);
            }
            kind = ColumnKind::Categories(names.clone());
        }
        (None, [_]) if source.is_text => return Err("it is a text, and no node encodes it".into()),
        (None, [_]) => return Err("its numbers are cut to whole ones, which palmnet does not".into()),
        (None, _) => return Err("the graph takes it more than once".into()),
    }
    let marks_missing = match missing[..] {
        [] => false,
        [(index, cell)] => {
            inputs.push(Input::of(index, cell));
            true
        }
        _ => return Err("the graph asks more than once whether it is missing".into()),
    };
    let mut column = Column::new(&source.name, kind);
    column.marks_missing = marks_missing;
    Ok((column, inputs))
}

/// Changes the first layer of a network for these inputs.
fn reorder(stack: &mut Stack, inputs: &[Input]) -> Answer<()> {
    let is_same = |(index, input): (usize, &Input)| input.from == Some((index, 1.0)) && input.from.is_some();
    if inputs.len() == stack.cells.len() && inputs.iter().enumerate().all(is_same) {
        return Ok(());
    }
    let Some(Layer::Dense(dense)) = stack.layers.first() else {
        return Err(
            "the graph takes the columns in another order or with fewer categories than they have, which needs a \
                    dense layer at the beginning, and there is none"
                .into(),
        );
    };
    let outputs = dense.outputs();
    let mut weights = Matrix::zeros(inputs.len(), outputs);
    for (index, input) in inputs.iter().enumerate() {
        if let Some((from, factor)) = input.from {
            let row = dense.weights().row(from).iter().map(|w| w * factor);
            weights.row_mut(index).iter_mut().zip(row).for_each(|(to, w)| *to = w);
        }
    }
    stack.layers[0] = Layer::Dense(Dense::new(weights, dense.bias().to_vec()));
    Ok(())
}
