"""Prints tests/golden/explanations.json, the expectations of tests/model/explanations.rs.

    python3 -m venv venv && venv/bin/pip install scikit-learn shap
    venv/bin/python tests/golden/make_explanations.py > tests/golden/explanations.json

Two networks are computed by NumPy in double precision. The Shapley values are those of shap (0.51.0) by all coalitions,
importance and partial dependence those of scikit-learn (1.9.1). Weights and rows are multiples of 1/64, exact in single
precision, and are printed times 64. A column of categories is one column here, with the index of the category.
"""

import json

import numpy as np
import shap
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.inspection import partial_dependence, permutation_importance

CATEGORIES = 3  # of the second column of the classes' table


def numbers(seed, rows, columns, size):
    """Multiples of 1/64 from a linear congruential generator, whose numbers no version of NumPy changes."""
    state, values = seed, []
    for _ in range(rows * columns):
        state = (state * 1103515245 + 12345) % 2**31
        values.append((state >> 16) % (2 * size + 1) - size)
    return np.array(values).reshape(rows, columns) / 64


def one_hot(x):
    return np.hstack([x[:, :1], np.eye(CATEGORIES)[x[:, 1].astype(int)], x[:, 2:]])


class Network:
    def __init__(self, seed, inputs, hidden, outputs, size):
        self.hidden = numbers(seed, inputs + 1, hidden, size)  # the last row is the bias
        self.output = numbers(seed + 1, hidden + 1, outputs, 128)

    def logits(self, x):
        return np.tanh(x @ self.hidden[:-1] + self.hidden[-1]) @ self.output[:-1] + self.output[-1]


class Classes(ClassifierMixin, BaseEstimator):
    def __init__(self, network=None):
        self.network, self.classes_, self.is_fitted_ = network, np.arange(3), True

    def fit(self, x, y):
        return self

    def predict_proba(self, x):
        e = np.exp(self.network.logits(one_hot(np.asarray(x))))
        return e / e.sum(axis=1, keepdims=True)

    def predict(self, x):
        return self.predict_proba(x).argmax(axis=1)


class Values(RegressorMixin, BaseEstimator):
    def __init__(self, network=None):
        self.network, self.is_fitted_ = network, True

    def fit(self, x, y):
        return self

    def predict(self, x):
        return self.network.logits(np.asarray(x))[:, 0]


def shapley(f, background, rows):
    explainer = shap.explainers.Exact(f, shap.maskers.Independent(background, max_samples=len(background)))
    found = explainer(rows)
    values = found.values.reshape(len(rows), rows.shape[1], -1)
    return {"base": np.atleast_2d(found.base_values.reshape(len(rows), -1))[0], "values": values}


def importance(model, x, y):
    found = permutation_importance(model, x, y, n_repeats=2000, random_state=1)
    return {"score": model.score(x, y), "mean": found.importances_mean, "std": found.importances_std}


def dependence(model, x, column, grid):
    found = partial_dependence(model, x, [column], custom_values={column: grid}, response_method="predict_proba")
    return {"grid": grid, "means": found["average"].T}


def plain(item):
    if isinstance(item, dict):
        return {name: plain(value) for name, value in item.items()}
    if isinstance(item, (list, tuple)):
        return [plain(value) for value in item]
    if isinstance(item, np.ndarray):
        return plain(item.tolist())
    return round(item, 8) if isinstance(item, float) else item


def times64(x):
    return np.rint(x * 64).astype(int)


# Three classes from a number, a category and two more numbers.
x = numbers(3, 60, 4, 96)
x[:, 1] = np.abs(times64(x[:, 1])) % CATEGORIES
classes = Classes(Network(5, 6, 5, 3, 96))
# The truth is the prediction, except for every fourth row.
y = (classes.predict(x) + (np.arange(60) % 4 == 0)) % 3
# Six quantiles of the third column, the lower cell of two.
third = np.sort(x[:, 2])[[i * 59 // 5 for i in range(6)]]
common = sorted(range(CATEGORIES), key=lambda c: (-np.sum(x[:, 1] == c), c))
found = {
    "classes": {
        "hidden": times64(classes.network.hidden), "output": times64(classes.network.output),
        "x": [[int(cell) if c == 1 else int(cell * 64) for c, cell in enumerate(row)] for row in x], "y": y,
        "shapley": shapley(classes.predict_proba, x, x[:4]),
        "importance": importance(classes, x, y),
        "dependence": dependence(classes, x, 2, third),
        "category_dependence": dependence(classes, x, 1, np.array(common, dtype=float)),
    },
}

# A value from 14 numbers, too many for all coalitions in the crate.
x = numbers(7, 30, 14, 96)
values = Values(Network(11, 14, 6, 1, 48))
y = values.predict(x) + numbers(13, 30, 1, 32)[:, 0]
found["values"] = {
    "hidden": times64(values.network.hidden), "output": times64(values.network.output),
    "x": times64(x), "y": times64(y), "shapley": shapley(values.predict, x, x[:2]),
    "importance": importance(values, x, times64(y) / 64),
}
print("{" + ",\n".join(
    f'"{name}": {{' + ",\n".join(f'"{key}": {json.dumps(plain(item))}' for key, item in part.items()) + "}"
    for name, part in found.items()) + "}")
