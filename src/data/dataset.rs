//! Examples: features, targets and what they mean.

use std::fmt;
use std::path::Path;

use super::missing::{Blank, fitting};
use super::split::{deal, divide};
use super::{Output, Scaler, Schema, Table, Target};
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::rng::{Rng, purpose};
use crate::base::text::quoted;
use crate::linalg::lanes::prefetch;
use crate::linalg::matrix::Matrix;

/// The inputs of a set of examples, one row each.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Features {
    /// Examples × features.
    Float(Matrix),
    /// Pixels: a quarter of the memory, widened and scaled when they are used. [`Features::bytes`] makes them.
    Bytes(Bytes),
}

/// Features that are kept as bytes.
#[derive(Clone, PartialEq)]
pub struct Bytes {
    columns: usize,
    /// The examples, one after the other.
    data: Vec<u8>,
    /// What the bytes go through when they are widened.
    scaler: Scaler,
}

impl Bytes {
    fn row(&self, row: usize) -> &[u8] {
        &self.data[row * self.columns..][..self.columns]
    }
}

impl Features {
    /// Features of 0 to 255, `columns` of them for each example, kept as bytes and not yet scaled.
    ///
    /// # Errors
    /// When there are no columns, or `data` is not so many whole rows.
    pub fn bytes(columns: usize, data: Vec<u8>) -> Result<Features> {
        if columns == 0 || !data.len().is_multiple_of(columns) {
            return Err(Error::Mismatch(format!("{} bytes do not make rows of {columns} features", data.len())));
        }
        Ok(Features::Bytes(Bytes { columns, data, scaler: Scaler::identity(columns) }))
    }

    /// The number of examples.
    pub fn rows(&self) -> usize {
        match self {
            Features::Float(matrix) => matrix.rows(),
            Features::Bytes(bytes) => bytes.data.len() / bytes.columns,
        }
    }

    /// The number of features.
    pub fn columns(&self) -> usize {
        match self {
            Features::Float(matrix) => matrix.columns(),
            Features::Bytes(bytes) => bytes.columns,
        }
    }

    pub(super) fn read_row(&self, row: usize, x: &mut [f32]) {
        match self {
            Features::Float(matrix) => x.copy_from_slice(matrix.row(row)),
            Features::Bytes(bytes) => bytes.scaler.widen(bytes.row(row), x),
        }
    }

    /// Puts the examples `rows` into `x`.
    pub(crate) fn gather(&self, rows: &[usize], x: &mut Matrix) {
        // Shuffled rows are anywhere in memory: while one is read, those to come are on their way.
        const AHEAD: usize = 3;
        x.reshape(rows.len(), self.columns());
        rows.iter().take(AHEAD).for_each(|&row| self.prefetch(row));
        for (i, &row) in rows.iter().enumerate() {
            rows.get(i + AHEAD).into_iter().for_each(|&row| self.prefetch(row));
            self.read_row(row, x.row_mut(i));
        }
    }

    fn prefetch(&self, row: usize) {
        match self {
            Features::Float(matrix) => prefetch(matrix.row(row)),
            Features::Bytes(bytes) => prefetch(bytes.row(row)),
        }
    }

    fn select(&self, rows: &[usize]) -> Features {
        match self {
            Features::Float(matrix) => Features::Float(matrix.select_rows(rows)),
            Features::Bytes(bytes) => {
                let mut data = Vec::with_capacity(rows.len() * bytes.columns);
                rows.iter().for_each(|&row| data.extend_from_slice(bytes.row(row)));
                Features::Bytes(Bytes { columns: bytes.columns, data, scaler: bytes.scaler.clone() })
            }
        }
    }
}

impl From<Matrix> for Features {
    fn from(matrix: Matrix) -> Features {
        Features::Float(matrix)
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if matches!(self, Features::Float(_)) { "Float" } else { "Bytes" };
        write!(f, "{kind}({} × {})", self.rows(), self.columns())
    }
}

/// What is to be predicted for a set of examples.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// The class of each example, counted from 0.
    Classes(Vec<u32>),
    /// Examples × outputs.
    Values(Matrix),
}

impl Targets {
    /// The number of examples.
    pub fn rows(&self) -> usize {
        match self {
            Targets::Classes(labels) => labels.len(),
            Targets::Values(values) => values.rows(),
        }
    }

    fn select(&self, rows: &[usize]) -> Targets {
        match self {
            Targets::Classes(labels) => Targets::Classes(rows.iter().map(|&row| labels[row]).collect()),
            Targets::Values(values) => Targets::Values(values.select_rows(rows)),
        }
    }
}

