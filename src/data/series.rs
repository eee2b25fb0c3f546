//! Parts and windows of a dataset whose examples are in an order that matters, such as that of time.

use std::ops::Range;

use super::dataset::Dataset;
use super::schema::{Column, Schema};
use crate::base::error::{Error, Result};

impl Dataset {
    /// Returns the first `fraction` of the examples, to the nearest whole number, and the last ones, to train on the
    /// past and test on the future. From two examples on, each gets at least one; a single one goes to the first.
    ///
    /// # Panics
    /// If `fraction` is not between 0 and 1.
    pub fn split_in_order(&self, fraction: f64) -> (Dataset, Dataset) {
        let index = self.count_of(fraction);
        (self.rows(0..index), self.rows(index..self.len()))
    }

    /// Returns the examples before `index`, and those from `index` on.
    ///
    /// # Errors
    /// If there are fewer than `index` examples.
    pub fn split_at(&self, index: usize) -> Result<(Dataset, Dataset)> {
        Ok((self.slice(0..index)?, self.slice(index..self.len())?))
    }

    /// Returns the examples of a range of indices.
    ///
    /// # Errors
    /// If the range ends before it starts, or behind the last example.
    pub fn slice(&self, range: Range<usize>) -> Result<Dataset> {
        if range.start > range.end || range.end > self.len() {
            return Err(Error::Mismatch(format!("examples {range:?} of {}: there is no such range", self.len())));
        }
        Ok(self.rows(range))
    }

    fn rows(&self, range: Range<usize>) -> Dataset {
        self.select(&range.collect::<Vec<usize>>())
    }

    /// Appends the examples of `other`.
    ///
    /// # Errors
    /// If [`Schema::check`] finds other columns or classes; if features are kept as bytes on one side only, or are
    /// scaled differently; if one side alone has weights or times, or any has groups, whose numbers need not mean the
    /// same. The dataset is unchanged then.
    pub fn append(&mut self, other: &Dataset) -> Result<()> {
        self.schema().check(other.schema())?;
        let info = self.info.joined(&other.info)?;
        self.features.append(&other.features)?;
        self.targets.append(&other.targets);
        self.info = info;
        self.allow_missing(self.schema().allows_missing() || other.schema().allows_missing());
        Ok(())
    }

