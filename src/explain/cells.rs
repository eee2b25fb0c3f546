//! Inputs and outputs in the words and the units of the table.

use crate::data::{Column, ColumnKind, Schema};

/// The name of each output of a model. A single output of classes is the probability of the second.
pub(super) fn output_names(schema: &Schema, outputs: usize) -> Vec<String> {
    let mut names = schema.target().output_names();
    names.split_off(names.len() - outputs)
}

/// Returns the number or the seconds that the inputs of a column stand for, in the units of the table: NaN if they are
/// missing. `None` for a column of categories.
pub(crate) fn value(column: &Column, inputs: &[f32]) -> Option<f64> {
    let origin = match &column.kind {
        ColumnKind::Number(form) => form.origin,
        ColumnKind::Time(form) => form.origin,
        ColumnKind::Categories(_) => return None,
    };
    // The seconds are the last part of a time.
    Some(origin + f64::from(inputs[column.width() - usize::from(column.marks_missing) - 1]))
}

/// Returns the index of the category that the inputs of a column stand for, if they do for one.
pub(super) fn category(inputs: &[f32], categories: usize) -> Option<usize> {
    inputs[..categories].iter().position(|x| *x > 0.0)
}

/// Returns whether the inputs of a column stand for a missing cell.
pub(crate) fn is_missing(column: &Column, inputs: &[f32]) -> bool {
    inputs[0].is_nan() || (column.marks_missing && inputs.last() == Some(&1.0))
}

/// Returns the cell that the inputs of a column stand for: a number, a date and time of day in the form of ISO 8601 and
/// in UTC if there was a zone, or a category.
pub(crate) fn text(column: &Column, inputs: &[f32]) -> String {
    match (&column.kind, value(column, inputs)) {
        _ if is_missing(column, inputs) => "missing".into(),
        (ColumnKind::Categories(names), _) => {
            category(inputs, names.len()).map_or("other".into(), |index| names[index].clone())
        }
        (ColumnKind::Time(form), Some(seconds)) => time(seconds, form.date, form.clock),
        // Without an origin, the cell is exact in single precision, in fewer digits.
        (ColumnKind::Number(form), Some(_)) if form.origin == 0.0 => number(inputs[0]),
        (_, value) => value.unwrap_or_default().to_string(),
    }
}

fn number(x: f32) -> String {
    match x.abs() {
        size if size == 0.0 || (1e-4..1e9).contains(&size) => x.to_string(),
        _ => format!("{x:e}"),
    }
}

/// Returns the date, the time of day, or both, of some seconds since 1970 or since midnight.
fn time(seconds: f64, has_date: bool, has_clock: bool) -> String {
    let whole = seconds.round() as i64;
    let (days, rest) = (whole.div_euclid(86400), whole.rem_euclid(86400));
    if !has_date {
        // A duration may have any number of hours.
        return format!("{:02}:{:02}:{:02}", whole.div_euclid(3600), rest / 60 % 60, rest % 60);
    }
    // Years begin in March, so that the day of a leap year is their last; 146,097 days are 400 years.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
    let year = 400 * era + year + i64::from(month <= 2);
    let date = format!("{year:04}-{month:02}-{day:02}");
    // Single precision keeps two minutes of the seconds since 1970 apart.
    let clock = if has_clock { format!(" {:02}:{:02}", rest / 3600, rest / 60 % 60) } else { String::new() };
    date + &clock
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Missing, NumberForm, Rows, Table, Target};

    /// A cell that is read and written again is the same.
    #[test]
    fn cells_are_written_as_they_were_read() {
        let rows = [
            ["2024-02-29", "2024-03-01 23:59", "07:05:30", "red", "1700000001.5", "-0.25"],
            ["1969-12-31", "2024-03-01 00:00", "23:00:00", "blue", "1700000002.25", "12500"],
            ["2000-01-01", "2024-02-29 12:07", "00:00:00", "red", "1700000003.75", "1.5e-7"],
            ["1999-12-31", "2024-02-28 08:32", "00:59:00", "", "1700000000.25", "2e10"],
        ];
        let header = ["day", "moment", "clock", "color", "stamp", "x", "y"];
        let labeled: Vec<Vec<&str>> = rows.iter().map(|row| [&row[..], &["1.5"]].concat()).collect();
        let table = Table::from_rows(&header, &labeled).unwrap();
        let data = crate::data::Dataset::from_table(table, Target::Values(&["y"]), Missing::Fill).unwrap();
        let schema = data.schema();
        let mut x = vec![0.0; schema.width()];
        for (i, row) in rows.iter().enumerate() {
            data.features().read_row(i, &mut x);
            for ((column, inputs), cell) in schema.columns().iter().zip(schema.inputs()).zip(row) {
                let expected = if cell.is_empty() { "missing" } else { cell };
                assert_eq!(text(column, &x[inputs]), expected, "{}", column.name);
            }
        }
        let ColumnKind::Number(NumberForm { origin, .. }) = schema.columns()[4].kind else { panic!() };
        assert_ne!(origin, 0.0);
    }
}
