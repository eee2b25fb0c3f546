//! A model behind an opaque handle: predictions in double precision, and training that goes on. Networks run on the
//! thread that calls.

use std::ffi::CString;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::data::{ColumnKind, Dataset, TargetSchema};
use crate::linalg::matrix::Matrix;
use crate::model::Model;
use crate::nn::{Loss, Network, Workspace};
use crate::optim::{Adam, Optimizer};

const DIVERGED: &str = "a loss, its gradient or a prediction after the step is not finite, and the model is as before: lower the learning rate";
/// The rows of a step.
const BATCH: usize = 32;

/// A model, the names that C may keep pointers to, and the state of its training.
pub(crate) struct Handle {
    pub(super) columns: Vec<CString>,
    pub(super) outputs: Vec<CString>,
    pub(super) targets: usize,
    state: RwLock<State>,
}

struct State {
    model: Model,
    learner: Option<Learner>,
}

/// The state of a training between calls.
struct Learner {
    workspace: Workspace,
    optimizer: Optimizer,
}

impl Handle {
    pub(super) fn new(model: Model) -> Self {
        let schema = model.schema();
        // A name ends at its first zero byte, as every text of C does.
        let text = |name: &str| CString::new(name.split('\0').next().unwrap_or_default()).unwrap_or_default();
        Handle {
            columns: schema.columns().iter().map(|column| text(&column.name)).collect(),
            outputs: schema.target().output_names().iter().map(|name| text(name)).collect(),
            targets: schema.target().names().len(),
            state: RwLock::new(State { model, learner: None }),
        }
    }

    /// A panic during a training leaves the model as it was before, because the trained one takes its place last.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Predicts rows of cells in the order of the columns.
    pub(super) fn predict_cells(&self, rows: &[&[&str]]) -> Result<Matrix> {
        if rows.is_empty() {
            return Ok(Matrix::default());
        }
        let state = self.state();
        let (features, _) = state.model.schema().read_in_order(rows, false)?;
        Ok(state.model.predict(&features.to_matrix()))
    }

    /// Predicts rows of numbers, of which missing ones are NaN, in the order of the columns.
    pub(super) fn predict_numbers(&self, numbers: &[f64]) -> Result<Matrix> {
        let state = self.state();
        let features = features_of_numbers(&state.model, numbers)?;
        Ok(state.model.predict(&features))
    }

    /// Writes predictions, with the origins of their columns and both probabilities of two classes, to rows × outputs.
    pub(super) fn write(&self, predicted: &Matrix, outputs: &mut [f64]) {
        let state = self.state();
        let schema = state.model.schema();
        for (found, row) in predicted.iter_rows().zip(outputs.chunks_exact_mut(self.outputs.len().max(1))) {
            match (schema.target(), found, &mut *row) {
                (TargetSchema::Classes { .. }, &[second], [first, last]) => {
                    (*first, *last) = (1.0 - f64::from(second), second.into());
                }
                (TargetSchema::Values { .. }, ..) => {
                    row.iter_mut()
                        .enumerate()
                        .for_each(|(target, to)| *to = schema.target_value(target, found[target]));
                }
                _ => row.iter_mut().zip(found).for_each(|(to, &from)| *to = from.into()),
            }
        }
    }

    /// Trains on rows of cells, those of the columns and then those of the targets: a step of Adam for every [`BATCH`] of
    /// them. Returns the mean loss, of each row before its step.
    pub(super) fn learn(&self, rows: &[&[&str]], learning_rate: f32) -> Result<f64> {
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            return Err(Error::Setting(format!("learning rate {learning_rate}: it must be finite and more than zero")));
        }
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let State { model, learner } = &mut *state;
        model.network().check_float()?;
        let schema = model.schema();
        let (features, targets) = schema.read_in_order(rows, true)?;
        let mut data = Dataset::new(features, targets, schema.clone())?;
        model.check(&data)?;
        model.preprocessing().apply(&mut data);
        let mut network = model.network().clone();
        // If a step fails, the moments are of weights that are dropped: the next call begins with new ones.
        let mut learner = learner.take();
        let found = learner.get_or_insert_with(|| Learner {
            workspace: Workspace::new(&network, 0),
            optimizer: Optimizer::new(Adam::new(learning_rate), &network),
        });
        found.optimizer.set_learning_rate(learning_rate);
        let loss = found.fit(&mut network, model.loss(), &data)?;
        // The calibration was measured on rows that the network before was not trained on.
        let mut trained = Model::new(network, model.preprocessing().clone(), schema.clone())?.with_loss(model.loss());
        trained.notes.clone_from(&model.notes);
        *state = State { model: trained, learner };
        Ok(loss)
    }

    pub(super) fn save(&self, path: &str) -> Result<()> {
        self.state().model.save(path)
    }
}

impl Learner {
    /// Takes the steps of scaled data; returns the mean loss.
    fn fit(&mut self, network: &mut Network, loss: Loss, data: &Dataset) -> Result<f64> {
        let (mut x, mut y, mut sum) = (Matrix::default(), Matrix::default(), 0.0);
        let rows: Vec<usize> = (0..data.len()).collect();
        for batch in rows.chunks(BATCH) {
            data.gather(batch, &mut x);
            data.gather_targets(batch, network.outputs(), &mut y);
            let found = self.workspace.step(network, loss, &x, &y)?;
            if !found.is_finite() || self.workspace.gradient().iter().any(|gradient| !gradient.is_finite()) {
                return Err(Error::Setting(DIVERGED.into()));
            }
            self.optimizer.step(network, self.workspace.gradient());
            sum += found * batch.len() as f64;
        }
        if network.predict(&x).as_slice().iter().any(|output| !output.is_finite()) {
            return Err(Error::Setting(DIVERGED.into()));
        }
        Ok(sum / rows.len() as f64)
    }
}

/// Returns the features of rows of numbers, in the order of the columns.
fn features_of_numbers(model: &Model, numbers: &[f64]) -> Result<Matrix> {
    let schema = model.schema();
    let columns = schema.columns();
    let mut features = Matrix::zeros(numbers.len() / columns.len().max(1), schema.width());
    for (index, (column, inputs)) in columns.iter().zip(schema.inputs()).enumerate() {
        let name = || quoted(&column.name);
        let ColumnKind::Number(form) = &column.kind else {
            return Err(Error::Mismatch(format!("the column {} is not one of numbers: predict cells", name())));
        };
        for row in 0..features.rows() {
            let number = numbers[row * columns.len() + index];
            let feature = (number - form.origin) as f32;
            let place = || format!("row {}, column {}", row + 1, name());
            if number.is_nan() && !schema.allows_missing() {
                return Err(Error::Mismatch(format!(
                    "{}: a number is missing, which the model does not fill in",
                    place()
                )));
            } else if feature.is_infinite() {
                return Err(Error::Mismatch(format!("{}: {number} is infinite in single precision", place())));
            }
            let inputs = &mut features.row_mut(row)[inputs.clone()];
            inputs[0] = feature;
            if let ([_, mark], true) = (inputs, column.marks_missing) {
                *mark = if number.is_nan() { 1.0 } else { 0.0 };
            }
        }
    }
    Ok(features)
}
