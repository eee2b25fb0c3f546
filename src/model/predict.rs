//! Predictions for a matrix, a dataset, a table, a row of named cells, and a slice.

use super::calibration::temper;
use super::evaluate;
use super::model::Model;
use crate::base::error::{Error, Result};
use crate::base::nearest::hint;
use crate::base::text::{counted, listed, quoted};
use crate::data::{Dataset, Features, ReadRows, Table, TargetSchema};
use crate::linalg::matrix::Matrix;
use crate::nn::activation::Activation;
use crate::nn::network::Scratch;

/// Predictions for the rows of a table: see [`Model::predict_rows`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Predictions {
    /// The predictions, rows × outputs; those of a row that could not be read mean nothing.
    pub outputs: Matrix,
    /// How far the members of an ensemble differ: see [`Model::predict_with_spread`]. Rows × outputs.
    pub spreads: Matrix,
    /// The rows that could not be read, counted from 0, and why.
    pub failures: Vec<(usize, Error)>,
    /// Sentences about unknown categories, and about features that were constant in training.
    pub notes: Vec<String>,
}

impl Model {
    /// Returns the predictions for `x`, examples × features in the units of the training data: probabilities of the
    /// classes, the probability of each label's second class, or values in the units of the targets. It works on the calling thread; for many examples,
    /// [`predict_dataset`](Self::predict_dataset) shares the work. Missing features are NaN; without an imputer so are
    /// their predictions.
    ///
    /// Features and values whose columns have an [origin](crate::data::NumberForm::origin) are relative to it, as in a
    /// dataset: only columns of a table have one, whose numbers lie close together and far from zero.
    /// [`Schema::target_value`](crate::data::Schema::target_value) adds that of a target. This holds for all predictions
    /// but [`predict_cells`](Self::predict_cells).
    ///
    /// # Panics
    /// If `x` does not have as many columns as the schema has features.
    pub fn predict(&self, x: &Matrix) -> Matrix {
        assert_eq!(x.columns(), self.schema().width(), "the columns of the data and the features of the model");
        let mut outputs = evaluate::outputs_here(self.network(), x, |x| self.preprocessing().apply_to_features(x));
        self.finish(&mut outputs);
        outputs
    }

    /// Returns the predictions for every example of `data`, whose features are in the units of the training data,
    /// examples × outputs, computed in chunks on all threads.
    ///
    /// # Errors
    /// Those of [`check`](Self::check).
    pub fn predict_dataset(&self, data: &Dataset) -> Result<Matrix> {
        self.check(data)?;
        self.predict_features(data.features())
    }

    /// Returns the predictions for features without labels, in the units of the training data: examples × outputs,
    /// computed in chunks on all threads.
    ///
    /// # Errors
    /// If the number of features is not that of the model.
    pub fn predict_features(&self, features: &Features) -> Result<Matrix> {
        let mut outputs =
            evaluate::outputs(self.network(), features, self.threads(), |x| self.preprocessing().apply_to_features(x))?;
        self.finish(&mut outputs);
        Ok(outputs)
    }

    /// Returns the predictions for features without labels, and how far the members of an ensemble differ about them: the
    /// standard deviation of each output among the members, both examples × outputs. It is in the units of the targets
    /// for values, and that of the network's outputs for classes and labels; a plain network has zeros.
    ///
    /// # Errors
    /// If the number of features is not that of the model.
    pub fn predict_with_spread(&self, features: &Features) -> Result<(Matrix, Matrix)> {
        let prepare = |x: &mut Matrix| self.preprocessing().apply_to_features(x);
        let (mut outputs, mut spreads) =
            evaluate::outputs_and_spreads(self.network(), features, self.threads(), prepare)?;
        self.finish(&mut outputs);
        self.preprocessing().invert_spreads(&mut spreads);
        Ok((outputs, spreads))
    }

