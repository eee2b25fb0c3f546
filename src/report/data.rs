//! The section of a report about the data: its columns, their gaps, and warnings.

use super::page::Page;
use crate::base::text::{counted, significant};
use crate::data::{Column, ColumnKind, Dataset, Rows};
use crate::explain::cells::{is_missing, text, value};
use crate::model::Model;

/// The most columns that are listed.
const MOST: usize = 200;

/// Of more inputs, some rows are left out: it would take long.
const MOST_INPUTS: usize = 200_000_000;

/// The numbers of a column, in the units of the table.
#[derive(Clone, Default)]
struct Facts {
    missing: usize,
    count: usize,
    sum: f64,
    /// The rows with the lowest and the highest number.
    ends: Option<[End; 2]>,
    categories: Vec<usize>,
}

#[derive(Clone, Copy)]
struct End {
    row: usize,
    value: f64,
}

impl Facts {
    fn see(&mut self, row: usize, column: &Column, inputs: &[f32]) {
        if is_missing(column, inputs) {
            self.missing += 1;
            return;
        }
        let Some(value) = value(column, inputs) else {
            self.categories.resize(inputs.len(), 0);
            self.categories.iter_mut().zip(inputs).for_each(|(count, x)| *count += usize::from(*x > 0.0));
            return;
        };
        (self.count, self.sum) = (self.count + 1, self.sum + value);
        let here = End { row, value };
        let [low, high] = self.ends.get_or_insert([here; 2]);
        if value < low.value {
            *low = here;
        }
        if value > high.value {
            *high = here;
        }
    }
}

/// Writes the columns of the data and warnings; `of` says which rows these are.
pub(super) fn write(page: &mut Page, model: &Model, data: &Dataset, of: &str, warnings: &[String]) {
    page.heading("Data");
    let schema = model.schema();
    if data.features().is_bytes() {
        let images = counted(data.len(), "image");
        page.note(&format!("{images} {of}, of {}.", counted(schema.width(), "pixel")));
        return page.list(warnings);
    }
    let inputs: Vec<_> = schema.inputs().collect();
    let mut facts = vec![Facts::default(); inputs.len()];
    let mut x = vec![0.0; schema.width()];
    let step = data.len().saturating_mul(schema.width()).div_ceil(MOST_INPUTS).max(1);
    for row in (0..data.len()).step_by(step) {
        data.features().read_row(row, &mut x);
        for ((facts, column), inputs) in facts.iter_mut().zip(schema.columns()).zip(&inputs) {
            facts.see(row, column, &x[inputs.clone()]);
        }
    }
    let columns = counted(schema.columns().len(), "column");
    let seen = if step > 1 { format!(" The figures are of one row of {step}.") } else { String::new() };
    page.note(&format!("{} {of}, in {columns}.{seen}", counted(data.len(), "row")));
    page.begin_table("", &["column", "kind", "missing", "lowest", "mean", "highest"]);
    for ((facts, column), inputs) in facts.iter().zip(schema.columns()).zip(&inputs).take(MOST) {
        let mut cell = |end: usize| {
            facts.ends.map_or(String::new(), |ends| {
                data.features().read_row(ends[end].row, &mut x);
                text(column, &x[inputs.clone()])
            })
        };
        let [low, high] = [cell(0), cell(1)];
        let (kind, mean) = match &column.kind {
            ColumnKind::Number(_) if facts.count == 0 => ("number".into(), String::new()),
            ColumnKind::Number(_) => ("number".into(), significant(facts.sum / facts.count as f64, 4)),
            ColumnKind::Time(_) => ("time".into(), String::new()),
            ColumnKind::Categories(names) => (counted(names.len(), "text"), frequent(names, &facts.categories)),
        };
        page.row(&[column.name.clone(), kind, facts.missing.to_string(), low, mean, high], false);
    }
    page.end_table();
    if schema.columns().len() > MOST {
        page.note(&format!("The first {MOST} columns of {}.", schema.columns().len()));
    }
    if !warnings.is_empty() {
        page.note("Warnings, about all rows that were read:");
        page.list(warnings);
    }
}

/// Returns the most frequent category, with its count.
fn frequent(names: &[String], counts: &[usize]) -> String {
    let most = counts.iter().zip(names).max_by_key(|(count, _)| **count);
    most.map_or(String::new(), |(count, name)| format!("{name} ({count})"))
}
