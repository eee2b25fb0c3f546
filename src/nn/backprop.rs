//! The forward and the backward pass through the stack (Rumelhart, Hinton, Williams, 1986).
//!
//! # Problem
//!
//! A training step has many rows and many parameters, and several threads. The passes of one row do not depend on other
//! rows, but the gradient of a parameter is a sum over all rows, whose bits depend on the order of the terms. And batch
//! normalization makes every row depend on all others.
//!
//! # Idea
//!
//! Some rows of a batch, a block, go through the whole stack by themselves, with a [`Pass`] of their own. It keeps a
//! [`Slot`] for each step of the stack: its output, the gradient with respect to that (`delta`), and the layer's cache.
//! No gradient of a parameter is computed on the way: after all blocks have gone back, the parameters are cut into
//! [`Part`]s, and whoever computes a part visits the blocks in the order of the rows. So the gradient is the same for
//! any number of threads, and no two threads write to the same numbers.
//!
//! ```text
//!            slot 0            slot 1            slot 2
//!   x ───▶ dense, relu ───▶   dropout    ───▶ dense, softmax ───▶ loss      forward: writes output and cache
//!            delta 0   ◀───    delta 1   ◀───    delta 2     ◀───┘          backward: writes the delta before
//!               │                                   │
//!        part 0, part 1                          part 2                     gradient: input × delta
//! ```
//!
//! The pass walks steps ([`Step`]) and knows no kind of layer, but for one thing: at every batch normalization both
//! passes are cut, because all blocks must meet there (see [`batch_norm`](super::layer::batch_norm)). A pass is a
//! sequence of *sections*, each of which begins at a batch normalization, except for the first.
//!
//! # Why not otherwise
//!
//! - A gradient for each block, added up in the end, needs memory for all parameters in every block, and its bits
//!   depend on the blocks.
//! - A recorded graph of operations (a tape) would allow any architecture; a stack needs none, and its steps allocate
//!   nothing.

use std::ops::Range;

use super::layer::batch_norm::Moments;
use super::layer::{Cache, GradientPart, Grid, Layer, Trace};
use super::loss::Loss;
use super::network::{Network, Scratch};
use super::steps::Step;
use crate::base::error::Result;
use crate::base::parallel::cut;
use crate::base::rng::{Rng, purpose};
use crate::linalg::matrix::Matrix;

/// Both passes of one block of examples: everything but the gradient of the parameters, which is a sum over the whole
/// batch.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// The loss as it is computed: of logits if the last activation fuses with it. `None` if others compute it.
    loss: Option<Loss>,
    /// The loss of the mean of all members' outputs, in prediction.
    measured: Option<Loss>,
    /// Whether the last activation is left out.
    to_logits: bool,
    /// The number of rows that become of each, and the target of each of these.
    members: usize,
    repeated: Matrix,
    slots: Vec<Slot>,
    /// The slots with a trained batch normalization, each of which begins a section.
    norms: Vec<usize>,
    /// The layers before this one work as in prediction, and are not trained.
    frozen: usize,
    input_delta: Matrix,
    /// The loss of each example.
    losses: Vec<f64>,
    /// The weight of each example; empty if all count alike.
    pub weights: Vec<f32>,
    /// Whether there is dropout or noise, and the seed of their keys, together with the number of the pass.
    is_random: bool,
    seed: u64,
}

/// A step of the stack, and the results of the passes at it.
#[derive(Clone, Debug)]
struct Slot {
    /// The layer that the step begins with.
    layer: usize,
    trace: Trace,
}

/// The rows of a batch that go through the network.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    /// The features of these rows.
    pub x: &'a Matrix,
    /// The index of the first of them in the batch.
    pub first: usize,
    /// The number of the pass, which chooses the entries that are dropped.
    pub number: u64,
    /// The statistics of the whole batch at every batch normalization.
    pub moments: &'a [Moments],
}

/// Parameters of one layer that lie together, whose gradient is computed at once: rows of the weights and, after the
/// last of them, the bias.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    slot: usize,
    pub layer: usize,
    pub rows: Range<usize>,
    /// The numbers in a row.
    pub columns: usize,
    /// Their indices among all parameters.
    pub parameters: Range<usize>,
}

