//! Examples: features, targets and the meaning of their columns.

use std::fmt;
use std::path::Path;

use super::examples::refuse_wrong;
use super::features::Features;
use super::kept::Kept;
use super::memory::{TRAINED, check_memory};
use super::missing::Missing;
use super::row_info::RowInfo;
use super::scaler::{Rows, Scaler};
use super::schema::{Schema, TargetSchema};
use super::summary::{frequent_words, summaries};
use super::table::Table;
use super::target::Target;
use super::targets::Targets;
use crate::base::digest::Digest;
use crate::base::error::{Error, Result};
use crate::base::text::quoted;
use crate::linalg::matrix::Matrix;

/// Labeled examples, and the meaning of their columns.
///
/// ```no_run
/// use palmnet::{Dataset, Preprocessing, Scaling, Target};
/// let data = Dataset::from_csv("iris.csv", Target::Class("species"))?;
/// let (mut train, mut test) = data.split(0.8, 42);
/// let preprocessing = Preprocessing::fit(&train, Scaling::Standard);
/// preprocessing.apply(&mut train);
/// preprocessing.apply(&mut test);
/// # Ok::<(), palmnet::Error>(())
/// ```
#[derive(Clone)]
pub struct Dataset {
    pub(super) features: Features,
    pub(super) targets: Targets,
    pub(super) info: RowInfo,
    schema: Schema,
    notes: Vec<String>,
}

impl Dataset {
    /// Makes a dataset of its parts. Features may be missing, which are NaN then, if the schema
    /// [allows](Schema::allowing_missing) it.
    ///
    /// # Errors
    /// If features, targets and schema do not fit each other, a class is not below the number of classes, a label is
    /// neither 0 nor 1, or a number is infinite or, unless it is a missing feature, NaN.
    pub fn new(features: impl Into<Features>, targets: Targets, schema: Schema) -> Result<Dataset> {
        let features = features.into();
        let mismatch = |message: String| Err(Error::Mismatch(message));
        if features.columns() != schema.width() {
            return mismatch(format!("{} features, where the schema has {}", features.columns(), schema.width()));
        }
        if features.rows() != targets.rows() {
            return mismatch(format!("{} rows of features and {} of targets", features.rows(), targets.rows()));
        }
        refuse_wrong(features.find_wrong(schema.allows_missing()), "feature")?;
        targets.check(schema.target())?;
        Ok(Dataset { features, targets, info: RowInfo::default(), schema, notes: Vec::new() })
    }

    /// Makes a dataset for classification; a label is an index in `class_names`. The features are called 1, 2, ….
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and if there are fewer than two classes.
    pub fn from_classes(
        features: impl Into<Features>,
        labels: Vec<u32>,
        class_names: impl IntoIterator<Item: Into<String>>,
    ) -> Result<Dataset> {
        let features = features.into();
        let classes = class_names.into_iter().map(Into::into).collect();
        let target = TargetSchema::Classes { name: "class".to_string(), classes };
        let schema = Schema::numbers((1..=features.columns()).map(|number| number.to_string()), target)?;
        Dataset::new(features, Targets::Classes(labels), schema)
    }

    /// Makes a dataset for regression, with one row of `targets` for each example. The columns are called 1, 2, …, the
    /// targets last.
    ///
    /// # Errors
    /// Those of [`new`](Self::new).
    pub fn from_values(features: impl Into<Features>, targets: Matrix) -> Result<Dataset> {
        let features = features.into();
        let mut names = (1..).map(|number: usize| number.to_string());
        let inputs: Vec<String> = names.by_ref().take(features.columns()).collect();
        let schema = Schema::numbers(inputs, TargetSchema::Values { names: names.take(targets.columns()).collect() })?;
        Dataset::new(features, Targets::Values(targets), schema)
    }

    /// Reads the examples in a CSV file, to train on; `-` is standard input.
    ///
    /// # Errors
    /// Those of [`Table::read`] and [`Schema::infer`].
    pub fn from_csv(path: impl AsRef<Path>, target: Target<'_>) -> Result<Dataset> {
        Dataset::from_table(Table::read(path)?, target, Missing::default())
    }

    /// Reads the labeled examples in a CSV file, `-` for standard input, whose columns mean what `schema` says: how a
    /// test file is read for an existing model.
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
    /// Those of [`Table::read`] and [`from_table_as`](Self::from_table_as).
    pub fn from_csv_as(path: impl AsRef<Path>, schema: &Schema) -> Result<Dataset> {
        Dataset::from_table_as(&Table::read_with(path, &schema.reading())?, schema)
    }

