//! Custom training loops.

use std::fmt;
use std::mem::{Discriminant, discriminant};

use super::activation::Activation;
use super::backprop::{Batch, Part, Pass, mean_of_members};
use super::layer::batch_norm::Moments;
use super::layer::{Grid, Layer};
use super::loss::{self, Loss};
use super::network::Network;
use crate::base::error::Result;
use crate::linalg::matrix::Matrix;

/// The memory of a training step besides the network: every layer's output, the gradients, the random state of dropout.
/// It is taken at the first batch and reused: further steps of batches no larger allocate nothing. Everything runs on
/// the thread that calls it, except for very large products; [`Trainer`](crate::Trainer) shares whole steps among
/// several.
///
/// The simple path is [`step`](Self::step), which does everything but the optimizer's part:
///
/// ```
/// use palmnet::optim::Optimizer;
/// use palmnet::{Activation::*, Loss, Matrix, Network, Sgd, Workspace};
/// let x = Matrix::from_rows(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
/// let y = Matrix::from_rows(&[[0.0], [1.0], [1.0], [0.0]]);
/// let mut network = Network::builder(2).dense(8, Tanh).dense(1, Sigmoid).seed(1).build()?;
/// let mut workspace = Workspace::new(&network, 1);
/// let mut optimizer = Optimizer::new(Sgd::new(0.5).momentum(0.9), &network);
/// let mut loss = 0.0;
/// for _ in 0..500 {
///     loss = workspace.step(&mut network, Loss::BinaryCrossEntropy, &x, &y)?;
///     optimizer.step(&mut network, workspace.gradient());
/// }
/// assert!(loss < 0.01);
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// A loss that is not built in goes through [`forward`](Self::forward) and [`backward_from`](Self::backward_from),
/// which takes the gradient of the loss with respect to the outputs. Here log cosh(ŷ - y), whose derivative is tanh(ŷ -
/// y):
///
/// ```
/// use palmnet::optim::Optimizer;
/// use palmnet::{Activation::*, Adam, Matrix, Network, Workspace};
/// let x = Matrix::from_rows(&[[0.0], [1.0], [2.0]]);
/// let y = Matrix::from_rows(&[[1.0], [3.0], [5.0]]);
/// let mut network = Network::builder(1).dense(1, Identity).seed(1).build()?;
/// let mut workspace = Workspace::new(&network, 1);
/// let mut optimizer = Optimizer::new(Adam::new(0.1), &network);
/// for _ in 0..500 {
///     let error = workspace.forward(&network, &x) - &y;
///     let mean = 1.0 / error.rows() as f32;
///     workspace.backward_from(&network, &error.map(|e| mean * e.tanh()));
///     optimizer.step(&mut network, workspace.gradient());
/// }
/// assert!((network.predict(&x)[(2, 0)] - 5.0).abs() < 0.01);
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// An encoder with two heads is three networks, each with a workspace: the heads' gradients with respect to their
/// inputs are added and go back through the encoder.
///
/// ```
/// use palmnet::{Activation::*, Loss, Matrix, Network, Workspace};
/// let encoder = Network::builder(3).dense(4, Tanh).seed(1).build()?;
/// let class = Network::builder(4).dense(2, Softmax).seed(2).build()?;
/// let value = Network::builder(4).dense(1, Identity).seed(3).build()?;
/// let mut workspaces = [&encoder, &class, &value].map(|network| Workspace::new(network, 1));
/// let [for_encoder, for_class, for_value] = &mut workspaces;
/// let x = Matrix::from_rows(&[[0.1, 0.2, 0.3]]);
/// let features = for_encoder.forward(&encoder, &x);
/// for_class.forward(&class, features);
/// for_value.forward(&value, features);
/// for_class.backward(&class, Loss::CrossEntropy, &Matrix::from_rows(&[[0.0, 1.0]]))?;
/// for_value.backward(&value, Loss::MeanSquaredError, &Matrix::from_rows(&[[0.5]]))?;
/// let gradient = for_class.input_gradient(&class) + for_value.input_gradient(&value);
/// for_encoder.backward_from(&encoder, &gradient);
/// assert!(for_encoder.gradient().iter().all(|g| g.is_finite()));
/// # Ok::<(), palmnet::Error>(())
/// ```
///
/// # Panics
/// Every method panics if the network is not of the layers that the workspace was made for, or if the call before that
/// it needs is missing.
#[derive(Clone)]
pub struct Workspace {
    pass: Pass,
    parts: Vec<Part>,
    /// The statistics of the batch at every batch normalization.
    moments: Vec<Moments>,
    shape: Shape,
    /// The layers before this one are not trained.
    frozen: usize,
    /// The inputs of the last forward pass.
    x: Matrix,
    /// Its outputs if a last activation makes them of the logits, and whether they were computed.
    outputs: Matrix,
    has_outputs: bool,
    /// The target of every member, if there are some.
    repeated: Matrix,
    /// The losses of the last batch's examples.
    losses: Vec<f64>,
    gradient: Vec<f32>,
    /// The forward passes so far.
    passes: u64,
    stage: Stage,
}

