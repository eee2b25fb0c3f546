"""Prints the expectations of tests/model/probability_metrics.rs and calibration.rs, computed by scikit-learn (1.9.1) and NumPy.

    python3 -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python tests/golden/make_metrics.py

The probabilities are multiples of 1/64, exact in single precision, so that many of them are equal.
"""

import numpy as np
from sklearn import metrics as m


def calibration_error(confidence, correct, bins):
    """Guo et al., 2017, equation 3: the intervals ((b - 1) / bins, b / bins]."""
    error = 0.0
    for b in range(bins):
        here = (confidence > b / bins) & (confidence <= (b + 1) / bins)
        if here.any():
            error += here.mean() * abs(correct[here].mean() - confidence[here].mean())
    return error


def temperature(p, truth):
    """Guo et al., 2017, with the prior of ln T and the clipping of the crate: the minimum by golden sections."""
    logs = np.log(np.maximum(p, 2.0**-23))

    def loss(u):
        z = logs * np.exp(-u)
        z -= z.max(axis=1, keepdims=True)
        return (np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(truth)), truth]).sum() + 2 * u * u

    low, high, golden = np.log(0.2), np.log(5), (5**0.5 - 1) / 2
    for _ in range(100):
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return np.exp(low)


def multiples(seed, rows, columns):
    """A linear congruential generator, whose numbers no version of NumPy changes."""
    state, values = seed, []
    for _ in range(rows * columns):
        state = (state * 1103515245 + 12345) % 2**31
        values.append((state >> 16) % 64)
    return np.array(values).reshape(rows, columns)


# Two classes: 40 examples, the probability of class 1 rises with the class.
raw = multiples(1, 40, 2)
truth = raw[:, 0] % 3 // 2
p = np.minimum(raw[:, 1] // 2 * 3 // 2 + 12 * truth, 63) / 64
print("binary probabilities", (p * 64).astype(int).tolist())
print("binary truth", truth.tolist())
print("binary roc_auc", repr(float(m.roc_auc_score(truth, p))))
print("binary average_precision", repr(float(m.average_precision_score(truth, p))))
print("binary brier", repr(float(m.brier_score_loss(truth, p))))
print("binary temperature", repr(float(temperature(np.stack([1 - p, p], axis=1), truth))))
predicted = p > 0.5
print("binary calibration", repr(float(calibration_error(np.maximum(p, 1 - p), predicted == truth, 10))))
print("binary balanced_accuracy", repr(float(m.balanced_accuracy_score(truth, predicted))))
print("binary matthews", repr(float(m.matthews_corrcoef(truth, predicted))))
precision, recall, thresholds = m.precision_recall_curve(truth, p)
f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
best = len(thresholds) - 1 - np.argmax(f1[:-1][::-1])
print("binary best f1", repr(float(thresholds[best])), repr(float(f1[best])))
fpr, tpr, thresholds = m.roc_curve(truth, p, drop_intermediate=False)
best = np.argmax(tpr - fpr)
print("binary youden", repr(float(thresholds[best])), repr(float((tpr - fpr)[best])))

# Four classes: 60 examples, class 3 less frequent than the others.
raw = multiples(7, 60, 4)
truth = np.where(raw[:, 0] < 8, 3, raw[:, 1] % 3)
raw[np.arange(60), truth] += 24
scores = raw / raw.sum(axis=1, keepdims=True)
p = (scores * 64).round() / 64
p[:, 0] += 1 - p.sum(axis=1)
print("multi roc_auc", repr(float(m.roc_auc_score(truth, p, multi_class="ovr", average="macro"))))
one_hot = np.eye(4)[truth]
print("multi average_precision", repr(float(m.average_precision_score(one_hot, p, average="macro"))))
print("multi brier", repr(float(m.brier_score_loss(truth, p))))
print("multi temperature", repr(float(temperature(p, truth))))
print("sure temperature", repr(float(temperature(np.full((30, 2), [0.98, 0.02]), np.zeros(30, int)))))
predicted = p.argmax(axis=1)
print("multi calibration", repr(float(calibration_error(p.max(axis=1), predicted == truth, 15))))
print("multi balanced_accuracy", repr(float(m.balanced_accuracy_score(truth, predicted))))
print("multi matthews", repr(float(m.matthews_corrcoef(truth, predicted))))
print("multi probabilities", (p * 64).astype(int).tolist())
print("multi truth", truth.tolist())
# Every fifth example has no predicted class: a class of its own.
unknown = np.where(np.arange(60) % 5 == 0, 4, predicted)
print("unpredicted matthews", repr(float(m.matthews_corrcoef(truth, unknown))))
print("unpredicted balanced_accuracy", repr(float(m.recall_score(truth, unknown, labels=[0, 1, 2, 3], average="macro"))))
print("absent balanced_accuracy", repr(float(m.balanced_accuracy_score([0, 0, 1, 1], [0, 2, 1, 1]))))
print("absent matthews", repr(float(m.matthews_corrcoef([0, 0, 1, 1], [0, 2, 1, 1]))))

# Two outputs of a regression.
truth = multiples(11, 12, 2) / 8
prediction = truth + multiples(13, 12, 2) / 16 - 2
print("regression truth", (truth * 8).astype(int).tolist())
print("regression prediction", (prediction * 16).astype(int).tolist())
for name, metric in [("rmse", m.root_mean_squared_error), ("mae", m.mean_absolute_error), ("r2", m.r2_score)]:
    print("regression", name, [float(x) for x in metric(truth, prediction, multioutput="raw_values")])
