//! Imputation: missing features are filled in with a number that is usual in their column.

use std::ops::Range;

use super::coded::fill_nan;
use super::dataset::Dataset;
use super::scaler::Rows;
use super::schema::ColumnKind;
use crate::base::error::{Error, Result};
use crate::base::sort::order;
use crate::linalg::matrix::Matrix;

/// Fills in missing features, which are NaN: in a column of numbers with the median, in a column of categories with the
/// most frequent one, unless a missing cell has an input of its own there
/// ([`Column::marks_missing`](crate::data::Column::marks_missing)).
///
/// It is fitted on the training data and applied unchanged to all other data; a model keeps it as a part of its
/// [`Preprocessing`](crate::Preprocessing).
///
/// ```
/// use palmnet::data::{Imputer, Missing};
/// use palmnet::{Dataset, Table, Target};
/// let table = Table::parse("age,color,y\n3,red,1\n,red,2\n5,,3\n9,blue,4\n", "a.csv")?;
/// let mut data = Dataset::from_table(table, Target::Last, Missing::Fill)?;
/// let imputer = Imputer::fit(&data);
/// imputer.apply(&mut data);
/// // Age, blue, red, and whether the color is missing.
/// assert_eq!(data.to_matrix().row(1), [5.0, 0.0, 1.0, 0.0]);
/// assert_eq!(data.to_matrix().row(2), [5.0, 0.0, 0.0, 1.0]);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Imputer {
    fill: Vec<f32>,
}

impl Imputer {
    /// Finds the median of each column of numbers, the mean of the two in the middle if their count is even, and the
    /// most frequent category, the first of equals, of each column of categories. Missing features do not count. A
    /// column in which all are missing gets 0, which is no category.
    #[must_use]
    pub fn fit(train: &Dataset) -> Imputer {
        let (schema, features) = (train.schema(), train.features());
        let mut fill = vec![0.0; schema.width()];
        let mut categories = Vec::new();
        for (column, inputs) in schema.columns().iter().zip(schema.inputs()) {
            match &column.kind {
                ColumnKind::Number(_) | ColumnKind::Time(_) => {
                    // An input that marks missing cells is never missing itself.
                    let own = inputs.start..inputs.start + column.kind.width();
                    for (input, fill) in own.clone().zip(&mut fill[own]) {
                        let numbers = features.column(input).filter(|x| !x.is_nan()).map(f64::from).collect();
                        *fill = median(numbers).unwrap_or(0.0);
                    }
                }
                ColumnKind::Categories(_) if column.marks_missing => {}
                ColumnKind::Categories(_) => categories.push(inputs),
            }
        }
        let counts = counts(train, &categories);
        for inputs in categories {
            let counts = &counts[inputs.clone()];
            let most = counts.iter().fold(0.0, |most: f64, &count| most.max(count));
            if let Some(index) = counts.iter().position(|&count| count == most && count > 0.0) {
                fill[inputs.start + index] = 1.0;
            }
        }
        Imputer { fill }
    }

    /// Makes an imputer of the numbers that it fills in, one for each input.
    ///
    /// # Errors
    /// If one is not finite.
    pub fn from_parts(fill: Vec<f32>) -> Result<Imputer> {
        match fill.iter().find(|x| !x.is_finite()) {
            Some(x) => Err(Error::Mismatch(format!("an imputer that fills in {x}: a finite number was expected"))),
            None => Ok(Imputer { fill }),
        }
    }

    /// Returns the numbers that are filled in, one for each input: those of a column of categories together are the
    /// category.
    pub fn fill(&self) -> &[f32] {
        &self.fill
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.fill.len()
    }

    /// Fills in missing features, which are NaN, in the dataset.
    ///
    /// # Panics
    /// If the number of features differs.
    pub fn apply(&self, data: &mut Dataset) {
        assert_eq!(data.features().columns(), self.columns(), "the features of a dataset and of its imputer");
        data.features.fill_missing(&self.fill);
    }

    /// Fills in every NaN of a matrix, examples × features.
    ///
    /// # Panics
    /// If the number of columns differs.
    pub fn transform(&self, matrix: &mut Matrix) {
        assert_eq!(matrix.columns(), self.columns(), "the columns of a matrix and of its imputer");
        (0..matrix.rows()).for_each(|row| self.transform_row(matrix.row_mut(row)));
    }

    /// Fills in every NaN of one example.
    pub(crate) fn transform_row(&self, x: &mut [f32]) {
        fill_nan(x, &self.fill);
    }
}

/// Returns how many examples have each category, as the sum of the input, for columns of these inputs.
fn counts(train: &Dataset, categories: &[Range<usize>]) -> Vec<f64> {
    let width = train.features().columns();
    let (mut counts, mut x) = (vec![0.0; width], vec![0.0; width]);
    let rows = if categories.is_empty() { 0 } else { train.len() };
    for row in 0..rows {
        train.features().read_row(row, &mut x);
        for inputs in categories.iter().filter(|inputs| x.get(inputs.start).is_some_and(|x| !x.is_nan())) {
            let counts = counts[inputs.clone()].iter_mut().zip(&x[inputs.clone()]);
            counts.for_each(|(count, &x)| *count += f64::from(x));
        }
    }
    counts
}

/// Returns the number in the middle, or the mean of the two.
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