/// [`Network::from_layers`] makes sure of it.
const STACK: &str = "a network has a dense layer";

impl Pass {
    /// Returns a pass for training `network` on this loss.
    ///
    /// # Errors
    /// If the loss is not defined for the network's outputs.
    pub(crate) fn new(network: &Network, loss: Loss, seed: u64) -> Result<Self> {
        network.check_loss(loss)?;
        let fused = loss.fused(network.output_activation());
        let pass = Pass::to_logits(network, seed);
        Ok(Pass { loss: fused.or(Some(loss)), measured: Some(loss), to_logits: fused.is_some(), ..pass })
    }

    /// Returns a pass without the last activation and without a loss: see [`output_delta`](Self::output_delta).
    pub(crate) fn to_logits(network: &Network, seed: u64) -> Self {
        let layers = network.member_layers();
        let mut slots = Vec::new();
        let mut layer = 0;
        while layer < layers.len() {
            slots.push(Slot { layer, trace: layers[layer].trace(false) });
            layer = Step::of_training(layers, layer, true).1;
        }
        let norms = (0..slots.len()).filter(|&i| slots[i].trace.batch_norm().is_some()).collect();
        Pass {
            loss: None,
            measured: None,
            to_logits: true,
            members: network.members(),
            repeated: Matrix::default(),
            slots,
            norms,
            frozen: 0,
            input_delta: Matrix::default(),
            losses: Vec::new(),
            weights: Vec::new(),
            is_random: layers.iter().any(|layer| matches!(layer, Layer::Dropout(_) | Layer::Noise(_))),
            seed: Rng::stream(seed, purpose::DROPOUT).next_u64(),
        }
    }

    /// Freezes the first `layers` of the network: they work as in prediction, and are not trained.
    pub(crate) fn freeze(mut self, network: &Network, layers: usize) -> Self {
        self.frozen = layers;
        for slot in &mut self.slots {
            slot.trace = network.layers()[slot.layer].trace(slot.layer < layers);
        }
        self.norms.retain(|&slot| self.slots[slot].layer >= layers);
        self
    }

    /// Returns the number of sections that both passes are cut into. Between them, all rows of the batch must meet: see
    /// [`groups`](Self::groups).
    pub(crate) fn sections(&self) -> usize {
        self.norms.len() + 1
    }

    fn section(&self, section: usize) -> Range<usize> {
        let start = if section == 0 { 0 } else { self.norms[section - 1] };
        start..self.norms.get(section).copied().unwrap_or(self.slots.len())
    }

    /// Returns the description of these rows for the batch normalization after this section, and the number of its
    /// columns: of the last pass, be it forward to or backward from it.
    pub(crate) fn groups(&self, section: usize) -> (&[f32], usize) {
        self.slots[self.norms[section]].trace.batch_norm().map_or((&[], 0), |cache| cache.groups())
    }

    /// Returns the outputs, or the logits if the loss is computed from those.
    pub(crate) fn output(&self) -> &Matrix {
        &self.slots.last().expect(STACK).trace.output
    }

    /// Returns the output of this layer, or of the step that ends with it; `None` if it is not kept.
    pub(crate) fn activations(&self, network: &Network, layer: usize) -> Option<&Matrix> {
        let layers = network.member_layers();
        // Without the last activation, the last step puts out what the layer before that does.
        let is_left_out = self.to_logits && matches!(layers.last(), Some(Layer::Activation(_)));
        let end = layers.len() - usize::from(is_left_out);
        let ends = |slot: &&Slot| Step::of_training(layers, slot.layer, self.to_logits).1.min(end) == layer + 1;
        self.slots.iter().find(ends).map(|slot| &slot.trace.output)
    }

