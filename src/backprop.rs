//! The forward and the backward pass through the stack (Rumelhart, Hinton, Williams, 1986).

use std::ops::Range;

use crate::activation::Activation;
use crate::error::Result;
use crate::layer::{Dense, Layer};
use crate::loss::{self, Loss};
use crate::matrix::Matrix;
use crate::network::{Network, Scratch, Step};
use crate::parallel::cut;
use crate::rng::{Rng, purpose};

/// What one training step needs besides the network: every layer's output, the gradients, the random state of
/// dropout. Its memory is taken at the first batch and reused: further steps allocate nothing.
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
        Ok(Workspace { pass, parts, gradient: vec![0.0; network.parameter_count()], passes: 0 })
    }

    /// The forward pass in training: dropout is at work. Returns the outputs, or the logits where the loss is
    /// computed from those.
    ///
    /// # Panics
    /// When `x` has not as many columns as the network has inputs, or the network is not the workspace's.
    pub fn forward(&mut self, network: &Network, x: &Matrix) -> &Matrix {
        assert_eq!(x.columns(), network.inputs(), "the network has {} inputs", network.inputs());
        self.passes += 1;
        self.pass.forward(network, x, 0, self.passes - 1)
    }

    /// The backward pass after [`forward`](Self::forward) of the same `x`: the mean loss against `target`; its
    /// gradient is then in [`gradient`](Self::gradient).
    ///
    /// # Panics
    /// When `target` has not the shape of the outputs.
    pub fn backward(&mut self, network: &Network, x: &Matrix, target: &Matrix) -> f64 {
        self.pass.backward(network, x, target, 0, x.rows());
        for part in &self.parts {
            self.pass.gradient(part, x, false, &mut self.gradient[part.parameters.clone()]);
        }
        loss::mean(self.pass.losses())
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
    /// Of each example.
    losses: Vec<f64>,
    /// Where the keys of dropout come from, together with the number of the pass.
    dropout: u64,
}

/// What the passes leave of one step.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// The layer that the step begins with.
    layer: usize,
    output: Matrix,
    /// What came into the activation, where its derivative needs that rather than the output.
    logits: Matrix,
    /// The gradient of the loss with respect to what the step's layer puts out before any activation.
    delta: Matrix,
    /// Chooses the entries that dropout drops.
    key: u32,
}

/// Parameters of one layer that lie together, whose gradient is computed at once: rows of the weights and, after the
/// last of them, the bias.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    slot: usize,
    pub layer: usize,
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
            layer = network.step(layer, false).1;
        }
        let dropout = Rng::stream(seed, purpose::DROPOUT).next_u64();
        Ok(Pass { loss: fused.unwrap_or(loss), to_logits: fused.is_some(), slots, losses: Vec::new(), dropout })
    }

    /// The forward pass with this number of the examples `x`, of which the first is the batch's `first`.
    pub(crate) fn forward(&mut self, network: &Network, x: &Matrix, first: usize, number: u64) -> &Matrix {
        let mut keys = Rng::stream(self.dropout, number);
        for i in 0..self.slots.len() {
            let (before, rest) = self.slots.split_at_mut(i);
            let input = before.last().map_or(x, |slot| &slot.output);
            let slot = &mut rest[0];
            match network.step(slot.layer, self.to_logits).0 {
                Step::Dense(dense, activation) if activation.reads_output() => {
                    dense.forward(input, activation, &mut slot.output);
                }
                Step::Dense(dense, activation) => {
                    dense.forward(input, Activation::Identity, &mut slot.logits);
                    apply(activation, &slot.logits, &mut slot.output);
                }
                Step::Activation(activation) => apply(activation, input, &mut slot.output),
                Step::Dropout(dropout) => {
                    slot.key = keys.next_u64() as u32;
                    slot.output.reshape(input.rows(), input.columns());
                    let first = first * input.columns();
                    dropout.forward(input.as_slice(), slot.output.as_mut_slice(), slot.key, first);
                }
            }
        }
        &self.slots.last().expect(STACK).output
    }

    /// The backward pass after [`forward`](Self::forward) of the same `x` and `first`, as a part of a batch of
    /// `examples`.
    pub(crate) fn backward(&mut self, network: &Network, x: &Matrix, target: &Matrix, first: usize, examples: usize) {
        let Pass { loss, to_logits, slots, losses, .. } = self;
        let last = slots.last_mut().expect(STACK);
        loss.of_rows(&last.output, target, examples, &mut last.delta, losses);
        // Nobody needs the gradient with respect to the inputs: the pass stops at the first trained layer.
        let trained = |layer: &Layer| layer.parameters().next().is_some();
        let first_trained = network.layers().iter().position(trained);
        for i in (0..slots.len()).rev() {
            let (before, rest) = slots.split_at_mut(i);
            let (mut before, slot) = (before.last_mut(), &mut rest[0]);
            let columns = slot.delta.columns();
            match network.step(slot.layer, *to_logits).0 {
                Step::Dense(dense, activation) => {
                    let seen = if activation.reads_output() { &slot.output } else { &slot.logits };
                    activation.backward(seen.as_slice(), slot.delta.as_mut_slice(), columns);
                    if first_trained == Some(slot.layer) {
                        return;
                    }
                    if let Some(before) = before {
                        dense.backward(&slot.delta, &mut before.delta);
                    }
                    continue;
                }
                Step::Activation(activation) => {
                    let input = before.as_ref().map_or(x, |before| &before.output);
                    let seen = if activation.reads_output() { &slot.output } else { input };
                    activation.backward(seen.as_slice(), slot.delta.as_mut_slice(), columns);
                }
                Step::Dropout(dropout) => {
                    dropout.backward(slot.delta.as_mut_slice(), slot.key, first * columns);
                }
            }
            if let Some(before) = &mut before {
                std::mem::swap(&mut slot.delta, &mut before.delta);
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
            let Layer::Dense(dense) = &network.layers()[layer] else { continue };
            let (inputs, outputs) = (dense.inputs(), dense.outputs());
            let count = inputs.div_ceil(rows(outputs).max(1)).max(1);
            for i in 0..count {
                let rows = cut(inputs, count, i)..cut(inputs, count, i + 1);
                let bias = if rows.end == inputs { outputs } else { 0 };
                let end = start + rows.len() * outputs + bias;
                parts.push(Part { slot, layer, rows, parameters: start..end });
                start = end;
            }
        }
        parts
    }

    /// The gradient of a part, after [`backward`](Self::backward) of the same `x`; added to that of earlier rows of the
    /// batch where `resume` says so.
    pub(crate) fn gradient(&self, part: &Part, x: &Matrix, resume: bool, gradient: &mut [f32]) {
        let input = if part.slot == 0 { x } else { &self.slots[part.slot - 1].output };
        Dense::gradient(input, &self.slots[part.slot].delta, part.rows.clone(), resume, gradient);
    }

    /// As [`Workspace::loss`].
    pub(crate) fn loss(&self, network: &Network, x: &Matrix, target: &Matrix, scratch: &mut Scratch) -> f64 {
        self.loss.value(network.run(x, scratch, self.to_logits), target)
    }
}

fn apply(activation: Activation, input: &Matrix, output: &mut Matrix) {
    output.reshape(input.rows(), input.columns());
    output.as_mut_slice().copy_from_slice(input.as_slice());
    activation.forward(output.as_mut_slice(), input.columns());
}
