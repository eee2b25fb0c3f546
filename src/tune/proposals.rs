//! The hyperparameters that the trials of an ensemble try, one after the other: each depends on the losses of those before.

use super::hyperparameters::Hyperparameters;
use super::tunable::Tune;
use super::work::encoded_width;
use crate::base::rng::{Rng, purpose};
use crate::base::sort::order;
use crate::base::text::two_digits;
use crate::data::Dataset;
use crate::optim::Rule;

/// The dropout of some trials: some tables are overfitted without.
const DROPOUT: f64 = 0.2;
/// The most bins of a trial without an embedding, and the most work of one.
const FEW_BINS: usize = 16;
const MOST_WORK: f64 = 3e11;
/// The number of epochs is divided or multiplied by this from one trial to another. Each trial has the whole schedule, so
/// that its last epoch is about its best: its rate has decreased to zero.
const STEP: usize = 3;
/// With fewer examples, trials cost little: a smaller learning rate is tried too.
const FEW_EXAMPLES: usize = 6_000;
/// The trials of a round of successive halving: of so many with few epochs, so many get more, and one of these all.
const DRAWN: usize = 9;
const LONGER: usize = 3;

/// The trials of an ensemble on one table.
pub(super) struct Proposals<'a> {
    start: &'a Hyperparameters,
    train: &'a Dataset,
    /// Whether the first layer would not be much wider if every category had an input of its own.
    is_narrow: bool,
    /// The codes of bins without an embedding, if the first layer is not too wide for them.
    codes: Option<Hyperparameters>,
}

impl<'a> Proposals<'a> {
    pub fn new(start: &'a Hyperparameters, train: &'a Dataset) -> Self {
        let is_narrow = train.features().columns() <= 2 * encoded_width(train, start.bins, start.embedding);
        let mut proposals = Proposals { start, train, is_narrow, codes: None };
        let [_, epochs, _] = proposals.lengths();
        let codes =
            Hyperparameters { epochs, bins: start.bins.min(FEW_BINS), embedding: 0, dropout: DROPOUT, ..start.clone() };
        let is_possible = is_narrow && start.tune.encoding && start.bins > 0 && start.embedding > 0;
        if is_possible && proposals.may_drop() && proposals.work(&codes) <= MOST_WORK {
            proposals.codes = Some(codes);
        }
        proposals
    }

    /// Returns the most trials; `None` if there are as many as time allows.
    pub fn most(&self) -> Option<usize> {
        let refinements = self.refinements().len() - usize::from(!self.tries_slower());
        self.start.budget.is_none().then(|| self.usual().len() + refinements)
    }

    /// Returns what is tried if every change is for the better: the most work, without a budget.
    pub fn longest(&self) -> Vec<Hyperparameters> {
        let mut longest = self.usual();
        longest.push(self.start.clone());
        longest.extend(self.tries_slower().then(|| self.start.clone()));
        longest
    }

    /// Returns what is tried after trials with these losses, `None` for one that diverged; nothing at the end.
    pub fn next(&self, losses: &[Option<f64>]) -> Option<Hyperparameters> {
        self.all(losses).into_iter().nth(losses.len())
    }

    /// Returns what was tried, given the losses, and what is next.
    pub fn all(&self, losses: &[Option<f64>]) -> Vec<Hyperparameters> {
        let mut all = self.usual();
        let loss = |i: usize| losses.get(i).copied().flatten().unwrap_or(f64::INFINITY);
        let best_of = |all: &[Hyperparameters]| {
            let first_best = (0..all.len()).min_by(|&a, &b| loss(a).total_cmp(&loss(b)));
            all[first_best.unwrap_or(0)].clone()
        };
        for refine in self.refinements() {
            if losses.len() < all.len() {
                return all;
            }
            let refined = refine(self, &best_of(&all));
            all.extend(refined.filter(|refined| !all.contains(refined)));
        }
        let mut round = 0;
        while self.start.budget.is_some() && self.draws() && losses.len() >= all.len() {
            self.add_round(round, &mut all, losses, &best_of);
            round += 1;
        }
        all
    }

    /// Returns the work of a training on all examples.
    fn work(&self, hyperparameters: &Hyperparameters) -> f64 {
        hyperparameters.work(self.train, self.train.len() as f64)
    }

    fn tries_slower(&self) -> bool {
        self.start.tune.learning_rate && self.train.len() < FEW_EXAMPLES
    }

    /// L-BFGS needs the same loss at every step.
    fn may_drop(&self) -> bool {
        self.start.tune.dropout && !matches!(self.start.optimizer, Rule::Lbfgs(_))
    }

    /// The numbers of epochs that are tried.
    fn lengths(&self) -> [usize; 3] {
        let divisors = if self.start.tune.epochs { [STEP * STEP, STEP, 1] } else { [1; 3] };
        divisors.map(|divisor| self.start.epochs.div_ceil(divisor))
    }

    /// The trials of all tables.
    fn usual(&self) -> Vec<Hyperparameters> {
        let start = self.start;
        let [few, middle, _] = self.lengths();
        let with = |epochs: usize| Hyperparameters { epochs, ..start.clone() };
        let mut usual = vec![with(few), with(middle)];
        let may_drop = self.may_drop();
        let dropping = |start: Hyperparameters| Hyperparameters { dropout: DROPOUT, ..start };
        usual.extend(may_drop.then(|| dropping(with(middle))));
        if start.tune.encoding && self.is_narrow && (start.bins, start.embedding) != (0, 0) {
            let plain = Hyperparameters { bins: 0, embedding: 0, ..with(middle) };
            usual.push(plain.clone());
            usual.extend(may_drop.then(|| dropping(plain)));
            usual.extend(self.codes.clone());
        }
        usual.dedup();
        usual
    }