    /// Runs a section of the forward pass.
    pub(crate) fn forward(&mut self, network: &Network, batch: &Batch<'_>, section: usize) {
        let layers = network.member_layers();
        if section == 0 && self.is_random {
            let (mut keys, mut first) = (Rng::stream(self.seed, batch.number), batch.first);
            for Slot { layer, trace } in &mut self.slots {
                layers[*layer].draw(&mut keys, first, &mut trace.cache);
                if let Layer::Members(members) = &layers[*layer] {
                    first = batch.first * members.members();
                }
            }
        }
        let moments = moments_before(batch.moments, section);
        let slots = self.section(section);
        for i in slots.clone() {
            let (before, rest) = self.slots.split_at_mut(i);
            let input = before.last().map_or(batch.x, |slot| &slot.trace.output);
            let step = Step::of_training(layers, rest[0].layer, self.to_logits).0;
            step.forward(input, moments, &mut rest[0].trace);
        }
        // The cut: the batch normalization that begins the next section needs the whole batch.
        let (before, rest) = self.slots.split_at_mut(slots.end);
        if let Some(Slot { trace: Trace { cache: Cache::BatchNorm(cache), .. }, .. }) = rest.first_mut() {
            cache.describe(before.last().map_or(batch.x, |slot| &slot.trace.output));
        }
    }

    /// Computes the losses of these rows, as a part of a batch of `examples`, and the gradient that the backward pass
    /// begins with.
    pub(crate) fn compute_loss(&mut self, target: &Matrix, examples: usize) {
        let loss = self.loss.expect("a pass that computes the loss");
        let (last, members) = (&mut self.slots.last_mut().expect(STACK).trace, self.members);
        let target = if members == 1 { target } else { self.repeated.repeat_rows(target, members) };
        loss.of_rows(&last.output, target, examples * members, &mut last.delta, &mut self.losses);
        if members > 1 {
            mean_of_members(&mut self.losses, members);
        }
        for (i, weight) in self.weights.iter().enumerate() {
            for row in i * members..(i + 1) * members {
                last.delta.row_mut(row).iter_mut().for_each(|slope| *slope *= weight);
            }
            self.losses[i] *= f64::from(*weight);
        }
    }

    /// Returns the output, and the gradient of a loss with respect to it, to be set before the backward pass if no
    /// [`compute_loss`](Self::compute_loss) does.
    pub(crate) fn output_delta(&mut self) -> (&Matrix, &mut Matrix) {
        let last = &mut self.slots.last_mut().expect(STACK).trace;
        (&last.output, &mut last.delta)
    }

    /// Runs a section of the backward pass after [`forward`](Self::forward) of the same batch; the last section is the
    /// first to go backward.
    pub(crate) fn backward(&mut self, network: &Network, batch: &Batch<'_>, section: usize) {
        let first_trained = self.first_trained(network);
        let slots = self.section(section);
        if slots.end < self.slots.len() {
            // The batch normalization after this section, now that the whole batch has reached it.
            if self.slots[slots.end].layer <= first_trained {
                return;
            }
            self.hand_over(network, batch, slots.end);
        }
        for i in slots.clone().rev() {
            self.backward_activation(network, i);
            let Trace { cache, delta, .. } = &mut self.slots[i].trace;
            if let (true, Cache::BatchNorm(cache)) = (i == slots.start, cache) {
                return cache.describe_gradient(delta);
            }
            // Nobody needs the gradient with respect to the inputs: the pass stops at the first trained layer.
            if self.slots[i].layer <= first_trained {
                return;
            }
            self.hand_over(network, batch, i);
        }
    }

    /// Continues from the end of all sections of the backward pass to the gradient with respect to the inputs; once
    /// for each backward pass.
    pub(crate) fn continue_to_inputs(&mut self, network: &Network, batch: &Batch<'_>) {
        let first_trained = self.first_trained(network);
        let stop = self.slots.iter().position(|slot| slot.layer >= first_trained).unwrap_or(self.slots.len() - 1);
        for i in (0..=stop).rev() {
            if i < stop {
                self.backward_activation(network, i);
            }
            self.hand_over(network, batch, i);
        }
    }

