//! The encoding of a table's columns: bins of numbers, and embeddings.

use super::target_means::TargetMeans;
use crate::data::{ColumnKind, Dataset};
use crate::model::preprocessing::Preprocessing;
use crate::nn::builder::NetworkBuilder;
use crate::nn::layer::{Piecewise, Role};

/// The least width of the first and of the last bin, which are open, as a fraction of the range: the code of a number
/// outside would be large if they were narrow.
const OUTER: f32 = 1.0 / 64.0;
/// The most categories of a column that have an input each, and no embedding.
const FEW_CATEGORIES: usize = 10;
/// The most categories of a column whose embedding is trained: there are few examples of each of more, which training
/// would learn by heart. They get the means of the targets instead.
const MOST_TRAINED: usize = 300;
/// A category with fewer examples, as a fraction of all, is taken for one that is not known.
const RARE: f64 = 1.0 / 5000.0;

/// Returns the number of groups that a column of this kind has in an embedding, or `None` if it has none.
pub(super) fn embedded_groups(kind: &ColumnKind) -> Option<usize> {
    match kind {
        ColumnKind::Number(_) | ColumnKind::Time(_) => Some(kind.width()),
        ColumnKind::Categories(names) => (names.len() > FEW_CATEGORIES).then_some(1),
    }
}

/// The layers before the hidden ones.
pub(super) struct Encoding {
    /// The edges of the bins of each input: see [`Piecewise::new`].
    edges: Vec<Option<Vec<f32>>>,
    /// The inputs that are embedded together, and those that are left out: constants and rare categories.
    groups: Vec<Vec<usize>>,
    /// The indices of the groups whose weights are not trained.
    frozen: Vec<usize>,
    dropped: Vec<usize>,
    /// The means of the targets, of inputs that are categories and embedded.
    means: Vec<Vec<f32>>,
}

impl Encoding {
    /// Returns the encoding of the features of `train` after `preprocessing`: every column of numbers in at most `bins`
    /// bins of about as many numbers each. Targets are looked at only if all of `train` is trained on.
    pub fn new(train: &Dataset, preprocessing: &Preprocessing, bins: usize, validates: bool) -> Self {
        let schema = train.schema();
        let (mut edges, mut groups, mut dropped) = (vec![None; schema.width()], Vec::new(), Vec::new());
        let mut frozen = Vec::new();
        let mut means = vec![Vec::new(); schema.width()];
        for (column, inputs) in schema.columns().iter().zip(schema.inputs()) {
            let own = inputs.start..inputs.start + column.kind.width();
            match &column.kind {
                ColumnKind::Number(_) | ColumnKind::Time(_) => {
                    for input in own {
                        let mut numbers = preprocessed(train, preprocessing, input);
                        numbers.sort_unstable_by(f32::total_cmp);
                        match numbers.first() == numbers.last() {
                            true => dropped.push(input),
                            // Two numbers are as good as one number and its bins.
                            false if is_binary(&numbers) => {}
                            false => groups.push(vec![input]),
                        }
                        edges[input] = Some(if bins > 1 { edges_of(&numbers, bins) } else { Vec::new() });
                    }
                }
                ColumnKind::Categories(names) if embedded_groups(&column.kind).is_some() => {
                    let rows_of = train.features().examples_of_categories(own.clone());
                    let least = (train.len() as f64 * RARE).max(2.0);
                    let is_frozen = names.len() > MOST_TRAINED && !validates;
                    let found = if is_frozen { TargetMeans::new(train).of(&rows_of) } else { Vec::new() };
                    let mut group = Vec::new();
                    for (i, input) in own.enumerate() {
                        let says_much = found.get(i).is_some_and(|found| found.says_much);
                        if rows_of[i].len() as f64 >= least || says_much {
                            group.push(input);
                            means[input] = found.get(i).map(|found| found.means.clone()).unwrap_or_default();
                        } else {
                            dropped.push(input);
                        }
                    }
                    if !group.is_empty() {
                        frozen.extend(is_frozen.then_some(groups.len()));
                        groups.push(group);
                    }
                }
                ColumnKind::Categories(_) => {}
            }
        }
        Encoding { edges, groups, frozen, dropped, means }
    }

