//! The pictures that belong to a result: those that the command shows.

use super::figures::{calibration_curve, confusion, decision_regions, learning_curve, misread, values_against_true};
use super::picture::Picture;
use crate::base::error::Result;
use crate::base::history::History;
use crate::data::{Dataset, Targets};
use crate::linalg::matrix::Matrix;
use crate::model::Model;
use crate::model::classification::Classification;

/// The most targets or labels that have a picture each.
const MOST: usize = 4;
/// The most misread images that are shown.
const IMAGES: usize = 10;

/// Returns the pictures of a training: its learning curve and, on labeled data, the regions of a model of two columns
/// of numbers, or the images that a model misreads.
///
/// # Errors
/// If the data does not fit the model.
pub fn of_training(history: &History, model: &Model, data: &Dataset) -> Result<Vec<Picture>> {
    let mut pictures = Vec::new();
    if !history.epochs.is_empty() {
        pictures.push(learning_curve(history));
    }
    model.check(data)?;
    let is_of_classes = data.labels().is_some();
    let columns = data.features().columns();
    if is_of_classes && data.features().is_bytes() && columns.isqrt().pow(2) == columns {
        pictures.push(misread(model, data, IMAGES)?);
    } else if is_of_classes && columns == 2 {
        // Two inputs may also be the categories of one column.
        pictures.extend(decision_regions(model, data));
    }
    Ok(pictures)
}

/// Returns the pictures of a model's predictions for labeled data: of classes the confusion matrix and the calibration
/// curve, of labels the calibration curves of the first four, of values the first four compared with the truth.
///
/// # Errors
/// If the data does not fit the model.
pub fn of_evaluation(model: &Model, data: &Dataset) -> Result<Vec<Picture>> {
    Ok(of_outputs(model, data, &model.predict_dataset(data)?))
}

/// Returns the pictures of predictions for labeled data that fits the model.
pub(crate) fn of_outputs(model: &Model, data: &Dataset, outputs: &Matrix) -> Vec<Picture> {
    let names = model.schema().target().names();
    match data.targets() {
        Targets::Classes(truth) => {
            let found = Classification::from_probabilities(outputs, truth);
            vec![confusion(&found, data.class_names()), calibration_curve(outputs, truth)]
        }
        Targets::Labels(truth) => {
            let curve = |label: usize| {
                let column = Matrix::from_fn(outputs.rows(), 1, |row, _| outputs[(row, label)]);
                let truth: Vec<u32> = truth.iter_rows().map(|row| u32::from(row[label] > 0.5)).collect();
                let mut picture = calibration_curve(&column, &truth);
                if let Picture::Chart(chart) = &mut picture {
                    chart.title = format!("{}: {}", names[label], chart.title);
                }
                picture
            };
            (0..names.len().min(MOST)).map(curve).collect()
        }
        Targets::Values(truth) => {
            (0..names.len().min(MOST)).map(|target| values_against_true(model, truth, outputs, target)).collect()
        }
    }
}
