//! Preprocessing: imputation and scaling, fitted on the training data and applied as one value.

use std::fmt;
use std::str::FromStr;

use super::target_range::TargetRange;
use crate::base::error::{Error, Result};
use crate::base::names::{Names, named};
use crate::data::{ColumnKind, Dataset, Features, Imputer, Rows, Scaler, Targets};
use crate::linalg::matrix::Matrix;

/// The scaling of features. Its text form is the lower-case name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scaling {
    /// `standard`: to mean 0 and variance 1.
    #[default]
    Standard,
    /// `robust`: numbers to median 0 and a distance of 1 between the quartiles; categories stay 0 and 1.
    Robust,
    /// `minmax`: to [0, 1].
    MinMax,
    /// `pixels`: division by 255, for images whose pixels are bytes.
    Pixels,
    /// `none`: features stay as they are.
    None,
}

const NAMES: Names<Scaling> = Names {
    kind: "scaling",
    known: &[
        named("standard", &["zscore"], Scaling::Standard),
        named("robust", &["quantile", "median"], Scaling::Robust),
        named("minmax", &[], Scaling::MinMax),
        named("pixels", &[], Scaling::Pixels),
        named("none", &["identity"], Scaling::None),
    ],
};

impl Scaling {
    /// Returns the names of all scalings.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.forms()
    }

    /// Returns the default scaling for `data`: pixels for features kept as bytes, else standard.
    pub fn for_data(data: &Dataset) -> Self {
        if data.features().is_bytes() { Scaling::Pixels } else { Scaling::Standard }
    }

    /// Fits a scaler on features, the missing ones of which are filled in by `imputer`. A feature that is constant gets a
    /// factor of 0: nothing was learned about it, so that it must not move a prediction later.
    fn fit(self, train: &Dataset, imputer: Option<&Imputer>) -> Scaler {
        let features = train.features();
        let imputed = Imputed { features, imputer };
        match self {
            Scaling::Standard => Scaler::standard(&imputed),
            Scaling::Robust => robust(train, imputer),
            Scaling::MinMax => Scaler::min_max(&imputed),
            Scaling::Pixels => Scaler::divide_by(features.columns(), 255.0).without_constants(&imputed),
            Scaling::None => Scaler::identity(features.columns()).without_constants(&imputed),
        }
    }
}

fn robust(train: &Dataset, imputer: Option<&Imputer>) -> Scaler {
    let (schema, features) = (train.schema(), train.features());
    let mut scaler = Scaler::identity(schema.width());
    for (column, inputs) in schema.columns().iter().zip(schema.inputs()) {
        if !matches!(column.kind, ColumnKind::Categories(_)) && !train.is_empty() {
            for input in inputs.start..inputs.start + column.kind.width() {
                let fill = imputer.map(|imputer| imputer.fill()[input]);
                let numbers = features.column(input).map(|x| if x.is_nan() { fill.unwrap_or(x) } else { x });
                scaler.set_robust(input, numbers.collect());
            }
        }
    }
    scaler
}

/// Features, the missing ones of which are filled in while they are read.
struct Imputed<'a> {
    features: &'a Features,
    imputer: Option<&'a Imputer>,
}

impl Rows for Imputed<'_> {
    fn size(&self) -> (usize, usize) {
        self.features.size()
    }

    fn read_row(&self, row: usize, x: &mut [f32]) {
        self.features.read_row(row, x);
        if let Some(imputer) = self.imputer {
            imputer.transform_row(x);
        }
    }
}

impl fmt::Display for Scaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(NAMES.name_of(*self))
    }
}

impl FromStr for Scaling {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        NAMES.parse(text, |_, _| None)
    }
}

/// The preprocessing of data for a network: an [`Imputer`] of missing features, if they may be missing, a [`Scaler`] of
/// the features and, if the targets are values, one of the targets; of values also the [`TargetRange`] that predictions
/// stay in, if they are to.
///
/// It is fitted on the training data alone and applied unchanged to all other data; a [`Model`](crate::Model) keeps it.
///
/// ```
/// use palmnet::{Preprocessing, Scaling, generate};
/// let (mut train, mut test) = generate::sums(100, 1).split(0.8, 1);
/// let preprocessing = Preprocessing::fit(&train, Scaling::Standard);
/// preprocessing.apply(&mut train);
/// preprocessing.apply(&mut test);
/// let mean = train.values().unwrap().as_slice().iter().sum::<f32>() / 240.0;
/// assert!(mean.abs() < 1e-5);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Preprocessing {
    imputer: Option<Imputer>,
    features: Scaler,
    targets: Option<Scaler>,
    range: Option<TargetRange>,
}

