//! Classification and regression metrics.

use palmnet::Matrix;
use palmnet::metrics::{Classification, Evaluation, MultiLabel, Regression, Scores};

use crate::support::{close, strings};

fn assert_scores(scores: Scores, expected: [f64; 3]) {
    [scores.precision, scores.recall, scores.f1].iter().zip(expected).for_each(|(&a, b)| close(a, b, 1e-14));
}

const TRUTH: [u32; 12] = [0, 1, 2, 2, 1, 0, 3, 3, 2, 1, 0, 0];
const PREDICTED: [u32; 12] = [0, 2, 2, 2, 1, 0, 1, 3, 0, 1, 0, 1];

/// Values of scikit-learn 1.9.1: confusion_matrix, precision_recall_fscore_support.
#[test]
fn classification_matches_scikit_learn() {
    let metrics = Classification::new(4, &TRUTH, &PREDICTED, 0.25);
    assert_eq!(metrics.confusion(), [[3, 1, 0, 0], [0, 2, 1, 0], [1, 0, 2, 0], [0, 1, 0, 1]]);
    assert_eq!((metrics.accuracy(), metrics.log_loss(), metrics.classes()), (0.6666666666666666, 0.25, 4));
    let precision = [0.75, 0.5, 2.0 / 3.0, 1.0];
    let recall = [0.75, 2.0 / 3.0, 2.0 / 3.0, 0.5];
    let f1 = [0.75, 4.0 / 7.0, 2.0 / 3.0, 2.0 / 3.0];
    for class in 0..4 {
        close(metrics.precision(class), precision[class], 1e-15);
        close(metrics.recall(class), recall[class], 1e-15);
        close(metrics.f1(class), f1[class], 1e-15);
        assert_eq!(metrics.support(class), [4, 3, 3, 2][class]);
    }
    assert_scores(metrics.macro_average(), [0.7291666666666666, 0.6458333333333333, 0.6636904761904762]);
    assert_scores(metrics.weighted_average(), [0.7083333333333334, 0.6666666666666666, 0.6706349206349206]);
}

/// Class 2 is never predicted, 4 only predicted, 3 neither: 0/0 is 0, and 3 does not count in the plain mean.
/// Averages from scikit-learn 1.9.1 with zero_division=0.
#[test]
fn absent_classes_score_zero() {
    let metrics = Classification::new(5, &[0, 0, 1, 2, 1], &[0, 1, 1, 0, 4], 0.0);
    for class in 0..5 {
        let expected = [0.5, 0.5, 0.0, 0.0, 0.0][class];
        assert_eq!(
            (metrics.precision(class), metrics.recall(class), metrics.f1(class)),
            (expected, expected, expected)
        );
    }
    assert_scores(metrics.macro_average(), [0.25; 3]);
    assert_scores(metrics.weighted_average(), [0.4; 3]);
}

/// The log loss from scikit-learn 1.9.1, which computes it in float32.
#[test]
fn log_loss_matches_scikit_learn() {
    let rows = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.0, 0.0, 1.0], [0.3, 0.3, 0.4], [1.0, 0.0, 0.0]];
    let metrics = Classification::from_probabilities(&Matrix::from_rows(&rows), &[0, 1, 2, 0, 1]);
    close(metrics.log_loss(), 3.5452351570129395, 1e-6);
    assert_eq!(metrics.accuracy(), 0.6);
    assert_eq!(metrics.confusion(), [[1, 0, 1], [1, 1, 0], [0, 0, 1]]);

    let column = Matrix::from_rows(&[[0.9], [0.5], [0.2], [0.0], [1.0]]);
    let metrics = Classification::from_probabilities(&column, &[1, 0, 1, 0, 0]);
    close(metrics.log_loss(), 3.6700661182403564, 1e-6);
    assert_eq!(metrics.confusion(), [[2, 1], [1, 1]]);
}

