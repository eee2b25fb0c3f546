//! Parts of a dataset: at random with the classes' proportions kept, by groups, or by time.

use super::dataset::Dataset;
use super::groups::Grouped;
use super::memory::{EXAMPLE, check};
use super::targets::Targets;
use crate::base::error::{Error, Result};
use crate::base::rng::{Rng, purpose};
use crate::base::sort::order;

impl Dataset {
    /// Returns two datasets: a random `fraction` of the examples, to the nearest whole number, and the others. From two
    /// examples on, each gets at least one; a single one goes to the first.
    ///
    /// Each class is divided like the whole (a stratified split), as nearly as whole numbers allow, and the first part,
    /// which is the one to train on, gets at least one example of every class if it has room for that.
    ///
    /// [Groups](Self::with_groups) stay whole, so that sizes and classes are only nearly right; a single group goes to the
    /// first part, and of two or more each part gets one at least. With [times](Self::with_times), the first part has the
    /// earliest examples, in the order of time, and the seed does not matter.
    ///
    /// # Panics
    /// If `fraction` is not between 0 and 1.
    pub fn split(&self, fraction: f64, seed: u64) -> (Dataset, Dataset) {
        let first = self.count_of(fraction);
        let mut rows: Vec<usize> = (0..self.len()).collect();
        let others = self.divide(&mut rows, first, &mut Rng::stream(seed, purpose::SPLIT));
        (self.select(&rows), self.select(&others))
    }

    /// Returns an error if there is no memory for so many copies of the examples and, for each example, so many bytes
    /// besides. [`split`](Self::split) needs one copy.
    #[doc(hidden)] // The command splits data too.
    pub fn check_memory(&self, copies: usize, more: usize) -> Result<()> {
        let of_targets = match self.targets() {
            Targets::Classes(_) => 4,
            Targets::Labels(values) | Targets::Values(values) => values.columns().saturating_mul(4),
        };
        let one = self.features().row_bytes().saturating_add(of_targets);
        let bytes = one.saturating_mul(copies).saturating_add(more).saturating_add(EXAMPLE);
        check(self.len(), self.schema(), bytes).map_err(Error::Mismatch)
    }

    /// Keeps `first` of `rows`, nearly so if they are of groups, and returns the others.
    pub(crate) fn divide(&self, rows: &mut Vec<usize>, first: usize, rng: &mut Rng) -> Vec<usize> {
        if self.times().is_some() {
            *rows = self.in_order_of_time(rows);
            return rows.split_off(first);
        }
        rng.shuffle(rows);
        let Some(grouped) = self.grouped() else { return divide(rows, first, self.labels()) };
        let mut parts = grouped.deal(rows, &[first, rows.len() - first], false, rng);
        let others = parts.pop().unwrap_or_default();
        *rows = parts.pop().unwrap_or_default();
        others
    }

    /// Returns whether no split of the examples is possible: there are fewer than two, or fewer than two groups.
    pub(crate) fn is_indivisible(&self) -> bool {
        let single = |groups: &[u32]| groups.iter().all(|group| *group == groups[0]);
        self.len() < 2 || self.groups().is_some_and(single)
    }

    /// Returns the most folds that the examples can be divided into.
    pub(crate) fn most_folds(&self) -> usize {
        let rows: Vec<usize> = (0..self.len()).collect();
        self.grouped().map_or(self.len(), |grouped| grouped.count(&rows))
    }

