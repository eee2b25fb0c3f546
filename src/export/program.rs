//! The computation of a model as plain data, from the cells of a row to its predictions: that which the writers of
//! source code write out. It knows no language.

use crate::data::{Column, TargetSchema};
use crate::model::Model;
use crate::nn::activation::Activation;
use crate::nn::layer::{Layer, Piecewise, Role};

/// The computation of a model.
///
/// The cells become inputs, column after column, of which missing ones are NaN; these are filled in, scaled, and go through
/// the `steps`. Then `of_members` runs once, or for each member on the same numbers, and the mean of all is taken. The
/// `links` make predictions of these outputs.
pub(crate) struct Program<'a> {
    pub(crate) columns: &'a [Column],
    /// The numbers that missing inputs become, if they may be missing.
    pub(crate) fill: Option<&'a [f32]>,
    /// Input ← (input - offset) · factor.
    pub(crate) offset: &'a [f32],
    pub(crate) factor: &'a [f32],
    pub(crate) steps: Vec<Step>,
    pub(crate) members: usize,
    pub(crate) of_members: Vec<Step>,
    pub(crate) links: Vec<Link<'a>>,
    pub(crate) target: &'a TargetSchema,
    /// The numbers that are added to predicted values in double precision, one for each.
    pub(crate) origins: Vec<f64>,
}

/// A step of a network, from so many numbers to so many.
pub(crate) struct Step {
    pub(crate) work: Work,
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
}

/// The work of a step. Parameters that there are several times as many of as the shape says are those of each member.
pub(crate) enum Work {
    /// y = x · W + b, with one chain of fused multiply-adds for each output, in the order of the inputs, before the bias.
    Product {
        /// Inputs × outputs.
        weights: Vec<f32>,
        bias: Vec<f32>,
    },
    /// y = scale · x + shift.
    Affine {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    /// Mean 0 and variance 1 over the row, then as `Affine`.
    Normalize {
        scale: Vec<f32>,
        shift: Vec<f32>,
    },
    /// Clips inputs, and appends the codes of their bins: the tensors of the model file.
    Piecewise {
        bins: Vec<f32>,
        edges: Vec<f32>,
    },
    /// Turns groups of inputs into a few numbers: the tensors of the model file, without the marks of what is trained.
    Embedding {
        roles: Vec<f32>,
        weights: Vec<f32>,
        bias: Vec<f32>,
    },
    /// y = (start + Σ q · w) · scale, with the inputs as whole numbers q = round(x · inverse) + zero from 0 to 255.
    Quantized {
        /// Outputs × inputs.
        weights: Vec<i8>,
        start: Vec<i32>,
        scale: Vec<f32>,
        inverse: f32,
        zero: u8,
    },
    Activate(Activation),
}

/// A step after the network, for every output.
pub(crate) enum Link<'a> {
    Activate(Activation),
    /// ln p.
    Log,
    /// ln p - ln(1 - p).
    Logit,
    Divide(f32),
    /// y / factor + offset, and offset if the factor is 0.
    Unscale {
        offset: &'a [f32],
        factor: &'a [f32],
    },
    Clamp {
        low: &'a [f32],
        high: &'a [f32],
    },
}

impl<'a> Program<'a> {
    /// Describes a model.
    pub(crate) fn new(model: &'a Model) -> Self {
        let (network, schema, preprocessing) = (model.network().folded(), model.schema(), model.preprocessing());
        let members = network.members();
        let (mut steps, mut of_members) = (Vec::new(), Vec::new());
        let mut width = network.inputs();
        let mut layers = network.member_layers();
        let mut links = links(model);
        // The scores tell the class of a plain network without an exponential.
        if let (1, Some((Layer::Activation(last), before))) = (members, layers.split_last())
            && is_link(*last, model)
        {
            links.insert(0, Link::Activate(*last));
            layers = before;
        }
        for layer in layers {
            let outputs = layer.outputs(width);
            let Some(work) = work(layer) else { continue };
            let is_of_members = members == 1 || !of_members.is_empty() || matches!(layer, Layer::Members(_));
            let to = if is_of_members { &mut of_members } else { &mut steps };
            to.push(Step { work, inputs: width, outputs });
            width = outputs;
        }
        let scaler = preprocessing.features();
        let mut origins: Vec<f64> = schema.target_forms().iter().map(|form| form.origin).collect();
        origins.resize(width, 0.0);
        Program {
            columns: schema.columns(),
            fill: preprocessing.imputer().map(|imputer| imputer.fill()),
            offset: scaler.offset(),
            factor: scaler.factor(),
            steps,
            members,
            of_members,
            links,
            target: schema.target(),
            origins,
        }
    }

    /// Returns the number of outputs.
    pub(crate) fn outputs(&self) -> usize {
        self.origins.len()
    }

    /// Returns the most inputs of a step that takes them as whole numbers.
    pub(crate) fn most_quantized(&self) -> usize {
        let steps = self.steps.iter().chain(&self.of_members);
        let inputs = steps.map(|step| if let Work::Quantized { .. } = step.work { step.inputs } else { 0 });
        inputs.max().unwrap_or(0)
    }