#[test]
fn log_loss_is_the_mean_negative_logarithm() {
    let metrics = Classification::from_probabilities(&Matrix::from_rows(&[[0.5, 0.5], [0.75, 0.25]]), &[0, 1]);
    close(metrics.log_loss(), (2f64.ln() + 4f64.ln()) / 2.0, 1e-15);
    // The machine epsilon of f32 is 2⁻²³.
    let metrics = Classification::from_probabilities(&Matrix::from_rows(&[[0.0, 1.0]]), &[0]);
    close(metrics.log_loss(), 23.0 * 2f64.ln(), 1e-12);
    let metrics = Classification::from_probabilities(&Matrix::from_rows(&[[1.0]]), &[0]);
    close(metrics.log_loss(), 23.0 * 2f64.ln(), 1e-8);
}

#[test]
fn predictions_with_ties_and_nan() {
    let nan = f32::NAN;
    let rows = [[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [nan, 0.1, 0.3], [nan, nan, nan]];
    let metrics = Classification::from_probabilities(&Matrix::from_rows(&rows), &[0, 1, 2, 0]);
    // The first of equals is predicted, and nothing where there is a NaN.
    assert_eq!(metrics.confusion(), [[1, 0, 0], [0, 1, 0], [0, 0, 0]]);
    assert_eq!((metrics.unpredicted(), metrics.accuracy()), (2, 0.5));
    assert_eq!((metrics.support(0), metrics.recall(0), metrics.precision(0)), (2, 0.5, 1.0));
    assert!(metrics.log_loss().is_nan());
    assert!(metrics.report(&[], 40).ends_with("\nwithout a prediction (NaN): 2\n"));
    assert_eq!(Classification::from_probabilities(&Matrix::from_rows(&[[nan]]), &[0]).accuracy(), 0.0);
    let metrics = Regression::new(&Matrix::filled(2, 1, nan), &Matrix::filled(2, 1, 1.0));
    assert!(metrics.rmse.is_nan() && metrics.mae.is_nan() && metrics.r2.is_nan());
}

#[test]
fn metrics_without_examples() {
    let metrics = Classification::from_probabilities(&Matrix::zeros(0, 2), &[]);
    assert!(metrics.accuracy().is_nan() && metrics.log_loss().is_nan());
    assert_scores(metrics.macro_average(), [0.0; 3]);
    assert_scores(metrics.weighted_average(), [0.0; 3]);
    assert!(metrics.report(&[], 40).ends_with("accuracy NaN, log loss NaN\ncalibration error NaN\n"));
    metrics.confusion_table(&[], 40);
    Classification::from_probabilities(&Matrix::zeros(0, 0), &[]).confusion_table(&[], 40);
    for (rows, columns) in [(0, 1), (1, 0), (0, 0)] {
        let metrics = Regression::new(&Matrix::zeros(rows, columns), &Matrix::zeros(rows, columns));
        assert!(metrics.rmse.is_nan() && metrics.mae.is_nan() && metrics.r2.is_nan());
    }
}

/// Values of scikit-learn 1.9.1: mean_squared_error (its root over all entries), mean_absolute_error, r2_score.
#[test]
fn regression_matches_scikit_learn() {
    let truth = Matrix::from_rows(&[[3.0, -0.5], [2.0, 1.0], [7.0, 2.0], [-1.0, 0.0]]);
    let prediction = Matrix::from_rows(&[[2.5, 0.0], [0.0, 1.0], [8.0, 2.0], [-1.0, 1.0]]);
    let metrics = Regression::new(&prediction, &truth);
    close(metrics.rmse, 0.9013878188659973, 1e-15);
    close(metrics.mae, 0.625, 1e-15);
    close(metrics.r2, 0.750355802820546, 1e-15);
    assert_eq!(metrics.to_string(), "RMSE 0.9014, MAE 0.6250, R² 0.7504\n");
}

/// A constant output counts 1 when it is hit, else 0; values of scikit-learn's r2_score.
#[test]
fn r2_of_constant_targets() {
    let truth = Matrix::from_rows(&[[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]]);
    let mut prediction = Matrix::from_rows(&[[1.0, 5.0], [2.0, 5.0], [4.0, 5.0]]);
    assert_eq!(Regression::new(&prediction, &truth).r2, 0.75);
    prediction[(0, 1)] = 4.0;
    assert_eq!(Regression::new(&prediction, &truth).r2, 0.25);
    assert_eq!(Regression::new(&truth, &truth).r2, 1.0);
    // 0.1 cannot be written in binary: the mean of many must still be 0.1.
    let tenths = Matrix::filled(1000, 1, 0.1);
    assert_eq!(Regression::new(&Matrix::filled(1000, 1, 0.2), &tenths).r2, 0.0);
    assert!(Regression::new(&Matrix::filled(1, 1, 1.0), &Matrix::filled(1, 1, 2.0)).r2.is_nan());
}

/// Long names that begin alike stay different, and of many classes the mistakes are listed.
#[test]
fn reports_of_many_classes() {
    let names: Vec<String> = (0..24).map(|class| format!("a_long_name_of_class_{class:02}")).collect();
    let truth: Vec<u32> = (0..240).map(|row| row % 24).collect();
    // Of class 3, eight of ten rows are taken for class 7, and of class 23 three for class 0.
    let predicted: Vec<u32> = (0..240)
        .map(|row| match (row % 24, row / 24) {
            (3, 0..8) => 7,
            (23, 0..3) => 0,
            (class, _) => class,
        })
        .collect();
    let metrics = Classification::new(24, &truth, &predicted, 1.0);
    let report = metrics.report(&names, 40);
    assert!(report.contains("\na_long\u{2026}ass_03 1.000") && report.contains("\na_long\u{2026}ass_23 "), "{report}");
    let expected = [
        "the most frequent of 11 mistakes",
        "   rows  truth           predicted",
        "      8  a_long_\u{2026}lass_03 a_long_\u{2026}lass_07",
        "      3  a_long_\u{2026}lass_23 a_long_\u{2026}lass_00",
    ];
    assert_eq!(metrics.confusion_table(&names, 40), expected.join("\n") + "\n");
    assert!(metrics.confusion_table(&[], 40).contains("\n      8  3     7\n"));
    // Names that differ in their middle alone begin there.
    let middle: Vec<String> = (0..24).map(|class| format!("a_long_name_{class:02}_of_a_long_class")).collect();
    assert!(metrics.report(&middle, 40).contains("\n\u{2026}03_of_a_long 1.000"), "{}", metrics.report(&middle, 40));
    // Names that cannot differ are no reason for a panic.
    let same = vec!["the same name, twice".to_string(); 24];
    assert!(metrics.confusion_table(&same, 40).contains("the same name,\u{2026}"));
}

#[test]
fn classification_report() {
    let metrics = Classification::new(4, &TRUTH, &PREDICTED, 0.98765);
    let expected = [
        "          precision recall    f1 support",
        "setosa        0.750  0.750 0.750       4",
        "versicolor    0.500  0.667 0.571       3",
        "a very long … 0.667  0.667 0.667       3",
        "3             1.000  0.500 0.667       2",
        "macro mean    0.729  0.646 0.664      12",
        "weighted mean 0.708  0.667 0.671      12",
        "accuracy 0.6667, log loss 0.9877",
    ];
    assert_eq!(metrics.report(&strings(&["setosa", "versicolor", "a very long name"]), 40), expected.join("\n") + "\n");
    assert_eq!(metrics.to_string(), metrics.report(&strings(&["0", "1", "2", "3"]), 40));
    assert_eq!(metrics.to_string(), Evaluation::Classification(metrics.clone()).to_string());
    assert!(metrics.report(&strings(&["\u{1b}[31m\n"]), 40).contains("\n [31m "));
}

#[test]
fn metric_tables_in_wide_terminals() {
    let metrics = Classification::new(4, &TRUTH, &PREDICTED, 0.98765);
    let names = strings(&["setosa", "versicolor", "a very long name"]);
    let report = metrics.report(&names, 80);
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!(lines[0], "             precision recall    f1 support");
    assert_eq!(lines[3], "a very long name 0.667  0.667 0.667       3");
    let expected = [
        "truth in rows, predicted in columns",
        "                           setosa       versicolor a very long name                3",
        "setosa                          3                1                0                0",
        "versicolor                      0                2                1                0",
        "a very long name                1                0                2                0",
        "3                               0                1                0                1",
    ];
    assert_eq!(metrics.confusion_table(&names, 90), expected.join("\n") + "\n");
    for width in 0..=200 {
        let widest = width.max(40);
        for table in [metrics.report(&names, width), metrics.confusion_table(&names, width)] {
            assert!(table.lines().all(|line| line.chars().count() <= widest), "{table}");
        }
    }
}

#[test]
fn confusion_table_under_names() {
    let metrics = Classification::new(4, &TRUTH, &PREDICTED, 0.0);
    let expected = [
        "truth in rows, predicted in columns",
        "    cat dog   2   3",
        "cat   3   1   0   0",
        "dog   0   2   1   0",
        "2     1   0   2   0",
        "3     0   1   0   1",
    ];
    assert_eq!(metrics.confusion_table(&strings(&["cat", "dog"]), 40), expected.join("\n") + "\n");
}

#[test]
fn confusion_table_under_numbers() {
    let metrics = Classification::new(4, &TRUTH, &PREDICTED, 0.0);
    let expected = [
        "truth in rows, predicted in columns",
        "           0 1 2 3",
        "0 setosa   3 1 0 0",
        "1 versico… 0 2 1 0",
        "2 virginic 1 0 2 0",
        "3 3        0 1 0 1",
    ];
    assert_eq!(
        metrics.confusion_table(&strings(&["setosa", "versicolor", "virginic"]), 40),
        expected.join("\n") + "\n"
    );
}

#[test]
fn confusion_table_in_two_parts() {
    // 1000 examples of each of ten digits; 15 of the threes are taken for eights.
    let truth: Vec<u32> = (0..10_000).map(|i| i % 10).collect();
    let predicted: Vec<u32> = (0..10_000).map(|i| if i % 10 == 3 && i < 150 { 8 } else { i % 10 }).collect();
    let table = Classification::new(10, &truth, &predicted, 0.0).confusion_table(&[], 40);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 1 + 2 * 11);
    assert_eq!(lines[1], "     0    1    2    3    4    5    6");
    assert_eq!(lines[5], "3    0    0    0  985    0    0    0");
    assert_eq!(lines[12], "     7    8    9");
    assert_eq!(lines[16], "3    0   15    0");
    assert_eq!(lines[21], "8    0 1000    0");
}