    /// Adds the layers to a network: the bins and, if `size` is not 0, embeddings of so many numbers.
    pub fn add_to(self, builder: NetworkBuilder, size: usize) -> NetworkBuilder {
        let Encoding { edges, groups, frozen, dropped, means } = self;
        let width = edges.len();
        let (mut roles, mut bounds) = (vec![Role::Kept; width], vec![1.0; width]);
        for (group, inputs) in groups.iter().enumerate() {
            let role = if frozen.contains(&group) { Role::Frozen } else { Role::Group };
            inputs.iter().for_each(|&input| roles[input] = role(group as u32));
        }
        dropped.iter().for_each(|&input| roles[input] = Role::Dropped);
        for (bound, role) in bounds.iter_mut().zip(&roles) {
            // The means of the targets take the place of random numbers.
            *bound = if matches!(role, Role::Frozen(_)) { 0.0 } else { 1.0 };
        }
        for (input, edges) in edges.iter().enumerate() {
            let bins = edges.as_ref().map_or(0, |edges| edges.len().saturating_sub(1));
            roles.extend(vec![roles[input]; bins]);
            bounds.extend(vec![1.0 / (bins as f32).sqrt(); bins]);
        }
        let builder = builder.piecewise(Piecewise::new(edges).expect("edges that increase"));
        if size == 0 || groups.is_empty() {
            builder
        } else {
            builder.embedding(roles, bounds, size).embedding_means(means)
        }
    }
}

/// Returns one input of every example, as the network gets it.
fn preprocessed(train: &Dataset, preprocessing: &Preprocessing, input: usize) -> Vec<f32> {
    let (scaler, fill) = (preprocessing.features(), preprocessing.imputer().map(|imputer| imputer.fill()[input]));
    let (offset, factor) = (scaler.offset()[input], scaler.factor()[input]);
    let numbers = train.features().column(input).map(|x| if x.is_nan() { fill.unwrap_or(x) } else { x });
    numbers.map(|x| Piecewise::clip((x - offset) * factor)).collect()
}

/// Returns whether there are at most two different numbers; they are sorted.
fn is_binary(numbers: &[f32]) -> bool {
    let (first, last) = (numbers.first(), numbers.last());
    numbers.iter().all(|x| Some(x) == first || Some(x) == last)
}

/// Returns edges of bins between which there are about as many of the sorted numbers each. A number that is there more
/// often is an edge, and the bins are for the others. None if there would be fewer than two bins.
fn edges_of(numbers: &[f32], bins: usize) -> Vec<f32> {
    let mut edges: Vec<f32> = numbers.first().copied().into_iter().collect();
    let (mut left, mut in_bin) = (numbers.len(), 0);
    for equal in numbers.chunk_by(|a, b| a == b) {
        in_bin += equal.len();
        // In units of bins: as many as one of those that are left.
        let is_full = in_bin * (bins + 1).saturating_sub(edges.len()).max(1) >= left;
        if is_full || in_bin == left {
            left -= in_bin;
            in_bin = 0;
            edges.push(equal[0]);
        }
    }
    edges.dedup();
    let (Some(&low), Some(&high)) = (edges.first(), edges.last()) else { return Vec::new() };
    let margin = OUTER * (high - low);
    let inner = |&edge: &f32| edge == low || edge == high || (edge - low >= margin && high - edge >= margin);
    edges.retain(inner);
    if edges.len() < 3 || !edges.windows(2).all(|pair| (pair[1] - pair[0]).is_normal()) {
        return Vec::new();
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::edges_of;

    #[test]
    fn edges_are_quantiles_unless_numbers_are_frequent() {
        let all: Vec<f32> = (0..=100).map(|i| i as f32).collect();
        assert_eq!(edges_of(&all, 4), [0.0, 25.0, 50.0, 75.0, 100.0]);
        let few = [1.0, 1.0, 2.0, 2.0, 2.0, 5.0];
        assert_eq!(edges_of(&few, 16), [1.0, 2.0, 5.0]);
        // Nine in ten are zero, and the others are divided.
        let mut zeros = vec![0.0; 900];
        zeros.extend((1..=100).map(|i| i as f32));
        let edges = edges_of(&zeros, 5);
        assert_eq!((edges[0], edges[edges.len() - 1]), (0.0, 100.0));
        assert!(
            edges.len() >= 5 && edges.windows(2).skip(1).all(|pair| (20.0..=30.0).contains(&(pair[1] - pair[0]))),
            "{edges:?}"
        );
        assert!(
            edges_of(&[3.0; 5], 4).is_empty() && edges_of(&[1.0, 2.0], 4).is_empty() && edges_of(&[], 4).is_empty()
        );
        // The outer bins are not so narrow that a number beside them would have a huge code.
        let mut far = vec![0.0, 1e-6, 2e-6];
        far.extend((1..50).map(|i| i as f32));
        assert!(edges_of(&far, 50).windows(2).all(|pair| pair[1] - pair[0] >= 0.5));
    }
}
