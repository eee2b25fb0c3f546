//! The section of a report that says why this model: the trials of hyperparameters, and their losses.

use super::page::Page;
use crate::base::text::significant;
use crate::tune::{Hyperparameters, Trial};

/// A hyperparameter that trials may differ in: its name, and its value as text.
struct Field {
    name: &'static str,
    show: fn(&Hyperparameters) -> String,
}

const FIELDS: [Field; 10] = [
    Field { name: "units", show: |h| h.hidden.iter().map(usize::to_string).collect::<Vec<String>>().join(", ") },
    Field { name: "members", show: |h| h.members.to_string() },
    Field { name: "bins", show: |h| h.bins.to_string() },
    Field { name: "embedding", show: |h| h.embedding.to_string() },
    Field { name: "learning rate", show: |h| significant(h.optimizer.learning_rate().into(), 2) },
    Field { name: "mini-batch", show: |h| h.batch_size.to_string() },
    Field { name: "dropout", show: |h| h.dropout.to_string() },
    Field { name: "weight decay", show: |h| significant(h.penalty.weight_decay.into(), 2) },
    Field { name: "L1", show: |h| h.penalty.l1.to_string() },
    Field { name: "epochs", show: |h| h.epochs.to_string() },
];

/// Writes the trials, if there were any.
pub(super) fn write(page: &mut Page, trials: &[Trial]) {
    if trials.is_empty() {
        return;
    }
    page.heading("Why this model");
    let differs = |field: &&Field| {
        trials.iter().any(|trial| (field.show)(&trial.hyperparameters) != (field.show)(&trials[0].hyperparameters))
    };
    let fields: Vec<&Field> = FIELDS.iter().filter(differs).collect();
    let same = FIELDS.iter().filter(|field| !differs(field));
    let same: Vec<String> =
        same.map(|field| format!("{} {}", field.name, (field.show)(&trials[0].hyperparameters))).collect();
    let best = trials.iter().filter_map(|trial| trial.loss).fold(f64::INFINITY, f64::min);
    page.note("Hyperparameters were tried on a part of the training data and scored on the rest; the lowest loss won.");
    let names = fields.iter().map(|field| field.name);
    page.begin_table("", &["trial"].into_iter().chain(names).chain(["loss"]).collect::<Vec<&str>>());
    for trial in trials {
        let mut cells = vec![(trial.index + 1).to_string()];
        cells.extend(fields.iter().map(|field| (field.show)(&trial.hyperparameters)));
        cells.push(trial.loss.map_or("diverged".into(), |loss| significant(loss, 4)));
        page.row(&cells, trial.loss == Some(best));
    }
    page.end_table();
    page.note(&format!("All had {}.", same.join("; ")));
}
