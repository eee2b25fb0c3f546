//! Pictures of the results of trainings and of models.

use std::fmt;

use super::chart::{Axis, Chart, Mark, Series};
use super::images::Images;
use super::picture::Picture;
use super::regions::Regions;
use super::scale::Scale;
use super::shades::Shades;
use crate::base::error::{Error, Result};
use crate::base::history::History;
use crate::base::text::significant;
use crate::data::{ColumnKind, Dataset, TargetSchema, Targets};
use crate::linalg::matrix::Matrix;
use crate::model::Model;
use crate::model::classification::{Classification, likeliest};
use crate::nn::layer::Layer;
use crate::nn::network::Network;

/// Losses whose largest is so many times the smallest are shown on a logarithmic scale.
const WIDE: f64 = 20.0;
/// The bins of a calibration curve.
const BINS: usize = 10;
/// A bin with fewer rows is joined with its neighbor.
const FEWEST: f64 = 10.0;
/// The bars of a histogram of weights.
const BARS: usize = 24;
/// The columns and rows of the grid on which regions are predicted.
const GRID: usize = 96;

impl Axis {
    fn of(label: &str) -> Axis {
        Axis { label: label.into(), is_log: false }
    }
}

impl Series {
    fn new(name: &str, mark: Mark, x: Vec<f64>, y: Vec<f64>) -> Series {
        Series { name: name.into(), mark, x, y }
    }

    /// Returns the line on which both numbers are the same, over a range.
    fn diagonal(name: &str, ends: [f64; 2]) -> Series {
        Series::new(name, Mark::Reference, ends.into(), ends.into())
    }
}

/// Returns the losses of each epoch: of the training data and, if there is one, of the validation set.
pub fn learning_curve(history: &History) -> Picture {
    let epochs: Vec<f64> = history.epochs.iter().map(|epoch| epoch.epoch as f64).collect();
    let train: Vec<f64> = history.epochs.iter().map(|epoch| epoch.train_loss).collect();
    // A line needs two points.
    let mark = if epochs.len() > 1 { Mark::Line } else { Mark::Points };
    let mut series = vec![Series::new("training", mark, epochs.clone(), train)];
    if history.epochs.iter().any(|epoch| epoch.validation_loss.is_some()) {
        let validation = history.epochs.iter().map(|epoch| epoch.validation_loss.unwrap_or(f64::NAN)).collect();
        series.push(Series::new("validation", mark, epochs, validation));
    }
    let losses = || series.iter().flat_map(|series| series.y.iter().copied()).filter(|loss| loss.is_finite());
    let (low, high) = (losses().fold(f64::INFINITY, f64::min), losses().fold(f64::NEG_INFINITY, f64::max));
    let y = Axis { label: "loss".into(), is_log: low > 0.0 && high / low > WIDE };
    Picture::Chart(Chart { title: "Learning curve".into(), x: Axis::of("epoch"), y, series })
}

/// Writes the [`learning_curve`] as text for a narrow terminal, and the best epoch.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", learning_curve(self))?;
        match self.epochs.get(self.best_epoch.wrapping_sub(1)) {
            Some(best) => {
                writeln!(f, "epoch {} of {}: loss {}", best.epoch, self.epochs.len(), significant(best.loss(), 4))
            }
            None => Ok(()),
        }
    }
}

/// Returns the confusion matrix. `names` are the classes'; one without a name is shown by its number.
pub fn confusion(found: &Classification, names: &[String]) -> Picture {
    Picture::Shades(Shades {
        title: "Confusion matrix, by true class".into(),
        row_label: "truth".into(),
        column_label: "predicted".into(),
        names: names.to_vec(),
        counts: found.confusion().to_vec(),
    })
}

