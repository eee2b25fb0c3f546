//! One step of training, shared among the threads of a team.
//!
//! # Problem
//!
//! Every step goes forward and backward through the network with the rows of a mini-batch, sums the gradient of every
//! parameter over the rows, and updates the parameters. A step takes from 20 µs to some milliseconds; the result must
//! have the same bits for any number of threads, although float addition depends on its order; and in the steady state
//! nothing may be allocated.
//!
//! # Idea
//!
//! A step is two rounds of tasks for the team. In the first, every piece of work is a block of the batch's rows; in the
//! second, it is a [`Piece`] of the parameters, whose gradient is summed over all blocks in the order of the rows.
//! Between rounds all threads meet.
//!
//! ```text
//! Passes       block 0: rows 0..32     block 1: rows 32..64     block 2: rows 64..96      a piece each
//!              forward, loss, backward: activations and deltas stay in the block's Pass
//!              ─────────────────── all blocks are done: the loss, summed over the rows ───────────────────
//! Gradients    piece 0: layer 0, rows 0..83 of its weights     piece 1: …     piece 2: layers 1 and 2
//!              Σ over block 0, 1, 2, in this order, in one chain of multiply-adds per entry
//! update       the leader, piece by piece as the gradients come in; with clip_norm, after the last of them
//! ```
//!
//! Every number is computed in the same order for any blocks and any pieces, so nothing depends on the number of threads
//! or on who did which piece. A gradient's memory goes from `spare` to the thread that computes it, to `waiting`, to
//! the leader, and back: there are a few more than threads.
//!
//! Batch normalization needs statistics of the whole batch before any row continues. It cuts the passes into sections,
//! each with a round of its own; between them the leader puts together what the blocks know (`meet`), forward and
//! backward:
//!
//! ```text
//! Passes section 0 forward │ meet │ section 1 forward and backward │ meet │ section 0 backward │ Gradients │ update
//! ```
//!
//! # Why not otherwise
//!
//! - A gradient for each thread, added up in the end, needs memory for all parameters per thread, and its bits depend
//!   on how the rows were divided.
//! - Sharing the matrix products of each layer instead of the rows would make all threads meet at every layer, forward
//!   and backward; small networks would do nothing else.
//! - Threads that update parameters without waiting for each other (Hogwild; Niu et al., 2011) are faster, and no
//!   training could be repeated.
//!
//! [`StepMemory`] owns everything that outlives a step; [`Shared`] adds the network and the data, which it borrows.

use std::ops::Range;
use std::sync::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::gradients::Gradients;
use super::pieces::Piece;
use super::snapshot::{Snapshot, set_parameters};
use crate::base::memory::threads_beside;
use crate::base::parallel::{self, Team, lock, read, write};
use crate::data::{Dataset, Targets};
use crate::linalg::matrix::Matrix;
use crate::nn::backprop::{Batch, Pass};
use crate::nn::layer::Layer;
use crate::nn::layer::batch_norm::{GROUP, Moments};
use crate::nn::network::{Network, Scratch};
use crate::optim::Optimizer;

/// One thread does a step of fewer multiply-adds sooner than two can agree on it.
const SHARED_WORK: usize = 1_000_000;
/// Rows that keep the products busy. Blocks are smaller only if there are more threads than such blocks.
const BLOCK_ROWS: usize = 32;
/// The most blocks for each thread: with some more than one, a fast core takes more of them.
const BLOCKS: usize = 4;
/// Validation rows that are predicted at once, and as many go through the network at a time for L-BFGS.
pub(super) const CHUNK: usize = 256;

