//! From the columns of a table to scaled inputs.

use super::graph::{Graph, Kind, Port};
use crate::data::{Column, ColumnKind, TimeForm};
use crate::export::program::Program;

/// Returns the kind of a column's cells.
fn kind(column: &Column) -> Kind {
    match &column.kind {
        ColumnKind::Number(form) if form.origin == 0.0 => Kind::Float,
        ColumnKind::Number(_) | ColumnKind::Time(_) => Kind::Double,
        ColumnKind::Categories(_) => Kind::Text,
    }
}

fn about(column: &Column) -> String {
    match &column.kind {
        ColumnKind::Number(form) => {
            let parts = [&form.prefix, &form.suffix].map(|part| part.trim());
            let without = if parts == ["", ""] { String::new() } else { format!(", without {}", parts.concat()) };
            format!("A number{without}; missing: NaN.")
        }
        ColumnKind::Time(form) if form.date => {
            "Seconds from 1970-01-01 00:00 to the date and time as they are written, \
                                                without a zone; missing: NaN."
                .into()
        }
        ColumnKind::Time(_) => "Seconds since midnight; missing: NaN.".into(),
        ColumnKind::Categories(names) => format!("One of {} texts; missing: the empty text.", names.len()),
    }
}

/// Writes the inputs up to those of the network. Returns these, and for each row whether a cell is missing that must
/// not be.
pub(super) fn write(program: &Program<'_>, graph: &mut Graph<'_>) -> (String, Option<String>) {
    let mut parts = Vec::new();
    for column in program.columns {
        let port = Port { name: &column.name, kind: kind(column), width: Some(1), about: &about(column) };
        graph.input(&port);
        if column.width() > 0 {
            parts.push(write_column(column, graph));
        }
    }
    let mut x = graph.beside(&parts);
    let is_missing = graph.op("IsNaN", &[&x]);
    let mut is_open = None;
    match program.fill {
        Some(fill) => {
            let fill = graph.row(fill);
            x = graph.op("Where", &[&is_missing, &fill, &x]);
        }
        None => is_open = Some(any(&is_missing, graph)),
    }
    if program.offset.iter().any(|offset| *offset != 0.0) {
        let offset = graph.row(program.offset);
        x = graph.op("Sub", &[&x, &offset]);
    }
    if program.factor.iter().any(|factor| *factor != 1.0) {
        let factor = graph.row(program.factor);
        x = graph.op("Mul", &[&x, &factor]);
    }
    (x, is_open)
}

/// Returns whether one of the columns is true, rows × 1.
fn any(columns: &str, graph: &mut Graph<'_>) -> String {
    let numbers = graph.cast(columns, Kind::Float);
    let last = graph.ints(&[1]);
    let most = graph.op("ReduceMax", &[&numbers, &last]);
    let half = graph.float(0.5);
    graph.op("Greater", &[&most, &half])
}

fn write_column(column: &Column, graph: &mut Graph<'_>) -> String {
    let cell = column.name.as_str();
    let mut parts = match &column.kind {
        ColumnKind::Number(form) if form.origin == 0.0 => vec![cell.to_string()],
        ColumnKind::Number(form) => {
            let origin = graph.doubles(&[form.origin], &[]);
            let number = graph.op("Sub", &[cell, &origin]);
            vec![graph.cast(&number, Kind::Float)]
        }
        ColumnKind::Time(form) => write_time(form, cell, graph),
        ColumnKind::Categories(names) => return write_categories(names, column, graph),
    };
    if column.marks_missing {
        let mark = graph.op("IsNaN", &[&parts[0]]);
        parts.push(graph.cast(&mark, Kind::Float));
    }
    graph.beside(&parts)
}

