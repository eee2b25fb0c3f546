//! Metrics beyond accuracy. Expectations are printed by `tests/golden/make_metrics.py`, from scikit-learn and NumPy.

use palmnet::Matrix;
use palmnet::compute::Rng;
use palmnet::metrics::{
    Classification, Ranking, Regression, Threshold, average_precision, brier_score, calibration_error, roc_auc,
};

use crate::support;

fn close(found: f64, expected: f64) {
    support::close(found, expected, 1e-14);
}

/// Of a sixty-fourth each.
const BINARY: [u8; 40] = [
    46, 31, 55, 43, 52, 22, 21, 4, 46, 22, 37, 4, 28, 18, 6, 18, 16, 43, 3, 18, 15, 34, 34, 19, 13, 18, 25, 52, 34, 18,
    22, 40, 1, 21, 43, 40, 39, 10, 30, 10,
];
pub const BINARY_TRUTH: [u32; 40] = [
    0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 1, 1, 0,
    0, 0,
];
const MULTI: [[u8; 4]; 60] = [
    [18, 6, 32, 8],
    [8, 24, 14, 18],
    [34, 15, 6, 9],
    [36, 8, 19, 1],
    [17, 16, 16, 15],
    [23, 13, 18, 10],
    [7, 16, 24, 17],
    [30, 3, 10, 21],
    [2, 11, 22, 29],
    [8, 29, 18, 9],
    [18, 12, 23, 11],
    [20, 31, 13, 0],
    [6, 11, 27, 20],
    [9, 20, 14, 21],
    [1, 12, 22, 29],
    [14, 22, 11, 17],
    [11, 9, 22, 22],
    [11, 15, 15, 23],
    [0, 21, 24, 19],
    [20, 29, 2, 13],
    [33, 14, 12, 5],
    [8, 33, 11, 12],
    [1, 20, 16, 27],
    [20, 23, 10, 11],
    [16, 14, 18, 16],
    [0, 12, 29, 23],
    [0, 11, 16, 37],
    [22, 6, 17, 19],
    [41, 7, 2, 14],
    [15, 19, 19, 11],
    [28, 5, 5, 26],
    [24, 20, 19, 1],
    [14, 11, 22, 17],
    [16, 36, 9, 3],
    [32, 19, 9, 4],
    [20, 17, 6, 21],
    [25, 8, 25, 6],
    [22, 18, 15, 9],
    [11, 1, 30, 22],
    [22, 8, 18, 16],
    [24, 6, 9, 25],
    [4, 14, 15, 31],
    [18, 26, 7, 13],
    [14, 9, 28, 13],
    [5, 21, 24, 14],
    [6, 17, 23, 18],
    [7, 10, 33, 14],
    [15, 24, 11, 14],
    [7, 28, 18, 11],
    [10, 26, 16, 12],
    [13, 16, 20, 15],
    [19, 24, 20, 1],
    [1, 22, 15, 26],
    [26, 17, 20, 1],
    [18, 19, 15, 12],
    [23, 1, 19, 21],
    [21, 29, 10, 4],
    [20, 5, 18, 21],
    [20, 21, 14, 9],
    [31, 16, 8, 9],
];
pub const MULTI_TRUTH: [u32; 60] = [
    2, 1, 0, 0, 2, 2, 2, 0, 3, 1, 0, 1, 2, 2, 3, 1, 2, 2, 3, 0, 0, 1, 3, 1, 1, 3, 3, 0, 0, 1, 0, 0, 0, 1, 1, 1, 2, 0,
    2, 0, 0, 3, 1, 2, 2, 2, 2, 1, 1, 1, 2, 2, 3, 1, 2, 0, 1, 2, 2, 0,
];

pub fn binary() -> Matrix {
    Matrix::from_rows(&BINARY.map(|p| [f32::from(p) / 64.0]))
}

pub fn multi() -> Matrix {
    Matrix::from_rows(&MULTI.map(|row| row.map(|p| f32::from(p) / 64.0)))
}

/// The same probabilities, with a column for each of the two classes.
pub fn two_columns(column: &Matrix) -> Matrix {
    let rows: Vec<[f32; 2]> = column.as_slice().iter().map(|p| [1.0 - p, *p]).collect();
    Matrix::from_rows(&rows)
}

#[test]
fn binary_metrics_as_scikit_learn() {
    for p in [binary(), two_columns(&binary())] {
        close(roc_auc(&p, &BINARY_TRUTH), 0.76171875);
        close(average_precision(&p, &BINARY_TRUTH), 0.5985795454545455);
        close(brier_score(&p, &BINARY_TRUTH), 0.182391357421875);
        close(calibration_error(&p, &BINARY_TRUTH, 10), 0.05429687500000001);
        let metrics = Classification::from_probabilities(&p, &BINARY_TRUTH);
        close(metrics.balanced_accuracy(), 0.734375);
        close(metrics.matthews_correlation(), 0.3872983346207417);
    }
}

