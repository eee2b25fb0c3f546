//! The section of a report about the columns: how much the model needs each, and how it depends on the most important.

use super::page::Page;
use crate::base::error::Result;
use crate::base::text::significant;
use crate::data::{ColumnKind, Dataset};
use crate::explain::{PartialDependence, Permutations};
use crate::model::Model;
use crate::plot::{Axis, Chart, Mark, Picture, Series};

/// The multiply-adds that the explanations may take: less than a second of two slow cores.
const WORK: u64 = 10_000_000_000;
/// The fewest rows that say something, and the most.
const FEWEST: usize = 48;
const MOST: usize = 2_000;
/// How often a column is shuffled, and the fewest times of which there is a standard deviation.
const REPEATS: usize = 5;
const FEWEST_REPEATS: usize = 3;
/// The columns whose partial dependence is shown, the most and the fewest cells of each, and the most outputs.
const SHOWN: usize = 6;
const POINTS: usize = 16;
const FEWEST_POINTS: usize = 8;
const OUTPUTS: usize = 6;
/// The most columns whose importance is listed.
const LISTED: usize = 40;
/// Of more features, each says little: they are pixels or words.
const FEATURES: usize = 2_000;

/// Writes the importances, measured as `wanted` or else with the rows that are affordable, and the dependences.
pub(super) fn write(
    page: &mut Page,
    model: &Model,
    data: &Dataset,
    wanted: Option<Permutations>,
    seed: u64,
) -> Result<()> {
    let columns = model.schema().columns().len();
    if data.features().is_bytes() || columns > FEATURES || data.len() < 2 {
        return Ok(());
    }
    let of_row = model.network().parameter_count().saturating_mul(model.network().members()).max(1);
    let affordable = |repeats: usize| {
        let predictions = columns * repeats + SHOWN * POINTS;
        usize::try_from(WORK / of_row as u64 / predictions as u64).unwrap_or(MOST)
    };
    let (repeats, points) =
        if affordable(REPEATS) < FEWEST { (FEWEST_REPEATS, FEWEST_POINTS) } else { (REPEATS, POINTS) };
    let rows = affordable(repeats).clamp(FEWEST, MOST).min(data.len());
    // Evenly spaced. The product may be too large for 32 bits.
    let row = |index: usize| (index as u64 * data.len() as u64 / rows as u64) as usize;
    let drawn = data.select(&(0..rows).map(row).collect::<Vec<usize>>());
    let importance = match wanted {
        Some(wanted) => model.importance_with(data, wanted, &mut |_| {})?,
        None => model.importance_with(&drawn, Permutations { rows: Some(rows), repeats, seed }, &mut |_| {})?,
    };
    let (data, rows, repeats) = (drawn, importance.rows, importance.repeats);
    page.heading("Columns that the model needs");
    page.note(&format!(
        "Permutation importance: how much the score ({}) falls if a column is shuffled, the mean and the standard \
         deviation of {repeats} times on {rows} rows.",
        importance.metric.replace('_', " ").replace("r2", "R²")
    ));
    let ranked = importance.ranked();
    let most = ranked.first().map_or(0.0, |&first| importance.columns[first].mean);
    page.begin_table("bars", &["column", "fall", "deviation", ""]);
    for found in ranked.iter().take(LISTED).map(|&column| &importance.columns[column]) {
        let cells = [found.name.clone(), significant(found.mean, 3), significant(found.std, 2)];
        page.row_with_bar(&cells, if most > 0.0 { found.mean / most } else { 0.0 });
    }
    page.end_table();
    page.heading("Predictions by column");
    page.note("Partial dependence: the mean prediction if all rows have the same cell in a column.");
    for &column in ranked.iter().take(SHOWN) {
        let name = &importance.columns[column].name;
        let found = model.partial_dependence(data.features(), name, points, seed)?;
        if let Some(line) = found.constant() {
            page.note(&format!("{line}."));
            continue;
        }
        // Of times, a number would be seconds since 1970.
        let is_number = matches!(model.schema().columns()[column].kind, ColumnKind::Number(_));
        match is_number {
            true => page.picture(&curve(&found)),
            false => table(page, &found),
        }
    }
    Ok(())
}

/// Returns the outputs that are shown: if not all are, those that change most.
fn shown(found: &PartialDependence) -> Vec<usize> {
    let mut outputs = found.ranked();
    outputs.truncate(OUTPUTS);
    outputs.sort_unstable();
    outputs
}

/// Returns the outputs as lines over the numbers of the column.
fn curve(found: &PartialDependence) -> Picture {
    let x: Vec<f64> = found.points.iter().map(|point| point.value.unwrap_or(f64::NAN)).collect();
    let line = |output: usize| {
        let y = found.points.iter().map(|point| point.means[output]).collect();
        Series { name: found.outputs[output].clone(), mark: Mark::Line, x: x.clone(), y }
    };
    Picture::Chart(Chart {
        title: found.name.clone(),
        x: Axis { label: found.name.clone(), is_log: false },
        y: Axis { label: "mean prediction".into(), is_log: false },
        series: shown(found).into_iter().map(line).collect(),
    })
}

/// Writes the outputs for each category.
fn table(page: &mut Page, found: &PartialDependence) {
    let outputs = shown(found);
    let names = outputs.iter().map(|&output| found.outputs[output].as_str());
    let head: Vec<&str> = std::iter::once(found.name.as_str()).chain(names).collect();
    page.begin_table("", &head);
    for point in &found.points {
        let means = outputs.iter().map(|&output| significant(point.means[output], 3));
        page.row(&std::iter::once(point.cell.clone()).chain(means).collect::<Vec<String>>(), false);
    }
    page.end_table();
}