/// Labelled examples, and what their columns mean.
///
/// ```no_run
/// use palmnet::{Dataset, Scaler, Target};
/// let data = Dataset::from_csv("iris.csv", Target::Class("species"))?;
/// let (mut train, mut test) = data.split(0.8, 42);
/// let scaler = Scaler::standard(train.features());
/// train.scale(&scaler);
/// test.scale(&scaler);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    features: Features,
    targets: Targets,
    schema: Schema,
    /// The features that were missing and are filled in, by rows, as long as that may be done better; nothing where it is
    /// settled.
    blanks: Option<Vec<Blank>>,
}

impl Dataset {
    /// A dataset of its parts.
    ///
    /// # Errors
    /// When features, targets and schema do not fit each other, a label is not below the number of classes, or a
    /// number is NaN or infinite.
    pub fn new(features: impl Into<Features>, targets: Targets, schema: Schema) -> Result<Dataset> {
        let features = features.into();
        let mismatch = |message: String| Err(Error::Mismatch(message));
        if features.columns() != schema.width() {
            return mismatch(format!("{} features, where the schema has {}", features.columns(), schema.width()));
        }
        if features.rows() != targets.rows() {
            return mismatch(format!("{} rows of features and {} of targets", features.rows(), targets.rows()));
        }
        if let Features::Float(matrix) = &features {
            finite(matrix, "feature")?;
        }
        match (&targets, schema.output()) {
            (Targets::Classes(labels), Output::Classes { classes, .. }) => {
                if let Some(label) = labels.iter().find(|&&label| label as usize >= classes.len()) {
                    return mismatch(format!("the label {label}, where there are {} classes", classes.len()));
                }
            }
            (Targets::Values(values), Output::Values { names }) => {
                finite(values, "target")?;
                if values.columns() != names.len() {
                    return mismatch(format!("{} targets, where the schema has {}", values.columns(), names.len()));
                }
            }
            _ => return mismatch("the targets are classes and the schema has values, or the reverse".to_string()),
        }
        Ok(Dataset { features, targets, schema, blanks: None })
    }

    /// The same examples with these features filled in, until a part of them says better with what.
    pub(super) fn with_blanks(self, blanks: Vec<Blank>, fill: Vec<f32>) -> Dataset {
        Dataset { blanks: Some(blanks), ..self }.refilled(fill)
    }

    /// Examples of classes; a label is a place in `class_names`, counted from 0. The features are called 1, 2, ….
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and when there are fewer than two classes.
    pub fn from_classes(
        features: impl Into<Features>,
        labels: Vec<u32>,
        class_names: impl IntoIterator<Item: Into<String>>,
    ) -> Result<Dataset> {
        let features = features.into();
        let classes = class_names.into_iter().map(Into::into).collect();
        let output = Output::Classes { name: "class".to_string(), classes };
        let schema = Schema::numbers((1..=features.columns()).map(|number| number.to_string()), output)?;
        Dataset::new(features, Targets::Classes(labels), schema)
    }

