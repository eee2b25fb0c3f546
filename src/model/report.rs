//! Metrics as text tables.

use std::fmt;
use std::fmt::Write;

use super::classification::{Classification, Scores};
use super::metrics::Evaluation;
use super::multi_label::MultiLabel;
use super::regression::Regression;
use crate::base::sort::order;
use crate::base::text::{NARROWEST, counted, shortened};

/// The most characters of a class's name that a table shows, however wide it may be.
const LONGEST_NAME: usize = 30;
/// The most classes in the table of a confusion matrix, and the most mistakes in a list.
const MOST_CLASSES: usize = 20;
const MOST_MISTAKES: usize = 20;

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evaluation::Classification(metrics) => metrics.fmt(f),
            Evaluation::MultiLabel(metrics) => metrics.fmt(f),
            Evaluation::Regression(metrics) => metrics.fmt(f),
        }
    }
}

impl Classification {
    /// Returns the metrics as a table that fits a terminal of `width` columns, at least 40. `names` are the classes'; a
    /// class without one is shown by its number, and a long name is cut.
    pub fn report(&self, names: &[String], width: usize) -> String {
        // The numbers take 27 columns, and the names of the means 13.
        let most = (width.max(NARROWEST) - 27).min(LONGEST_NAME);
        let labels = short_names(names, self.classes(), most);
        let margin = longest(&labels).max(13);
        let mut table = format!("{:>1$}", "precision", margin + 6);
        let _ = writeln!(table, "{:>7}{:>6}{:>8}", "recall", "f1", "support");
        let mut line = |name: &str, s: Scores, support: usize| {
            let _ = writeln!(table, "{name:<margin$}{:6.3}{:7.3}{:6.3} {support:>7}", s.precision, s.recall, s.f1);
        };
        for (class, label) in labels.iter().enumerate() {
            let scores = Scores { precision: self.precision(class), recall: self.recall(class), f1: self.f1(class) };
            line(label, scores, self.support(class));
        }
        let examples = (0..self.classes()).map(|class| self.support(class)).sum();
        line("macro mean", self.macro_average(), examples);
        line("weighted mean", self.weighted_average(), examples);
        table += &format!("accuracy {:.4}, log loss {:.4}\n", self.accuracy(), self.log_loss());
        if let Some(error) = self.calibration_error() {
            table += &format!("calibration error {error:.4}\n");
        }
        match self.unpredicted() {
            0 => table,
            count => table + &format!("without a prediction (NaN): {count}\n"),
        }
    }

    /// Returns the confusion matrix as a table that fits a terminal of `width` columns, at least 40, in several parts
    /// if one is too wide.
    ///
    /// If the names do not fit above the columns, the classes' numbers are there instead, and before the names of the
    /// rows. Of more than 20 classes, it lists the 20 most frequent mistakes instead.
    pub fn confusion_table(&self, names: &[String], width: usize) -> String {
        let classes = self.classes();
        let most = width.max(NARROWEST);
        if classes > MOST_CLASSES {
            return self.mistakes(names, most);
        }
        // A quarter of the width for names: 10 characters on a phone.
        let name_width = (most / 4).min(LONGEST_NAME);
        let numbers: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
        let mut labels = short_names(names, classes, name_width);
        let mut heads = labels.clone();
        let digits = self.confusion().iter().flatten().max().map_or(0, |count| count.to_string().len());
        let (under_names, under_numbers) = (digits.max(longest(&labels)) + 1, digits.max(longest(&numbers)) + 1);
        let mut width = under_names;
        if under_numbers < under_names && longest(&labels) + classes * under_names > most {
            let short = short_names(names, classes, name_width - 1 - longest(&numbers));
            labels = numbers.iter().zip(short).map(|(number, name)| format!("{number} {name}")).collect();
            (heads, width) = (numbers, under_numbers);
        }
        let margin = longest(&labels);
        let mut table = String::from("truth in rows, predicted in columns\n");
        let mut line = |label: &str, cells: &mut dyn Iterator<Item = String>| {
            let _ = write!(table, "{label:margin$}");
            cells.for_each(|cell| _ = write!(table, "{cell:>width$}"));
            table.push('\n');
        };
        let part = (most - margin) / width;
        for first in (0..classes).step_by(part) {
            let columns = first..classes.min(first + part);
            line("", &mut heads[columns.clone()].iter().cloned());
            for (label, row) in labels.iter().zip(self.confusion()) {
                line(label, &mut row[columns.clone()].iter().map(usize::to_string));
            }
        }
        table
    }