    fn grouped(&self) -> Option<Grouped<'_>> {
        self.groups().map(|groups| Grouped { groups, labels: self.labels() })
    }

    fn in_order_of_time(&self, rows: &[usize]) -> Vec<usize> {
        let times = self.times().unwrap_or_default();
        let sorted = order(rows.len(), &|a, b| times[rows[a]].total_cmp(&times[rows[b]]));
        sorted.into_iter().map(|index| rows[index]).collect()
    }

    /// Returns how many examples a fraction is: at least one, and not all, if there are two or more.
    ///
    /// # Panics
    /// If `fraction` is not between 0 and 1.
    pub(super) fn count_of(&self, fraction: f64) -> usize {
        assert!(fraction > 0.0 && fraction < 1.0, "a fraction of {fraction} is not between 0 and 1");
        let count = (fraction * self.len() as f64).round() as usize;
        count.min(self.len().saturating_sub(1)).max(self.len().min(1))
    }

    /// Returns `k` pairs of datasets, for k-fold cross-validation: each example is in the second one, which is to test
    /// on, of exactly one pair, and in the first one, which is to train on, of the others. The test parts are random,
    /// and alike in size and in the numbers of each class to within one. A pair is copied when its turn comes.
    ///
    /// [Groups](Self::with_groups) stay whole, so that sizes and classes are only nearly alike. With
    /// [times](Self::with_times), the examples are cut in their order into `k` + 1 parts of nearly the same size: each
    /// but the first is tested on once, and all parts before it are trained on.
    ///
    /// ```
    /// use palmnet::{Activation::*, Adam, Loss, Network, Preprocessing, Scaling, Trainer, generate};
    /// let data = generate::moons(300, 0.1, 1);
    /// let mut accuracies = Vec::new();
    /// for (mut train, mut test) in data.folds(5, 0)? {
    ///     let preprocessing = Preprocessing::fit(&train, Scaling::Standard);
    ///     preprocessing.apply(&mut train);
    ///     preprocessing.apply(&mut test);
    ///     let mut network = Network::builder(2).dense(16, Relu).dense(2, Softmax).build()?;
    ///     Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(40).fit(&mut network, &train)?;
    ///     accuracies.extend(network.evaluate(&test)?.accuracy());
    /// }
    /// assert!(accuracies.iter().sum::<f64>() / 5.0 > 0.95);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `k` is less than two, or greater than the number of examples or of groups; with times, if there are not more
    /// than `k` examples.
    pub fn folds(&self, k: usize, seed: u64) -> Result<impl Iterator<Item = (Dataset, Dataset)>> {
        if k < 2 || k > self.len() {
            let (n, s) = (self.len(), if self.len() == 1 { "" } else { "s" });
            let message = format!("{k} folds of {n} example{s}: from 2 to as many as there are examples were expected");
            return Err(Error::Setting(message));
        }
        let mut rows: Vec<usize> = (0..self.len()).collect();
        let mut rng = Rng::stream(seed, purpose::FOLDS);
        let by_time = self.times().is_some();
        let parts = match self.grouped() {
            _ if by_time => cut(&self.in_order_of_time(&rows), k + 1)?,
            Some(grouped) => {
                let groups = grouped.count(&rows);
                if k > groups {
                    let message =
                        format!("{k} folds of {groups} groups: at most as many as there are groups were expected");
                    return Err(Error::Setting(message));
                }
                rng.shuffle(&mut rows);
                grouped.deal(&rows, &vec![1; k], true, &mut rng)
            }
            None => {
                rng.shuffle(&mut rows);
                deal(&mut rows, k, self.labels())
            }
        };
        Ok((0..k).map(move |fold| {
            let tested = if by_time { fold + 1 } else { fold };
            let is_trained = |other: usize| if by_time { other < tested } else { other != tested };
            let others =
                (0..parts.len()).filter(|&other| is_trained(other)).flat_map(|other| parts[other].iter().copied());
            (self.select(&others.collect::<Vec<usize>>()), self.select(&parts[tested]))
        }))
    }
}

/// Cuts rows into consecutive parts, whose sizes differ by one at most.
fn cut(rows: &[usize], parts: usize) -> Result<Vec<Vec<usize>>> {
    let n = rows.len();
    if parts > n {
        let message =
            format!("{} folds of {n} examples in the order of time: fewer than examples were expected", parts - 1);
        return Err(Error::Setting(message));
    }
    Ok((0..parts).map(|part| rows[part * n / parts..(part + 1) * n / parts].to_vec()).collect())
}

/// Keeps `first` of the shuffled `rows`, and returns the others. If the rows have `labels`, each class is divided like
/// the whole, as nearly as whole numbers allow, and each keeps at least one row if `first` has room for that.
fn divide(rows: &mut Vec<usize>, first: usize, labels: Option<&[u32]>) -> Vec<usize> {
    let Some(labels) = labels else { return rows.split_off(first) };
    let class = |row: usize| labels[row] as usize;
    let mut counts = vec![0; rows.iter().map(|&row| class(row) + 1).max().unwrap_or(0)];
    rows.iter().for_each(|&row| counts[class(row)] += 1);
    let mut room = quotas(&counts, first);
    let mut others = Vec::with_capacity(rows.len() - first);
    rows.retain(|&row| {
        let room = &mut room[class(row)];
        let stays = *room > 0;
        if stays {
            *room -= 1;
        } else {
            others.push(row);
        }
        stays
    });
    others
}