    /// The trials after that: each a change of the best so far, if it has not been tried.
    fn refinements(&self) -> Vec<fn(&Self, &Hyperparameters) -> Option<Hyperparameters>> {
        let longer = |proposals: &Self, best: &Hyperparameters| {
            let epochs = proposals.lengths().into_iter().find(|&epochs| epochs > best.epochs)?;
            let longer = Hyperparameters { epochs, ..best.clone() };
            (proposals.work(&longer) <= MOST_WORK.max(proposals.work(proposals.start))).then_some(longer)
        };
        let shorter = |proposals: &Self, best: &Hyperparameters| {
            let epochs = proposals.lengths().into_iter().rfind(|&epochs| epochs < best.epochs)?;
            Some(Hyperparameters { epochs, ..best.clone() })
        };
        let slower = |proposals: &Self, best: &Hyperparameters| {
            let rate = two_digits(f64::from(best.optimizer.learning_rate()) / STEP as f64);
            let optimizer = best.optimizer.with_learning_rate(rate);
            proposals.tries_slower().then(|| Hyperparameters { optimizer, ..best.clone() })
        };
        vec![longer, shorter, slower]
    }

    /// Adds the trials of a round of successive halving (Jamieson, Talwalkar, 2016) whose losses are there, and the next.
    fn add_round(
        &self,
        round: usize,
        all: &mut Vec<Hyperparameters>,
        losses: &[Option<f64>],
        best_of: &dyn Fn(&[Hyperparameters]) -> Hyperparameters,
    ) {
        let best = best_of(all);
        let [epochs, ..] = self.lengths();
        let mut rng = Rng::stream(self.start.seed, purpose::ROUNDS + round as u64);
        for _ in 0..DRAWN {
            let mut drawn = || Hyperparameters { epochs, ..self.draw(&mut rng, &best) };
            let mut new = drawn();
            // A few attempts: there may be nothing else.
            for _ in 0..20 {
                if !all.contains(&new) {
                    break;
                }
                new = drawn();
            }
            all.push(new);
        }
        for (count, of) in [(LONGER, DRAWN), (1, LONGER)] {
            let rung = all.len() - of..all.len();
            if losses.len() < rung.end {
                return;
            }
            let loss = |i: usize| losses[i].unwrap_or(f64::INFINITY);
            let best = order(of, &|a, b| loss(rung.start + a).total_cmp(&loss(rung.start + b)));
            for i in best[..count].iter().map(|best| rung.start + best) {
                let longer = self.lengths().into_iter().find(|&epochs| epochs > all[i].epochs);
                let epochs = longer.unwrap_or(self.start.epochs);
                all.push(Hyperparameters { epochs, ..all[i].clone() });
            }
        }
    }

    /// Returns whether there is anything to draw.
    fn draws(&self) -> bool {
        Tune { epochs: false, ..self.start.tune }.any()
    }

    /// Draws hyperparameters: each is that of the best so far or, as often, drawn anew, if trials may change it.
    fn draw(&self, rng: &mut Rng, best: &Hyperparameters) -> Hyperparameters {
        let (tune, mut drawn) = (self.start.tune, best.clone());
        // All are drawn, so that the draws of one do not depend on which others are given.
        let mut changes = |may_change: bool| rng.below(2) == 1 && may_change;
        let may_change =
            [tune.hidden, tune.dropout, tune.encoding, tune.encoding, tune.learning_rate, tune.weight_decay];
        let [new_hidden, new_dropout, new_bins, new_embedding, new_rate, new_decay] = may_change.map(&mut changes);
        let units = [32, 64, 96, 128][rng.below(4)];
        let layers = 2 + rng.below(2);
        let dropout = [0.0, 0.1, 0.2, 0.3][rng.below(4)];
        let bins = [16, 32, 48, 64][rng.below(4)].min(best.bins.max(16));
        let embedding = [0, 4, 8, 16][rng.below(4)];
        let usual_rate = f64::from(self.start.optimizer.learning_rate());
        let rate = two_digits(usual_rate * [0.1, 0.2, 0.3, 0.5, 1.0, 2.0][rng.below(6)]);
        let decay = [0.0, 0.03, 0.1, 0.3, 1.0][rng.below(5)];
        if new_hidden {
            drawn.hidden = vec![units; layers];
        }
        if new_dropout && self.may_drop() {
            drawn.dropout = dropout;
        }
        if new_embedding && (embedding > 0 || self.is_narrow) {
            // Codes of all bins without an embedding would make the first layer wide.
            (drawn.embedding, drawn.bins) = if embedding == 0 { (0, 0) } else { (embedding, drawn.bins) };
        }
        if new_bins && drawn.embedding > 0 {
            drawn.bins = bins;
        }
        if new_rate {
            drawn.optimizer = drawn.optimizer.with_learning_rate(rate);
        }
        if new_decay {
            drawn.penalty = drawn.penalty.weight_decay(decay);
        }
        drawn
    }
}
