//! The forward and the backward pass through the stack (Rumelhart, Hinton, Williams, 1986).

use crate::activation::Activation;
use crate::error::Result;
use crate::loss::Loss;
use crate::matrix::Matrix;
use crate::network::{Network, Scratch, Step};
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
    /// The loss as it is computed: of logits where the last activation fuses with it.
    loss: Loss,
    to_logits: bool,
    slots: Vec<Slot>,
    gradient: Vec<f32>,
    delta: Matrix,
    spare: Matrix,
    /// Where the keys of dropout come from, and the forward passes so far: a key follows from the two alone.
    dropout: u64,
    passes: u64,
}

/// What the forward pass leaves for the backward pass of one step.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// The layer that the step begins with.
    layer: usize,
    output: Matrix,
    /// What came into the activation, where its derivative needs that rather than the output.
    logits: Matrix,
    /// Chooses the entries that dropout drops.
    key: u32,
}

impl Workspace {
    /// A workspace for this network and loss; `seed` is dropout's.
    ///
    /// # Errors
    /// When the loss is not defined for what the network puts out.
    pub fn new(network: &Network, loss: Loss, seed: u64) -> Result<Self> {
        let output = network.output_activation();
        loss.check(output)?;
        let fused = loss.fused(output);
        let mut slots = Vec::new();
        let mut layer = 0;
        while layer < network.layers().len() {
            slots.push(Slot { layer, ..Slot::default() });
            layer = network.step(layer, false).1;
        }
        Ok(Workspace {
            loss: fused.unwrap_or(loss),
            to_logits: fused.is_some(),
            slots,
            gradient: vec![0.0; network.parameter_count()],
            delta: Matrix::default(),
            spare: Matrix::default(),
            dropout: Rng::stream(seed, purpose::DROPOUT).next_u64(),
            passes: 0,
        })
    }

    /// The forward pass in training: dropout is at work. Returns the outputs, or the logits where the loss is
    /// computed from those.
    ///
    /// # Panics
    /// When `x` has not as many columns as the network has inputs, or the network is not the workspace's.
    pub fn forward(&mut self, network: &Network, x: &Matrix) -> &Matrix {
        assert_eq!(x.columns(), network.inputs(), "the network has {} inputs", network.inputs());
        let mut keys = Rng::stream(self.dropout, self.passes);
        self.passes += 1;
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
                    dropout.forward(input.as_slice(), slot.output.as_mut_slice(), slot.key);
                }
            }
        }
        self.slots.last().map_or(&self.delta, |slot| &slot.output)
    }

    /// The backward pass after [`forward`](Self::forward) of the same `x`: the mean loss against `target`; its
    /// gradient is then in [`gradient`](Self::gradient).
    ///
    /// # Panics
    /// When `target` has not the shape of the outputs.
    pub fn backward(&mut self, network: &Network, x: &Matrix, target: &Matrix) -> f64 {
        let Workspace { loss, to_logits, slots, gradient, delta, spare, .. } = self;
        let Some(last) = slots.last() else { return 0.0 };
        let loss = loss.gradient(&last.output, target, delta);
        // Nobody needs the gradient with respect to the inputs: the pass stops at the first trained layer.
        let first_trained = network.layers().iter().position(|layer| layer.parameters().next().is_some());
        let mut end = gradient.len();
        for i in (0..slots.len()).rev() {
            let input = if i == 0 { x } else { &slots[i - 1].output };
            let slot = &slots[i];
            let columns = delta.columns();
            match network.step(slot.layer, *to_logits).0 {
                Step::Dense(dense, activation) => {
                    let seen = if activation.reads_output() { &slot.output } else { &slot.logits };
                    activation.backward(seen.as_slice(), delta.as_mut_slice(), columns);
                    let start = end - dense.weights().as_slice().len() - dense.bias().len();
                    let last = first_trained == Some(slot.layer);
                    dense.backward(input, delta, &mut gradient[start..end], (!last).then_some(&mut *spare));
                    end = start;
                    if last {
                        break;
                    }
                    std::mem::swap(delta, spare);
                }
                Step::Activation(activation) => {
                    let seen = if activation.reads_output() { &slot.output } else { input };
                    activation.backward(seen.as_slice(), delta.as_mut_slice(), columns);
                }
                Step::Dropout(dropout) => dropout.backward(delta.as_mut_slice(), slot.key),
            }
        }
        loss
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
        self.loss.value(network.run(x, scratch, self.to_logits), target)
    }
}

fn apply(activation: Activation, input: &Matrix, output: &mut Matrix) {
    output.reshape(input.rows(), input.columns());
    output.as_mut_slice().copy_from_slice(input.as_slice());
    activation.forward(output.as_mut_slice(), input.columns());
}