    /// Returns the predictions for the rows of a table, labeled or not: rows × outputs, computed in chunks on all
    /// threads.
    ///
    /// # Errors
    /// If the table lacks a column that the model takes, or a cell cannot be read as the model's schema requires.
    pub fn predict_table(&self, table: &Table) -> Result<Matrix> {
        self.predict_features(&self.schema().coded_features(table)?)
    }

    /// Returns the predictions for the rows of a table, labeled or not, of which some may not be readable: the others
    /// are predicted.
    ///
    /// # Errors
    /// If the table lacks a column that the model takes.
    pub fn predict_rows(&self, table: &Table) -> Result<Predictions> {
        let ReadRows { features, failures, mut notes, .. } = self.schema().read_rows(table)?;
        let firsts: Vec<usize> = self.schema().inputs().map(|inputs| inputs.start).collect();
        let missing = features.count_nan(&firsts);
        if missing > 0 {
            let verb = if missing == 1 { "is" } else { "are" };
            notes.push(format!("{} {verb} filled in as in training", counted(missing, "missing cell")));
        }
        notes.extend(self.moved_constants(&features, &failures));
        let (outputs, spreads) = self.predict_with_spread(&features)?;
        Ok(Predictions { outputs, spreads, failures, notes })
    }

    /// Returns a sentence for each column with a feature that was constant in training and is not in `x`.
    fn moved_constants(&self, x: &Features, failures: &[(usize, Error)]) -> Vec<String> {
        let scaler = self.preprocessing().features();
        let constant = |input: &usize| scaler.factor()[*input] == 0.0;
        // In the order of the rows.
        let is_failure = |row: usize| failures.binary_search_by_key(&row, |(failed, _)| *failed).is_ok();
        let names = self.schema().input_names();
        let note = |input: usize| {
            let expected = scaler.offset()[input];
            let differs = |(row, found): &(usize, f32)| !found.is_nan() && *found != expected && !is_failure(*row);
            let rows = x.column(input).enumerate().filter(differs).count();
            let (name, count) = (quoted(&names[input]), counted(rows, "row"));
            (rows > 0).then(|| {
                format!("{name} was {expected} in all of the training data and is not in {count}: it has no influence")
            })
        };
        // One for each column of the table, which may have many inputs.
        self.schema().inputs().filter_map(|inputs| inputs.filter(constant).find_map(note)).collect()
    }

    /// Returns the prediction for one row of cells, each with the name of its column: in any order, as text, without
    /// quotes. The result has one entry per output, values in the units of the table; [`class`](Self::class) names the
    /// likeliest class, [`labels`](Self::labels) the class of each label.
    ///
    /// ```no_run
    /// use palmnet::Model;
    /// let model = Model::load("people.safetensors")?;
    /// let probabilities = model.predict_cells(&[("age", "41"), ("city", "Bonn")])?;
    /// println!("{}", model.class(&probabilities).unwrap_or("unknown"));
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a column of the model has no cell or two, if a cell is of no column of the model, and if a cell cannot be
    /// read as training read it.
    pub fn predict_cells<S: AsRef<str>>(&self, cells: &[(S, S)]) -> Result<Vec<f32>> {
        let schema = self.schema();
        let mut row = Vec::with_capacity(schema.columns().len());
        for column in schema.columns() {
            let mut named = cells.iter().filter(|(name, _)| name.as_ref() == column.name);
            match (named.next(), named.next()) {
                (Some((_, cell)), None) => row.push(cell.as_ref()),
                (None, _) => return Err(Error::Mismatch(format!("no cell of the column {}", quoted(&column.name)))),
                _ => return Err(Error::Mismatch(format!("two cells of the column {}", quoted(&column.name)))),
            }
        }
        let is_known = |name: &str| schema.columns().iter().any(|column| column.name == name);
        if let Some((name, _)) = cells.iter().find(|(name, _)| !is_known(name.as_ref())) {
            return Err(self.unknown_column(name.as_ref()));
        }
        let x = schema.read_in_order(&[&row], false)?.0.to_matrix();
        let mut outputs = self.predict(&x).into_vec();
        for (value, form) in outputs.iter_mut().zip(schema.target_forms()) {
            *value = (form.origin + f64::from(*value)) as f32;
        }
        Ok(outputs)
    }

