//! One step of training, shared among the threads of a team.
//!
//! A step has two rounds. In the first, every piece of work is a block of the batch's rows, which goes forward and
//! backward through the network. In the second, it is a part of the parameters, whose gradient is summed over the
//! blocks in their order; the leader updates the parameters as the gradients come in. Every number is computed in the
//! same order for any blocks and parts, so nothing depends on the number of threads. Batch normalisation, which needs the
//! whole batch before it goes on, cuts the first round into several.

use std::ops::Range;
use std::sync::{Mutex, RwLock, RwLockReadGuard};

use super::snapshot::{Snapshot, set_parameters};
use crate::base::parallel::{self, Team, lock, read, write};
use crate::data::Dataset;
use crate::linalg::matrix::Matrix;
use crate::linalg::reduce::square_sum;
use crate::nn::backprop::{Batch, Part, Pass};
use crate::nn::layer::Layer;
use crate::nn::layer::batch_norm::{GROUP, Moments};
use crate::nn::network::{Network, Scratch};
use crate::optim::Optimizer;

/// One thread does a step of fewer multiply-adds sooner than two can agree on it.
const SHARED_WORK: usize = 1_000_000;
/// Rows that keep the products busy. Blocks are smaller only where there are more threads than such blocks.
const BLOCK_ROWS: usize = 32;
/// The most blocks for each thread: with some more than one, a fast core takes more of them.
const BLOCKS: usize = 4;
/// The weights in a part: their gradient leaves room for more in a first-level cache.
const PART: usize = 8192;
/// The fewest rows of a part, however wide they are: a few register tiles.
const PART_ROWS: usize = 28;
/// Validation rows that are predicted at once.
const CHUNK: usize = 256;

/// What else a step does.
#[derive(Clone, Debug)]
pub(super) struct Extras {
    /// The share of the targets that is spread over all classes.
    pub smoothing: f32,
    /// How much each example of the data counts; empty where all count alike.
    pub weights: Vec<f32>,
    /// The largest norm of the whole gradient.
    pub clip_norm: f32,
    /// The largest norm of a unit's weights.
    pub max_norm: f32,
    /// The layers before this one are not trained.
    pub frozen: usize,
}

impl Default for Extras {
    fn default() -> Self {
        Extras { smoothing: 0.0, weights: Vec::new(), clip_norm: f32::INFINITY, max_norm: f32::INFINITY, frozen: 0 }
    }
}

/// What the threads of a training have in common.
pub(super) struct Shared<'a> {
    network: RwLock<&'a mut Network>,
    data: &'a Dataset,
    extras: Extras,
    /// The rows of `data` in the order of the epoch.
    pub order: RwLock<Vec<usize>>,
    validation: &'a Dataset,
    validation_rows: Vec<usize>,
    /// The sum of the losses of each chunk of these.
    validation_losses: Mutex<Vec<f64>>,
    pub threads: usize,
    blocks: Vec<RwLock<Block>>,
    /// The sections of the passes, and what the batch normalisations between them know of the batch.
    sections: usize,
    moments: RwLock<Vec<Moments>>,
    parts: Vec<Part>,
    /// The gradients of parts, with their numbers, that wait for their use; and memory for more.
    gradients: Mutex<Vec<(usize, Vec<f32>)>>,
    spare: Mutex<Vec<Vec<f32>>>,
}

/// Some rows of a batch, on their way through the network.
struct Block {
    pass: Pass,
    x: Matrix,
    y: Matrix,
    scratch: Scratch,
}

/// What a team does at a time.
#[derive(Clone, Copy)]
pub(super) enum Round {
    /// Forward, backward or, at the turn, both, through a section: a piece for every `rows` rows of the batch that has these
    /// places in the order. The gradient is of the mean over so many examples.
    Passes { number: u64, start: usize, end: usize, rows: usize, examples: usize, section: usize, backward: bool },
    /// A piece for every part of the parameters: its gradient, from so many blocks.
    Gradients { blocks: usize },
    /// A piece for every chunk of the validation rows: its loss.
    Validation,
}

