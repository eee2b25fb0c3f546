//! How the last pass reads the columns of a table: what is known of their cells, and which of them are to be looked at.

use super::cells::Row;
use super::kept::{Kept, Place};
use super::roles::Role;
use super::schema::Schema;
use super::table::Table;

/// How the columns of a table are read.
pub(super) struct Plan<'a> {
    pub schema: &'a Schema,
    pub table: &'a Table,
    pub roles: &'a [Role<'a>],
    /// The place of each column's plain numbers: an input or a target.
    pub plain: Vec<Place>,
    pub kept: Kept,
    /// Whether anything is kept.
    pub keeps: bool,
    /// The number of codes in a row that is kept.
    codes: usize,
    /// The columns that are used, and those of them whose numbers are not kept as inputs.
    used: Vec<usize>,
    open: Vec<usize>,
    /// The indices of the numbers that are kept elsewhere, and the inputs that they become.
    moves: Vec<(usize, usize)>,
}

impl<'a> Plan<'a> {
    /// Makes a plan, given what was kept and whether its numbers are in their places.
    pub fn new(schema: &'a Schema, table: &'a Table, roles: &'a [Role<'a>], kept: Kept, is_in_place: bool) -> Plan<'a> {
        // A number may be a word for a missing value.
        let all_numbers = table.reading().missing_values.is_none();
        let plain = |role: &Role<'_>| match role {
            Role::Number { inputs, form, .. } if all_numbers && form.is_default() => Place::Input(inputs.start),
            Role::Value { target, form } if all_numbers && form.is_default() => Place::Target(*target),
            _ => Place::None,
        };
        let plain: Vec<Place> = roles.iter().map(plain).collect();
        let (mut used, mut open, mut moves) = (Vec::new(), Vec::new(), Vec::new());
        for (column, &plain) in plain.iter().enumerate() {
            match (kept.places[column], plain) {
                _ if matches!(roles[column], Role::Unused) => continue,
                (Place::Input(from), Place::Input(to)) => moves.push((from, to)),
                _ => open.push(column),
            }
            used.push(column);
        }
        if is_in_place {
            moves.clear();
        }
        let codes = kept.cells.codes.len() / table.rows().max(1);
        let keeps = kept.places.iter().any(|place| *place != Place::None);
        Plan { schema, table, roles, plain, kept, keeps, codes, used, open, moves }
    }

    /// Writes the numbers of a row that are kept elsewhere to their places, and returns the columns of which
    /// the cells may not be known.
    pub fn begin(&self, row: usize, to: &mut Row<'_>) -> &[usize] {
        for &(from, input) in &self.moves {
            to.x[input] = self.kept.cells.numbers[(row, from)];
        }
        // Without an early end, many numbers are looked at together.
        let lacks_some = to.x.iter().fold(false, |lacks_some, number| lacks_some | number.is_nan());
        if lacks_some { &self.used } else { &self.open }
    }

    /// Returns whether the number of a cell is in its place.
    #[inline]
    pub fn has_number(&self, column: usize, to: &Row<'_>) -> bool {
        match (self.kept.places[column], self.plain[column]) {
            (Place::Input(_), Place::Input(input)) => !to.x[input].is_nan(),
            (Place::Target(_), Place::Target(target)) => !to.y[target].is_nan(),
            _ => false,
        }
    }

    /// Returns the code of a cell, or 0 if it has none.
    #[inline]
    pub fn code(&self, row: usize, column: usize) -> usize {
        self.kept.places[column].code().map_or(0, |code| self.kept.cells.codes[row * self.codes + code] as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::parallel::set_threads;
    use crate::base::rng::Rng;
    use crate::data::dataset::Dataset;
    use crate::data::missing::Missing;
    use crate::data::reading::Reading;
    use crate::data::schema::ColumnKind;
    use crate::data::summary::summaries;
    use crate::data::target::Target;

    const KINDS: usize = 16;

    /// A cell of a column of some kind.
    fn cell(kind: usize, rng: &mut Rng) -> String {
        let (near, many) = (rng.normal(), rng.below(100_000));
        let among = |cells: &[&str], rng: &mut Rng| cells[rng.below(cells.len())].to_string();
        match kind {
            0 => format!("{near:.7}"),
            1 => among(&["0", "0", "0", "7", "12", "255", "-1", "-0"], rng),
            2 => format!("{near:?}"),
            3 => format!("{}", 1e9 + near),
            4 => format!("\"{near:.3}\""),
            5 => format!("{:03}", many % 12),
            6 => among(&["1", "1.0", " 1", "\"1\"", "2", "1.5"], rng),
            7 => format!("2024-{:02}-{:02}", many % 12 + 1, many % 28 + 1),
            8 => format!("{},{}", "\"1", many % 7) + "\"",
            9 => among(&["red", "green", "\"light, blue\"", "\"\"\"\"", "?"], rng),
            10 => format!("name {many}"),
            11 => among(&["1", "2", "three"], rng),
            12 => format!("{near:.18e}"),
            13 if many % 3 == 0 => among(&["", "-", "NaN"], rng),
            13 => format!("{near:.1}"),
            14 => format!("{}", many % 300),
            // Close to the middle between two floats, or too small to be exact.
            _ => among(&["1.0e-40", "16777217", "1.000000059604644776", "3e38", "123456789012345678"], rng),
        }
    }

    /// A table whose last column, the target, has no missing cell.
    fn table(rng: &mut Rng) -> Table {
        let mut kinds: Vec<usize> = (0..1 + rng.below(4)).map(|_| rng.below(KINDS)).collect();
        kinds.push([0, 1, 2, 5, 6, 10, 11, 14][rng.below(8)]);
        // More texts than are seen in a piece, too.
        let rows = if rng.below(20) == 0 { 1500 } else { 1 + rng.below(60) };
        let mut text = String::new();
        for row in 0..rows {
            let mut cells: Vec<String> = kinds.iter().map(|&kind| cell(kind, rng)).collect();
            if row + 1 == rows && rng.below(3) == 0 {
                cells[0] = cell(rng.below(KINDS), rng);
            }
            text += &(cells.join(",") + "\n");
        }
        let reading = Reading { header: Some(false), separator: Some(','), ..Reading::default() };
        Table::parse_with(text, "a.csv", &reading).unwrap()
    }

    /// Returns how many features there are whose cells are parsed here in the simplest way, and compares them.
    fn compare_numbers(table: &Table, data: &Dataset) -> usize {
        let mut compared = 0;
        for (column, inputs) in data.schema().columns().iter().zip(data.schema().inputs()) {
            let ColumnKind::Number(form) = &column.kind else { continue };
            if !form.is_default() {
                continue;
            }
            let index = column.name.parse::<usize>().unwrap() - 1;
            for (row, x) in data.features().column(inputs.start).enumerate() {
                let cell = table.cell(row, index).trim().parse().unwrap_or(f32::NAN);
                assert_eq!(x.to_bits(), cell.to_bits(), "{:?}", table.cell(row, index));
                compared += 1;
            }
        }
        compared
    }

    #[test]
    fn what_is_kept_is_what_is_read() {
        let mut rng = Rng::new(8);
        let (mut compared, mut failed, mut kept) = (0, 0, 0);
        // In an emulator it would take minutes.
        for case in 0..if cfg!(target_arch = "x86_64") { 2000 } else { 200 } {
            let table = table(&mut rng);
            set_threads([1, 3][case % 2]);
            let is_kept = |place: &Place| *place != Place::None;
            kept += usize::from(Kept::room(&table, &[table.columns() - 1]).places.iter().all(is_kept));
            let facts = summaries(&table, &mut Kept::none(&table));
            let inferred = Schema::infer_with(&table, Target::Last, Missing::Fill, &facts);
            let read = inferred.and_then(|inferred| Dataset::from_table_as(&table, &inferred.schema));
            match (Dataset::from_table(table.clone(), Target::Last, Missing::Fill), read) {
                (Ok(data), Ok(read)) => {
                    assert_eq!((data.digest(), data.schema()), (read.digest(), read.schema()), "{}", table.text);
                    compared += compare_numbers(&table, &data);
                }
                (Err(error), Err(other)) => {
                    failed += 1;
                    assert_eq!(error.to_string(), other.to_string(), "{}", table.text);
                }
                (data, read) => panic!("{:?}, but read {:?}: {}", data.err(), read.err(), table.text),
            }
        }
        set_threads(0);
        assert!(compared > 10_000 && failed > 10 && kept > 100, "{compared} {failed} {kept}");
    }
}