impl Preprocessing {
    /// Fits an imputer if features may be missing ([`Schema::allows_missing`](crate::data::Schema::allows_missing)), a
    /// scaler of the features, once they are filled in, and a standard scaler of the targets if these are values. Predictions have no range.
    #[must_use]
    pub fn fit(train: &Dataset, scaling: Scaling) -> Self {
        let imputer = train.schema().allows_missing().then(|| Imputer::fit(train));
        let targets = match train.targets() {
            Targets::Values(values) => Some(Scaler::standard(values)),
            Targets::Classes(_) | Targets::Labels(_) => None,
        };
        Preprocessing { features: scaling.fit(train, imputer.as_ref()), imputer, targets, range: None }
    }

    /// Returns the preprocessing with these scalers, and without an imputer or a range.
    #[must_use]
    pub fn new(features: Scaler, targets: Option<Scaler>) -> Self {
        Preprocessing { imputer: None, features, targets, range: None }
    }

    /// Returns the preprocessing with this imputer instead of its own.
    #[must_use]
    pub fn with_imputer(self, imputer: impl Into<Option<Imputer>>) -> Self {
        Preprocessing { imputer: imputer.into(), ..self }
    }

    /// Returns the preprocessing with this range of predicted values instead of its own.
    #[must_use]
    pub fn with_range(self, range: impl Into<Option<TargetRange>>) -> Self {
        Preprocessing { range: range.into(), ..self }
    }

    /// Returns the range that predicted values are moved into, if there is one.
    pub fn range(&self) -> Option<&TargetRange> {
        self.range.as_ref()
    }

    /// Returns the imputer of the features, if missing ones are filled in.
    pub fn imputer(&self) -> Option<&Imputer> {
        self.imputer.as_ref()
    }

    /// Returns the scaler of the features.
    pub fn features(&self) -> &Scaler {
        &self.features
    }

    /// Returns the scaler of the targets, if they are scaled.
    pub fn targets(&self) -> Option<&Scaler> {
        self.targets.as_ref()
    }

    /// Fills in missing features, and scales features and targets, in place.
    ///
    /// # Panics
    /// If the numbers of columns differ from those of the data that it was fitted on.
    pub fn apply(&self, data: &mut Dataset) {
        if let Some(imputer) = &self.imputer {
            imputer.apply(data);
        }
        data.scale(&self.features);
        if let Some(targets) = &self.targets {
            data.scale_targets(targets);
        }
    }

    /// Imputes and scales features, examples × features, in place.
    pub(super) fn apply_to_features(&self, x: &mut Matrix) {
        if let Some(imputer) = &self.imputer {
            imputer.transform(x);
        }
        self.features.transform(x);
    }

    /// Scales targets, examples × outputs, in place.
    pub(super) fn apply_to_targets(&self, targets: &mut Matrix) {
        if let Some(scaler) = &self.targets {
            scaler.transform(targets);
        }
    }

    /// Converts scaled values, examples × outputs, to the units of the targets, in place.
    ///
    /// # Panics
    /// If the number of columns is not that of the targets.
    pub fn invert_targets(&self, values: &mut Matrix) {
        if let Some(scaler) = &self.targets {
            scaler.invert(values);
        }
    }

    /// Turns outputs of a network, examples × outputs, into predicted values: in the units of the targets, and in their
    /// range if there is one.
    pub(super) fn finish_values(&self, outputs: &mut Matrix) {
        self.invert_targets(outputs);
        if let Some(range) = &self.range {
            range.clamp(outputs);
        }
    }

    /// Converts standard deviations of scaled values, examples × outputs, to the units of the targets, in place.
    pub(super) fn invert_spreads(&self, spreads: &mut Matrix) {
        let Some(scaler) = &self.targets else { return };
        let unit = |factor: &f32| if *factor == 0.0 { 0.0 } else { 1.0 / factor.abs() };
        let units: Vec<f32> = scaler.factor().iter().map(unit).collect();
        for row in 0..spreads.rows() {
            spreads.row_mut(row).iter_mut().zip(&units).for_each(|(spread, unit)| *spread *= unit);
        }
    }
}

/// Preprocessing of features alone: targets are not scaled.
impl From<Scaler> for Preprocessing {
    fn from(features: Scaler) -> Self {
        Preprocessing::new(features, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_names_round_trip() {
        for name in ["standard", "robust", "minmax", "pixels", "none"] {
            assert_eq!(name.parse::<Scaling>().unwrap().to_string(), name);
        }
        assert_eq!("min-max".parse::<Scaling>().unwrap(), Scaling::MinMax);
        assert!("sturdy".parse::<Scaling>().unwrap_err().to_string().contains("standard"));
    }
}
