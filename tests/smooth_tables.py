"""The generated and the small tables of `defaults.py --smooth`: mostly smooth functions, and scikit-learn's data sets.

One line for each table: accuracy (or R², for values) on a fifth that was held out, as a mean over the seeds, each with
a split of its own, and the seconds that a training took on one thread. MLP is MLPClassifier or MLPRegressor as it comes,
"scaled" the same after StandardScaler, HGB is HistGradientBoosting. An asterisk marks the best of a line.
"""

import csv
import json
import os
import pathlib
import subprocess
import tempfile
import time
import warnings

import numpy as np
from sklearn import datasets
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROOT = pathlib.Path(__file__).resolve().parent.parent
LETTERS = np.array(list("abcdefghijklmnopqrstuvwxyz"))


def tables():
    """Name, features, targets: texts for classes, numbers for values."""
    random = np.random.default_rng(0)
    for name in ["iris", "wine", "breast_cancer", "digits"]:
        data = getattr(datasets, f"load_{name}")()
        yield name, data.data, LETTERS[data.target]
    data = datasets.load_diabetes()
    yield "diabetes", data.data, data.target
    path = ROOT / "tests" / "data"
    moons = [np.loadtxt(path / f"moons_{part}.csv", delimiter=",", skiprows=1) for part in ["train", "test"]]
    moons = np.concatenate(moons)
    yield "moons, bundled", moons[:, :2], LETTERS[moons[:, 2].astype(int)]
    x = random.uniform(-10, 10, (10000, 2))
    yield "sums 10000", x, np.c_[x[:, 0] + x[:, 1], x[:, 0] - x[:, 1], np.abs(x[:, 0] - x[:, 1])]

    for rows in [500, 5000]:
        x, y = datasets.make_friedman1(rows, noise=1.0, random_state=1)
        yield f"friedman1 {rows}", x, y
    yield "friedman2 2000", *datasets.make_friedman2(2000, noise=50.0, random_state=1)
    yield "friedman3 1000", *datasets.make_friedman3(1000, noise=0.1, random_state=1)
    x = random.normal(size=(2000, 8)) * np.array([1, 1e3, 1e-3, 1, 1e6, 1, 1, 1])
    yield "linear, scales", x, 2 * x[:, 0] + x[:, 1] / 1e3 - x[:, 2] * 1e3 + random.normal(0, 0.5, 2000)
    x = random.uniform(-3, 3, (10000, 4))
    y = np.sin(x[:, 0]) * x[:, 1] + 3 * np.exp(-x[:, 2] ** 2) + random.normal(0, 0.1, 10000)
    yield "smooth 10000", x, y
    x = random.uniform(-3, 3, (60000, 8))
    y = np.sin(x[:, 0] * x[:, 1]) + x[:, 2] * np.cos(2 * x[:, 3]) + 3 * np.exp(-x[:, 4] ** 2)
    yield "smooth 60000", x, y + random.normal(0, 0.1, 60000)
    x = random.uniform(0, 1, (3000, 8))
    y = 2.0 * (x[:, 0] > 0.5) + 3.0 * (x[:, 1] > 0.3) * (x[:, 2] > 0.6) + np.floor(4 * x[:, 3])
    yield "steps 3000", x, y + random.normal(0, 0.3, 3000)
    x = np.exp(random.normal(0, 1.5, (3000, 6)))
    y = np.log(x[:, 0]) * np.log(x[:, 1]) + np.log(x[:, 2]) + random.normal(0, 0.3, 3000)
    yield "heavy features", x, y
    x = random.normal(size=(3000, 6))
    yield "heavy target", x, np.exp(x[:, 0] + 0.5 * x[:, 1] * x[:, 2] + random.normal(0, 0.2, 3000))

    x, y = datasets.make_moons(1000, noise=0.25, random_state=1)
    yield "moons 1000", x, LETTERS[y]
    x, y = datasets.make_circles(600, noise=0.08, factor=0.7, random_state=1)
    yield "circles 600", x, LETTERS[y]
    turn, arm = np.sqrt(random.uniform(0, 1, 1500)) * 13.6, random.integers(0, 2, 1500)
    side = 1 - 2 * arm
    x = np.c_[-np.cos(turn) * turn * side, np.sin(turn) * turn * side] + random.uniform(0, 0.7, (1500, 2))
    yield "spirals 1500", x, LETTERS[arm]
    x = random.uniform(-1, 1, (3000, 2))
    yield "checkers 3000", x, LETTERS[((np.floor(3 * x[:, 0]) + np.floor(3 * x[:, 1])) % 2).astype(int)]
    x, y = datasets.make_gaussian_quantiles(n_samples=2000, n_features=6, n_classes=3, random_state=5)
    yield "quantiles 2000", x, LETTERS[y]
    x, y = datasets.make_classification(200, 50, n_informative=5, random_state=3)
    yield "wide 200x50", x, LETTERS[y]
    x, y = datasets.make_classification(1000, 20, n_informative=6, weights=[0.9], random_state=4)
    yield "uneven 1000", x, LETTERS[y]
    x, y = datasets.make_classification(
        3000, 30, n_informative=10, n_redundant=5, n_classes=4, random_state=1, flip_y=0.05
    )
    yield "classes 3000", x, LETTERS[y]
    x, y = datasets.make_classification(30000, 20, n_informative=12, n_classes=3, random_state=2)
    yield "classes 30000", x, LETTERS[y]
    x, w, v = random.normal(size=(60000, 12)), random.normal(size=(12, 20)), random.normal(size=(20, 5))
    yield "teacher 60000", x, LETTERS[np.argmax(np.tanh(x @ w / 2) @ v + random.normal(0, 0.3, (60000, 5)), 1)]