/// Returns the numbers of examples that are in the network at a time: a mini-batch of so many rows, or as many chunks of
/// the rows that the loss is measured on as there are blocks.
pub(super) fn step_numbers(network: &Network, batch: usize, measured: usize, threads: usize) -> usize {
    let (inputs, all) = (network.inputs(), network.example_numbers());
    // Of the layers, forward, backward and what they keep.
    let of_row = all.saturating_add((all - inputs).saturating_mul(2));
    let chunks = most_blocks(batch, parallel::threads_or_default(threads)).min(measured.div_ceil(CHUNK));
    let of_chunks = all.saturating_mul(CHUNK.min(measured)).saturating_mul(chunks);
    of_row.saturating_mul(batch).saturating_add(of_chunks)
}

/// Some rows of a dataset.
pub(super) struct Rows<'a> {
    pub(super) data: &'a Dataset,
    pub(super) rows: Vec<usize>,
}

impl<'a> Rows<'a> {
    pub(super) fn all(data: &'a Dataset) -> Self {
        Rows { data, rows: (0..data.len()).collect() }
    }
}

/// The examples to train on, and those to measure the loss on.
pub(super) struct Examples<'a> {
    pub(super) train: Rows<'a>,
    pub(super) validation: Rows<'a>,
}

/// Everything that a step does besides going down the gradient.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct StepOptions {
    /// The fraction of the targets that is spread over all classes.
    pub(super) label_smoothing: f32,
    /// The weight of each example of the training data; empty if all count alike.
    pub(super) weights: Vec<f32>,
    /// The largest norm of the whole gradient.
    pub(super) clip_norm: f32,
    /// The largest norm of a unit's weights.
    pub(super) max_norm: f32,
    /// The layers before this one are not trained.
    pub(super) frozen: usize,
}

impl Default for StepOptions {
    fn default() -> Self {
        let (clip_norm, max_norm) = (f32::INFINITY, f32::INFINITY);
        StepOptions { label_smoothing: 0.0, weights: Vec::new(), clip_norm, max_norm, frozen: 0 }
    }
}

/// The memory of the steps of one network, which is allocated once and reused.
pub(super) struct StepMemory {
    /// The number of threads that it is for.
    pub(super) threads: usize,
    /// The rows of the training data in the order of the epoch.
    order: RwLock<Vec<usize>>,
    blocks: Vec<RwLock<Block>>,
    /// The number of sections of the passes, and the statistics of the batch at the batch normalizations between them.
    sections: usize,
    moments: RwLock<Vec<Moments>>,
    pieces: Vec<Piece>,
    gradients: Mutex<Gradients>,
    /// The sum of the losses of each chunk of the validation rows.
    validation_losses: Mutex<Vec<f64>>,
}

/// Some rows of a batch, on their way through the network.
struct Block {
    pass: Pass,
    x: Matrix,
    y: Matrix,
    scratch: Scratch,
}

/// A job for the team.
#[derive(Clone, Copy)]
pub(super) enum Task {
    /// Forward, backward or, at the turn, both, through a section: a piece for every `rows` rows of the batch, which is
    /// this range of the order. The gradient is of the mean over this number of examples.
    Passes { number: u64, start: usize, end: usize, rows: usize, examples: usize, section: usize, backward: bool },
    /// The gradient of every [`Piece`] of the parameters, from this number of blocks.
    Gradients { blocks: usize },
    /// A piece for every chunk of the validation rows: its loss.
    Validation,
}

impl StepMemory {
    /// Returns memory for steps on mini-batches of up to `batch` examples. `threads` is a trainer's own number, or
    /// zero.
    pub(super) fn new(network: &Network, pass: &Pass, options: &StepOptions, batch: usize, threads: usize) -> Self {
        let work = network.parameter_count().saturating_mul(3).saturating_mul(batch);
        let threads = if work < SHARED_WORK { 1 } else { parallel::threads_or_default(threads) };
        let numbers = step_numbers(network, batch, usize::MAX, threads).saturating_add(3 * network.parameter_count());
        let threads = threads_beside(numbers.saturating_mul(4), threads);
        let block = |_| {
            let (x, y, scratch) = Default::default();
            RwLock::new(Block { pass: pass.clone(), x, y, scratch })
        };
        let pieces = Piece::all(network, pass);
        // One thread uses a gradient as soon as it is there; of several, some wait for the leader.
        let in_flight = if options.clip_norm.is_finite() {
            pieces.len()
        } else if threads == 1 {
            1
        } else {
            4 * threads
        };
        StepMemory {
            threads,
            order: RwLock::default(),
            blocks: (0..most_blocks(batch, threads)).map(block).collect(),
            sections: pass.sections(),
            moments: RwLock::new(vec![Moments::default(); pass.sections() - 1]),
            gradients: Mutex::new(Gradients::new(&pieces, in_flight)),
            pieces,
            validation_losses: Mutex::default(),
        }
    }
}

