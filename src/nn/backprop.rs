//! The forward and the backward pass through the stack (Rumelhart, Hinton, Williams, 1986).

use std::ops::Range;

use super::network::{Network, Scratch};
use super::steps::Step;
use crate::base::error::Result;
use crate::base::parallel::cut;
use crate::base::rng::{Rng, purpose};
use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;
use crate::nn::layer::batch_norm::{self, Moments};
use crate::nn::layer::{Dense, Layer};
use crate::nn::loss::{self, Loss};

/// What one training step needs besides the network: every layer's output, the gradients, the random state of
/// dropout. Its memory is taken at the first batch and reused: further steps allocate nothing. It works on the thread
/// that calls it, but for very large products; [`Trainer`](crate::Trainer) shares whole steps among several.
///
/// ```
/// use palmnet::{Activation::*, Loss, Matrix, Network, Optimizer, Sgd, Workspace};
/// let x = Matrix::from_rows(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
/// let y = Matrix::from_rows(&[[0.0], [1.0], [1.0], [0.0]]);
/// let mut network = Network::builder(2).dense(8, Tanh).dense(1, Sigmoid).seed(1).build()?;
/// let mut workspace = Workspace::new(&network, Loss::BinaryCrossEntropy, 1)?;
/// let mut optimizer = Optimizer::new(Sgd::new(0.5).momentum(0.9), &network);
/// let mut loss = 0.0;
/// for _ in 0..500 {
///     workspace.forward(&network, &x);
///     loss = workspace.backward(&network, &x, &y);
///     optimizer.step(&mut network, workspace.gradient());
/// }
/// assert!(loss < 0.01);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Workspace {
    pass: Pass,
    parts: Vec<Part>,
    /// What batch normalisation knows of the batch.
    moments: Vec<Moments>,
    gradient: Vec<f32>,
    /// The forward passes so far.
    passes: u64,
}

impl Workspace {
    /// A workspace for this network and loss; `seed` is dropout's.
    ///
    /// # Errors
    /// When the loss is not defined for what the network puts out.
    pub fn new(network: &Network, loss: Loss, seed: u64) -> Result<Self> {
        let pass = Pass::new(network, loss, seed)?;
        let parts = pass.parts(network, |_| usize::MAX);
        let moments = vec![Moments::default(); pass.sections() - 1];
        Ok(Workspace { pass, parts, moments, gradient: vec![0.0; network.parameter_count()], passes: 0 })
    }

    /// The forward pass in training: dropout is at work, and batch normalisation takes its means and variances from `x`.
    /// Returns the outputs, or the logits where the loss is computed from those.
    ///
    /// # Panics
    /// When `x` has not as many columns as the network has inputs, or the network is not the workspace's.
    pub fn forward(&mut self, network: &Network, x: &Matrix) -> &Matrix {
        assert_eq!(x.columns(), network.inputs(), "the network has {} inputs", network.inputs());
        self.passes += 1;
        let last = self.moments.len();
        for section in 0..last {
            self.pass.forward(network, x, 0, self.passes - 1, section, &self.moments);
            let (groups, columns) = self.pass.groups(section);
            self.moments[section].put_together(x.rows(), columns, |visit| visit(x.rows(), groups));
        }
        self.pass.forward(network, x, 0, self.passes - 1, last, &self.moments);
        self.pass.output()
    }

    /// The backward pass after [`forward`](Self::forward) of the same `x`: the mean loss against `target`; its
    /// gradient is then in [`gradient`](Self::gradient).
    ///
    /// # Panics
    /// When `target` has not the shape of the outputs.
    pub fn backward(&mut self, network: &Network, x: &Matrix, target: &Matrix) -> f64 {
        for section in (0..self.pass.sections()).rev() {
            self.pass.backward(network, x, target, 0, x.rows(), section, &self.moments);
            if let Some(before) = section.checked_sub(1) {
                let (groups, columns) = self.pass.groups(before);
                self.moments[before].put_together_gradients(columns, |visit| visit(x.rows(), groups));
            }
        }
        for part in &self.parts {
            self.pass.gradient(part, x, false, &mut self.gradient[part.parameters.clone()]);
        }
        loss::mean(self.pass.losses())
    }

    /// Lets the last batch contribute to the running means and variances of batch normalisation, which
    /// [`Trainer`](crate::Trainer) does with every step; a network without that is left as it is.
    pub fn update_running(&self, network: &mut Network) {
        let norms = network.layers_mut().iter_mut().filter_map(Layer::as_batch_norm_mut);
        norms.zip(&self.moments).for_each(|(norm, moments)| norm.follow(moments));
    }

