//! The section of a report about the predictions: pictures, figures of each class or target, and coverage.

use super::page::Page;
use crate::base::error::Result;
use crate::base::text::significant;
use crate::data::{Dataset, Targets};
use crate::model::Model;
use crate::model::evaluate::Scored;
use crate::model::metrics::Evaluation;
use crate::plot::{Axis, Chart, Mark, Picture, Series, of_outputs};

/// The level of the intervals and sets whose coverage is shown.
const LEVEL: f64 = 0.9;
/// The bars of a histogram of residuals.
const BARS: usize = 25;

pub(super) fn write(page: &mut Page, model: &Model, data: &Dataset, scored: &Scored) -> Result<()> {
    page.heading("Predictions");
    let figure = |x: f64| significant(x, 4);
    let evaluation = &scored.score.evaluation;
    match evaluation {
        Evaluation::Classification(found) => {
            page.begin_table("", &["class", "precision", "recall", "F1", "rows"]);
            for (class, name) in data.class_names().iter().enumerate() {
                let figures = [found.precision(class), found.recall(class), found.f1(class)].map(figure);
                let [precision, recall, f1] = figures;
                page.row(&[name.clone(), precision, recall, f1, found.support(class).to_string()], false);
            }
        }
        Evaluation::MultiLabel(found) => {
            page.begin_table("", &["label", "accuracy", "precision", "recall", "F1", "ROC AUC"]);
            for (name, label) in model.schema().target().names().iter().zip(&found.labels) {
                let figures = [label.accuracy, label.precision, label.recall, label.f1, label.roc_auc].map(figure);
                page.row(&[&[name.clone()][..], &figures].concat(), false);
            }
        }
        Evaluation::Regression(found) => {
            page.begin_table("", &["target", "RMSE", "MAE", "R²"]);
            for (name, errors) in model.schema().target().names().iter().zip(&found.outputs) {
                let figures = [errors.rmse, errors.mae, errors.r2].map(figure);
                page.row(&[&[name.clone()][..], &figures].concat(), false);
            }
        }
    }
    page.end_table();
    if let Some(error) = evaluation.classification().and_then(|found| found.calibration_error()) {
        page.note(&format!(
            "Calibration error {}: the mean distance of probabilities from frequencies.",
            figure(error)
        ));
    }
    coverage(page, model, data, scored)?;
    for picture in of_outputs(model, data, &scored.outputs) {
        page.picture(&picture);
        page_residuals(page, &picture);
    }
    Ok(())
}

/// Writes how often intervals or sets hold the truth, if the model is calibrated.
fn coverage(page: &mut Page, model: &Model, data: &Dataset, scored: &Scored) -> Result<()> {
    if model.calibration().is_none() || matches!(data.targets(), Targets::Labels(_)) {
        return Ok(());
    }
    let coverage = model.coverage_of(data, LEVEL, scored)?;
    for (name, found) in model.schema().target().names().iter().zip(coverage) {
        let (what, size) = match data.targets() {
            Targets::Values(_) => ("intervals", "width"),
            _ => ("sets of classes", "size"),
        };
        let (covered, mean) = (significant(100.0 * found.covered, 3), significant(found.size, 4));
        let percent = 100.0 * LEVEL;
        page.note(&format!(
            "{name}: {percent:.0} % {what} hold the truth of {covered} % of the rows; mean {size} {mean}."
        ));
    }
    Ok(())
}

/// Writes the histogram of the residuals of a picture of predicted and true values.
fn page_residuals(page: &mut Page, picture: &Picture) {
    let Picture::Chart(chart) = picture else { return };
    let Some(rows) = chart.series.first().filter(|series| series.mark == Mark::Points) else { return };
    let residuals: Vec<f64> = rows.y.iter().zip(&rows.x).map(|(predicted, truth)| predicted - truth).collect();
    let finite = || residuals.iter().copied().filter(|residual| residual.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    if low >= high {
        return;
    }
    let mut counts = vec![0.0; BARS];
    for residual in finite() {
        counts[((residual - low) / (high - low) * BARS as f64).min(BARS as f64 - 1.0) as usize] += 1.0;
    }
    let edges = (0..=BARS).map(|edge| low + (high - low) * edge as f64 / BARS as f64).collect();
    let [x, y] = ["predicted − true", "rows"].map(|label| Axis { label: label.into(), is_log: false });
    let series = vec![Series { name: String::new(), mark: Mark::Bars, x: edges, y: counts }];
    page.picture(&Picture::Chart(Chart { title: "Residuals".into(), x, y, series }));
}
