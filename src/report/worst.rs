//! The section of a report with the rows that are predicted worst.

use super::page::Page;
use crate::base::sort::order;
use crate::base::text::significant;
use crate::data::{Dataset, Rows, Targets};
use crate::explain::cells::text;
use crate::linalg::matrix::Matrix;
use crate::model::Model;
use crate::plot::misread_of;

/// The rows that are listed, and the columns of each.
const ROWS: usize = 10;
const COLUMNS: usize = 6;
/// The images that are shown instead.
const IMAGES: usize = 15;

/// A prediction, and how wrong it is.
struct Wrong {
    truth: String,
    predicted: String,
    /// The greater the worse; NaN for a missing prediction.
    distance: f64,
}

pub(super) fn write(page: &mut Page, model: &Model, data: &Dataset, outputs: &Matrix) {
    page.heading("Predicted worst");
    if data.features().is_bytes()
        && let Ok(picture) = misread_of(model, data, outputs, IMAGES)
    {
        page.picture(&picture);
        return;
    }
    let wrong: Vec<Wrong> = (0..data.len()).map(|row| judge(model, data, outputs, row)).collect();
    // A missing prediction is the worst.
    let size = |row: usize| if wrong[row].distance.is_nan() { f64::INFINITY } else { wrong[row].distance };
    let ranked = order(wrong.len(), &|a, b| size(b).total_cmp(&size(a)));
    let schema = model.schema();
    let names: Vec<&str> = schema.columns().iter().take(COLUMNS).map(|column| column.name.as_str()).collect();
    page.begin_table("", &[&["row", "true", "predicted"], &names[..]].concat());
    let mut x = vec![0.0; schema.width()];
    for &row in ranked.iter().take(ROWS) {
        data.features().read_row(row, &mut x);
        let Wrong { truth, predicted, .. } = &wrong[row];
        let cells = schema.columns().iter().zip(schema.inputs()).take(COLUMNS);
        let cells = cells.map(|(column, inputs)| text(column, &x[inputs]));
        let first = [(row + 1).to_string(), truth.clone(), predicted.clone()];
        page.row(&first.into_iter().chain(cells).collect::<Vec<String>>(), false);
    }
    page.end_table();
    page.note("Rows are counted from 1, in the data that the model was measured on.");
}

/// Compares the prediction for a row with the truth.
fn judge(model: &Model, data: &Dataset, outputs: &Matrix, row: usize) -> Wrong {
    let output = outputs.row(row);
    match data.targets() {
        Targets::Classes(truth) => {
            let class = truth[row] as usize;
            let probability = match output {
                [second] => f64::from(if class == 1 { *second } else { 1.0 - second }),
                _ => f64::from(output[class]),
            };
            let predicted = model.class(output).unwrap_or("none");
            let truth = format!("{} ({})", data.class_names()[class], significant(probability, 3));
            Wrong { truth, predicted: predicted.into(), distance: 1.0 - probability }
        }
        Targets::Labels(truth) => {
            let truth = truth.row(row);
            let missed = truth.iter().zip(output).map(|(y, p)| f64::from((y - p).abs()));
            let predicted = model.labels(output).map_or("none".into(), |labels| labels.join(", "));
            Wrong { truth: model.labels(truth).unwrap_or_default().join(", "), predicted, distance: missed.sum() }
        }
        Targets::Values(truth) => {
            // Each target by its own scale, as training saw it.
            let factor = |target: usize| model.preprocessing().targets().map_or(1.0, |scaler| scaler.factor()[target]);
            let truth = truth.row(row);
            let missed = (0..truth.len()).map(|i| f64::from((truth[i] - output[i]).abs() * factor(i)));
            let values = |of: &[f32]| -> String {
                let values = of.iter().enumerate().map(|(i, y)| significant(model.schema().target_value(i, *y), 5));
                values.collect::<Vec<String>>().join(", ")
            };
            Wrong { truth: values(truth), predicted: values(output), distance: missed.sum() }
        }
    }
}
