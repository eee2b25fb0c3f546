//! How a table is to be read, where its content alone does not say it.

use crate::base::error::{Error, Result};

/// How a table is to be read. The default finds everything out from the table's content, and says in the table's
/// [notes](crate::Table::notes) what might surprise.
///
/// ```
/// use palmnet::Table;
/// use palmnet::data::Reading;
/// let mut reading = Reading::default();
/// reading.header = Some(false);
/// let table = Table::parse_with("2019,2020\n1.5,2.5\n", "sales.csv", &reading)?;
/// assert_eq!(table.rows(), 2);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reading {
    /// Whether the first line is a header. `None` compares it with the columns under it.
    pub header: Option<bool>,
    /// The character between cells; a space stands for any number of blanks. `None` takes the one of comma, semicolon,
    /// tab, vertical bar and blanks that splits the first lines into equally many cells.
    pub separator: Option<char>,
    /// The character before decimals, a point or a comma. `None` finds out for each column.
    pub decimal: Option<char>,
    /// The words that stand for a missing value; an empty cell and NaN always do. `None` is `NA`, `N/A`, `#N/A`, `<NA>`,
    /// `\N`, `null`, `none` and `?`, in capitals or not, the errors of spreadsheets such as `#DIV/0!`, and `-` and `.` in
    /// a column of numbers.
    pub missing_values: Option<Vec<String>>,
    /// Whether a first column without a name that numbers the rows is a feature. Otherwise it is ignored.
    pub keep_index: bool,
    /// The columns, by their headers or their numbers from 1, whose cells are categories even if all are numbers.
    pub categories: Vec<String>,
    /// The columns, by their headers or their numbers from 1, whose cells are numbers: a text in them is an error.
    pub numbers: Vec<String>,
    /// The column, by its header or its number from 1, that says how much each row counts in training, compared with the
    /// others: numbers of at least zero, not all zero. See [`Dataset::with_weights`](crate::Dataset::with_weights).
    /// Neither this column nor the two that follow are features: later tables need them only if they are read by
    /// position, and then ignore their cells.
    pub weights: Option<String>,
    /// The column, by its header or its number from 1, that names the group of each row, such as a person or a device:
    /// see [`Dataset::with_groups`](crate::Dataset::with_groups). It needs at least two different cells.
    pub group: Option<String>,
    /// The column, by its header or its number from 1, of numbers or dates that order the rows in time: see
    /// [`Dataset::with_times`](crate::Dataset::with_times). It excludes `group`.
    pub time: Option<String>,
    /// Names of columns: a first line that has one of them is a header.
    pub names: Vec<String>,
    /// The reading of a category that a model was not trained with.
    pub unknown: Unknown,
}

/// The reading of a category that a model was not trained with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unknown {
    /// It counts as none of the known ones, which is noted.
    #[default]
    Other,
    /// It is an error.
    Error,
}

impl Reading {
    /// Checks the values.
    ///
    /// # Errors
    /// If the separator is not an ASCII character that can separate cells, or the decimal character is neither a point
    /// nor a comma, or both are the same.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(separator) = self.separator.filter(|&separator| !may_separate(separator)) {
            let message =
                format!("the separator {separator:?}: a comma, semicolon, tab, vertical bar or space was expected");
            return Err(Error::Setting(message));
        }
        match self.decimal {
            None | Some('.' | ',') => Ok(()),
            Some(other) => Err(Error::Setting(format!("the decimal character {other:?}: `.` or `,` was expected"))),
        }
    }

    /// Returns whether a cell is a word for a missing value, NaN not counted.
    pub(super) fn is_missing(&self, cell: &str) -> bool {
        const KNOWN: [&str; 9] = ["NA", "N/A", "#N/A", "<NA>", "\\N", "null", "none", "?", "#NA"];
        // The errors of spreadsheets.
        const ERRORS: [&str; 6] = ["#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!"];
        match &self.missing_values {
            _ if cell.is_empty() => true,
            Some(words) => words.iter().any(|word| word == cell),
            None if cell.starts_with('#') && ERRORS.contains(&cell) => true,
            None => cell.len() <= 4 && KNOWN.iter().any(|word| cell.eq_ignore_ascii_case(word)),
        }
    }

    /// Returns whether a cell in a column of numbers is a sign for a missing one.
    pub(super) fn is_missing_number(&self, cell: &str) -> bool {
        self.missing_values.is_none() && matches!(cell, "-" | "." | "--" | "—" | "–")
    }
}

/// Returns whether a character may separate cells: one of a plain number, or the quote, may not.
pub(super) fn may_separate(c: char) -> bool {
    matches!(c, '\t' | ' ') || c.is_ascii_punctuation() && !matches!(c, '"' | '.' | '-')
}