    /// Returns the output above which the second of two classes is predicted, before the links.
    pub(crate) fn threshold(&self) -> f32 {
        match self.links.first() {
            Some(Link::Activate(_) | Link::Divide(_)) => 0.0,
            _ => 0.5,
        }
    }

    /// Returns the multiplications and divisions of one prediction, at most.
    pub(crate) fn multiplications(&self) -> usize {
        let of = |steps: &[Step]| steps.iter().map(Step::multiplications).sum::<usize>();
        self.offset.len() + of(&self.steps) + self.members * of(&self.of_members) + self.links.len() * self.outputs()
    }
}

impl Step {
    fn multiplications(&self) -> usize {
        match &self.work {
            Work::Product { .. } => self.inputs * self.outputs,
            Work::Quantized { .. } => self.inputs + (self.inputs + 1) * self.outputs,
            Work::Affine { .. } => self.outputs,
            Work::Normalize { .. } => 3 * self.outputs,
            Work::Piecewise { bins, .. } => self.outputs - self.inputs + 4 * bins.len(),
            Work::Embedding { weights, .. } => weights.len(),
            Work::Activate(Activation::Relu | Activation::Identity) => 0,
            // An exponential takes about twelve.
            Work::Activate(_) => 12 * self.outputs,
        }
    }
}

/// Returns whether the class can be told without this activation of the outputs. Sigmoids of several classes may be 1
/// for more than one, of which the first is predicted.
fn is_link(last: Activation, model: &Model) -> bool {
    let is_of_classes = matches!(model.schema().target(), TargetSchema::Classes { .. });
    match last {
        Activation::Softmax => is_of_classes,
        Activation::Sigmoid => {
            matches!(model.schema().target(), TargetSchema::Labels { .. })
                || (is_of_classes && model.network().outputs() == 1)
        }
        _ => false,
    }
}

/// Returns the steps after the network: see `Model::predict`.
fn links(model: &Model) -> Vec<Link<'_>> {
    use Activation::{HardSigmoid, Identity, Sigmoid, Softmax};
    let (last, outputs, target) =
        (model.network().output_activation(), model.network().outputs(), model.schema().target());
    let is_of_labels = matches!(target, TargetSchema::Labels { .. });
    let mut links = Vec::new();
    if let TargetSchema::Values { .. } = target {
        if let Some(scaler) = model.preprocessing().targets() {
            links.push(Link::Unscale { offset: scaler.offset(), factor: scaler.factor() });
        }
        if let Some(range) = model.preprocessing().range() {
            links.push(Link::Clamp { low: range.low(), high: range.high() });
        }
        return links;
    }
    let temperature = model.calibration().map(|calibration| calibration.temperature()).filter(|t| *t != 1.0);
    if let Some(temperature) = temperature {
        let link = match last {
            Identity => Some((None, None)),
            Softmax if !is_of_labels => Some((Some(Link::Log), Some(Softmax))),
            Sigmoid | HardSigmoid if is_of_labels || outputs == 1 => Some((Some(Link::Logit), Some(Sigmoid))),
            _ => None,
        };
        if let Some((before, after)) = link {
            links.extend(before.into_iter().chain([Link::Divide(temperature)]));
            links.extend(after.map(Link::Activate));
        }
    }
    if last == Identity {
        links.push(Link::Activate(if is_of_labels || outputs == 1 { Sigmoid } else { Softmax }));
    }
    links
}

/// Returns the work of a layer in prediction, if there is any.
fn work(layer: &Layer) -> Option<Work> {
    let mut tensors = layer.parameters().map(|(_, numbers)| numbers.to_vec());
    let (first, second) = (tensors.next().unwrap_or_default(), tensors.next().unwrap_or_default());
    Some(match layer {
        Layer::Dropout(_) | Layer::Noise(_) | Layer::Mean(_) | Layer::Activation(Activation::Identity) => return None,
        Layer::Activation(activation) => Work::Activate(*activation),
        Layer::Dense(_) | Layer::Heads(_) => Work::Product { weights: first, bias: second },
        Layer::Members(_) => Work::Affine { scale: first, shift: second },
        Layer::LayerNorm(_) => Work::Normalize { scale: first, shift: second },
        Layer::BatchNorm(norm) => {
            let (scale, shift) = (0..norm.columns()).map(|column| norm.line(column)).unzip();
            Work::Affine { scale, shift }
        }
        Layer::Piecewise(piecewise) => {
            let (bins, edges) = Piecewise::parts(piecewise);
            Work::Piecewise { bins, edges }
        }
        Layer::Quantized(layer) => {
            let (weights, start, scale) = layer.by_output();
            Work::Quantized { weights, start, scale, inverse: 1.0 / layer.input().scale, zero: layer.input().zero }
        }
        Layer::Embedding(embedding) => {
            let role = |role: &Role| match role {
                Role::Kept => -1.0,
                Role::Dropped => -2.0,
                Role::Group(group) | Role::Frozen(group) => *group as f32,
            };
            Work::Embedding { roles: embedding.roles().iter().map(role).collect(), weights: first, bias: second }
        }
    })
}
