//! Sorting in little machine code: the standard library's sorts are faster, but take some kilobytes for each type and
//! order.

use std::cmp::Ordering;

/// Returns the numbers below `count` in the order of `compare`, equal ones in increasing order, by heapsort (Williams,
/// 1964).
pub(crate) fn order(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut heap: Vec<usize> = (0..count).collect();
    let comes_after = |a: usize, b: usize| compare(a, b).then(a.cmp(&b)).is_gt();
    let sink = |heap: &mut [usize], mut node: usize| loop {
        let mut last = node;
        for child in [2 * node + 1, 2 * node + 2] {
            if child < heap.len() && comes_after(heap[child], heap[last]) {
                last = child;
            }
        }
        if last == node {
            return;
        }
        heap.swap(node, last);
        node = last;
    };
    (0..count / 2).rev().for_each(|node| sink(&mut heap, node));
    for end in (1..count).rev() {
        heap.swap(0, end);
        sink(&mut heap[..end], 0);
    }
    heap
}

/// Names and their indices, found by bisection.
pub(crate) struct NameIndex<'a> {
    names: &'a [String],
    sorted: Vec<usize>,
}

impl<'a> NameIndex<'a> {
    pub(crate) fn new(names: &'a [String]) -> Self {
        NameIndex { names, sorted: order(names.len(), &|a, b| names[a].cmp(&names[b])) }
    }

    /// Returns the index of the name, the last one if it occurs twice.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let end = self.sorted.partition_point(|&index| self.names[index].as_str() <= name);
        self.sorted[..end].last().copied().filter(|&index| self.names[index] == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{NameIndex, order};

    #[test]
    fn names_are_found() {
        let names = ["pear", "fig", "plum", "", "fig", "éclair"].map(String::from);
        let index = NameIndex::new(&names);
        let found = ["pear", "fig", "plum", "", "éclair", "a", "figs", "z", "ü"].map(|name| index.find(name));
        assert_eq!(found, [Some(0), Some(4), Some(2), Some(3), Some(5), None, None, None, None]);
        assert_eq!(NameIndex::new(&[]).find("fig"), None);
    }

    #[test]
    fn equals_stay_in_order() {
        let words = ["pear", "fig", "plum", "date", "kiwi", "lime", "fig"];
        let by_length = order(words.len(), &|a, b| words[a].len().cmp(&words[b].len()));
        assert_eq!(by_length, [1, 6, 0, 2, 3, 4, 5]);
        assert_eq!(order(words.len(), &|a, b| words[a].cmp(words[b])), [3, 1, 6, 4, 5, 0, 2]);
        assert_eq!(order(0, &|_, _| unreachable!()), []);
        let many = order(1000, &|a, b| (b % 7).cmp(&(a % 7)));
        assert!(
            many.windows(2).all(|pair| (pair[0] % 7, pair[1]) > (pair[1] % 7, pair[0]) || pair[0] % 7 > pair[1] % 7)
        );
    }
}