    /// Returns sliding windows: every `length` consecutive examples become one, whose features are theirs, one after
    /// the other with the oldest first, and whose target, weight, group and time are those of the last. There are `len() + 1 − length` of them.
    ///
    /// A column `x` becomes `x[t-2]`, `x[t-1]`, `x[t]`, say. To predict the next value of a series, let the target of
    /// an example be the value that follows it. Split before, with [`split_in_order`](Self::split_in_order): windows of
    /// a random split share examples, so their test part is not new.
    ///
    /// ```
    /// use palmnet::{Dataset, Matrix};
    /// let series = [1.0, 2.0, 3.0, 5.0, 8.0];
    /// let column = |values: &[f32]| Matrix::from_vec(4, 1, values.to_vec());
    /// let data = Dataset::from_values(column(&series[..4]), column(&series[1..]))?;
    /// let windows = data.windows(3)?;
    /// assert_eq!(windows.to_matrix(), Matrix::from_rows(&[[1.0, 2.0, 3.0], [2.0, 3.0, 5.0]]));
    /// assert_eq!(windows.values().unwrap().as_slice(), [5.0, 8.0]);
    /// assert_eq!(windows.schema().input_names(), ["1[t-2]", "1[t-1]", "1[t]"]);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `length` is 0 or greater than the number of examples.
    pub fn windows(&self, length: usize) -> Result<Dataset> {
        if length == 0 || length > self.len() {
            let message =
                format!("windows of {length} examples, where there are {}: from 1 to all were expected", self.len());
            return Err(Error::Setting(message));
        }
        let lasts: Vec<usize> = (length - 1..self.len()).collect();
        let (schema, targets, info) = (self.schema(), self.targets.select(&lasts), self.info.select(&lasts));
        let column = |column: &Column, age: usize| {
            let time = if age == 0 { "t".to_string() } else { format!("t-{age}") };
            Column { name: format!("{}[{time}]", column.name), ..column.clone() }
        };
        let columns: Vec<Column> =
            (0..length).rev().flat_map(|age| schema.columns().iter().map(move |of| column(of, age))).collect();
        let positions = (columns.len()..columns.len() + schema.target().names().len()).collect();
        let schema =
            Schema::from_parts(columns, schema.target().clone(), positions)?.allowing_missing(schema.allows_missing());
        let mut windows = Dataset::new(self.features.windows(length), targets, schema)?;
        windows.info = info;
        Ok(windows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::features::Features;
    use crate::data::scaler::Scaler;
    use crate::data::targets::Targets;
    use crate::linalg::matrix::Matrix;

    /// Features 0, 1, …, of classes a and b in turn.
    fn numbered(n: usize) -> Dataset {
        let x = Matrix::from_fn(n, 1, |row, _| row as f32);
        Dataset::from_classes(x, (0..n as u32).map(|i| i % 2).collect(), ["a", "b"]).unwrap()
    }

    fn bytes() -> Dataset {
        let features = Features::from_bytes(2, vec![0, 1, 2, 3, 4, 5]).unwrap();
        Dataset::from_classes(features, vec![0, 1, 0], ["a", "b"]).unwrap()
    }

    fn says<T>(result: Result<T>, part: &str) {
        let message = result.err().expect("an error").to_string();
        assert!(message.contains(part), "{message}");
    }

    #[test]
    fn ordered_splits_keep_the_order() {
        let data = numbered(5);
        let (past, future) = data.split_in_order(0.7);
        assert_eq!((past.to_matrix().into_vec(), future.to_matrix().into_vec()), (vec![0.0, 1.0, 2.0, 3.0], vec![4.0]));
        assert_eq!(future.labels().unwrap(), [0]);
        let (past, future) = data.split_at(2).unwrap();
        assert_eq!((past.to_matrix().into_vec(), future.to_matrix().into_vec()), (vec![0.0, 1.0], vec![2.0, 3.0, 4.0]));
        assert_eq!(data.split_at(5).unwrap().1.len(), 0);
        assert_eq!(data.slice(1..3).unwrap().to_matrix().into_vec(), [1.0, 2.0]);
        says(data.split_at(6), "0..6 of 5");
        says(data.slice(4..6), "4..6 of 5");
        #[expect(clippy::reversed_empty_ranges)]
        let reversed = 3..2;
        says(data.slice(reversed), "3..2 of 5");
    }

    #[test]
    fn appended_parts_are_the_whole() {
        for data in [numbered(5), bytes()] {
            let (mut first, second) = data.split_at(2).unwrap();
            first.append(&second).unwrap();
            assert_eq!(first, data);
        }
        let mut data = numbered(2);
        let other = Dataset::from_classes(Matrix::zeros(1, 1), vec![0], ["a", "c"]).unwrap();
        says(data.append(&other), "the classes differ");
        let mut scaled = bytes();
        scaled.scale(&Scaler::divide_by(2, 2.0));
        says(scaled.append(&bytes()), "scaled differently");
        let floats = Dataset::from_classes(bytes().to_matrix(), vec![0; 3], ["a", "b"]).unwrap();
        says(scaled.append(&floats), "bytes on one side");
        assert_eq!((data, scaled.len()), (numbered(2), 3));
    }

    #[test]
    fn windows_join_consecutive_examples() {
        let mut data = bytes();
        data.scale(&Scaler::from_parts(vec![1.0, 0.0], vec![2.0, 3.0]).unwrap());
        let windows = data.windows(2).unwrap();
        // (x - 1) · 2 and x · 3.
        assert_eq!(windows.to_matrix(), Matrix::from_rows(&[[-2.0, 3.0, 2.0, 9.0], [2.0, 9.0, 6.0, 15.0]]));
        assert!(windows.features().is_bytes());
        assert_eq!(windows.targets(), &Targets::Classes(vec![1, 0]));
        assert_eq!(windows.schema().input_names(), ["1[t-1]", "2[t-1]", "1[t]", "2[t]"]);
        assert_eq!(data.windows(1).unwrap().to_matrix(), data.to_matrix());
        says(data.windows(0), "windows of 0 examples");
        says(data.windows(4), "windows of 4 examples, where there are 3");
    }

    #[test]
    fn features_are_replaced() {
        let x = Matrix::from_rows(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let data = numbered(2).with_features(x.clone()).unwrap();
        assert_eq!((data.to_matrix(), data.labels().unwrap()), (x.clone(), &[0, 1][..]));
        let values = Dataset::from_values(Matrix::zeros(2, 1), Matrix::zeros(2, 1)).unwrap();
        let values = values.with_features(x).unwrap();
        assert_eq!(
            (values.schema().input_names(), values.schema().target().names()),
            (["1", "2", "3"].map(String::from).to_vec(), &["4".to_string()][..])
        );
        says(values.with_features(Matrix::zeros(3, 1)), "3 rows of features and 2 of targets");
    }

    #[test]
    fn debug_output_has_names_and_counts() {
        let text = format!("{:?}", numbered(1001));
        assert!(text.len() < 300 && text.contains("1001") && text.contains(r#"("a", 501), ("b", 500)"#), "{text}");
    }
}