/// Everything that the threads of a training have in common.
pub(super) struct Shared<'a> {
    network: RwLock<&'a mut Network>,
    examples: Examples<'a>,
    options: StepOptions,
    memory: &'a StepMemory,
}

impl<'a> Shared<'a> {
    pub(super) fn new(
        network: &'a mut Network,
        examples: Examples<'a>,
        options: StepOptions,
        memory: &'a StepMemory,
    ) -> Self {
        write(&memory.order).clone_from(&examples.train.rows);
        lock(&memory.validation_losses).resize(examples.validation.rows.len().div_ceil(CHUNK), 0.0);
        Shared { network: RwLock::new(network), examples, options, memory }
    }

    /// Runs `lead` as the leader of a team that does the tasks.
    pub(super) fn with_team<R>(&self, lead: impl FnOnce(&mut Team<'_, Task>) -> R) -> R {
        parallel::team(self.memory.threads, &|task, piece| self.work(task, piece), lead)
    }

    /// Returns the order of the rows of the training data.
    pub(super) fn order(&self) -> RwLockWriteGuard<'_, Vec<usize>> {
        write(&self.memory.order)
    }

    /// Returns the rows to train on, in the order of the data.
    pub(super) fn rows(&self) -> &[usize] {
        &self.examples.train.rows
    }

    /// Returns the network as it is now.
    pub(super) fn network(&self) -> RwLockReadGuard<'_, &'a mut Network> {
        read(&self.network)
    }

