//! Parts of a dataset in which groups of rows stay together.
//!
//! **The problem.** Rows of one person resemble each other. If some are trained on and others tested on, the score is
//! that of people who are known already. But groups have sizes and classes of their own, so that parts of whole groups
//! can only be nearly as large as wanted, with nearly the wanted numbers of each class.
//!
//! **The idea.** One group after the other goes to the part in which its classes are still wanted most. With the counts
//! h of a class in a part, w wanted there and t in all, that decreases Σ (h − w)² / t most. At random, as many groups come
//! early or late whatever their size; sorted by size, the small ones fill up what the large ones left.

use std::collections::BTreeMap;

use crate::base::rng::Rng;
use crate::base::sort::order;

/// The groups and classes of rows.
pub(super) struct Grouped<'a> {
    pub groups: &'a [u32],
    pub labels: Option<&'a [u32]>,
}

/// The rows of a group: for each class, how many.
type Counts = BTreeMap<u32, usize>;

impl Grouped<'_> {
    /// Returns the number of different groups among some rows.
    pub fn count(&self, rows: &[usize]) -> usize {
        self.counts(rows).len()
    }

    /// Divides `rows` into parts whose sizes are nearly in the proportion of `sizes`; in each they keep their order. No
    /// part is empty if there are as many groups. Large groups come first if `by_size`.
    pub fn deal(&self, rows: &[usize], sizes: &[usize], by_size: bool, rng: &mut Rng) -> Vec<Vec<usize>> {
        let counts = self.counts(rows);
        let mut groups: Vec<(&u32, &Counts)> = counts.iter().collect();
        rng.shuffle(&mut groups);
        if by_size {
            let size = |group: usize| groups[group].1.values().sum::<usize>();
            groups = order(groups.len(), &|a, b| size(b).cmp(&size(a))).into_iter().map(|i| groups[i]).collect();
        }
        let mut totals = Counts::new();
        rows.iter().for_each(|&row| *totals.entry(self.class(row)).or_default() += 1);
        let all: usize = sizes.iter().sum();
        let wanted = |size: &usize| -> BTreeMap<u32, f64> {
            totals.iter().map(|(&class, &total)| (class, (total * size) as f64 / all.max(1) as f64)).collect()
        };
        // The examples still wanted, for each part and class.
        let mut wanted: Vec<BTreeMap<u32, f64>> = sizes.iter().map(wanted).collect();
        let mut is_empty = vec![true; sizes.len()];
        let mut part_of = BTreeMap::new();
        for (index, &(&group, counts)) in groups.iter().enumerate() {
            let gain = |part: usize| -> f64 {
                counts.iter().map(|(class, &count)| count as f64 * wanted[part][class] / totals[class] as f64).sum()
            };
            let empty = is_empty.iter().filter(|&&empty| empty).count();
            let must_fill = groups.len() - index <= empty;
            let open = (0..sizes.len()).filter(|&part| is_empty[part] || !must_fill);
            let best = match groups.len() < sizes.len() {
                true => index,
                false => open.reduce(|best, part| if gain(part) > gain(best) { part } else { best }).unwrap_or(0),
            };
            is_empty[best] = false;
            part_of.insert(group, best);
            for (class, &count) in counts {
                *wanted[best].entry(*class).or_default() -= count as f64;
            }
        }
        let mut parts = vec![Vec::new(); sizes.len()];
        rows.iter().for_each(|&row| parts[part_of[&self.groups[row]]].push(row));
        parts
    }

    fn class(&self, row: usize) -> u32 {
        self.labels.map_or(0, |labels| labels[row])
    }

    fn counts(&self, rows: &[usize]) -> BTreeMap<u32, Counts> {
        let mut counts: BTreeMap<u32, Counts> = BTreeMap::new();
        for &row in rows {
            *counts.entry(self.groups[row]).or_default().entry(self.class(row)).or_default() += 1;
        }
        counts
    }
}
