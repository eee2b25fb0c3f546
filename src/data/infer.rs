//! Inferring a schema: the meaning of a table's columns, from its cells.
//!
//! **The problem.** A CSV file holds texts. A network needs to know which columns are numbers, which are categories
//! (one input for each), whether the target is a class or a value, and which names the classes have. Users should not
//! have to write that down; but a wrong guess is silent damage: a number column with one stray `n/a` in it would become
//! a thousand categories, a customer number would be learned, a count from 0 to 9 might be ten classes or a value.
//!
//! **The idea.** Passes over the table, none of which needs memory per row. The first counts, for each column, numbers,
//! missing cells and texts ([`Summary`]). The second looks at the columns that have texts: their numbers may be written
//! otherwise than plainly ([`NumberForm`](super::NumberForm)), or their cells be dates. The third collects the different
//! texts of the columns that need them ([`different_texts`]): text features and the target. If the first has met only a
//! few different cells in a column, those that follow look at each of them once. Their number decides the rest. If there is
//! plenty of memory, the first keeps what the reading of the table would find again: see [`Kept`].
//!
//! ```text
//! feature   all numbers, in one form                       → number
//!           all dates or times of day                      → numbers: year, month, day of the week, hour, seconds
//!           text, up to 10,000 different ones              → categories, in alphabetical order
//!           more, or more than 20 and mostly different     → an identifier, left out with a note
//!           mostly numbers, few different cells            → categories, with a note
//!           mostly numbers otherwise                       → error: a text that is more likely a slip
//! target    named as class, or text                        → classes, in numeric or else alphabetical order
//!           codes: `007`, whole numbers above 2^53         → classes
//!           whole numbers, at most 20 different ones, and  → classes
//!             exactly two, or 5 rows of each on average
//!           other numbers, or named as values              → values
//! targets   of two different texts or whole numbers each   → labels
//!           of numbers, more than two different ones each  → values
//!           of other texts, or of both kinds               → error, which names the columns
//! ```
//!
//! **Why not otherwise.** A sample of the rows would be faster, but the row that does not fit is the one that matters.
//! One pass would have to keep the texts of every column, numbers included, which takes more memory than the table.
//! Numeric codes as categories (postal codes, say) cannot be distinguished from numbers by their cells, so they are
//! numbers, with a hint if they look like codes.

use super::kept::Kept;
use super::meaning::Inference;
use super::missing::Missing;
use super::origins::{Meaning, set_origins};
use super::schema::{Column, ColumnKind, Schema, TargetSchema};
use super::summary::{Summary, different_texts, summaries};
use super::table::Table;
use super::target::Target;
use crate::base::error::{Error, Result};
use crate::base::sort::order;

/// A schema that was inferred, and sentences about what may surprise in it.
pub(super) struct Inferred {
    pub schema: Schema,
    pub notes: Vec<String>,
}

impl Schema {
    /// Infers the schema of a table for training: every column that is neither a target nor ignored is a feature, of
    /// numbers, dates or categories, unless it is an identifier.
    ///
    /// # Errors
    /// If a target is not in the table or no other column is left; if a cell is missing or infinite, or is a text among
    /// numbers; if decimals and thousands cannot be told apart; if the target has too many different texts, or only
    /// one.
    pub fn infer(table: &Table, target: Target<'_>) -> Result<Schema> {
        Ok(Schema::infer_with(table, target, Missing::Error, &summaries(table, &mut Kept::none(table)))?.schema)
    }

    /// Infers the schema of a table whose features may be missing, unless `missing` makes that an error.
    pub(super) fn infer_with(
        table: &Table,
        target: Target<'_>,
        missing: Missing,
        summaries: &[Summary],
    ) -> Result<Inferred> {
        let positions = target.positions(table)?;
        if positions.len() + table.ignored().len() == table.columns() {
            let message = "has no feature columns besides the target: \
                 at least two columns, separated by commas, tabs or semicolons, were expected";
            let cell = table.cell(0, 0);
            let remedy = match table.reading().separator {
                Some(separator) if table.columns() == 1 => {
                    format!(". The separator that was named, {separator:?}, is not in its lines")
                }
                None if cell.split_whitespace().count() > 1 => {
                    ". If spaces separate its cells, say --separator \" \"".to_string()
                }
                _ => String::new(),
            };
            return Err(Error::format(table.file(), format!("{message}{remedy}")));
        }
        let mut inference = Inference { table, target, positions: &positions, summaries, notes: Vec::new() };
        if missing == Missing::Error {
            inference.check_complete()?;
        }
        let mut ignored = table.ignored().to_vec();
        ignored.extend(inference.empty_columns()?);
        let mut meanings = inference.meanings()?;
        set_origins(table, summaries, &mut meanings);
        let is_text = |column: usize| matches!(meanings[column], Meaning::Text) && !ignored.contains(&column);
        let wanted = |column| is_text(column) || (positions.contains(&column) && !inference.wants_values());
        let wanted: Vec<bool> = (0..table.columns()).map(wanted).collect();
        let texts = different_texts(table, summaries, &wanted, &inference.measured())?;
        let mut columns = Vec::new();
        for column in (0..table.columns()).filter(|column| !positions.contains(column)) {
            if ignored.contains(&column) {
                continue;
            }
            let kind = match &meanings[column] {
                Meaning::Number(form) => ColumnKind::Number(form.clone()),
                Meaning::Time(form) => ColumnKind::Time(form.clone()),
                Meaning::Text => match inference.categories(column, &texts[column])? {
                    Some(kind) => kind,
                    None => {
                        ignored.push(column);
                        continue;
                    }
                },
            };
            let marks_missing = missing == Missing::Fill && inference.marks_missing(column, &kind);
            columns.push(Column { name: table.column_name(column), kind, marks_missing });
        }
        if columns.is_empty() {
            let message = "has no feature columns from which anything can be learned; identifiers and empty columns are \
                 left out (--categories keeps a column)";
            return Err(Error::format(table.file(), message));
        }
        let ignored: Vec<usize> =
            order(ignored.len(), &|a, b| ignored[a].cmp(&ignored[b])).into_iter().map(|index| ignored[index]).collect();
        let target_schema = inference.target(&texts, &meanings)?;
        let forms = positions.iter().map(|&column| match (&target_schema, &meanings[column]) {
            (TargetSchema::Values { .. }, Meaning::Number(form)) => Some(form.clone()),
            _ => None,
        });
        let forms = forms.collect::<Option<Vec<_>>>().unwrap_or_default();
        let are_missing = columns_with_gaps(table, summaries, &positions, &ignored) > 0;
        if missing == Missing::Fill {
            inference.note_missing(&ignored);
        }
        let notes = inference.notes;
        let schema = Schema::from_parts_ignoring(columns, target_schema, positions, ignored)
            .map_err(|error| Error::format(table.file(), error.to_string()))?
            .with_target_forms(forms)
            .with_names(table.header().is_some())
            .with_missing_values(table.reading().missing_values.clone())
            .allowing_missing(missing == Missing::Fill && are_missing);
        Ok(Inferred { schema, notes })
    }
}

/// Returns the number of features with a missing cell.
fn columns_with_gaps(table: &Table, summaries: &[Summary], positions: &[usize], ignored: &[usize]) -> usize {
    let has_gaps = |column: &usize| {
        let Summary { missing, signs, .. } = summaries[*column];
        missing + signs > 0 && !positions.contains(column) && !ignored.contains(column)
    };
    (0..table.columns()).filter(has_gaps).count()
}
