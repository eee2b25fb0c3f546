//! Predictions for rows that are put together of others.

use crate::base::error::{Error, Result};
use crate::base::rng::Rng;
use crate::linalg::matrix::Matrix;
use crate::model::Model;

/// The inputs that are predicted at once: 8 MB of them.
const BLOCK: usize = 1 << 21;

/// Returns the indices of all `count` rows or, if there are more than `most`, of so many that are drawn from them.
///
/// # Errors
/// If there are no rows.
pub(super) fn sample(count: usize, most: usize, rng: &mut Rng) -> Result<Vec<usize>> {
    let mut rows: Vec<usize> = (0..count).collect();
    if count > most {
        rng.shuffle(&mut rows);
        rows.truncate(most);
    }
    match count {
        0 => Err(Error::Mismatch("there are no rows to explain the model with".into())),
        _ => Ok(rows),
    }
}

/// Predicts `count` rows in blocks: `compose` writes the inputs of a row, and `take` receives its outputs, both in the
/// order of the rows.
///
/// # Errors
/// Those of [`Model::predict_features`].
pub(super) fn predict(
    model: &Model,
    count: usize,
    compose: &mut dyn FnMut(usize, &mut [f32]),
    take: &mut dyn FnMut(usize, &[f32]),
) -> Result<()> {
    let width = model.schema().width();
    let block = (BLOCK / width.max(1)).max(16);
    for start in (0..count).step_by(block) {
        let mut x = Matrix::zeros(block.min(count - start), width);
        (0..x.rows()).for_each(|i| compose(start + i, x.row_mut(i)));
        let outputs = model.predict_features(&x.into())?;
        outputs.iter_rows().enumerate().for_each(|(i, row)| take(start + i, row));
    }
    Ok(())
}