    /// Returns the statistics of the batch; `None` without batch normalization, for a lock takes as long as a small layer.
    fn moments(&self) -> Option<RwLockReadGuard<'_, Vec<Moments>>> {
        (self.memory.sections > 1).then(|| read(&self.memory.moments))
    }

    /// Gives the network these weights.
    pub(super) fn restore(&self, weights: &Snapshot) {
        weights.restore(&mut write(&self.network));
    }

    /// Gives the network's parameters these values.
    pub(super) fn set_weights(&self, weights: &[f32]) {
        set_parameters(&mut write(&self.network), weights);
    }

    /// Does a piece of a task, on any thread of the team.
    fn work(&self, task: Task, piece: usize) {
        let memory = self.memory;
        match task {
            Task::Passes { number, start, end, rows, examples, section, backward } => {
                let (network, order) = (self.network(), read(&memory.order));
                let Block { pass, x, y, .. } = &mut *write(&memory.blocks[piece]);
                let batch = &order[start..end];
                let first = piece * rows;
                let rows = &batch[first..batch.len().min(first + rows)];
                let moments = self.moments();
                let moments = moments.as_deref().map_or(&[][..], Vec::as_slice);
                if section == 0 && !backward {
                    let data = self.examples.train.data;
                    data.gather(rows, x);
                    data.gather_targets(rows, network.outputs(), y);
                    self.smooth(y);
                    pass.weights.clear();
                    if !self.options.weights.is_empty() {
                        pass.weights.extend(rows.iter().map(|&row| self.options.weights[row]));
                    }
                }
                let batch = Batch { x, first, number, moments };
                if !backward {
                    pass.forward(&network, &batch, section);
                }
                if section + 1 == memory.sections {
                    pass.compute_loss(y, examples);
                }
                if backward || section + 1 == memory.sections {
                    pass.backward(&network, &batch, section);
                }
            }
            Task::Gradients { blocks } => {
                let Piece { parts, parameters } = &memory.pieces[piece];
                let mut gradient = lock(&memory.gradients).spare();
                gradient.resize(parameters.len());
                for (i, block) in memory.blocks[..blocks].iter().enumerate() {
                    let (block, mut rest) = (read(block), &mut gradient[..]);
                    for part in parts {
                        let (of_part, after) = rest.split_at_mut(part.parameters.len());
                        block.pass.gradient(part, &block.x, i > 0, of_part);
                        rest = after;
                    }
                }
                lock(&memory.gradients).add(piece, gradient);
            }
            Task::Validation => {
                let network = self.network();
                let Block { pass, x, y, scratch } = &mut *write(&memory.blocks[piece % memory.blocks.len()]);
                let Rows { data, rows } = &self.examples.validation;
                let rows = rows.chunks(CHUNK).nth(piece).unwrap_or_default();
                data.gather(rows, x);
                data.gather_targets(rows, network.outputs(), y);
                let loss = pass.loss(&network, x, y, scratch) * rows.len() as f64;
                lock(&memory.validation_losses)[piece] = loss;
            }
        }
    }

    /// Takes one step, the `number`-th, on the examples in this range of the order; returns the mean loss before it.
    ///
    /// # Errors
    /// If the loss is not finite, before anything is changed, or a weight after the step.
    pub(super) fn step(
        &self,
        team: &mut Team<'_, Task>,
        optimizer: &mut Optimizer,
        number: u64,
        batch: Range<usize>,
    ) -> Result<f64, String> {
        team.round(batch.len(), |team| self.step_of(team, optimizer, number, batch))
    }

    /// Takes a step by the threads of this round.
    fn step_of(
        &self,
        team: &mut Team<'_, Task>,
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
            self.take_gradients(|piece, gradient| finite &= piece.update(&mut network, optimizer, gradient));
        };
        // A gradient whose norm is limited is not used before all of it is there.
        let whole = self.options.clip_norm.is_finite();
        team.run(Task::Gradients { blocks }, self.memory.pieces.len(), || {
            if !whole {
                take()
            }
        });
        if whole {
            lock(&self.memory.gradients).clip(&self.memory.pieces, self.options.clip_norm);
            take();
        }
        if !finite {
            return Err("a weight is no longer finite".into());
        }
        let trained = &mut network.layers_mut()[self.options.frozen..];
        if self.options.max_norm.is_finite() {
            for layer in &mut *trained {
                if let Layer::Dense(dense) = layer {
                    dense.limit_norm(self.options.max_norm);
                }
            }
        }
        if let Some(moments) = self.moments() {
            let norms = trained.iter_mut().filter_map(Layer::as_batch_norm_mut);
            norms.zip(&*moments).for_each(|(norm, moments)| norm.follow(moments));
        }
        Ok(loss)
    }

    /// Returns the mean loss on all examples with these `weights`, which the network then has, and adds its gradient to
    /// `gradient`. `chunk` examples go through the network at a time, at most a batch.
    pub(super) fn loss_and_gradient(
        &self,
        team: &mut Team<'_, Task>,
        weights: &[f32],
        chunk: usize,
        gradient: &mut [f64],
    ) -> f64 {
        self.set_weights(weights);
        let examples = read(&self.memory.order).len();
        let mut loss = 0.0;
        for start in (0..examples).step_by(chunk) {
            let (of_chunk, blocks) = self.passes(team, 0, start..examples.min(start + chunk), examples);
            loss += of_chunk;
            team.run(Task::Gradients { blocks }, self.memory.pieces.len(), || {
                self.take_gradients(|piece, of_piece| {
                    let sums = &mut gradient[piece.parameters.clone()];
                    sums.iter_mut().zip(of_piece).for_each(|(sum, &g)| *sum += f64::from(g));
                });
            });
        }
        loss / examples as f64
    }

    /// Returns the mean loss on the examples in this range of the order, with the weights as they are now.
    pub(super) fn loss_again(&self, team: &mut Team<'_, Task>, number: u64, batch: Range<usize>) -> f64 {
        let examples = batch.len();
        self.passes(team, number, batch, examples).0 / examples as f64
    }

    /// The first tasks of a step: returns the sum of the losses, and the number of blocks.
    fn passes(&self, team: &mut Team<'_, Task>, number: u64, batch: Range<usize>, examples: usize) -> (f64, usize) {
        // Fewer blocks serve a smaller team, but the formula alone does not say so.
        let blocks = most_blocks(batch.len(), team.size()).min(self.memory.blocks.len());
        let rows = batch.len().div_ceil(blocks).next_multiple_of(if self.memory.sections > 1 { GROUP } else { 2 });
        let blocks = batch.len().div_ceil(rows);
        let (start, end) = (batch.start, batch.end);
        let mut run = |section, backward| {
            team.run(Task::Passes { number, start, end, rows, examples, section, backward }, blocks, || {});
        };
        let last = self.memory.sections - 1;
        for section in 0..last {
            run(section, false);
            self.meet(blocks, section, false);
        }
        run(last, false);
        for section in (0..last).rev() {
            self.meet(blocks, section, true);
            run(section, true);
        }
        // One sum in the order of the rows, whatever the blocks.
        let mut loss = 0.0;
        for block in &self.memory.blocks[..blocks] {
            read(block).pass.losses().iter().for_each(|of_row| loss += of_row);
        }
        // A number that is infinite before it is normalized is 0 after it, and would show in no loss.
        let finite = self.moments().is_none_or(|moments| moments.iter().all(Moments::is_finite));
        (if finite { loss } else { f64::NAN }, blocks)
    }

    /// Puts together the statistics of all blocks for the batch normalization after this section.
    fn meet(&self, blocks: usize, section: usize, backward: bool) {
        let moments = &mut write(&self.memory.moments)[section];
        let blocks = &self.memory.blocks[..blocks];
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

    /// Spreads a fraction of the targets over all classes: two if there is a single output, and for each label.
    fn smooth(&self, y: &mut Matrix) {
        let fraction = self.options.label_smoothing;
        let classes = match self.examples.train.data.targets() {
            Targets::Classes(_) => y.columns().max(2),
            Targets::Labels(_) => 2,
            Targets::Values(_) => return,
        };
        if fraction > 0.0 {
            y.as_mut_slice().iter_mut().for_each(|y| *y = *y * (1.0 - fraction) + fraction / classes as f32);
        }
    }

    /// Uses the gradients that are there.
    fn take_gradients(&self, mut take: impl FnMut(&Piece, &[f32])) {
        let mut used = None;
        let next = |used| lock(&self.memory.gradients).next(used);
        while let Some((number, gradient)) = next(used) {
            take(&self.memory.pieces[number], &gradient);
            used = Some(gradient);
        }
    }

    /// Returns the mean loss on the validation rows, if there are any.
    pub(super) fn validation_loss(&self, team: &mut Team<'_, Task>) -> Option<f64> {
        let rows = self.examples.validation.rows.len();
        team.run(Task::Validation, rows.div_ceil(CHUNK), || {});
        (rows > 0).then(|| lock(&self.memory.validation_losses).iter().sum::<f64>() / rows as f64)
    }
}

/// Returns a number of blocks that keeps the threads busy, and is small enough to keep the products busy. For a smaller
/// batch and as many threads, it is not larger.
fn most_blocks(batch: usize, threads: usize) -> usize {
    if threads == 1 { 1 } else { threads * (batch / threads / BLOCK_ROWS).clamp(1, BLOCKS) }
}