/// The passes of the last batch that have been done.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Nothing,
    Forward,
    Backward,
    /// The backward pass, and then on to the inputs.
    Inputs,
}

impl Workspace {
    /// Returns a workspace for networks of these layers; `seed` is that of dropout and noise.
    pub fn new(network: &Network, seed: u64) -> Self {
        let pass = Pass::to_logits(network, seed);
        Workspace {
            parts: pass.parts(network, |_| usize::MAX),
            moments: vec![Moments::default(); pass.sections() - 1],
            pass,
            shape: Shape::of(network),
            frozen: 0,
            x: Matrix::default(),
            outputs: Matrix::default(),
            has_outputs: false,
            repeated: Matrix::default(),
            losses: Vec::new(),
            gradient: vec![0.0; network.parameters().map(<[f32]>::len).sum()],
            passes: 0,
            stage: Stage::Nothing,
        }
    }

    /// Freezes the first `layers` layers: they work as in prediction, without dropout and noise, and with the running
    /// statistics of batch normalization. The gradient of their parameters stays zero. So an optimizer does not change
    /// them unless it has a [`Penalty`](crate::Penalty) or moments of earlier steps.
    ///
    /// ```
    /// use palmnet::optim::Optimizer;
    /// use palmnet::{Activation::*, Loss, Matrix, Network, Sgd, Workspace};
    /// let mut network = Network::builder(2).dense(8, Tanh).dense(1, Identity).build()?;
    /// let before = network.layers()[0].clone();
    /// let mut workspace = Workspace::new(&network, 1).freeze(&network, 2);
    /// let (x, y) = (Matrix::filled(3, 2, 1.0), Matrix::filled(3, 1, 5.0));
    /// workspace.step(&mut network, Loss::MeanSquaredError, &x, &y)?;
    /// Optimizer::new(Sgd::new(0.1), &network).step(&mut network, workspace.gradient());
    /// assert_eq!(network.layers()[0], before);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    #[must_use]
    pub fn freeze(mut self, network: &Network, layers: usize) -> Self {
        self.shape.check(network);
        self.frozen = layers.min(network.layers().len());
        self.pass = self.pass.freeze(network, self.frozen);
        self.parts = self.pass.parts(network, |_| usize::MAX);
        self.moments.truncate(self.pass.sections() - 1);
        self.gradient.fill(0.0);
        self.stage = Stage::Nothing;
        self
    }