/// Writes a column of categories. With an input for missing cells, an unknown text is as a missing one.
fn write_categories(names: &[String], column: &Column, graph: &mut Graph<'_>) -> String {
    let cell = column.name.as_str();
    if names.is_empty() {
        let always = graph.op("Equal", &[cell, cell]);
        return graph.cast(&always, Kind::Float);
    }
    let texts = graph.texts(names);
    let is_own = graph.op("Equal", &[cell, &texts]);
    let inputs = graph.cast(&is_own, Kind::Float);
    if column.marks_missing {
        let is_known = any(&is_own, graph);
        let is_other = graph.op("Not", &[&is_known]);
        let mark = graph.cast(&is_other, Kind::Float);
        return graph.beside(&[inputs, mark]);
    }
    let (none, nan) = (graph.texts(&[""]), graph.float(f32::NAN));
    let is_missing = graph.op("Equal", &[cell, &none]);
    graph.op("Where", &[&is_missing, &nan, &inputs])
}

/// Arithmetic of double precision on tensors.
struct Doubles<'g, 'a>(&'g mut Graph<'a>);

impl Doubles<'_, '_> {
    /// Computes with a constant.
    fn with(&mut self, operator: &str, x: &str, constant: f64) -> String {
        let constant = self.0.doubles(&[constant], &[]);
        self.0.op(operator, &[x, &constant])
    }

    /// Returns ⌊x / divisor⌋.
    fn quotient(&mut self, x: &str, divisor: f64) -> String {
        let ratio = self.with("Div", x, divisor);
        self.0.op("Floor", &[&ratio])
    }

    /// Returns x - quotient · divisor.
    fn rest(&mut self, x: &str, quotient: &str, divisor: f64) -> String {
        let whole = self.with("Mul", quotient, divisor);
        self.0.op("Sub", &[x, &whole])
    }
}

/// Writes a column of dates or times: the year, the month, the day of the week, the hour and the seconds of those that
/// its form has. The calendar is that of `data::time`, backwards; NaN goes through all of it.
fn write_time(form: &TimeForm, cell: &str, graph: &mut Graph<'_>) -> Vec<String> {
    let mut parts = Vec::new();
    let mut clock = cell.to_string();
    let mut math = Doubles(graph);
    if form.date {
        let days = math.quotient(cell, 86400.0);
        clock = math.rest(cell, &days, 86400.0);
        // Years begin in March, in eras of 400 of them.
        let shifted = math.with("Add", &days, 719_468.0);
        let era = math.quotient(&shifted, 146_097.0);
        let day = math.rest(&shifted, &era, 146_097.0);
        let [four, hundred, all] = [1460.0, 36524.0, 146_096.0].map(|period| math.quotient(&day, period));
        let without = math.0.op("Sub", &[&day, &four]);
        let without = math.0.op("Add", &[&without, &hundred]);
        let without = math.0.op("Sub", &[&without, &all]);
        let year = math.quotient(&without, 365.0);
        let [four, hundred] = [4.0, 100.0].map(|period| math.quotient(&year, period));
        let of_year = math.rest(&day, &year, 365.0);
        let of_year = math.0.op("Sub", &[&of_year, &four]);
        let of_year = math.0.op("Add", &[&of_year, &hundred]);
        let five = math.with("Mul", &of_year, 5.0);
        let five = math.with("Add", &five, 2.0);
        let month = math.quotient(&five, 153.0);
        let is_next = math.quotient(&month, 10.0);
        let years = math.with("Mul", &era, 400.0);
        let year = math.0.op("Add", &[&years, &year]);
        parts.push(math.0.op("Add", &[&year, &is_next]));
        let month = math.with("Add", &month, 3.0);
        parts.push(math.rest(&month, &is_next, 12.0));
        let from_monday = math.with("Add", &days, 3.0);
        let week = math.quotient(&from_monday, 7.0);
        parts.push(math.rest(&from_monday, &week, 7.0));
    }
    if form.clock || !form.date {
        parts.push(math.quotient(&clock, 3600.0));
    }
    parts.push(math.with("Sub", cell, form.origin));
    parts.iter().map(|part| graph.cast(part, Kind::Float)).collect()
}