    /// Returns the error for a column that the model does not take.
    pub(crate) fn unknown_column(&self, name: &str) -> Error {
        let names: Vec<&str> = self.schema().columns().iter().map(|column| column.name.as_str()).collect();
        let (hint, name) = (hint(name, &names), quoted(name));
        Error::Mismatch(format!("the model has no column {name}{hint}; it has {}", listed(&names)))
    }

    /// Returns a predictor, which predicts one row at a time without allocation and never panics.
    pub fn predictor(&self) -> Predictor<'_> {
        Predictor { model: self, x: Matrix::default(), scratch: Scratch::default(), outputs: Matrix::default() }
    }

    /// Turns the outputs of the network into predictions, in place.
    pub(super) fn finish(&self, outputs: &mut Matrix) {
        self.temper(outputs);
        self.finish_tempered(outputs);
    }

    /// Applies the temperature of the calibration, if there is one, to outputs of the network, in place. They stay what
    /// they are, probabilities or logits.
    pub(super) fn temper(&self, outputs: &mut Matrix) {
        let Some(calibration) = self.calibration() else { return };
        let link = self.network().output_activation();
        let is_calibrated = match (link, self.schema().target()) {
            (_, TargetSchema::Values { .. }) => false,
            (Activation::Sigmoid | Activation::HardSigmoid, TargetSchema::Classes { .. }) => outputs.columns() == 1,
            (Activation::Softmax, TargetSchema::Labels { .. }) => false,
            _ => true,
        };
        if is_calibrated {
            temper(outputs, calibration.temperature(), link);
        }
    }

    /// Does the work of [`finish`](Self::finish) on outputs of the right temperature.
    pub(super) fn finish_tempered(&self, outputs: &mut Matrix) {
        match self.schema().target() {
            TargetSchema::Classes { .. } => self.network().logits_to_probabilities(outputs, Activation::Softmax),
            TargetSchema::Labels { .. } => self.network().logits_to_probabilities(outputs, Activation::Sigmoid),
            TargetSchema::Values { .. } => self.preprocessing().finish_values(outputs),
        }
    }
}

/// A model with the memory that predictions of one row at a time need: see [`Model::predictor`].
///
/// ```
/// use palmnet::Model;
/// let model = Model::from_bytes(include_bytes!("../../examples/iris.safetensors"), "iris.safetensors")?;
/// let mut predictor = model.predictor();
/// let probabilities = predictor.predict(&[5.9, 2.8, 4.2, 1.3])?;
/// assert_eq!(model.class(probabilities), Some("versicolor"));
/// assert!(predictor.predict(&[5.9]).is_err());
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Predictor<'m> {
    model: &'m Model,
    x: Matrix,
    scratch: Scratch,
    outputs: Matrix,
}

impl Predictor<'_> {
    /// Returns the prediction for one row of features in the units of the training data: probabilities of the classes or
    /// labels, or values. After the first call it allocates nothing.
    ///
    /// # Errors
    /// If there are not as many features as the schema has.
    pub fn predict(&mut self, row: &[f32]) -> Result<&[f32]> {
        let (model, expected) = (self.model, self.model.schema().width());
        if row.len() != expected {
            let message = format!("the model takes {expected} features, the row has {}", row.len());
            return Err(Error::Mismatch(message));
        }
        self.x.reshape(1, expected);
        self.x.as_mut_slice().copy_from_slice(row);
        model.preprocessing().apply_to_features(&mut self.x);
        let outputs = model.network().predict_into(&self.x, &mut self.scratch);
        self.outputs.reshape(1, outputs.columns());
        self.outputs.as_mut_slice().copy_from_slice(outputs.as_slice());
        model.finish(&mut self.outputs);
        Ok(self.outputs.as_slice())
    }
}