#[test]
fn multiclass_metrics_as_scikit_learn() {
    let p = multi();
    close(roc_auc(&p, &MULTI_TRUTH), 0.8936827037838285);
    close(average_precision(&p, &MULTI_TRUTH), 0.7811011117559701);
    close(brier_score(&p, &MULTI_TRUTH), 0.5492350260416666);
    close(calibration_error(&p, &MULTI_TRUTH, 15), 0.29713541666666665);
    let metrics = Classification::from_probabilities(&p, &MULTI_TRUTH);
    close(metrics.calibration_error().unwrap(), 0.29713541666666665);
    assert_eq!(Classification::new(2, &[0, 1], &[0, 1], 0.0).calibration_error(), None);
    close(metrics.balanced_accuracy(), 0.6977554179566563);
    close(metrics.matthews_correlation(), 0.5752195060585763);
}

#[test]
fn thresholds_as_scikit_learn() {
    let ranking = Ranking::of_class(&binary(), &BINARY_TRUTH, 1);
    let best = ranking.best_threshold(Threshold::f1).unwrap();
    assert_eq!(f64::from(best.threshold), 0.8125);
    close(best.f1(), 0.5454545454545454);
    let best = ranking.best_threshold(Threshold::youden).unwrap();
    assert_eq!(f64::from(best.threshold), 0.53125);
    close(best.youden(), 0.46875);
    close(best.youden(), best.recall() - best.false_positive_rate());
    // Costs of one's own: the threshold at which the most examples are right, by trying all.
    let right = |threshold: f32| {
        let pairs = BINARY.iter().zip(BINARY_TRUTH);
        pairs.filter(|&(&p, truth)| (f32::from(p) / 64.0 >= threshold) == (truth == 1)).count()
    };
    let most = BINARY.iter().map(|&p| right(f32::from(p) / 64.0)).max().unwrap();
    let best = ranking.best_threshold(|at| (at.true_positives + at.true_negatives) as f64).unwrap();
    assert_eq!((right(best.threshold), best.true_positives + best.true_negatives), (most, most));
}

/// NaN probabilities leave an example without a predicted class, which counts as a class of its own.
#[test]
fn unpredicted_examples_are_wrong() {
    let mut p = multi();
    (0..60).step_by(5).for_each(|row| p[(row, 1)] = f32::NAN);
    let metrics = Classification::from_probabilities(&p, &MULTI_TRUTH);
    close(metrics.matthews_correlation(), 0.4741048392206905);
    close(metrics.balanced_accuracy(), 0.5967008513931888);
}

#[test]
fn absent_classes_are_left_out() {
    let metrics = Classification::new(4, &[0, 0, 1, 1], &[0, 2, 1, 1], 0.0);
    close(metrics.balanced_accuracy(), 0.75);
    close(metrics.matthews_correlation(), 0.6708203932499369);
    // Without its third column, which no example has, the areas are those of classes 0 and 1 alone.
    let p = Matrix::from_rows(&[[0.6, 0.3, 0.1], [0.2, 0.3, 0.5], [0.4, 0.5, 0.1], [0.1, 0.2, 0.7]]);
    let areas = |class| Ranking::of_class(&p, &[0, 0, 1, 1], class).roc_auc();
    assert_eq!((areas(0), areas(1)), (0.75, 0.5));
    assert!(areas(2).is_nan());
    close(roc_auc(&p, &[0, 0, 1, 1]), 0.625);
}

#[test]
fn constant_predictions_are_chance() {
    let p = Matrix::filled(4, 1, 0.75);
    let truth = [0, 1, 1, 1];
    assert_eq!((roc_auc(&p, &truth), average_precision(&p, &truth)), (0.5, 0.75));
    assert_eq!(calibration_error(&p, &truth, 15), 0.0);
    let metrics = Classification::from_probabilities(&p, &truth);
    assert_eq!((metrics.balanced_accuracy(), metrics.matthews_correlation()), (0.5, 0.0));
    assert_eq!(Ranking::of_class(&p, &truth, 1).thresholds().len(), 1);
}

#[test]
fn perfect_and_opposite_predictions() {
    let truth = [0, 1, 0, 1];
    for (p, area, correlation) in [([0.1, 0.9, 0.2, 0.8], 1.0, 1.0), ([0.9, 0.1, 0.8, 0.2], 0.0, -1.0)] {
        let p = Matrix::from_rows(&p.map(|p| [p]));
        assert_eq!(roc_auc(&p, &truth), area);
        close(Classification::from_probabilities(&p, &truth).matthews_correlation(), correlation);
    }
    // Only the order counts, and the zeros are equal.
    let ranking = Ranking::new(&[f32::NEG_INFINITY, 1e30, -0.0, 0.0], &[false, true, true, false]);
    assert_eq!((ranking.roc_auc(), ranking.thresholds().len()), (0.875, 3));
}

