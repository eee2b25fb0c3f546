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

// One type of maps is enough: each takes kilobytes of machine code.

impl Grouped<'_> {
    /// Returns the number of different groups among some rows.
    pub fn count(&self, rows: &[usize]) -> usize {
        self.indices(rows).len()
    }

    /// Divides `rows` into parts whose sizes are nearly in the proportion of `sizes`; in each they keep their order. No
    /// part is empty if there are as many groups. Large groups come first if `by_size`.
    pub fn deal(&self, rows: &[usize], sizes: &[usize], by_size: bool, rng: &mut Rng) -> Vec<Vec<usize>> {
        let indices = self.indices(rows);
        // The rows of each group, by class, and those of all.
        let mut counts: Vec<BTreeMap<u32, usize>> = vec![BTreeMap::new(); indices.len()];
        let mut totals = vec![0; 1 + rows.iter().map(|&row| self.class(row)).max().unwrap_or(0) as usize];
        for &row in rows {
            let class = self.class(row);
            *counts[indices[&self.groups[row]]].entry(class).or_default() += 1;
            totals[class as usize] += 1;
        }
        let mut groups: Vec<usize> = (0..counts.len()).collect();
        rng.shuffle(&mut groups);
        if by_size {
            let size = |index: usize| counts[groups[index]].values().sum::<usize>();
            groups = order(groups.len(), &|a, b| size(b).cmp(&size(a))).into_iter().map(|i| groups[i]).collect();
        }
        let all: usize = sizes.iter().sum();
        // The examples still wanted, for each part and class.
        let wanted = |&size| totals.iter().map(|total| (total * size) as f64 / all.max(1) as f64).collect();
        let mut wanted: Vec<Vec<f64>> = sizes.iter().map(wanted).collect();
        let mut is_empty = vec![true; sizes.len()];
        let mut part_of = vec![0; groups.len()];
        for (index, &group) in groups.iter().enumerate() {
            let counts = || counts[group].iter().map(|(&class, &count)| (class as usize, count as f64));
            let gain = |part: usize| -> f64 {
                counts().map(|(class, count)| count * wanted[part][class] / totals[class] as f64).sum()
            };
            let empty = is_empty.iter().filter(|&&empty| empty).count();
            let must_fill = groups.len() - index <= empty;
            let open = (0..sizes.len()).filter(|&part| is_empty[part] || !must_fill);
            let best = match groups.len() < sizes.len() {
                true => index,
                false => open.reduce(|best, part| if gain(part) > gain(best) { part } else { best }).unwrap_or(0),
            };
            is_empty[best] = false;
            part_of[group] = best;
            counts().for_each(|(class, count)| wanted[best][class] -= count);
        }
        let mut parts = vec![Vec::new(); sizes.len()];
        rows.iter().for_each(|&row| parts[part_of[indices[&self.groups[row]]]].push(row));
        parts
    }

    fn class(&self, row: usize) -> u32 {
        self.labels.map_or(0, |labels| labels[row])
    }

    /// Returns the groups of some rows, each with its index in their order.
    fn indices(&self, rows: &[usize]) -> BTreeMap<u32, usize> {
        let mut indices = BTreeMap::new();
        rows.iter().for_each(|&row| _ = indices.insert(self.groups[row], 0));
        indices.values_mut().zip(0..).for_each(|(index, number)| *index = number);
        indices
    }
}