    /// The gradient of the last [`backward`](Self::backward), to be changed before the optimizer sees it, as
    /// [`clip_norm`](crate::clip_norm) does.
    pub fn gradient_mut(&mut self) -> &mut [f32] {
        &mut self.gradient
    }

    /// The gradient of the last [`backward`](Self::backward), one tensor after the other in the order of
    /// [`Network::parameters`].
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// The loss of the network's outputs for `x` against `target` without training: nothing is dropped or kept.
    ///
    /// # Panics
    /// When the shapes do not fit the network.
    pub fn loss(&self, network: &Network, x: &Matrix, target: &Matrix, scratch: &mut Scratch) -> f64 {
        self.pass.loss(network, x, target, scratch)
    }
}

/// Both passes of one set of examples, which may be some rows of a batch: everything but the gradient of the
/// parameters, which is a sum over the whole batch.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// The loss as it is computed: of logits where the last activation fuses with it.
    loss: Loss,
    to_logits: bool,
    slots: Vec<Slot>,
    /// Where batch normalisation is in the slots. Each begins a section of its own: what it does needs the whole batch's
    /// section before.
    norms: Vec<usize>,
    /// The layers before this one work as in prediction, and are not trained.
    frozen: usize,
    /// Of each example.
    losses: Vec<f64>,
    /// How much each example counts; empty where all count alike.
    pub weights: Vec<f32>,
    /// Where the keys of dropout come from, together with the number of the pass.
    dropout: u64,
}

/// What the passes leave of one step.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// The layer that the step begins with.
    layer: usize,
    output: Matrix,
    /// What the derivative needs besides the output: what came into the activation, or the normalised input.
    kept: Matrix,
    /// Of each row, what layer normalisation multiplied by.
    inverse: Vec<f32>,
    /// What batch normalisation wants to know of these rows.
    groups: Vec<f32>,
    /// The gradient of the loss with respect to what the step's layer puts out before any activation.
    delta: Matrix,
    /// Chooses the entries that dropout drops, or the noise.
    key: u32,
}

/// Parameters of one layer that lie together, whose gradient is computed at once: rows of the weights and, after the
/// last of them, the bias.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    slot: usize,
    pub layer: usize,
    /// Of a normalisation: scale and shift, as one row of weights and a bias.
    norm: bool,
    pub rows: Range<usize>,
    /// Their places among all parameters.
    pub parameters: Range<usize>,
}

/// What [`Network::from_layers`] sees to.
const STACK: &str = "a network has a dense layer";

impl Pass {
    pub(crate) fn new(network: &Network, loss: Loss, seed: u64) -> Result<Self> {
        let output = network.output_activation();
        loss.check(output)?;
        let fused = loss.fused(output);
        let mut slots = Vec::new();
        let mut layer = 0;
        while layer < network.layers().len() {
            slots.push(Slot { layer, ..Slot::default() });
            layer = Step::at(network.layers(), layer, false).1;
        }
        let dropout = Rng::stream(seed, purpose::DROPOUT).next_u64();
        let is_norm = |slot: &Slot| matches!(network.layers()[slot.layer], Layer::BatchNorm(_));
        let norms = (0..slots.len()).filter(|&i| is_norm(&slots[i])).collect();
        Ok(Pass {
            loss: fused.unwrap_or(loss),
            to_logits: fused.is_some(),
            slots,
            norms,
            frozen: 0,
            losses: Vec::new(),
            weights: Vec::new(),
            dropout,
        })
    }

    /// The same pass with the first `layers` of the network as they are in prediction, and not trained.
    pub(crate) fn freeze(mut self, layers: usize) -> Self {
        self.frozen = layers;
        self.norms.retain(|&slot| self.slots[slot].layer >= layers);
        self
    }

    /// Into how many sections both passes are cut. Between them, all rows of the batch must meet: see
    /// [`groups`](Self::groups).
    pub(crate) fn sections(&self) -> usize {
        self.norms.len() + 1
    }

    fn section(&self, section: usize) -> Range<usize> {
        let start = if section == 0 { 0 } else { self.norms[section - 1] };
        start..self.norms.get(section).copied().unwrap_or(self.slots.len())
    }

    /// What the batch normalisation after this section wants to know of these rows, and the number of its columns: of the
    /// last pass, be it forward to or backward from it.
    pub(crate) fn groups(&self, section: usize) -> (&[f32], usize) {
        let slot = &self.slots[self.norms[section]];
        (&slot.groups, slot.kept.columns())
    }

    /// The outputs, or the logits where the loss is computed from those.
    pub(crate) fn output(&self) -> &Matrix {
        &self.slots.last().expect(STACK).output
    }