    /// Returns the most frequent mistakes as a table that fits a terminal of `width` columns.
    fn mistakes(&self, names: &[String], width: usize) -> String {
        let (confusion, classes) = (self.confusion(), self.classes());
        let counts: Vec<usize> = confusion.concat();
        let is_mistake = |cell: &usize| counts[*cell] > 0 && cell / classes != cell % classes;
        let cells: Vec<usize> = (0..counts.len()).filter(is_mistake).collect();
        let all: usize = cells.iter().map(|&cell| counts[cell]).sum();
        if all == 0 {
            return "no mistakes\n".into();
        }
        let ranked = order(cells.len(), &|a, b| counts[cells[b]].cmp(&counts[cells[a]]));
        let names = short_names(names, classes, ((width - 10) / 2).min(LONGEST_NAME));
        let margin = longest(&names).max("truth".len());
        let mut table = format!("the most frequent of {}\n", counted(all, "mistake"));
        let _ = writeln!(table, "{:>7}  {:margin$} predicted", "rows", "truth");
        for cell in ranked.into_iter().take(MOST_MISTAKES).map(|rank| cells[rank]) {
            let (truth, predicted) = (&names[cell / classes], &names[cell % classes]);
            let _ = writeln!(table, "{:>7}  {truth:margin$} {predicted}", counts[cell]);
        }
        table
    }
}

/// Writes the [`report`](Classification::report) with the classes' numbers, for a narrow terminal.
impl fmt::Display for Classification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report(&[], NARROWEST))
    }
}

impl MultiLabel {
    /// Returns the metrics of each label as a table that fits a terminal of `width` columns, at least 40: accuracy,
    /// precision, recall, F1, and area under the ROC curve. `names` are the labels'; one without a name is shown by its
    /// number, and a long name is cut.
    pub fn report(&self, names: &[String], width: usize) -> String {
        // The numbers take 30 columns.
        let most = (width.max(NARROWEST) - 30).min(LONGEST_NAME);
        let labels = short_names(names, self.labels.len(), most);
        let margin = longest(&labels).max(5);
        let mut table = format!("{:<margin$}   acc  prec   rec    f1   auc\n", "label");
        for (label, found) in labels.iter().zip(&self.labels) {
            let _ = write!(table, "{label:<margin$}");
            for figure in [found.accuracy, found.precision, found.recall, found.f1, found.roc_auc] {
                let _ = write!(table, " {figure:5.3}");
            }
            table.push('\n');
        }
        table
    }
}

/// Writes the [`report`](MultiLabel::report) with the labels' numbers, for a narrow terminal, and the means.
impl fmt::Display for MultiLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report(&[], NARROWEST))?;
        writeln!(f, "exact match {:.4}, macro F1 {:.4}", self.subset_accuracy, self.macro_f1)?;
        writeln!(f, "label accuracy {:.4}", self.label_accuracy)
    }
}

impl fmt::Display for Regression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "RMSE {:.4}, MAE {:.4}, R² {:.4}", self.rmse, self.mae, self.r2)
    }
}

fn longest(texts: &[String]) -> usize {
    texts.iter().map(|text| text.chars().count()).max().unwrap_or(0)
}

/// Returns the names of so many classes or labels in at most `width` characters each; those without a name have their
/// number.
fn short_names(names: &[String], count: usize, width: usize) -> Vec<String> {
    let name = |index: usize| names.get(index).cloned().unwrap_or_else(|| index.to_string());
    shortened(&(0..count).map(name).collect::<Vec<_>>(), width, "…")
}
