//! Sorting in little machine code: the standard library's sorts are faster, and some kilobytes for each type and order.

use std::cmp::Ordering;

/// The numbers below `count` in the order that `compare` says, equals in theirs: by heapsort (Williams, 1964).
pub(crate) fn order(count: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut heap: Vec<usize> = (0..count).collect();
    let comes_after = |a: usize, b: usize| compare(a, b).then(a.cmp(&b)).is_gt();
    let sink = |heap: &mut [usize], mut place: usize| loop {
        let mut last = place;
        for child in [2 * place + 1, 2 * place + 2] {
            if child < heap.len() && comes_after(heap[child], heap[last]) {
                last = child;
            }
        }
        if last == place {
            return;
        }
        heap.swap(place, last);
        place = last;
    };
    (0..count / 2).rev().for_each(|place| sink(&mut heap, place));
    for end in (1..count).rev() {
        heap.swap(0, end);
        sink(&mut heap[..end], 0);
    }
    heap
}

/// Names and their places, found by bisection.
pub(crate) struct Places<'a> {
    names: &'a [String],
    sorted: Vec<usize>,
}

impl<'a> Places<'a> {
    pub(crate) fn new(names: &'a [String]) -> Self {
        Places { names, sorted: order(names.len(), &|a, b| names[a].cmp(&names[b])) }
    }

    /// The place of the name, the last one where it is there twice.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        let end = self.sorted.partition_point(|&place| self.names[place].as_str() <= name);
        self.sorted[..end].last().copied().filter(|&place| self.names[place] == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Places, order};

    #[test]
    fn names_are_found() {
        let names = ["pear", "fig", "plum", "", "fig", "éclair"].map(String::from);
        let places = Places::new(&names);
        let found = ["pear", "fig", "plum", "", "éclair", "a", "figs", "z", "ü"].map(|name| places.find(name));
        assert_eq!(found, [Some(0), Some(4), Some(2), Some(3), Some(5), None, None, None, None]);
        assert_eq!(Places::new(&[]).find("fig"), None);
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