/// Returns how many of each class are among the `first`, if there are `counts` of them in all: the largest remainders
/// are rounded up, so that the total is right.
fn quotas(counts: &[usize], first: usize) -> Vec<usize> {
    let total: usize = counts.iter().sum();
    // In whole numbers, so that no rounding decides.
    let exact = |count: usize| count as u128 * first as u128;
    let mut quotas: Vec<usize> =
        counts.iter().map(|&count| ((exact(count) / (total as u128).max(1)) as usize).max(count.min(1))).collect();
    let mut taken: usize = quotas.iter().sum();
    if taken < first {
        // The rows still due to a class; negative if it has its one row only for being a class.
        let due = |class: usize| exact(counts[class]) as i128 - quotas[class] as i128 * total as i128;
        let order = order(counts.len(), &|a, b| due(b).cmp(&due(a)));
        order.into_iter().take(first - taken).for_each(|class| quotas[class] += 1);
        return quotas;
    }
    // Many rare classes: their rows are taken from the common ones and, if those do not suffice, from each other.
    for least in [1, 0] {
        while taken > first && quotas.iter().any(|&quota| quota > least) {
            let most = *quotas.iter().max().expect("one is more than the least");
            for quota in quotas.iter_mut().filter(|quota| **quota == most).take(taken - first) {
                *quota -= 1;
                taken -= 1;
            }
        }
    }
    quotas
}

/// Returns `parts` parts of the shuffled `rows`, whose sizes differ by one at most; so do the numbers of each class in
/// them.
fn deal(rows: &mut [usize], parts: usize, labels: Option<&[u32]>) -> Vec<Vec<usize>> {
    if let Some(labels) = labels {
        // Stable: within a class the order stays random.
        let shuffled = rows.to_vec();
        let order = order(rows.len(), &|a, b| labels[shuffled[a]].cmp(&labels[shuffled[b]]));
        rows.iter_mut().zip(order).for_each(|(row, index)| *row = shuffled[index]);
    }
    (0..parts).map(|part| rows.iter().skip(part).step_by(parts).copied().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_add_up_and_forget_no_class() {
        for (counts, first, expected) in [
            // 40, 40 and 40 of 50 each.
            (&[50, 50, 50][..], 120, &[40, 40, 40][..]),
            // 72 and 8.
            (&[90, 10], 80, &[72, 8]),
            // 2.4, 2.4 and 3.2: the larger remainders first, the first of equals.
            (&[3, 3, 4], 8, &[3, 2, 3]),
            // The one of a class stays: 5.6, 0.7, 0.7 would be 6, 1, 0.
            (&[8, 1, 1], 7, &[5, 1, 1]),
            // Ten of one each leave 70 of the 90.
            (&[90, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 80, &[70, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
            // More classes than room.
            (&[1, 1, 1], 2, &[0, 1, 1]),
            (&[5, 1, 1], 1, &[0, 0, 1]),
            // A class that does not occur.
            (&[4, 0, 4], 4, &[2, 0, 2]),
            (&[], 0, &[]),
        ] {
            assert_eq!(quotas(counts, first), expected, "{first} of {counts:?}");
        }
    }

    #[test]
    fn divided_rows_stay_in_their_order() {
        let mut rows = vec![4, 0, 3, 1, 2, 5];
        let others = divide(&mut rows, 4, Some(&[0, 0, 0, 1, 1, 1]));
        assert_eq!((rows, others), (vec![4, 0, 3, 1], vec![2, 5]));
        let mut rows = vec![4, 0, 3, 1, 2, 5];
        let others = divide(&mut rows, 4, None);
        assert_eq!((rows, others), (vec![4, 0, 3, 1], vec![2, 5]));
        let mut rows = vec![0, 1, 2, 3];
        assert_eq!(divide(&mut rows, 2, Some(&[0, 0, 1, 1])), [1, 3]);
        assert_eq!(rows, [0, 2]);
    }

    #[test]
    fn dealt_parts_take_turns() {
        let labels = [1, 0, 1, 0, 1, 0, 0];
        let parts = deal(&mut [6, 5, 4, 3, 2, 1, 0], 3, Some(&labels));
        // 6 5 3 1 of class 0, then 4 2 0 of class 1.
        assert_eq!(parts, [vec![6, 1, 0], vec![5, 4], vec![3, 2]]);
        assert_eq!(deal(&mut [2, 0, 1], 2, None), [vec![2, 1], vec![0]]);
    }
}