    /// Runs both passes of a batch: returns the mean loss of `x` against `target`; its gradient is then in
    /// [`gradient`](Self::gradient). If the loss is finite, the batch contributes to the running means and variances of
    /// batch normalization.
    ///
    /// # Errors
    /// If the loss is not defined for the network's outputs.
    ///
    /// # Panics
    /// If `x` has not as many columns as the network has inputs, `target` has not the shape of the outputs, or the
    /// network is not the workspace's.
    pub fn step(&mut self, network: &mut Network, loss: Loss, x: &Matrix, target: &Matrix) -> Result<f64> {
        network.check_loss(loss)?;
        self.run_forward(network, x, loss.fused(network.output_activation()).is_none());
        let value = self.backward(network, loss, target)?;
        if value.is_finite() {
            self.update_running(network);
        }
        Ok(value)
    }

    /// Runs the forward pass in training: with dropout, and with batch normalization over `x`.
    /// Returns the outputs, examples × outputs; of a network with [members](Network::members), a row for each member
    /// of every example.
    ///
    /// # Panics
    /// If `x` has not as many columns as the network has inputs, or the network is not the workspace's.
    pub fn forward(&mut self, network: &Network, x: &Matrix) -> &Matrix {
        self.run_forward(network, x, true);
        self.outputs(network)
    }

    fn run_forward(&mut self, network: &Network, x: &Matrix, all_outputs: bool) {
        self.shape.check(network);
        assert_eq!(x.columns(), network.inputs(), "the network has {} inputs", network.inputs());
        self.x.copy_from(x);
        self.passes += 1;
        let last = self.moments.len();
        for section in 0..=last {
            let batch = Batch { x: &self.x, first: 0, number: self.passes - 1, moments: &self.moments };
            self.pass.forward(network, &batch, section);
            if section < last {
                let (groups, columns) = self.pass.groups(section);
                self.moments[section].put_together(x.rows(), columns, |visit| visit(x.rows(), groups));
            }
        }
        let activation = network.output_activation();
        if all_outputs && activation != Activation::Identity {
            self.outputs.copy_from(self.pass.output());
            activation.forward(self.outputs.as_mut_slice(), network.outputs());
        }
        self.has_outputs = all_outputs || activation == Activation::Identity;
        self.stage = Stage::Forward;
    }

    fn outputs(&self, network: &Network) -> &Matrix {
        if network.output_activation() == Activation::Identity { self.pass.output() } else { &self.outputs }
    }

    /// Runs the backward pass after [`forward`](Self::forward): returns the mean loss against `target`; its gradient is
    /// then in [`gradient`](Self::gradient). Softmax and cross-entropy, or sigmoid and binary cross-entropy, are
    /// computed together from the logits.
    ///
    /// # Errors
    /// If the loss is not defined for the network's outputs.
    ///
    /// # Panics
    /// If `target` has not the shape of the outputs, the network is not the workspace's, or there was no forward pass.
    pub fn backward(&mut self, network: &Network, loss: Loss, target: &Matrix) -> Result<f64> {
        network.check_loss(loss)?;
        let activation = network.output_activation();
        let (fused, members) = (loss.fused(activation), network.members());
        let rows = self.x.rows() * members;
        self.begin_backward(network, fused.is_none());
        let target = if members == 1 { target } else { self.repeated.repeat_rows(target, members) };
        let (logits, delta) = self.pass.output_delta();
        if fused.is_some() || activation == Activation::Identity {
            fused.unwrap_or(loss).of_rows(logits, target, rows, delta, &mut self.losses);
        } else {
            loss.of_rows(&self.outputs, target, rows, delta, &mut self.losses);
            activate_back(activation, logits, &self.outputs, delta);
        }
        self.run_backward(network);
        mean_of_members(&mut self.losses, members);
        Ok(loss::mean(&self.losses))
    }