impl<'a> Shared<'a> {
    /// For training on `rows` of `data` in batches of `batch`, and measuring the loss on rows of `validation`.
    pub(super) fn new(
        network: &'a mut Network,
        pass: &Pass,
        batch: usize,
        (data, rows): (&'a Dataset, Vec<usize>),
        (validation, validation_rows): (&'a Dataset, Vec<usize>),
        extras: Extras,
    ) -> Self {
        let batch = batch.min(rows.len());
        let work = network.parameter_count().saturating_mul(3).saturating_mul(batch);
        let threads = if work < SHARED_WORK { 1 } else { parallel::threads() };
        let block = |_| {
            let (x, y, scratch) = Default::default();
            RwLock::new(Block { pass: pass.clone(), x, y, scratch })
        };
        let rows_of_part = |outputs: usize| (PART / outputs.max(1)).max(PART_ROWS);
        let parts = pass.parts(network, rows_of_part);
        // One thread uses a gradient as soon as it is there; of several, some wait for the leader.
        let in_flight = if extras.clip_norm.is_finite() {
            parts.len()
        } else if threads == 1 {
            1
        } else {
            4 * threads
        };
        let largest = parts.iter().map(|part| part.parameters.len()).max().unwrap_or(0);
        Shared {
            network: RwLock::new(network),
            data,
            extras,
            order: RwLock::new(rows),
            validation,
            validation_losses: Mutex::new(vec![0.0; validation_rows.len().div_ceil(CHUNK)]),
            validation_rows,
            threads,
            blocks: (0..most_blocks(batch, threads)).map(block).collect(),
            sections: pass.sections(),
            moments: RwLock::new(vec![Moments::default(); pass.sections() - 1]),
            gradients: Mutex::new(Vec::with_capacity(parts.len())),
            spare: Mutex::new((0..parts.len().min(in_flight)).map(|_| Vec::with_capacity(largest)).collect()),
            parts,
        }
    }

    /// The network as it is now.
    pub(super) fn network(&self) -> RwLockReadGuard<'_, &'a mut Network> {
        read(&self.network)
    }

    /// Gives the network these weights.
    pub(super) fn restore(&self, weights: &Snapshot) {
        weights.restore(&mut write(&self.network));
    }

    /// Likewise.
    pub(super) fn set_weights(&self, weights: &[f32]) {
        set_parameters(&mut write(&self.network), weights);
    }

    /// What each thread of the team does.
    pub(super) fn work(&self, round: Round, piece: usize) {
        match round {
            Round::Passes { number, start, end, rows, examples, section, backward } => {
                let (network, order) = (self.network(), read(&self.order));
                let Block { pass, x, y, .. } = &mut *write(&self.blocks[piece]);
                let batch = &order[start..end];
                let first = piece * rows;
                let rows = &batch[first..batch.len().min(first + rows)];
                let moments = read(&self.moments);
                if section == 0 && !backward {
                    self.data.gather(rows, x);
                    self.data.gather_targets(rows, network.outputs(), y);
                    self.smooth(y);
                    pass.weights.clear();
                    if !self.extras.weights.is_empty() {
                        pass.weights.extend(rows.iter().map(|&row| self.extras.weights[row]));
                    }
                }
                let batch = Batch { x, first, number, moments: &moments };
                if !backward {
                    pass.forward(&network, &batch, section);
                }
                if section + 1 == self.sections {
                    pass.judge(y, examples);
                }
                if backward || section + 1 == self.sections {
                    pass.backward(&network, &batch, section);
                }
            }
            Round::Gradients { blocks } => {
                let part = &self.parts[piece];
                let mut gradient = lock(&self.spare).pop().unwrap_or_default();
                gradient.resize(part.parameters.len(), 0.0);
                for (i, block) in self.blocks[..blocks].iter().enumerate() {
                    let block = read(block);
                    block.pass.gradient(part, &block.x, i > 0, &mut gradient);
                }
                lock(&self.gradients).push((piece, gradient));
            }
            Round::Validation => {
                let network = self.network();
                let Block { pass, x, y, scratch } = &mut *write(&self.blocks[piece % self.blocks.len()]);
                let rows = self.validation_rows.chunks(CHUNK).nth(piece).unwrap_or_default();
                self.validation.gather(rows, x);
                self.validation.gather_targets(rows, network.outputs(), y);
                let loss = pass.loss(&network, x, y, scratch) * rows.len() as f64;
                lock(&self.validation_losses)[piece] = loss;
            }
        }
    }

    /// One step on the examples with these places in the order, the `number`-th: the mean loss before it.
    ///
    /// # Errors
    /// What is no longer finite: the loss, before which nothing is changed, or a weight after the step.
    pub(super) fn step(
        &self,
        team: &mut Team<'_, Round>,
        optimizer: &mut Optimizer,
        number: u64,
        batch: Range<usize>,
    ) -> Result<f64, String> {
        let examples = batch.len();
        let (loss, blocks) = self.passes(team, number, batch, examples);
        let (loss, mut finite) = (loss / examples as f64, true);
        if !loss.is_finite() {
            return Err(format!("the loss is {loss}"));
        }
        optimizer.begin();
        let mut network = write(&self.network);
        let mut take = || {
            self.take_gradients(|part, gradient| finite &= update(&mut network, optimizer, part, gradient));
        };
        // A whole gradient that is cut is not used before all of it is there.
        let whole = self.extras.clip_norm.is_finite();
        team.run(Round::Gradients { blocks }, self.parts.len(), || {
            if !whole {
                take()
            }
        });
        if whole {
            self.clip();
            take();
        }
        if !finite {
            return Err("a weight is no longer finite".into());
        }
        let trained = &mut network.layers_mut()[self.extras.frozen..];
        if self.extras.max_norm.is_finite() {
            for layer in &mut *trained {
                if let Layer::Dense(dense) = layer {
                    dense.limit_norm(self.extras.max_norm);
                }
            }
        }
        let norms = trained.iter_mut().filter_map(Layer::as_batch_norm_mut);
        norms.zip(&*read(&self.moments)).for_each(|(norm, moments)| norm.follow(moments));
        Ok(loss)
    }

    /// The mean loss on all examples with these `weights`, which the network then has, and its gradient, which is added
    /// to `gradient`. `chunk` examples go through the network at a time, at most a batch.
    pub(super) fn loss_and_gradient(
        &self,
        team: &mut Team<'_, Round>,
        weights: &[f32],
        chunk: usize,
        gradient: &mut [f64],
    ) -> f64 {
        self.set_weights(weights);
        let examples = read(&self.order).len();
        let mut loss = 0.0;
        for start in (0..examples).step_by(chunk) {
            let (of_chunk, blocks) = self.passes(team, 0, start..examples.min(start + chunk), examples);
            loss += of_chunk;
            team.run(Round::Gradients { blocks }, self.parts.len(), || {
                self.take_gradients(|part, of_part| {
                    let sums = &mut gradient[part.parameters.clone()];
                    sums.iter_mut().zip(of_part).for_each(|(sum, &g)| *sum += f64::from(g));
                });
            });
        }
        loss / examples as f64
    }

    /// The mean loss on the examples with these places in the order, as the weights are now.
    pub(super) fn loss_again(&self, team: &mut Team<'_, Round>, number: u64, batch: Range<usize>) -> f64 {
        let examples = batch.len();
        self.passes(team, number, batch, examples).0 / examples as f64
    }

    /// The first rounds of a step: the sum of the losses, and the number of blocks.
    fn passes(&self, team: &mut Team<'_, Round>, number: u64, batch: Range<usize>, examples: usize) -> (f64, usize) {
        // Fewer blocks serve a smaller team, but the formula alone does not say so.
        let blocks = most_blocks(batch.len(), team.size()).min(self.blocks.len());
        let rows = batch.len().div_ceil(blocks).next_multiple_of(if self.sections > 1 { GROUP } else { 2 });
        let blocks = batch.len().div_ceil(rows);
        let (start, end) = (batch.start, batch.end);
        let mut run = |section, backward| {
            team.run(Round::Passes { number, start, end, rows, examples, section, backward }, blocks, || {});
        };
        for section in 0..self.sections {
            run(section, false);
            self.meet(blocks, section, false);
        }
        for section in (0..self.sections - 1).rev() {
            self.meet(blocks, section, true);
            run(section, true);
        }
        // One sum in the order of the rows, whatever the blocks.
        let mut loss = 0.0;
        for block in &self.blocks[..blocks] {
            read(block).pass.losses().iter().for_each(|of_row| loss += of_row);
        }
        // What is infinite before it is normalised is 0 after it, and would show in no loss.
        let finite = read(&self.moments).iter().all(Moments::is_finite);
        (if finite { loss } else { f64::NAN }, blocks)
    }

    /// Tells the batch normalisation after this section what all blocks have found out about the batch.
    fn meet(&self, blocks: usize, section: usize, backward: bool) {
        let mut moments = write(&self.moments);
        let Some(moments) = moments.get_mut(section) else { return };
        let blocks = &self.blocks[..blocks];
        let visit = |visit: &mut dyn FnMut(usize, &[f32])| {
            for block in blocks {
                let block = read(block);
                visit(block.x.rows(), block.pass.groups(section).0);
            }
        };
        let columns = read(&blocks[0]).pass.groups(section).1;
        if backward {
            moments.put_together_gradients(columns, visit);
        } else {
            let examples = blocks.iter().map(|block| read(block).x.rows()).sum();
            moments.put_together(examples, columns, visit);
        }
    }

    /// Spreads a share of the targets over all classes: two where there is a single output.
    fn smooth(&self, y: &mut Matrix) {
        let share = self.extras.smoothing;
        if share > 0.0 && self.data.labels().is_some() {
            let part = share / y.columns().max(2) as f32;
            y.as_mut_slice().iter_mut().for_each(|y| *y = *y * (1.0 - share) + part);
        }
    }

    /// Scales the gradients that wait, if these are all, to the largest norm that is allowed.
    fn clip(&self) {
        let mut gradients = lock(&self.gradients);
        // One sum in one order, whoever was first: each to the place of its number.
        for i in 0..gradients.len() {
            while gradients[i].0 != i {
                let place = gradients[i].0;
                gradients.swap(i, place);
            }
        }
        let norm = gradients.iter().map(|(_, gradient)| square_sum(gradient)).sum::<f64>().sqrt();
        let limit = f64::from(self.extras.clip_norm);
        if norm > limit && norm.is_finite() {
            let factor = (limit / norm) as f32;
            gradients.iter_mut().for_each(|(_, gradient)| gradient.iter_mut().for_each(|g| *g *= factor));
        }
    }

    /// Uses the gradients that are there.
    fn take_gradients(&self, mut take: impl FnMut(&Part, &[f32])) {
        let next = || lock(&self.gradients).pop();
        while let Some((number, gradient)) = next() {
            take(&self.parts[number], &gradient);
            lock(&self.spare).push(gradient);
        }
    }

    /// The mean loss on the validation rows, if there are any.
    pub(super) fn validation_loss(&self, team: &mut Team<'_, Round>) -> Option<f64> {
        let rows = self.validation_rows.len();
        team.run(Round::Validation, rows.div_ceil(CHUNK), || {});
        (rows > 0).then(|| lock(&self.validation_losses).iter().sum::<f64>() / rows as f64)
    }
}

/// The part's step; `false` when a parameter is no longer finite.
fn update(network: &mut Network, optimizer: &mut Optimizer, part: &Part, gradient: &[f32]) -> bool {
    let Part { layer, rows, parameters, .. } = part;
    let mut start = parameters.start;
    let mut tensors = network.layers_mut()[*layer].parameters_mut();
    let (Some(weights), Some(bias)) = (tensors.next(), tensors.next()) else { return true };
    let (of_weights, of_bias) = gradient.split_at(rows.len() * bias.len());
    let weights = &mut weights[rows.start * bias.len()..][..of_weights.len()];
    let finite = optimizer.update(weights, of_weights, start);
    start += of_weights.len();
    finite & optimizer.update(&mut bias[..of_bias.len()], of_bias, start)
}

/// As many blocks as keep the threads busy, and few enough to keep the products busy: no more for a smaller batch of as
/// many threads.
fn most_blocks(batch: usize, threads: usize) -> usize {
    if threads == 1 { 1 } else { threads * (batch / threads / BLOCK_ROWS).clamp(1, BLOCKS) }
}