/// Returns the accuracy of predictions by their confidence, in ten bins of equal width (Niculescu-Mizil and Caruana,
/// 2005): examples × classes, or one column with the probability of class 1 of two, and the true classes. A bin of fewer
/// than 10 rows, whose accuracy is mostly chance, is joined with its neighbor. Rows with NaN are left out.
///
/// # Panics
/// If there are not as many rows as true classes.
pub fn calibration_curve(probabilities: &Matrix, truth: &[u32]) -> Picture {
    assert_eq!(truth.len(), probabilities.rows(), "the numbers of true classes and of predictions");
    let mut bins = [[0.0; 3]; BINS];
    for (row, &truth) in probabilities.iter_rows().zip(truth) {
        let Some(predicted) = likeliest(row) else { continue };
        let confidence = f64::from(if let [second] = row { second.max(1.0 - second) } else { row[predicted] });
        let bin = &mut bins[((confidence * BINS as f64) as usize).min(BINS - 1)];
        for (sum, term) in bin.iter_mut().zip([1.0, confidence, f64::from(u8::from(predicted as u32 == truth))]) {
            *sum += term;
        }
    }
    let add = |sums: &mut [f64; 3], more: [f64; 3]| sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    let mut joined: Vec<[f64; 3]> = Vec::new();
    for bin in bins.into_iter().filter(|[count, ..]| *count > 0.0) {
        match joined.last_mut() {
            Some(last) if last[0] < FEWEST => add(last, bin),
            _ => joined.push(bin),
        }
    }
    if let [.., before, last] = &mut joined[..]
        && last[0] < FEWEST
    {
        add(before, *last);
        joined.pop();
    }
    let x = joined.iter().map(|[count, confidence, _]| confidence / count).collect();
    let y = joined.iter().map(|[count, _, correct]| correct / count).collect();
    let mark = if joined.len() > 1 { Mark::Line } else { Mark::Points };
    let ideal = Series::diagonal("ideal", [1.0 / probabilities.columns().max(2) as f64, 1.0]);
    Picture::Chart(Chart {
        title: "Calibration curve".into(),
        x: Axis::of("mean probability"),
        y: Axis::of("accuracy"),
        series: vec![Series::new("model", mark, x, y), ideal],
    })
}

/// Returns the predictions of one target of values, compared with the truth, in the units of the table.
///
/// # Errors
/// If the data does not fit the model, the model does not predict values, or there is no such target.
pub fn predicted_against_true(model: &Model, data: &Dataset, target: usize) -> Result<Picture> {
    let (Targets::Values(truth), names) = (data.targets(), model.schema().target().names()) else {
        return Err(Error::Mismatch("predicted and true values are shown of a model of values only".into()));
    };
    if target >= names.len().min(truth.columns()) {
        return Err(Error::Mismatch(format!("the model has no target {target}: it has {}", names.len())));
    }
    Ok(values_against_true(model, truth, &model.predict_dataset(data)?, target))
}

/// Returns predicted values of one target compared with the truth.
pub(super) fn values_against_true(model: &Model, truth: &Matrix, predicted: &Matrix, target: usize) -> Picture {
    let values = |of: &Matrix| -> Vec<f64> {
        of.iter_rows().map(|row| model.schema().target_value(target, row[target])).collect()
    };
    let (truth, predicted) = (values(truth), values(predicted));
    let range = Scale::of(&mut truth.iter().copied(), false);
    let ideal = Series::diagonal("ideal", [range.number(0.0), range.number(1.0)]);
    Picture::Chart(Chart {
        title: format!("{}, predicted and true", model.schema().target().names()[target]),
        x: Axis::of("true"),
        y: Axis::of("predicted"),
        series: vec![Series::new("rows", Mark::Points, truth, predicted), ideal],
    })
}

/// Returns the class that a model of two columns of numbers predicts at each point of the plane, over the range of the
/// data, and the data.
///
/// # Errors
/// If the model or the data has not two columns of numbers, or does not predict classes.
pub fn decision_regions(model: &Model, data: &Dataset) -> Result<Picture> {
    let columns = model.schema().columns();
    let forms: Vec<f64> = columns
        .iter()
        .filter_map(|column| match &column.kind {
            ColumnKind::Number(form) => Some(form.origin),
            _ => None,
        })
        .collect();
    // A column with gaps has one input more.
    let (TargetSchema::Classes { classes, .. }, Some(truth), ([_, _], [a, b]), 2) =
        (model.schema().target(), data.labels(), (columns, &forms[..]), model.schema().width())
    else {
        return Err(Error::Mismatch("regions are shown of a model of classes with two columns of numbers".into()));
    };
    model.check(data)?;
    let x = data.to_matrix();
    let scales = [0, 1].map(|column| Scale::of(&mut x.iter_rows().map(|row| row[column].into()), false).with_margin());
    let middle = |index: usize| (index as f64 + 0.5) / GRID as f64;
    let grid = Matrix::from_fn(GRID * GRID, 2, |cell, column| match column {
        0 => scales[0].number(middle(cell % GRID)) as f32,
        _ => scales[1].number(1.0 - middle(cell / GRID)) as f32,
    });
    let predicted = model.predict(&grid);
    let class = |row: &[f32]| likeliest(row).map_or(Regions::NONE, |class| class as u32);
    let ends = |column: usize, origin: &f64| [0.0, 1.0].map(|end| scales[column].number(end) + origin);
    Ok(Picture::Regions(Regions {
        title: "Data, and the class that is predicted".into(),
        axes: [columns[0].name.clone(), columns[1].name.clone()],
        classes: classes.clone(),
        ranges: [ends(0, a), ends(1, b)],
        columns: GRID,
        predicted: predicted.iter_rows().map(class).collect(),
        points: x.iter_rows().map(|row| [f64::from(row[0]) + a, f64::from(row[1]) + b]).collect(),
        truth: truth.to_vec(),
    }))
}