#[test]
fn metric_tables_fit_40_columns() {
    let long = strings(&["Ankle boot with laces"; 100]);
    for (classes, examples) in [(1, 50), (2, 1_000_000), (3, 150), (10, 99), (10, 10_000), (10, 1_000_000), (100, 100)]
    {
        let truth: Vec<u32> = (0..examples).map(|i| i % classes).collect();
        let metrics = Classification::new(classes as usize, &truth, &truth, 1e-9);
        for names in [&[], &long[..]] {
            for table in [metrics.report(names, 40), metrics.confusion_table(names, 40)] {
                assert!(table.lines().all(|line| line.chars().count() <= 40), "{table}");
            }
        }
    }
}

/// Values of scikit-learn 1.9.1: accuracy_score, hamming_loss, precision_recall_fscore_support, roc_auc_score. The last label
/// is never predicted; a probability of 0.5 is a no.
#[test]
fn labels_match_scikit_learn() {
    let probabilities = Matrix::from_rows(&[
        [0.9, 0.2, 0.1],
        [0.7, 0.6, 0.1],
        [0.1, 0.8, 0.2],
        [0.2, 0.4, 0.3],
        [0.6, 0.6, 0.4],
        [0.3, 0.5, 0.45],
    ]);
    let truth = Matrix::from_rows(&[
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
        [1.0, 1.0, 0.0],
        [0.0, 1.0, 1.0],
        [1.0, 0.0, 0.0],
        [0.0, 1.0, 0.0],
    ]);
    let metrics = MultiLabel::new(&probabilities, &truth);
    close(metrics.subset_accuracy, 1.0 / 6.0, 1e-15);
    close(metrics.label_accuracy, 2.0 / 3.0, 1e-15);
    close(metrics.macro_f1, 0.412_698_412_698_412_7, 1e-15);
    let expected = [
        [2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0, 5.0 / 9.0, 3.0],
        [0.5, 2.0 / 3.0, 0.5, 4.0 / 7.0, 0.6875, 4.0],
        [5.0 / 6.0, 0.0, 0.0, 0.0, 0.6, 1.0],
    ];
    for (found, expected) in metrics.labels.iter().zip(expected) {
        let found = [found.accuracy, found.precision, found.recall, found.f1, found.roc_auc, found.support as f64];
        found.into_iter().zip(expected).for_each(|(found, expected)| close(found, expected, 1e-15));
    }
    // A NaN is wrong whatever the truth; without examples of both classes there is no area.
    let broken = MultiLabel::new(
        &Matrix::from_rows(&[[f32::NAN, 0.2], [0.9, 0.3]]),
        &Matrix::from_rows(&[[0.0, 0.0], [1.0, 0.0]]),
    );
    assert_eq!((broken.subset_accuracy, broken.label_accuracy), (0.5, 0.75));
    assert!(broken.labels.iter().all(|label| label.roc_auc.is_nan()));
    let none = MultiLabel::new(&Matrix::zeros(0, 2), &Matrix::zeros(0, 2));
    assert!(none.subset_accuracy.is_nan() && none.label_accuracy.is_nan() && none.macro_f1.is_nan());
    // Tables fit.
    for names in [vec![], strings(&["Ankle boot with laces", "größe 身長", ""])] {
        let table = metrics.report(&names, 40);
        assert!(table.lines().count() == 4 && table.lines().all(|line| line.chars().count() <= 40), "{table}");
    }
    assert_eq!(
        metrics.report(&strings(&["a", "b", "c"]), 40).lines().nth(2),
        Some("b     0.500 0.667 0.500 0.571 0.688")
    );
    let found = Evaluation::MultiLabel(metrics.clone());
    assert_eq!((found.accuracy(), found.multi_label()), (Some(metrics.subset_accuracy), Some(&metrics)));
    assert_eq!((found.classification(), found.regression()), (None, None));
    assert!(found.to_string().contains("\nexact match 0.1667, macro F1 0.4127\nlabel accuracy 0.6667\n"), "{found}");
}

#[test]
fn evaluation_accessors() {
    let metrics = Classification::new(2, &[0, 1, 1, 1], &[0, 1, 1, 0], 0.0);
    let found = Evaluation::Classification(metrics.clone());
    assert_eq!((found.accuracy(), found.classification(), found.regression()), (Some(0.75), Some(&metrics), None));
    let metrics = Regression::new(&Matrix::zeros(1, 1), &Matrix::zeros(1, 1));
    let found = Evaluation::Regression(metrics);
    assert_eq!((found.regression().map(|found| found.mae), found.classification()), (Some(0.0), None));
    assert_eq!(found.accuracy(), None);
}

#[test]
#[should_panic(expected = "class 2 of 2")]
fn class_out_of_range_panics() {
    Classification::new(2, &[2], &[0], 0.0);
}
