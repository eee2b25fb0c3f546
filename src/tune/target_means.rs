//! Means of the targets for each category of a column, shrunk towards the mean of all.

use crate::base::sort::order;
use crate::data::{Dataset, Targets};

/// The most targets or classes whose means are used.
const MOST: usize = 4;
/// The most examples that a mean is shrunk as if they were added, each with the mean of all.
const HEAVIEST: f64 = 1e3;

/// The shrunk means of a category, one for each target.
#[derive(Clone, Default)]
pub(super) struct CategoryMeans {
    pub means: Vec<f32>,
    /// Whether a mean is shrunk by less than half.
    pub says_much: bool,
}

/// Targets of mean 0 and variance 1, one list for each that is used.
pub(super) struct TargetMeans {
    targets: Vec<Vec<f32>>,
}

impl TargetMeans {
    /// Takes the first targets of `train`; of classes the most frequent, as 0 and 1.
    pub fn new(train: &Dataset) -> Self {
        let columns: Vec<Vec<f32>> = match train.targets() {
            Targets::Classes(classes) => {
                let mut counts = vec![0usize; train.class_names().len()];
                classes.iter().for_each(|&class| counts[class as usize] += 1);
                let mut order = order(counts.len(), &|a, b| counts[b].cmp(&counts[a]));
                // Of two classes, the second says nothing more.
                order.truncate(if order.len() == 2 { 1 } else { MOST });
                let indicator = |class: usize| classes.iter().map(move |&c| f32::from(c as usize == class)).collect();
                order.into_iter().map(indicator).collect()
            }
            Targets::Labels(values) | Targets::Values(values) => {
                let column = |column: usize| values.iter_rows().map(move |row| row[column]).collect();
                (0..values.columns().min(MOST)).map(column).collect()
            }
        };
        TargetMeans { targets: columns.into_iter().filter_map(standardized).collect() }
    }

    /// Returns the shrunk means of each of the groups of examples that `categories` lists, one for each target.
    ///
    /// The mean of n examples is multiplied by n / (n + m), where m is the variance within the groups over that between
    /// them, both estimated by the method of moments (Efron, Morris, 1975): so few examples of a category say little, and
    /// much only if categories matter.
    pub fn of(&self, categories: &[Vec<u32>]) -> Vec<CategoryMeans> {
        let mut all = vec![CategoryMeans::default(); categories.len()];
        for target in &self.targets {
            let found: Vec<(f64, f64)> = categories.iter().map(|rows| moments(rows, target)).collect();
            let weight = ratio_of_variances(categories, &found).min(HEAVIEST);
            for ((of_category, rows), (mean, _)) in all.iter_mut().zip(categories).zip(found) {
                let count = rows.len() as f64;
                of_category.means.push((mean * count / (count + weight)) as f32);
                of_category.says_much |= count > weight;
            }
        }
        all
    }
}

fn standardized(mut column: Vec<f32>) -> Option<Vec<f32>> {
    let count = column.len() as f64;
    let mean = column.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let variance = column.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
    let deviation = variance.sqrt();
    column.iter_mut().for_each(|x| *x = ((f64::from(*x) - mean) / deviation) as f32);
    (deviation > 0.0 && deviation.is_finite()).then_some(column)
}

/// Returns the mean of these examples, and the sum of their squared differences from it.
fn moments(rows: &[u32], target: &[f32]) -> (f64, f64) {
    let values = || rows.iter().map(|&row| f64::from(target[row as usize]));
    let mean = values().sum::<f64>() / rows.len().max(1) as f64;
    (mean, values().map(|x| (x - mean).powi(2)).sum())
}

/// Returns the variance within groups over that between them; infinity if there is none between them.
fn ratio_of_variances(groups: &[Vec<u32>], moments: &[(f64, f64)]) -> f64 {
    let counts = || groups.iter().map(|rows| rows.len() as f64);
    let (examples, squares) = (counts().sum::<f64>(), counts().map(|count| count * count).sum::<f64>());
    let freedom = (groups.len() as f64 - 1.0).max(1.0);
    let within = moments.iter().map(|(_, squares)| squares).sum::<f64>() / (examples - groups.len() as f64).max(1.0);
    let mean = counts().zip(moments).map(|(count, (mean, _))| count * mean).sum::<f64>() / examples;
    let between = counts().zip(moments).map(|(count, (of_group, _))| count * (of_group - mean).powi(2)).sum::<f64>();
    let typical = (examples - squares / examples) / freedom;
    let variance = (between / freedom - within) / typical;
    if variance > 0.0 { within / variance } else { f64::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Dataset;
    use crate::linalg::matrix::Matrix;

    /// The two variances by R's lme4 would be those of restricted maximum likelihood, which the method of moments equals
    /// for groups of equal size: within 1, between 12.5 - 1/2 here.
    #[test]
    fn means_are_shrunk_by_the_ratio_of_the_variances() {
        let values = [1.0, 3.0, 6.0, 8.0, 11.0, 13.0];
        let groups = [vec![0, 1], vec![2, 3], vec![4, 5]];
        let moments = groups.each_ref().map(|rows| moments(rows, &values));
        assert_eq!(moments.map(|(mean, squares)| (mean, squares)), [(2.0, 2.0), (7.0, 2.0), (12.0, 2.0)]);
        // Within: 6 / 3. Between: the variance of the means, 25, less a half of that within.
        assert!((ratio_of_variances(&groups, &moments) - 2.0 / 24.0).abs() < 1e-12);
        // Groups that differ less than their examples do are of one kind.
        let same = [vec![0, 5], vec![1, 4], vec![2, 3]];
        assert_eq!(
            ratio_of_variances(&same, &same.each_ref().map(|rows| super::moments(rows, &values))),
            f64::INFINITY
        );
    }

    #[test]
    fn constant_targets_have_no_means() {
        let data = Dataset::from_values(Matrix::zeros(4, 1), Matrix::from_fn(4, 2, |i, j| (i * j) as f32)).unwrap();
        let means = TargetMeans::new(&data).of(&[vec![0, 1], vec![2, 3]]);
        assert!(means.iter().all(|found| found.means.len() == 1));
        assert!(means[0].means[0] < 0.0 && means[1].means[0] > 0.0);
    }
}
