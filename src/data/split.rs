//! Which examples go to which part, with the classes' proportions kept.

use crate::base::sort::order;

/// Leaves `first` of the shuffled `rows`, and returns the others. Where the rows have `labels`, each class is divided
/// like the whole, as nearly as whole numbers allow, and each keeps one row at least where `first` has room for that.
pub(crate) fn divide(rows: &mut Vec<usize>, first: usize, labels: Option<&[u32]>) -> Vec<usize> {
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

/// How many of each class are among the `first`, when there are `counts` of them in all: the largest remainders are
/// rounded up, so that the total is right.
fn quotas(counts: &[usize], first: usize) -> Vec<usize> {
    let total: usize = counts.iter().sum();
    // In whole numbers, so that no rounding decides.
    let exact = |count: usize| count as u128 * first as u128;
    let mut quotas: Vec<usize> =
        counts.iter().map(|&count| ((exact(count) / (total as u128).max(1)) as usize).max(count.min(1))).collect();
    let mut taken: usize = quotas.iter().sum();
    if taken < first {
        // What is still due to a class; less than nothing, where it has its one row only for being a class.
        let due = |class: usize| exact(counts[class]) as i128 - quotas[class] as i128 * total as i128;
        let order = order(counts.len(), &|a, b| due(b).cmp(&due(a)));
        order.into_iter().take(first - taken).for_each(|class| quotas[class] += 1);
        return quotas;
    }
    // Many rare classes: what keeps one row of each comes from the common ones and, where that is not enough, goes.
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

/// The `parts` of the shuffled `rows`, whose sizes differ by one at most; so do the numbers of each class in them.
pub(crate) fn deal(rows: &mut [usize], parts: usize, labels: Option<&[u32]>) -> Vec<Vec<usize>> {
    if let Some(labels) = labels {
        // Stable: within a class the order stays random.
        let shuffled = rows.to_vec();
        let order = order(rows.len(), &|a, b| labels[shuffled[a]].cmp(&labels[shuffled[b]]));
        rows.iter_mut().zip(order).for_each(|(row, place)| *row = shuffled[place]);
    }
    (0..parts).map(|part| rows.iter().skip(part).step_by(parts).copied().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_right_and_no_class_is_forgotten() {
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
    fn rows_stay_in_their_order() {
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
    fn parts_take_turns() {
        let labels = [1, 0, 1, 0, 1, 0, 0];
        let parts = deal(&mut [6, 5, 4, 3, 2, 1, 0], 3, Some(&labels));
        // 6 5 3 1 of class 0, then 4 2 0 of class 1.
        assert_eq!(parts, [vec![6, 1, 0], vec![5, 4], vec![3, 2]]);
        assert_eq!(deal(&mut [2, 0, 1], 2, None), [vec![2, 1], vec![0]]);
    }
}