    /// Returns the gradient with respect to the inputs, after [`continue_to_inputs`](Self::continue_to_inputs).
    pub(crate) fn input_delta(&self) -> &Matrix {
        &self.input_delta
    }

    fn backward_activation(&mut self, network: &Network, slot: usize) {
        let Slot { layer, trace } = &mut self.slots[slot];
        Step::of_training(network.member_layers(), *layer, self.to_logits).0.backward_activation(trace);
    }

    /// Runs the backward pass of a slot's layer, to the slot before or to the inputs.
    fn hand_over(&mut self, network: &Network, batch: &Batch<'_>, slot: usize) {
        let section = self.norms.iter().filter(|&&norm| norm <= slot).count();
        let moments = moments_before(batch.moments, section);
        let (before, rest) = self.slots.split_at_mut(slot);
        let (input, input_delta) = match before.last_mut() {
            Some(Slot { trace: Trace { output, delta, .. }, .. }) => (&*output, delta),
            None => (batch.x, &mut self.input_delta),
        };
        let Slot { layer, trace } = &mut rest[0];
        let step = Step::of_training(network.member_layers(), *layer, self.to_logits).0;
        step.layer.backward(input, moments, trace, input_delta);
    }

    /// Returns the index of the first layer with parameters that are trained.
    fn first_trained(&self, network: &Network) -> usize {
        let has_parameters = |layer: &Layer| layer.grid().is_some();
        self.frozen + network.layers().iter().skip(self.frozen).take_while(|layer| !has_parameters(layer)).count()
    }

    /// Returns the loss of each example, after [`compute_loss`](Self::compute_loss).
    pub(crate) fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// Returns the parameters in parts of at most `rows` inputs each, a number that may depend on the layer's outputs.
    pub(crate) fn parts(&self, network: &Network, rows: impl Fn(usize) -> usize) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut start = 0;
        for (slot, &Slot { layer, .. }) in self.slots.iter().enumerate() {
            let Some(Grid { weights, biases, columns }) = network.layers()[layer].grid() else { continue };
            if layer < self.frozen {
                start += (weights + biases) * columns;
                continue;
            }
            let count = weights.div_ceil(rows(columns).max(1)).max(1);
            for i in 0..count {
                let rows = cut(weights, count, i)..cut(weights, count, i + 1);
                let biases = if rows.end == weights { biases } else { 0 };
                let end = start + (rows.len() + biases) * columns;
                parts.push(Part { slot, layer, rows, columns, parameters: start..end });
                start = end;
            }
        }
        parts
    }

    /// Computes the gradient of a part, after [`backward`](Self::backward) of the same `x`; added to that of earlier
    /// rows of the batch if it is to `resume`.
    pub(crate) fn gradient(&self, part: &Part, x: &Matrix, resume: bool, values: &mut [f32]) {
        let input = if part.slot == 0 { x } else { &self.slots[part.slot - 1].trace.output };
        self.slots[part.slot].trace.gradient(input, GradientPart { rows: part.rows.clone(), values, resume });
    }

    /// Returns the loss of the network's outputs for `x` without training: nothing is dropped, and nothing is kept.
    pub(crate) fn loss(&self, network: &Network, x: &Matrix, target: &Matrix, scratch: &mut Scratch) -> f64 {
        let (loss, to_logits) = if self.members == 1 { (self.loss, self.to_logits) } else { (self.measured, false) };
        let loss = loss.expect("a pass that computes the loss");
        loss.value(network.run(x, scratch, to_logits), target)
    }
}

/// Replaces the losses of every example's members by their mean.
pub(super) fn mean_of_members(losses: &mut Vec<f64>, members: usize) {
    let examples = losses.len() / members;
    for i in 0..examples {
        losses[i] = losses[i * members..(i + 1) * members].iter().sum::<f64>() / members as f64;
    }
    losses.truncate(examples);
}

/// Returns the statistics for the batch normalization that this section begins with.
fn moments_before(moments: &[Moments], section: usize) -> &Moments {
    // The first section begins with none.
    static NONE: Moments = Moments::NONE;
    section.checked_sub(1).map_or(&NONE, |before| &moments[before])
}