/// Returns images whose class a model misreads, at most `most`, and the number of all that it does. The pixels are the
/// features, row by row.
///
/// # Errors
/// If the data does not fit the model, the features are not a square, or the model does not predict classes.
pub fn misread(model: &Model, data: &Dataset, most: usize) -> Result<Picture> {
    misread_of(model, data, &model.predict_dataset(data)?, most)
}

/// Returns the images that predictions misread.
///
/// # Errors
/// Those of [`misread`].
pub(crate) fn misread_of(model: &Model, data: &Dataset, outputs: &Matrix, most: usize) -> Result<Picture> {
    let side = data.features().columns().isqrt();
    let (true, Some(truth)) = (side * side == data.features().columns(), data.labels()) else {
        return Err(Error::Mismatch("images are shown of a model of classes whose features are a square".into()));
    };
    let predicted = |row: usize| model.class(outputs.row(row)).unwrap_or("?");
    let name = |row: usize| data.class_names()[truth[row] as usize].as_str();
    let wrong: Vec<usize> = (0..data.len()).filter(|&row| predicted(row) != name(row)).collect();
    let shown = &wrong[..wrong.len().min(most)];
    let mut pixels = Matrix::default();
    data.gather(shown, &mut pixels);
    let finite = || pixels.as_slice().iter().copied().filter(|pixel| pixel.is_finite());
    let scale = Scale::of(&mut finite().map(f64::from).chain([0.0]), false);
    Ok(Picture::Images(Images {
        title: format!("{} of {} misread{}", wrong.len(), data.len(), if shown.is_empty() { "" } else { ", such as" }),
        captions: shown.iter().map(|&row| format!("{} taken for {}", name(row), predicted(row))).collect(),
        side,
        pixels: pixels.as_slice().iter().map(|&pixel| scale.fraction(pixel.into()).clamp(0.0, 1.0) as f32).collect(),
    }))
}

/// How the weights of a layer are distributed.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct WeightHistogram {
    /// The layer, as it is printed in a network.
    pub layer: String,
    /// The number of weights, without biases.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub standard_deviation: f64,
    /// The lowest and the highest of them.
    pub range: [f64; 2],
    /// How many are in each of 24 bins of equal width.
    pub bins: Vec<usize>,
}

/// Returns the distribution of the weights of every layer that has some.
pub fn weight_histograms(network: &Network) -> Vec<WeightHistogram> {
    let histogram = |layer: &Layer| {
        let (_, weights) = layer.parameters().next()?;
        let values = || weights.iter().map(|&weight| f64::from(weight));
        let count = weights.len() as f64;
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|weight| (weight - mean).powi(2)).sum::<f64>() / count;
        let scale = Scale::of(&mut values(), false);
        let mut bins = vec![0; BARS];
        for fraction in values().map(|weight| scale.fraction(weight)).filter(|fraction| fraction.is_finite()) {
            bins[((fraction * BARS as f64) as usize).min(BARS - 1)] += 1;
        }
        let range = [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)];
        Some(WeightHistogram {
            layer: layer.to_string(),
            count: weights.len(),
            mean,
            standard_deviation: variance.sqrt(),
            range,
            bins,
        })
    };
    network.layers().iter().filter_map(histogram).collect()
}