    /// Runs the backward pass after [`forward`](Self::forward) from the gradient of any loss with respect to the
    /// outputs, in the shape that [`forward`](Self::forward) returns. It is used unchanged: for the mean over examples it must contain the factor 1 /
    /// examples.
    ///
    /// # Panics
    /// If `output_gradient` has not the shape of the outputs, the network is not the workspace's, or there was no
    /// forward pass that returned outputs.
    pub fn backward_from(&mut self, network: &Network, output_gradient: &Matrix) {
        self.begin_backward(network, true);
        let shape = (self.x.rows() * network.members(), network.outputs());
        assert_eq!(output_gradient.shape(), shape, "the output gradient needs the shape of the outputs");
        let (logits, delta) = self.pass.output_delta();
        delta.copy_from(output_gradient);
        if network.output_activation() != Activation::Identity {
            activate_back(network.output_activation(), logits, &self.outputs, delta);
        }
        self.run_backward(network);
    }

    fn begin_backward(&self, network: &Network, needs_outputs: bool) {
        self.shape.check(network);
        let ready = self.stage != Stage::Nothing && (self.has_outputs || !needs_outputs);
        assert!(ready, "a backward pass needs a call of `forward` before it");
    }

    fn run_backward(&mut self, network: &Network) {
        let examples = self.x.rows();
        for section in (0..self.pass.sections()).rev() {
            let batch = Batch { x: &self.x, first: 0, number: self.passes - 1, moments: &self.moments };
            self.pass.backward(network, &batch, section);
            if let Some(before) = section.checked_sub(1) {
                let (groups, columns) = self.pass.groups(before);
                self.moments[before].put_together_gradients(columns, |visit| visit(examples, groups));
            }
        }
        for part in &self.parts {
            self.pass.gradient(part, &self.x, false, &mut self.gradient[part.parameters.clone()]);
        }
        self.stage = Stage::Backward;
    }

    /// Returns the gradient of the last backward pass, one tensor after the other in the order of
    /// [`Network::parameters`].
    pub fn gradient(&self) -> &[f32] {
        &self.gradient
    }

    /// Returns the gradient of the last backward pass, mutable, so that it can be changed before the optimizer's step,
    /// as [`clip_norm`](crate::optim::clip_norm) does.
    pub fn gradient_mut(&mut self) -> &mut [f32] {
        &mut self.gradient
    }

    /// Returns the gradient of the last backward pass with respect to the inputs, examples × inputs. It is computed
    /// when it is asked for. [`Network::input_gradient`] is for a network that is not being trained.
    ///
    /// # Panics
    /// If the network is not the workspace's, or there was no backward pass after the last forward pass.
    pub fn input_gradient(&mut self, network: &Network) -> &Matrix {
        self.shape.check(network);
        let ready = matches!(self.stage, Stage::Backward | Stage::Inputs);
        assert!(ready, "the gradient of the inputs needs a backward pass before it");
        if self.stage == Stage::Backward {
            let batch = Batch { x: &self.x, first: 0, number: self.passes - 1, moments: &self.moments };
            self.pass.continue_to_inputs(network, &batch);
            self.stage = Stage::Inputs;
        }
        self.pass.input_delta()
    }

    /// Returns the outputs of `layer`, an index into [`Network::layers`], in the last forward pass, examples × the
    /// layer's outputs. `None` if they were not kept: those of a dense layer or batch normalization are overwritten by
    /// an activation that follows, unless it is the last, and [`step`](Self::step) may compute no outputs of the last
    /// activation. [`Network::activations`] knows them all.
    ///
    /// # Panics
    /// If the network is not the workspace's, or there was no forward pass.
    pub fn activations(&self, network: &Network, layer: usize) -> Option<&Matrix> {
        self.shape.check(network);
        assert!(self.stage != Stage::Nothing, "activations need a forward pass before them");
        let is_last_activation =
            layer + 1 == network.member_layers().len() && matches!(network.layers()[layer], Layer::Activation(_));
        if is_last_activation {
            return self.has_outputs.then_some(self.outputs(network));
        }
        self.pass.activations(network, layer)
    }