    /// Reads the examples of a table to train on, whose cells may be missing.
    ///
    /// With [`Missing::Fill`] missing features are NaN, in all inputs of their column. Split first, and fit an
    /// [`Imputer`](crate::data::Imputer) on the training part alone: nothing may be known of the other part.
    ///
    /// ```
    /// use palmnet::data::{Imputer, Missing};
    /// use palmnet::{Dataset, Table, Target};
    /// let text = "name,age,size,kind\nAnn,3,,small\nBob,,9,large\nCid,5,8,large\nDan,5,4,\n";
    /// let mut table = Table::parse(text, "pets.csv")?;
    /// table.ignore(&["name"])?;
    /// let mut data = Dataset::from_table(table, Target::Last, Missing::Fill)?;
    /// assert_eq!(data.missing_count(), 2);
    /// let imputer = Imputer::fit(&data);
    /// imputer.apply(&mut data);
    /// assert_eq!(data.to_matrix().as_slice(), [3.0, 8.5, 4.0, 9.0, 5.0, 8.0]);
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`Schema::infer`] and [`from_table_as`](Self::from_table_as), and if no row is left, or a column has no
    /// cell that is not missing.
    pub fn from_table(mut table: Table, target: Target<'_>, missing: Missing) -> Result<Dataset> {
        let targets = target.positions(&table)?;
        let summarize = |table: &Table| {
            let mut kept = Kept::room(table, &targets);
            (summaries(table, &mut kept), kept)
        };
        let (mut facts, mut kept) = summarize(&table);
        table.texts = frequent_words(&table, &facts)?;
        let mut notes = table.notes().to_vec();
        for (column, word) in &table.texts {
            let (name, word) = (quoted(&table.column_name(*column)), quoted(word));
            notes.push(format!(
                "the column {name} has {word} as often as other texts: it is a text there (--missing-values NA,None makes \
                 it a missing value)"
            ));
        }
        let required = |column: usize| match missing {
            Missing::Error => false,
            Missing::Drop => !table.ignores(column),
            Missing::Fill => targets.contains(&column),
        };
        let required: Vec<bool> = (0..table.columns()).map(required).collect();
        let may_drop = |column: usize| required[column] && facts[column].missing > 0;
        if !table.texts.is_empty() || (missing != Missing::Error && (0..table.columns()).any(may_drop)) {
            if missing != Missing::Error {
                table.keep_complete(&required)?;
            }
            drop(kept);
            (facts, kept) = summarize(&table);
        }
        let inferred = Schema::infer_with(&table, target, missing, &facts)?;
        check_memory(&table, &inferred.schema, TRAINED)?;
        let mut data = Dataset::read(&table, &inferred.schema, kept)?;
        // Those of the table stand in front already.
        let more = data.notes.split_off(table.notes().len());
        let is_new = |note: &String| !inferred.notes.contains(note);
        let more: Vec<String> = more.into_iter().filter(is_new).collect();
        data.notes = notes.into_iter().chain(inferred.notes).chain(more).collect();
        Ok(data)
    }

    /// Reads the labeled examples of a table as `schema` says. A category that the schema does not have counts as none
    /// of those it has, which is noted. The columns of weights, groups and times are those of the table's
    /// [reading](crate::data::Reading).
    ///
    /// # Errors
    /// If a column is missing, or a cell of it is missing and may not be, infinite, not a number in a column of
    /// numbers, or not one of the known classes; if a weight, a group or a time is missing or cannot be read, all weights
    /// are zero, or there is only one group.
    pub fn from_table_as(table: &Table, schema: &Schema) -> Result<Dataset> {
        Dataset::read(table, schema, Kept::none(table))
    }

    /// Reads the labeled examples of a table, of which some cells may have been kept.
    fn read(table: &Table, schema: &Schema, kept: Kept) -> Result<Dataset> {
        let (features, targets, notes) = schema.read(table, true, kept)?;
        let mut data = Dataset::new(features, targets, schema.clone())?;
        let (info, more) = RowInfo::read(table)?;
        data.info = info;
        data.notes = table.notes().iter().cloned().chain(notes).chain(more).collect();
        Ok(data)
    }

    /// Returns what may surprise in how the data was read: sentences without a point, for the user of a program.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the number of examples and a digest of them: other numbers, another order, other targets, weights, groups
    /// or times have another one.
    #[doc(hidden)]
    pub fn digest(&self) -> String {
        let mut digest = Digest::new();
        let mut x = vec![0.0; self.features.columns()];
        for row in 0..self.len() {
            self.features.read_row(row, &mut x);
            digest.floats(&x);
        }
        match &self.targets {
            Targets::Classes(labels) => labels.iter().for_each(|&label| digest.word(label.into())),
            Targets::Labels(values) | Targets::Values(values) => digest.floats(values.as_slice()),
        }
        self.info.digest(&mut digest);
        format!("{} examples of digest {}", self.len(), digest.finish())
    }

    /// Returns the number of examples.
    pub fn len(&self) -> usize {
        self.targets.rows()
    }

    /// Returns whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the inputs.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Returns the targets.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Returns the meaning of the columns.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// Returns the names of the classes; none if the targets are labels or values.
    pub fn class_names(&self) -> &[String] {
        match self.schema.target() {
            TargetSchema::Classes { classes, .. } => classes,
            TargetSchema::Labels { .. } | TargetSchema::Values { .. } => &[],
        }
    }

    /// Returns the class of each example, counted from 0, if the targets are classes.
    pub fn labels(&self) -> Option<&[u32]> {
        match &self.targets {
            Targets::Classes(labels) => Some(labels),
            Targets::Labels(_) | Targets::Values(_) => None,
        }
    }

    /// Returns the values to predict, examples × outputs, if the targets are values.
    pub fn values(&self) -> Option<&Matrix> {
        match &self.targets {
            Targets::Values(values) => Some(values),
            Targets::Classes(_) | Targets::Labels(_) => None,
        }
    }

    /// Sets how much each example counts in training, compared with the others: a weight of at least zero for each. In a
    /// training their mean counts as 1, so that one with the weight 2 counts as two examples with the weight 1 do. Scores
    /// and the loss of a validation set count every example alike.
    ///
    /// # Errors
    /// If there is not one weight for each example, one is negative or not finite, or all are zero.
    pub fn with_weights(mut self, weights: Vec<f32>) -> Result<Dataset> {
        self.info.weights = Some(weights);
        self.info.check(self.len()).map(|()| self)
    }

    /// Sets the group of each example, such as a person or a device: examples of one group stay together in a
    /// [`split`](Self::split), in [`folds`](Self::folds), and in every split of a training.
    ///
    /// ```
    /// use palmnet::data::{Missing, Reading};
    /// use palmnet::{Dataset, Table, Target};
    /// let mut reading = Reading::default();
    /// reading.group = Some("patient".to_string());
    /// let text = "patient,pulse,day\nAnn,71,1.5\nBob,64,1.5\nAnn,69,2.5\nCid,80,0.5\n";
    /// let table = Table::parse_with(text, "visits.csv", &reading)?;
    /// let data = Dataset::from_table(table, Target::Last, Missing::Fill)?;
    /// assert_eq!(data.groups().unwrap(), [0, 1, 0, 2]);
    /// let (train, test) = data.split(0.7, 0);
    /// assert!(test.groups().unwrap().iter().all(|group| !train.groups().unwrap().contains(group)));
    /// # Ok::<(), palmnet::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is not one group for each example, or the dataset has [times](Self::with_times).
    pub fn with_groups(mut self, groups: Vec<u32>) -> Result<Dataset> {
        self.info.groups = Some(groups);
        self.info.check(self.len()).map(|()| self)
    }

    /// Sets the time of each example, in any unit: in a [`split`](Self::split), in [`folds`](Self::folds), and in every
    /// split of a training, those to train on come before those to test on. Examples of the same time keep their order.
    ///
    /// # Errors
    /// If there is not one time for each example, one is NaN, or the dataset has [groups](Self::with_groups).
    pub fn with_times(mut self, times: Vec<f64>) -> Result<Dataset> {
        self.info.times = Some(times);
        self.info.check(self.len()).map(|()| self)
    }

    /// Returns the weights of the examples: see [`with_weights`](Self::with_weights).
    pub fn weights(&self) -> Option<&[f32]> {
        self.info.weights.as_deref()
    }

    /// Returns the groups of the examples: see [`with_groups`](Self::with_groups). Those of a table are numbered from 0
    /// in the order in which they appear.
    pub fn groups(&self) -> Option<&[u32]> {
        self.info.groups.as_deref()
    }

    /// Returns the times of the examples: see [`with_times`](Self::with_times). Dates of a table are seconds since
    /// 1970-01-01.
    pub fn times(&self) -> Option<&[f64]> {
        self.info.times.as_deref()
    }

    pub(super) fn allow_missing(&mut self, allowed: bool) {
        self.schema = self.schema.clone().allowing_missing(allowed);
    }

    /// Returns the number of missing features: cells of the columns, however many inputs these have. After imputation
    /// it is 0.
    pub fn missing_count(&self) -> usize {
        if !self.schema.allows_missing() {
            return 0;
        }
        let firsts: Vec<usize> = self.schema.inputs().map(|inputs| inputs.start).collect();
        self.features.count_nan(&firsts)
    }

    /// Returns an error if features are missing.
    pub(crate) fn check_complete(&self) -> Result<()> {
        match self.missing_count() {
            0 => Ok(()),
            count => Err(Error::Mismatch(format!(
                "{count} {} missing (NaN): fill them in (Imputer::fit and apply, or Preprocessing::fit and apply), or \
                 leave such rows out (Missing::Drop)",
                if count == 1 { "feature is" } else { "features are" }
            ))),
        }
    }

    /// Returns the examples `rows`, in this order, with their weights, groups and times; one may be taken more than
    /// once.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Dataset {
        let (features, targets, info) = (self.features.select(rows), self.targets.select(rows), self.info.select(rows));
        Dataset { features, targets, info, schema: self.schema.clone(), notes: self.notes.clone() }
    }

    /// Returns the same targets, weights, groups and times with other features, as many rows of them; they are called 1, 2, …: features that were
    /// computed, such as the activations of another network.
    ///
    /// # Errors
    /// If there are not as many rows, or a number is NaN or infinite.
    pub fn with_features(&self, features: impl Into<Features>) -> Result<Dataset> {
        let features = features.into();
        let mut numbers = (1..).map(|number: usize| number.to_string());
        let inputs: Vec<String> = numbers.by_ref().take(features.columns()).collect();
        // Numbers are the names of columns without any, so those of targets continue.
        let renamed = |name: &String| {
            if name.parse::<usize>().is_ok() { numbers.next().unwrap_or_default() } else { name.clone() }
        };
        let names = self.schema.target().names().iter().map(renamed).collect();
        let target = self.schema.target().with_names(names);
        let data = Dataset::new(features, self.targets.clone(), Schema::numbers(inputs, target)?)?;
        Ok(Dataset { info: self.info.clone(), ..data })
    }

    /// Scales the features in place. Features kept as bytes or as numbers of categories stay so: the scaling is
    /// remembered.
    ///
    /// # Panics
    /// If the scaler is for another number of features.
    pub fn scale(&mut self, scaler: &Scaler) {
        self.features.scale(scaler);
    }

    /// Scales the target values in place.
    ///
    /// # Panics
    /// If the targets are classes or labels, or the scaler is for another number of targets.
    pub fn scale_targets(&mut self, scaler: &Scaler) {
        match &mut self.targets {
            Targets::Values(values) => scaler.transform(values),
            Targets::Classes(_) | Targets::Labels(_) => panic!("classes and labels cannot be scaled"),
        }
    }

    /// Puts the features of the examples `rows` into `x`: rows × features, in the memory that `x` has.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn gather(&self, rows: &[usize], x: &mut Matrix) {
        self.features.gather(rows, x);
    }

    /// Puts the targets of the examples `rows` into `y`: rows × `columns`, in the memory that `y` has. Classes become
    /// one column each, 1 for the example's class and 0 for the others; two classes may share one column, which is 1
    /// for the second.
    ///
    /// # Panics
    /// If there is no such row, or the targets do not make that many columns.
    pub fn gather_targets(&self, rows: &[usize], columns: usize, y: &mut Matrix) {
        y.reshape(rows.len(), columns);
        match &self.targets {
            Targets::Labels(values) | Targets::Values(values) => {
                let to = y.as_mut_slice().chunks_exact_mut(columns.max(1));
                to.zip(rows).for_each(|(to, &row)| to.copy_from_slice(values.row(row)));
            }
            Targets::Classes(labels) => {
                let classes = self.class_names().len();
                let single = columns == 1 && classes == 2;
                assert!(single || columns == classes, "{classes} classes in {columns} columns");
                y.as_mut_slice().fill(0.0);
                for (y, &row) in y.as_mut_slice().chunks_exact_mut(columns.max(1)).zip(rows) {
                    // The column of class k is k; a single column is that of class 1.
                    let column = (labels[row] as usize).wrapping_sub(usize::from(single));
                    y.get_mut(column).into_iter().for_each(|y| *y = 1.0);
                }
            }
        }
    }

    /// Returns all features: examples × features.
    pub fn to_matrix(&self) -> Matrix {
        self.features.to_matrix()
    }
}

/// Datasets are equal if their examples and schemas are: how they were read does not matter.
impl PartialEq for Dataset {
    fn eq(&self, other: &Self) -> bool {
        let same_examples = self.features == other.features && self.targets == other.targets;
        same_examples && self.info == other.info && self.schema == other.schema
    }
}

/// Shape, names and counts, not every number.
impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        let columns: Vec<&str> = self.schema.columns().iter().map(|column| column.name.as_str()).take(SHOWN).collect();
        let mut shown = f.debug_struct("Dataset");
        shown.field("examples", &self.len()).field("features", &self.features).field("columns", &columns);
        match (&self.targets, self.schema.target()) {
            (Targets::Classes(labels), TargetSchema::Classes { name, classes }) => {
                let mut counts = vec![0usize; classes.len()];
                labels.iter().for_each(|&label| counts[label as usize] += 1);
                let counts: Vec<(&String, usize)> = classes.iter().zip(counts).take(SHOWN).collect();
                shown.field("target", name).field("classes", &counts)
            }
            (_, target) => shown.field("targets", &target.names()),
        };
        shown.finish_non_exhaustive()
    }
}