    /// A section of the forward pass with this number, of the examples `x`, of which the first is the batch's `first`.
    pub(crate) fn forward(
        &mut self,
        network: &Network,
        x: &Matrix,
        first: usize,
        number: u64,
        section: usize,
        moments: &[Moments],
    ) {
        if section == 0 {
            self.draw_keys(network, number);
        }
        let slots = self.section(section);
        for i in slots.clone() {
            let (before, rest) = self.slots.split_at_mut(i);
            let input = before.last().map_or(x, |slot| &slot.output);
            let slot = &mut rest[0];
            match Step::at(network.layers(), slot.layer, self.to_logits).0 {
                Step::Dense(dense, activation) if activation.reads_output() => {
                    dense.forward(input, activation, &mut slot.output);
                }
                Step::Dense(dense, activation) => {
                    dense.forward(input, Activation::Identity, &mut slot.kept);
                    copy(&slot.kept, &mut slot.output);
                    activation.forward(slot.output.as_mut_slice(), slot.kept.columns());
                }
                Step::Activation(activation) => {
                    copy(input, &mut slot.output);
                    activation.forward(slot.output.as_mut_slice(), input.columns());
                }
                Step::Dropout(_) | Step::Noise(_) if slot.layer < self.frozen => copy(input, &mut slot.output),
                Step::Dropout(dropout) => {
                    copy(input, &mut slot.output);
                    dropout.mask(slot.output.as_mut_slice(), slot.key, first * input.columns());
                }
                Step::Noise(noise) => {
                    copy(input, &mut slot.output);
                    noise.add(slot.output.as_mut_slice(), input.columns(), slot.key, first);
                }
                Step::BatchNorm(norm, activation) if slot.layer < self.frozen => {
                    copy(input, &mut slot.output);
                    norm.predict(&mut slot.output);
                    activation.forward(slot.output.as_mut_slice(), input.columns());
                }
                Step::BatchNorm(norm, activation) => {
                    norm.forward(&moments[section - 1], input, &mut slot.kept, &mut slot.output);
                    activation.forward(slot.output.as_mut_slice(), input.columns());
                }
                Step::LayerNorm(norm) => norm.forward(input, &mut slot.kept, &mut slot.inverse, &mut slot.output),
            }
        }
        if section < self.norms.len() {
            let (before, rest) = self.slots.split_at_mut(slots.end);
            let input = before.last().map_or(x, |slot| &slot.output);
            rest[0].kept.reshape(input.rows(), input.columns());
            batch_norm::describe(input, &mut rest[0].groups);
        }
    }

    fn draw_keys(&mut self, network: &Network, number: u64) {
        let mut keys = Rng::stream(self.dropout, number);
        for slot in &mut self.slots {
            if let Layer::Dropout(_) | Layer::Noise(_) = network.layers()[slot.layer] {
                slot.key = keys.next_u64() as u32;
            }
        }
    }