def write(path, x, y):
    columns = y.reshape(len(y), -1)
    with open(path, "w", newline="") as file:
        table = csv.writer(file)
        table.writerow([f"x{i}" for i in range(x.shape[1])] + [f"y{i}" for i in range(columns.shape[1])])
        for a, b in zip(x, columns):
            table.writerow([repr(float(v)) for v in a] + [v if isinstance(v, str) else repr(float(v)) for v in b])


def palmnet(command, words, folder):
    """The score on the test part; `command` is the binary and options for every training."""
    command = [command[0], "train", *words, *command[1:], "--quiet", "--json", "--threads", "1", "--out", "model"]
    output = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    test = json.loads(output.splitlines()[-1])["test"]
    return test.get("accuracy", test.get("r2"))


def of_table(command, x_train, x_test, y_train, y_test, seed, folder):
    write(folder / "train.csv", x_train, y_train)
    write(folder / "test.csv", x_test, y_test)
    task = [] if y_train.dtype.kind == "U" else ["--task", "regress"]
    targets = ",".join(f"y{i}" for i in range(y_train.reshape(len(y_train), -1).shape[1]))
    words = ["train.csv", "--test", "test.csv", "--target", targets, "--seed", str(seed), *task]
    return lambda: palmnet(command, words, folder)


def peers(y, seed):
    if y.dtype.kind == "U":
        network, boosting = MLPClassifier(random_state=seed), HistGradientBoostingClassifier(random_state=seed)
    else:
        network, boosting = MLPRegressor(random_state=seed), HistGradientBoostingRegressor(random_state=seed)
        boosting = boosting if y.ndim == 1 else MultiOutputRegressor(boosting)
    return {"MLP": network, "scaled": make_pipeline(StandardScaler(), network), "HGB": boosting}


def line(name, found):
    """`found` has the scores and the seconds by name."""
    means = {name: (np.mean(scores), np.mean(seconds)) for name, (scores, seconds) in found.items()}
    best = max(round(score, 4) for score, _ in means.values())
    cells = [f"{s:8.4f}{'*' if round(s, 4) == best else ' '}({t:7.2f} s)" for s, t in means.values()]
    print(f"{name:16}", *cells, flush=True)


def timed(work):
    start = time.perf_counter()
    return work(), time.perf_counter() - start


def compare(command, name, x, y, seeds):
    found = {name: ([], []) for name in ["palmnet", "MLP", "scaled", "HGB"]}
    for seed in range(seeds):
        classes = y if y.dtype.kind == "U" else None
        x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=seed, stratify=classes)
        with tempfile.TemporaryDirectory() as folder:
            works = {"palmnet": of_table(command, x_train, x_test, y_train, y_test, seed, pathlib.Path(folder))}
            for peer, model in peers(y, seed).items():
                works[peer] = lambda model=model: model.fit(x_train, y_train).score(x_test, y_test)
            for who, work in works.items():
                score, seconds = timed(work)
                found[who][0].append(score)
                found[who][1].append(seconds)
    line(name, found)


def mnist(command, folder, seeds):
    """Images as pixels; too many for HGB, which takes minutes."""

    def read(name, offset):
        return np.frombuffer((pathlib.Path(folder) / name).read_bytes(), np.uint8, offset=offset)

    parts = [(read(f"{p}-images-idx3-ubyte", 16).reshape(-1, 784), read(f"{p}-labels-idx1-ubyte", 8)) for p in
             ["train", "t10k"]]
    (x_train, y_train), (x_test, y_test) = parts
    found = {name: ([], []) for name in ["palmnet", "MLP", "scaled"]}
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as place:
            works = {
                "palmnet": lambda: palmnet(command, [os.path.abspath(folder), "--seed", str(seed)], place),
                "MLP": lambda: MLPClassifier(random_state=seed).fit(x_train, y_train).score(x_test, y_test),
                "scaled": lambda: MLPClassifier(random_state=seed).fit(x_train / 255, y_train).score(x_test / 255, y_test),
            }
            for who, work in works.items():
                score, seconds = timed(work)
                found[who][0].append(score)
                found[who][1].append(seconds)
    line("MNIST", found)


def run(options, rest):
    warnings.filterwarnings("ignore")
    seeds, command = options.seeds or 5, [options.binary, *rest]
    print(" " * 16, *(f"{name:>8} {'':11}" for name in ["palmnet", "MLP", "scaled", "HGB"]))
    for name, x, y in tables():
        if options.only in name:
            compare(command, name, x, y, seeds)
    if options.mnist:
        mnist(command, options.mnist, min(seeds, 2))
