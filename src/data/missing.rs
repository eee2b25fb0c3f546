//! Missing cells: rows that are left out, and features that are filled in.

use super::cell::Cell;
use super::{Dataset, Kind, Schema, Table, Target};
use crate::base::error::{Error, Result};
use crate::base::sort::order;
use crate::linalg::matrix::Matrix;

/// What becomes of missing cells in a table to train on. A cell is missing when it is empty, or says `NA`, `N/A`, `NaN`,
/// `null`, `none` or `?`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// An error, which names the first of them.
    #[default]
    Error,
    /// Rows with a missing cell are left out.
    Drop,
    /// A missing feature gets its column's median, or its most frequent category, of the examples to train on, and so it
    /// does in prediction. Rows whose target is missing are left out: what is to be learned cannot be made up.
    Fill,
}

/// A feature that was missing in a table: its row, and its column counted from 0 among those of the schema.
pub(super) type Blank = (usize, usize);

impl Dataset {
    /// The examples of a table to train on, which may have missing cells.
    ///
    /// With [`Missing::Fill`] the schema remembers what is filled in: at first what follows from all examples, and in
    /// the parts of a [`split`](Self::split) or of [`folds`](Self::folds) what follows from the first part alone, since
    /// nothing may be known of the other one. So a model gets the schema of the part that it was trained on. Split
    /// before you scale: scaled features keep what they were filled with.
    ///
    /// ```
    /// use palmnet::{Dataset, Missing, Table, Target};
    /// let text = "name,age,size,kind\nAnn,3,,small\nBob,,9,large\nCid,5,8,large\nDan,5,4,\n";
    /// let mut table = Table::parse(text, "pets.csv")?;
    /// table.ignore(&["name"])?;
    /// let data = Dataset::infer(table, Target::Last, Missing::Fill)?;
    /// assert_eq!(data.to_matrix().as_slice(), [3.0, 8.5, 4.0, 9.0, 5.0, 8.0]);
    /// assert_eq!(data.schema().fill(), Some(&[4.0, 8.5][..]));
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Schema::infer`], and when no row is left, or a column has no cell to learn from that is not missing.
    pub fn infer(mut table: Table, target: Target<'_>, missing: Missing) -> Result<Dataset> {
        let targets = target.positions(&table)?;
        match missing {
            Missing::Error => {}
            Missing::Drop => {
                let wanted = (0..table.columns()).map(|column| !table.ignores(column)).collect::<Vec<bool>>();
                table.keep_complete(&wanted)?;
            }
            Missing::Fill => {
                let wanted = (0..table.columns()).map(|column| targets.contains(&column)).collect::<Vec<bool>>();
                table.keep_complete(&wanted)?;
            }
        }
        let schema = Schema::infer_with(&table, target, missing == Missing::Fill)?;
        if missing != Missing::Fill {
            return Dataset::from_table(&table, &schema);
        }
        let nothing = vec![0.0; schema.width()];
        let (features, targets, blanks) = schema.clone().with_fill(nothing)?.read(&table, true)?;
        let fill = fitting(&features, &blanks, &schema);
        Ok(Dataset::new(features, targets, schema)?.with_blanks(blanks, fill))
    }
}

impl Table {
    /// Leaves columns out of everything that is learned, by their headers or their numbers from 1: identifiers, dates.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn ignore<S: AsRef<str>>(&mut self, names: &[S]) -> Result<()> {
        for name in names {
            let column = self.find(name.as_ref())?;
            self.set_ignored(column);
        }
        Ok(())
    }

    /// Leaves out the rows in which a target of `schema` is missing, or a feature that it cannot fill in: for labelled
    /// data that a model is to be tested on. The number of rows left out.
    ///
    /// # Errors
    /// When the table has not the columns of the schema, or no row is left.
    pub fn drop_missing(&mut self, schema: &Schema) -> Result<usize> {
        let wanted = schema.indispensable(self)?;
        let rows = self.rows();
        self.keep_complete(&wanted)?;
        Ok(rows - self.rows())
    }

    /// Keeps the rows in which no cell of the `wanted` columns is missing.
    fn keep_complete(&mut self, wanted: &[bool]) -> Result<()> {
        let missing = |cell: &str| matches!(Cell::of(cell), Cell::Missing);
        let complete = |row: usize| self.cells(row).zip(wanted).all(|(cell, &wanted)| !wanted || !missing(&cell));
        let keep: Vec<bool> = (0..self.rows()).map(complete).collect();
        if !keep.contains(&true) {
            let message = "has no row without a missing cell: fill cells in; or, to train, leave columns out that are \
                 mostly empty (--ignore, Table::ignore), or have features filled in (--missing fill, Missing::Fill)";
            return Err(Error::format(self.file(), message));
        }
        self.retain(&keep);
        Ok(())
    }
}

/// What to fill in, one number for each input: the median of a column's numbers, or its most frequent category, the
/// first of equals. Where a column has nothing but blanks, what the schema fills in already.
pub(super) fn fitting(features: &Matrix, blanks: &[Blank], schema: &Schema) -> Vec<f32> {
    let mut fill = schema.fill().map_or_else(|| vec![0.0; schema.width()], <[f32]>::to_vec);
    let mut known = vec![true; features.rows()];
    let mut rows_of = vec![Vec::new(); schema.columns().len()];
    blanks.iter().for_each(|&(row, column)| rows_of[column].push(row));
    let mut at = 0;
    for (number, column) in schema.columns().iter().enumerate() {
        rows_of[number].iter().for_each(|&row: &usize| known[row] = false);
        let rows = || (0..features.rows()).filter(|&row| known[row]);
        match &column.kind {
            Kind::Number => {
                if let Some(median) = median(rows().map(|row| features[(row, at)].into()).collect()) {
                    fill[at] = median;
                }
                at += 1;
            }
            Kind::Categories(names) => {
                let counts: Vec<f64> = (at..at + names.len())
                    .map(|input| rows().map(|row| f64::from(features[(row, input)])).sum())
                    .collect();
                let most = counts.iter().fold(0.0, |most: f64, &count| most.max(count));
                if let Some(place) = counts.iter().position(|&count| count == most && count > 0.0) {
                    fill[at..at + names.len()].fill(0.0);
                    fill[at + place] = 1.0;
                }
                at += names.len();
            }
        }
        rows_of[number].iter().for_each(|&row| known[row] = true);
    }
    fill
}

/// The number in the middle, or the mean of the two.
fn median(numbers: Vec<f64>) -> Option<f32> {
    let sorted = order(numbers.len(), &|a, b| numbers[a].total_cmp(&numbers[b]));
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(((numbers[*low] + numbers[*high]) / 2.0) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0]), Some(3.0));
        assert_eq!(median(vec![9.0, -1.0, 4.0]), Some(4.0));
        assert_eq!(median(vec![1.0, 9.0, 2.0, 4.0]), Some(3.0));
        assert_eq!(median(vec![f32::MAX.into(), f32::MAX.into()]), Some(f32::MAX));
    }
}