    /// A section of the backward pass after [`forward`](Self::forward) of the same `x` and `first`, as a part of a batch of
    /// `examples`; the last section is the first to go backward.
    #[expect(clippy::too_many_arguments)]
    pub(crate) fn backward(
        &mut self,
        network: &Network,
        x: &Matrix,
        target: &Matrix,
        first: usize,
        examples: usize,
        section: usize,
        moments: &[Moments],
    ) {
        // Nobody needs the gradient with respect to the inputs: the pass stops at the first trained layer.
        let trained = |layer: &Layer| layer.parameters().next().is_some();
        let after_frozen = network.layers().iter().skip(self.frozen);
        let first_trained = self.frozen + after_frozen.take_while(|layer| !trained(layer)).count();
        let section_slots = self.section(section);
        let Pass { loss, to_logits, slots, losses, weights, .. } = self;
        if section_slots.end == slots.len() {
            let last = slots.last_mut().expect(STACK);
            loss.of_rows(&last.output, target, examples, &mut last.delta, losses);
            for (i, weight) in weights.iter().enumerate() {
                last.delta.row_mut(i).iter_mut().for_each(|slope| *slope *= weight);
                losses[i] *= f64::from(*weight);
            }
        } else {
            let (before, rest) = slots.split_at_mut(section_slots.end);
            let slot = &rest[0];
            if slot.layer <= first_trained {
                return;
            }
            if let (Some(before), Layer::BatchNorm(norm)) = (before.last_mut(), &network.layers()[slot.layer]) {
                norm.backward(&moments[section], &slot.kept, &slot.delta, &mut before.delta);
            }
        }
        for i in section_slots.rev() {
            let (before, rest) = slots.split_at_mut(i);
            let (mut before, slot) = (before.last_mut(), &mut rest[0]);
            let columns = slot.delta.columns();
            let is_first = slot.layer == first_trained;
            match Step::at(network.layers(), slot.layer, *to_logits).0 {
                Step::Dense(dense, activation) => {
                    let seen = if activation.reads_output() { &slot.output } else { &slot.kept };
                    activation.backward(seen.as_slice(), slot.delta.as_mut_slice(), columns);
                    if let (Some(before), false) = (before, is_first) {
                        dense.backward(&slot.delta, &mut before.delta);
                    }
                }
                Step::BatchNorm(_, activation) => {
                    activation.backward(slot.output.as_slice(), slot.delta.as_mut_slice(), columns);
                    // What follows needs the whole batch.
                    batch_norm::sum_up(&slot.delta, &slot.kept, &mut slot.groups);
                }
                Step::LayerNorm(norm) => {
                    if let (Some(before), false) = (before, is_first) {
                        norm.backward(&slot.kept, &slot.inverse, &slot.delta, &mut before.delta);
                    }
                }
                step => {
                    match step {
                        Step::Activation(activation) => {
                            let input = before.as_ref().map_or(x, |before| &before.output);
                            let seen = if activation.reads_output() { &slot.output } else { input };
                            activation.backward(seen.as_slice(), slot.delta.as_mut_slice(), columns);
                        }
                        Step::Dropout(dropout) => {
                            dropout.mask(slot.delta.as_mut_slice(), slot.key, first * columns);
                        }
                        _ => {}
                    }
                    if let Some(before) = &mut before {
                        std::mem::swap(&mut slot.delta, &mut before.delta);
                    }
                }
            }
            if is_first {
                return;
            }
        }
    }

    /// The loss of each example, after [`backward`](Self::backward).
    pub(crate) fn losses(&self) -> &[f64] {
        &self.losses
    }

    /// The parameters in parts of at most `rows` inputs each, a number that may depend on the layer's outputs.
    pub(crate) fn parts(&self, network: &Network, rows: impl Fn(usize) -> usize) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut start = 0;
        for (slot, &Slot { layer, .. }) in self.slots.iter().enumerate() {
            let layer_norm = match &network.layers()[layer] {
                Layer::BatchNorm(norm) => Some(norm.columns()),
                Layer::LayerNorm(norm) => Some(norm.columns()),
                _ => None,
            };
            if layer < self.frozen {
                start += network.layers()[layer].parameters().map(|(_, values)| values.len()).sum::<usize>();
                continue;
            }
            if let Some(columns) = layer_norm {
                let end = start + 2 * columns;
                parts.push(Part { slot, layer, norm: true, rows: 0..1, parameters: start..end });
                start = end;
            }
            let Layer::Dense(dense) = &network.layers()[layer] else { continue };
            let (inputs, outputs) = (dense.inputs(), dense.outputs());
            let count = inputs.div_ceil(rows(outputs).max(1)).max(1);
            for i in 0..count {
                let rows = cut(inputs, count, i)..cut(inputs, count, i + 1);
                let bias = if rows.end == inputs { outputs } else { 0 };
                let end = start + rows.len() * outputs + bias;
                parts.push(Part { slot, layer, norm: false, rows, parameters: start..end });
                start = end;
            }
        }
        parts
    }

    /// The gradient of a part, after [`backward`](Self::backward) of the same `x`; added to that of earlier rows of the
    /// batch where `resume` says so.
    pub(crate) fn gradient(&self, part: &Part, x: &Matrix, resume: bool, gradient: &mut [f32]) {
        let slot = &self.slots[part.slot];
        if part.norm {
            let (scale, shift) = gradient.split_at_mut(slot.delta.columns());
            if !resume {
                scale.fill(0.0);
                shift.fill(0.0);
            }
            return batch_norm::add_gradient(slot.delta.as_slice(), slot.kept.as_slice(), scale, shift);
        }
        let input = if part.slot == 0 { x } else { &self.slots[part.slot - 1].output };
        Dense::gradient(input, &slot.delta, part.rows.clone(), resume, gradient);
    }

    /// As [`Workspace::loss`].
    pub(crate) fn loss(&self, network: &Network, x: &Matrix, target: &Matrix, scratch: &mut Scratch) -> f64 {
        self.loss.value(network.run(x, scratch, self.to_logits), target)
    }
}

fn copy(from: &Matrix, to: &mut Matrix) {
    to.reshape(from.rows(), from.columns());
    to.as_mut_slice().copy_from_slice(from.as_slice());
}