    /// Examples of numbers to predict, one row of `targets` each. The columns are called 1, 2, …, the targets last.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn from_values(features: impl Into<Features>, targets: Matrix) -> Result<Dataset> {
        let features = features.into();
        let mut names = (1..).map(|number: usize| number.to_string());
        let inputs: Vec<String> = names.by_ref().take(features.columns()).collect();
        let schema = Schema::numbers(inputs, Output::Values { names: names.take(targets.columns()).collect() })?;
        Dataset::new(features, Targets::Values(targets), schema)
    }

    /// The examples in a CSV file; `-` is standard input.
    ///
    /// # Errors
    /// Those of [`Table::read`] and [`Schema::infer`].
    pub fn from_csv(path: impl AsRef<Path>, target: Target<'_>) -> Result<Dataset> {
        let table = Table::read(path)?;
        let schema = Schema::infer(&table, target)?;
        Dataset::from_table(&table, &schema)
    }

    /// The labelled examples in a CSV file, `-` for standard input, whose columns mean what `schema` says: how a test file
    /// is read for a model that is there already.
    ///
    /// ```no_run
    /// use palmnet::{Dataset, Model};
    /// let model = Model::load("iris.safetensors")?;
    /// let test = Dataset::from_csv_as("more-iris.csv", model.schema())?;
    /// println!("{}", model.evaluate(&test)?);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Table::read`] and [`from_table`](Self::from_table).
    pub fn from_csv_as(path: impl AsRef<Path>, schema: &Schema) -> Result<Dataset> {
        Dataset::from_table(&Table::read(path)?, schema)
    }

    /// The labelled examples in a table, read as `schema` says.
    ///
    /// # Errors
    /// When a column is missing, or a cell of it is missing with nothing to [`fill`](Schema::fill) in, infinite, not a
    /// number where a number was expected, or not one of the known categories or classes.
    pub fn from_table(table: &Table, schema: &Schema) -> Result<Dataset> {
        let (features, targets, _) = schema.read(table, true)?;
        Dataset::new(features, targets, schema.clone())
    }

    /// What the examples are, in short: other numbers, another order, or other targets have another digest.
    pub fn digest(&self) -> String {
        let mut digest = Digest::new();
        let mut x = vec![0.0; self.features.columns()];
        for row in 0..self.len() {
            self.features.read_row(row, &mut x);
            digest.floats(&x);
        }
        match &self.targets {
            Targets::Classes(labels) => labels.iter().for_each(|&label| digest.word(label.into())),
            Targets::Values(values) => digest.floats(values.as_slice()),
        }
        format!("{} examples of digest {}", self.len(), digest.finish())
    }

    /// The number of examples.
    pub fn len(&self) -> usize {
        self.targets.rows()
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The inputs.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// What is to be predicted.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// What the columns mean.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The names of the classes; none where values are predicted.
    pub fn class_names(&self) -> &[String] {
        match self.schema.output() {
            Output::Classes { classes, .. } => classes,
            Output::Values { .. } => &[],
        }
    }

    /// The class of each example, counted from 0, where classes are predicted.
    pub fn labels(&self) -> Option<&[u32]> {
        match &self.targets {
            Targets::Classes(labels) => Some(labels),
            Targets::Values(_) => None,
        }
    }

    /// The values to predict, examples × outputs, where values are predicted.
    pub fn values(&self) -> Option<&Matrix> {
        match &self.targets {
            Targets::Values(values) => Some(values),
            Targets::Classes(_) => None,
        }
    }

    /// The examples `rows`, in this order; one may be taken more than once.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn select(&self, rows: &[usize]) -> Dataset {
        Dataset {
            features: self.features.select(rows),
            targets: self.targets.select(rows),
            schema: self.schema.clone(),
            blanks: self.blanks.as_ref().map(|blanks| {
                let of = |row| {
                    blanks[blanks.partition_point(|blank| blank.0 < row)..]
                        .iter()
                        .take_while(move |blank| blank.0 == row)
                };
                rows.iter().enumerate().flat_map(|(i, &row)| of(row).map(move |&(_, place)| (i, place))).collect()
            }),
        }
    }

    /// The number of features that were missing and are filled in; 0 once they are scaled.
    pub fn filled(&self) -> usize {
        self.blanks.as_ref().map_or(0, Vec::len)
    }

    fn refilled(mut self, fill: Vec<f32>) -> Dataset {
        self.schema = self.schema.with_fill(fill).expect("as many numbers as before, finite as they were");
        if let (Features::Float(features), Some(blanks)) = (&mut self.features, &self.blanks) {
            self.schema.refill(features, blanks);
        }
        self
    }

    /// Two datasets: a random `share` of the examples, to the nearest whole number, and the others. From two examples
    /// on, either gets at least one; a single one goes to the first.
    ///
    /// Each class is divided like the whole (a stratified split), as nearly as whole numbers allow, and the first part,
    /// which is the one to train on, gets one example at least of every class where it has room for that.
    ///
    /// # Panics
    /// When `share` is not between 0 and 1.
    pub fn split(&self, share: f64, seed: u64) -> (Dataset, Dataset) {
        assert!(share > 0.0 && share < 1.0, "a share of {share} is not between 0 and 1");
        let mut rows: Vec<usize> = (0..self.len()).collect();
        Rng::stream(seed, purpose::SPLIT).shuffle(&mut rows);
        let share = (share * self.len() as f64).round() as usize;
        let first = share.min(self.len().saturating_sub(1)).max(self.len().min(1));
        let others = divide(&mut rows, first, self.labels());
        self.parts(&rows, &others)
    }

    /// `k` pairs of datasets, for k-fold cross-validation: each example is in the second one, which is to test on, of
    /// exactly one pair, and in the first one, which is to train on, of the others. The test parts are random, and
    /// alike in size and in the numbers of each class to within one. A pair is copied when its turn comes.
    ///
    /// ```
    /// use palmnet::{Activation::*, Adam, Loss, Network, Scaler, Trainer, generate};
    /// let data = generate::moons(300, 0.1, 1);
    /// let mut accuracies = Vec::new();
    /// for (train, test) in data.folds(5, 0)? {
    ///     let scaler = Scaler::standard(train.features());
    ///     let mut network = Network::builder(2).dense(16, Relu).dense(2, Softmax).build()?;
    ///     Trainer::new(Loss::CrossEntropy, Adam::new(0.01)).epochs(40).fit(&mut network, &scaler.apply(&train))?;
    ///     accuracies.push(network.evaluate(&scaler.apply(&test))?.accuracy().unwrap());
    /// }
    /// assert!(accuracies.iter().sum::<f64>() / 5.0 > 0.95);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// When `k` is less than two, or more than there are examples.
    pub fn folds(&self, k: usize, seed: u64) -> Result<impl Iterator<Item = (Dataset, Dataset)>> {
        if k < 2 || k > self.len() {
            let (n, s) = (self.len(), if self.len() == 1 { "" } else { "s" });
            let message = format!("{k} folds of {n} example{s}: from 2 to as many as there are examples were expected");
            return Err(Error::Setting(message));
        }
        let mut rows: Vec<usize> = (0..self.len()).collect();
        Rng::stream(seed, purpose::FOLDS).shuffle(&mut rows);
        let parts = deal(&mut rows, k, self.labels());
        Ok((0..k).map(move |fold| {
            let others = (0..k).filter(|&other| other != fold).flat_map(|other| parts[other].iter().copied());
            self.parts(&others.collect::<Vec<usize>>(), &parts[fold])
        }))
    }

    /// The examples `first`, to train on, and the `others`.
    fn parts(&self, first: &[usize], others: &[usize]) -> (Dataset, Dataset) {
        let (first, others) = (self.select(first), self.select(others));
        match (&first.features, &first.blanks) {
            (Features::Float(features), Some(blanks)) => {
                let fill = fitting(features, blanks, &first.schema);
                (first.refilled(fill.clone()), others.refilled(fill))
            }
            _ => (first, others),
        }
    }

    /// Scales the features in place. Features kept as bytes stay bytes: what is done to them is remembered.
    ///
    /// # Panics
    /// When the scaler is for another number of features.
    pub fn scale(&mut self, scaler: &Scaler) {
        self.blanks = None;
        match &mut self.features {
            Features::Float(matrix) => scaler.transform(matrix),
            Features::Bytes(bytes) => bytes.scaler = bytes.scaler.then(scaler),
        }
    }

    /// Scales the target values in place.
    ///
    /// # Panics
    /// When classes are predicted, or the scaler is for another number of targets.
    pub fn scale_targets(&mut self, scaler: &Scaler) {
        match &mut self.targets {
            Targets::Values(values) => scaler.transform(values),
            Targets::Classes(_) => panic!("classes cannot be scaled"),
        }
    }

    /// Puts the features of the examples `rows` into `x`: rows × features, in the memory that `x` has.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn gather(&self, rows: &[usize], x: &mut Matrix) {
        self.features.gather(rows, x);
    }

    /// Puts the targets of the examples `rows` into `y`: rows × `columns`, in the memory that `y` has. Classes become
    /// one column each, 1 for the example's class and 0 for the others; two classes may share one column, which is 1
    /// for the second.
    ///
    /// # Panics
    /// When there is no such row, or the targets do not make that many columns.
    pub fn gather_targets(&self, rows: &[usize], columns: usize, y: &mut Matrix) {
        y.reshape(rows.len(), columns);
        match &self.targets {
            Targets::Values(values) => {
                rows.iter().enumerate().for_each(|(i, &row)| y.row_mut(i).copy_from_slice(values.row(row)));
            }
            Targets::Classes(labels) => {
                let classes = self.class_names().len();
                let single = columns == 1 && classes == 2;
                assert!(single || columns == classes, "{classes} classes in {columns} columns");
                for (i, &row) in rows.iter().enumerate() {
                    // The column of class k is k; a single column is that of class 1.
                    let first = u32::from(single);
                    y.row_mut(i).iter_mut().zip(first..).for_each(|(y, class)| *y = f32::from(labels[row] == class));
                }
            }
        }
    }

    /// All features: examples × features.
    pub fn to_matrix(&self) -> Matrix {
        let mut x = Matrix::zeros(self.len(), self.features.columns());
        (0..self.len()).for_each(|row| self.features.read_row(row, x.row_mut(row)));
        x
    }
}

fn finite(matrix: &Matrix, what: &str) -> Result<()> {
    let Some(place) = matrix.as_slice().iter().position(|x| !x.is_finite()) else {
        return Ok(());
    };
    let (row, column) = (place / matrix.columns(), place % matrix.columns());
    let value = quoted(&matrix.as_slice()[place].to_string());
    Err(Error::Mismatch(format!("{what} {column} of example {row}, both counted from 0, is {value}")))
}