/// The area is the probability that a positive example is ranked above a negative one: all pairs, counted.
#[test]
fn area_counts_pairs() {
    let mut rng = Rng::new(3);
    for count in [2, 3, 10, 57] {
        let scores: Vec<f32> = (0..count).map(|_| rng.below(7) as f32 - 3.0).collect();
        let positive: Vec<bool> = (0..count).map(|i| i == 0 || (i > 1 && rng.below(2) == 0)).collect();
        let (mut won, mut pairs) = (0.0, 0.0);
        for i in (0..count).filter(|&i| positive[i]) {
            for j in (0..count).filter(|&j| !positive[j]) {
                pairs += 1.0;
                won += if scores[i] > scores[j] {
                    1.0
                } else if scores[i] == scores[j] {
                    0.5
                } else {
                    0.0
                };
            }
        }
        close(Ranking::new(&scores, &positive).roc_auc(), won / pairs);
    }
}

#[test]
fn undefined_metrics_are_nan() {
    let column = |p: &[f32]| Matrix::from_rows(&p.iter().map(|&p| [p]).collect::<Vec<_>>());
    let all = |p: &Matrix, truth: &[u32]| {
        [roc_auc(p, truth), average_precision(p, truth), brier_score(p, truth), calibration_error(p, truth, 15)]
    };
    // No examples, and a NaN.
    for columns in [0, 1, 2, 3] {
        assert!(all(&Matrix::zeros(0, columns), &[]).iter().all(|x| x.is_nan()), "{columns}");
    }
    assert!(all(&column(&[0.5, f32::NAN]), &[0, 1]).iter().all(|x| x.is_nan()));
    let mut p = multi();
    p[(7, 2)] = f32::NAN;
    assert!(all(&p, &MULTI_TRUTH).iter().all(|x| x.is_nan()));
    let ranking = Ranking::new(&[0.5, f32::NAN], &[true, false]);
    assert_eq!((ranking.best_threshold(Threshold::f1), ranking.thresholds()), (None, &[][..]));
    // One class.
    assert!(roc_auc(&column(&[0.5, 0.6]), &[1, 1]).is_nan() && roc_auc(&column(&[0.5, 0.6]), &[0, 0]).is_nan());
    assert_eq!(average_precision(&column(&[0.5, 0.6]), &[1, 1]), 1.0);
    assert!(average_precision(&column(&[0.5, 0.6]), &[0, 0]).is_nan());
    let ranking = Ranking::new(&[0.5, 0.6], &[false, false]);
    assert_eq!((ranking.best_threshold(Threshold::f1), ranking.best_threshold(Threshold::youden)), (None, None));
    let empty = Classification::new(3, &[], &[], 0.0);
    assert!(empty.balanced_accuracy().is_nan() && empty.matthews_correlation().is_nan());
    let one = Classification::new(2, &[1, 1], &[1, 0], 0.0);
    assert_eq!((one.balanced_accuracy(), one.matthews_correlation()), (0.5, 0.0));
}

#[test]
fn regression_of_each_output_as_scikit_learn() {
    let truth = [
        [5, 24],
        [43, 44],
        [24, 22],
        [55, 38],
        [25, 18],
        [45, 31],
        [0, 11],
        [53, 21],
        [46, 0],
        [33, 39],
        [21, 46],
        [49, 59],
    ];
    let prediction = [
        [-4, 45],
        [92, 113],
        [43, 27],
        [112, 78],
        [31, 15],
        [87, 36],
        [-31, -3],
        [131, 72],
        [77, -19],
        [77, 87],
        [44, 79],
        [97, 130],
    ];
    let eighths = truth.map(|row: [i8; 2]| row.map(|x| f32::from(x) / 8.0));
    let sixteenths = prediction.map(|row: [i16; 2]| row.map(|x| f32::from(x) / 16.0));
    let found = Regression::new(&Matrix::from_rows(&sixteenths), &Matrix::from_rows(&eighths)).outputs;
    assert_eq!(found.len(), 2);
    let expected = [
        [0.9142961773954871, 1.1864030020753207],
        [0.6979166666666666, 1.0520833333333333],
        [0.8271521841556169, 0.642161595542192],
    ];
    for (output, found) in found.iter().enumerate() {
        close(found.rmse, expected[0][output]);
        close(found.mae, expected[1][output]);
        close(found.r2, expected[2][output]);
    }
}

#[test]
#[should_panic(expected = "class 2 of 2")]
fn class_without_a_column() {
    roc_auc(&Matrix::zeros(1, 1), &[2]);
}

#[test]
#[should_panic(expected = "the numbers of true classes and of predictions")]
fn truth_of_another_length() {
    brier_score(&Matrix::zeros(1, 1), &[0, 1]);
}