    /// Updates the running means and variances of batch normalization with the last batch, as
    /// [`step`](Self::step) does by itself; a network without such layers is left as it is.
    ///
    /// # Panics
    /// If the network is not the workspace's, or there was no forward pass.
    pub fn update_running(&self, network: &mut Network) {
        self.shape.check(network);
        assert!(self.stage != Stage::Nothing, "running statistics need a forward pass before them");
        let norms = network.layers_mut()[self.frozen..].iter_mut().filter_map(Layer::as_batch_norm_mut);
        norms.zip(&self.moments).for_each(|(norm, moments)| norm.follow(moments));
    }
}

/// Writes the shape, not the megabytes of numbers.
impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace")
            .field("inputs", &self.shape.inputs)
            .field("layers", &self.shape.layers.len())
            .field("parameters", &self.gradient.len())
            .field("frozen", &self.frozen)
            .field("passes", &self.passes)
            .finish_non_exhaustive()
    }
}

/// Turns `delta`, the gradient with respect to the activation's outputs, into that with respect to the logits.
fn activate_back(activation: Activation, logits: &Matrix, outputs: &Matrix, delta: &mut Matrix) {
    let seen = if activation.reads_output() { outputs } else { logits };
    activation.backward(seen.as_slice(), delta.as_mut_slice(), outputs.columns());
}

/// The layers that a workspace was made for: their kinds, activations and widths.
#[derive(Clone, PartialEq)]
struct Shape {
    inputs: usize,
    layers: Vec<LayerShape>,
}

type LayerShape = (Discriminant<Layer>, Option<Activation>, Option<Grid>, usize);

impl Shape {
    fn of(network: &Network) -> Self {
        Shape { inputs: network.inputs(), layers: layer_shapes(network).collect() }
    }

    /// # Panics
    /// If the network has other layers.
    fn check(&self, network: &Network) {
        let fits = self.inputs == network.inputs() && layer_shapes(network).eq(self.layers.iter().copied());
        assert!(fits, "the workspace was made for a network of other layers");
    }
}

fn layer_shapes(network: &Network) -> impl Iterator<Item = LayerShape> {
    network.layers().iter().scan(network.inputs(), |width, layer| {
        *width = layer.outputs(*width);
        let activation = if let Layer::Activation(activation) = layer { Some(*activation) } else { None };
        Some((discriminant(layer), activation, layer.grid(), *width))
    })
}

impl Network {
    /// Returns the gradient of any function of the outputs for `x` with respect to `x`, as in prediction (nothing is
    /// dropped, and batch normalization uses its running statistics): shows which inputs an output depends on
    /// (saliency; Simonyan, Vedaldi, Zisserman, 2013). `output_gradient` is the gradient of that function with respect
    /// to the outputs, examples × outputs: 1 in one column for one output. Returns a matrix of examples × inputs.
    ///
    /// ```
    /// use palmnet::nn::{Dense, Layer};
    /// use palmnet::{Activation::*, Matrix, Network};
    /// let weights = Matrix::from_rows(&[[2.0], [-3.0]]);
    /// let network = Network::from_layers(2, vec![Layer::Dense(Dense::new(weights, vec![1.0]))])?;
    /// let x = Matrix::from_rows(&[[0.5, 0.5]]);
    /// let gradient = network.input_gradient(&x, &Matrix::filled(1, 1, 1.0));
    /// assert_eq!(gradient.row(0), [2.0, -3.0]);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Panics
    /// If `x` has not as many columns as the network has inputs, or `output_gradient` has not the shape of the outputs.
    pub fn input_gradient(&self, x: &Matrix, output_gradient: &Matrix) -> Matrix {
        let (mut workspace, members) = (Workspace::new(self, 0).freeze(self, self.layers().len()), self.members());
        workspace.forward(self, x);
        let mut of_members = Matrix::default();
        // The outputs are a mean.
        of_members.repeat_rows(output_gradient, members);
        of_members.as_mut_slice().iter_mut().for_each(|slope| *slope /= members as f32);
        workspace.backward_from(self, &of_members);
        workspace.input_gradient(self).clone()
    }
}

#[cfg(test)]
mod tests;
