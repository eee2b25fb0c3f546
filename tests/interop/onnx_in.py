"""Imports pipelines of scikit-learn as skl2onnx writes them, and compares predictions: python onnx_in.py PALMNET FOLDER"""

import csv
import json
import pathlib
import subprocess
import sys
import warnings

import numpy as np
import onnx
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, OneHotEncoder, RobustScaler, StandardScaler

# Trainings are cut short.
warnings.filterwarnings("ignore")
palmnet, folder = sys.argv[1], pathlib.Path(sys.argv[2])
MOST = 1e-5
worst = {}


def run(*words):
    done = subprocess.run([palmnet, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


# Options of palmnet predict for each model.
PROBA = {}


def predicted(name, table, options=()):
    """Imports NAME.onnx and returns the rows that palmnet predicts for a table."""
    model, data = folder / f"{name}.safetensors", folder / f"{name}.csv"
    run("import", folder / f"{name}.onnx", "-o", model, *options)
    table.to_csv(data, index=False)
    rows = list(csv.reader(run("predict", model, data, "--header", "yes", *PROBA[name]).splitlines()))
    # There may be a header.
    return rows[len(rows) - len(table):]


def compare(name, table, expected, options=()):
    expected = np.asarray(expected).reshape(len(table), -1)
    rows = predicted(name, table, options)
    found = np.array([[float(x) for x in row[-expected.shape[1]:]] for row in rows])
    difference = np.abs(found - expected) / np.maximum(1, np.abs(expected))
    worst[name] = difference.max()
    assert worst[name] <= MOST, (name, worst[name], found[:3], expected[:3])


rng = np.random.default_rng(1)
table = pd.DataFrame(rng.normal(size=(300, 5)).astype(np.float32) * [1, 10, 0.1, 3, 100] + 2, columns=list("abcde"))
table = table.astype(np.float32)
table["color"] = rng.choice(["red", "green", "blue", "deep, \"blue\""], 300)
table["size"] = rng.choice(["s", "m", "l"], 300)
names = list("abcde")
matrix = table[names]
score = table["a"] + 0.3 * table["d"] + (table["color"] == "red") * 2 - 3
classes = np.array(["none", "some", "all"])[(score > 0).astype(int) + (score > 2)]
binary = (score > 0).astype(int)
labels = np.stack([table["a"] > 2, table["b"] > 5, table["d"] > 1], 1).astype(int)


def numeric(name, pipeline, target, values=False):
    """A pipeline of numbers alone, in one input."""
    pipeline.fit(matrix.values, target)
    onnx = to_onnx(pipeline, matrix.values[:1])
    (folder / f"{name}.onnx").write_bytes(onnx.SerializeToString())
    PROBA[name] = () if values else ("--proba",)
    expected = pipeline.predict(matrix.values) if values else pipeline.predict_proba(matrix.values)
    compare(name, matrix, expected, ("--features", ",".join(names)))
    if not values and np.ndim(target) == 1:
        # The classes themselves.
        PROBA[name] = ()
        found = [row[0] for row in predicted(name, matrix, ("--features", ",".join(names)))]
        expected = [str(x) for x in pipeline.predict(matrix.values)]
        assert found == expected, (name, found[:5], expected[:5])


def classifier(**options):
    return MLPClassifier((8, 6), max_iter=60, random_state=0, **options)


def regressor(**options):
    return MLPRegressor(hidden_layer_sizes=(8,), max_iter=60, random_state=0, **options)


for scaler in (StandardScaler(), MinMaxScaler(), MaxAbsScaler(), RobustScaler(), StandardScaler(with_mean=False)):
    kind = type(scaler).__name__ + ("" if getattr(scaler, "with_mean", True) else "-no-mean")
    numeric(f"classifier-{kind}", make_pipeline(scaler, classifier()), classes)
for activation in ("identity", "logistic", "tanh", "relu"):
    numeric(f"classifier-{activation}", make_pipeline(StandardScaler(), classifier(activation=activation)), binary)
    numeric(f"regressor-{activation}", make_pipeline(StandardScaler(), regressor(activation=activation)), score, True)
numeric("labels", make_pipeline(StandardScaler(), classifier()), labels)
numeric("logistic", make_pipeline(StandardScaler(), LogisticRegression()), classes)
numeric("logistic-binary", make_pipeline(StandardScaler(), LogisticRegression()), binary)
numeric("linear", make_pipeline(StandardScaler(), LinearRegression()), score, True)

types = [(c, FloatTensorType([None, 1])) for c in names] + [(c, StringTensorType([None, 1])) for c in ("color", "size")]
texts = OneHotEncoder(handle_unknown="ignore")
transformers = {
    "table": [("numbers", StandardScaler(), names), ("texts", texts, ["color", "size"])],
    "table-texts-first": [("texts", texts, ["size", "color"]), ("numbers", StandardScaler(), ["e", "a", "b"])],
    "table-gaps": [
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), names),
        ("texts", texts, ["color"]),
    ],
    "table-drop": [("texts", OneHotEncoder(drop="first"), ["color", "size"]), ("rest", "passthrough", ["a", "d"])],
}
for name, parts in transformers.items():
    rows = table.copy()
    if name == "table-gaps":
        rows.loc[rng.random(300) < 0.1, "b"] = np.nan
        rows.loc[rng.random(300) < 0.1, "e"] = np.nan
    for end, target, values in ((classifier(), classes, False), (regressor(), score, True)):
        pipeline = make_pipeline(ColumnTransformer(parts), end)
        pipeline.fit(rows, target)
        full = f"{name}-{'values' if values else 'classes'}"
        (folder / f"{full}.onnx").write_bytes(to_onnx(pipeline, initial_types=types).SerializeToString())
        PROBA[full] = () if values else ("--proba",)
        compare(full, rows, pipeline.predict(rows) if values else pipeline.predict_proba(rows))

# An imported model is trained further, and is better on the same rows.
first, more = folder / "table-classes.safetensors", folder / "more.safetensors"
table.assign(**{"class": classes}).to_csv(folder / "more.csv", index=False)
run("train", folder / "more.csv", "--from", first, "--epochs", 50, "--test", 0, "--quiet", "-o", more)
losses = [json.loads(run("eval", model, folder / "more.csv", "--json"))["loss"] for model in (first, more)]
assert losses[1] < losses[0], losses

# Decisions about outputs, whole numbers and numbers far from zero must be those of the graph, or be refused.
F, D, I = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.INT64
gemm = onnx.helper.make_node("Gemm", ["x", "w", "b"], ["z"], name="gemm")


def graph(name, nodes, output, kind=F, given=F, **constants):
    constants = {"w": rng.normal(size=(2, 3)).astype(np.float32), "b": np.zeros(3, np.float32), **constants}
    made = onnx.helper.make_graph(
        nodes, "g", [onnx.helper.make_tensor_value_info("x", given, [None, 2])],
        [onnx.helper.make_tensor_value_info(output, kind, None)],
        [onnx.numpy_helper.from_array(np.asarray(value), key) for key, value in constants.items()],
    )
    (folder / f"{name}.onnx").write_bytes(onnx.helper.make_model(made).SerializeToString())
    return subprocess.run([palmnet, "import", folder / f"{name}.onnx", "-o", folder / name], capture_output=True, text=True)


node = onnx.helper.make_node
half, ten, far = np.float32(0.5), np.array([10, 10]), np.array([1.7e9, 3.0])
cast = node("Cast", ["y"], ["x32"], to=F)
behind = node("Gemm", ["x32", "w", "b"], ["z"])
for why, found in {
    "for probabilities": graph("cut", [gemm, node("Greater", ["z", "half"], ["y"])], "y", onnx.TensorProto.BOOL, half=half),
    "largest output of sigmoid": graph(
        "one", [gemm, node("Sigmoid", ["z"], ["p"]), node("ArgMax", ["p"], ["y"], axis=1)], "y", I),
    "divides whole numbers": graph("whole", [node("Div", ["x", "ten"], ["y"]), cast, behind], "z", F, I, ten=ten),
    "computes with the outputs of sigmoid": graph(
        "scaled", [gemm, node("Sigmoid", ["z"], ["p"]), node("Mul", ["p", "half"], ["q"]),
                   node("ArgMax", ["q"], ["y"], axis=1)], "y", I, half=half),
    "would lose its digits": graph("far", [node("Sub", ["x", "far"], ["y"]), cast, behind], "z", F, D, far=far),
}.items():
    assert found.returncode == 1 and why in " ".join(found.stderr.split()), (why, found)
largest = graph("largest", [gemm, node("ArgMax", ["z"], ["y"], axis=1)], "y", I)
assert largest.returncode == 0 and "one of 0, 1, 2" in run("info", folder / "largest"), largest

# Numbers that are made of probabilities are values.
hundred = np.float32(100)
made = [gemm, node("Sigmoid", ["z"], ["p"]), node("Mul", ["p", "hundred"], ["y"])]
scaled = graph("hundred", made, "y", F, hundred=hundred)
assert scaled.returncode == 0, scaled
(folder / "rows.csv").write_text("-1,0\n0.5,2\n")
found = np.loadtxt(run("predict", folder / "hundred", folder / "rows.csv", "--header", "no").splitlines(), delimiter=",", ndmin=2)
weights = onnx.numpy_helper.to_array(onnx.load(folder / "hundred.onnx").graph.initializer[0])
expected = 100 / (1 + np.exp(-np.array([[-1, 0], [0.5, 2]]) @ weights.astype(float)))
assert np.abs(found - expected).max() < 1e-3, (found, expected)

# Exported models come back with the same bits, also from the graph alone.
gaps = table.assign(**{"class": classes})
gaps.loc[rng.random(300) < 0.1, "b"] = np.nan
own = {"numbers": table[names].assign(y=classes), "two": table[names].assign(y=binary), "values": table[names].assign(y=score),
       "categories": table.assign(y=classes), "gaps": gaps}
for name, rows in own.items():
    data, model, back = (folder / f"own-{name}{ending}" for ending in (".csv", ".safetensors", "-back.safetensors"))
    rows.to_csv(data, index=False)
    run("train", data, "--fast", "--epochs", 5, "--quiet", "-o", model)
    run("export", model, "--to", "onnx", "-o", folder / f"own-{name}.onnx")
    options = [] if name == "values" else ["--probabilities"]
    expected = run("predict", model, data, *options).split("\n", 1)[1]
    written = onnx.load(folder / f"own-{name}.onnx")
    for is_whole in (True, False):
        assert is_whole == ("the whole model" in run("import", folder / f"own-{name}.onnx", "-o", back)), name
        found = run("predict", back, data, *options).split("\n", 1)[1]
        assert found == expected, (name, is_whole, found[:200], expected[:200])
        del written.metadata_props[:]
        onnx.save(written, folder / f"own-{name}.onnx")

print(f"ONNX in: {len(own)} models of palmnet come back with the same predictions")
print(f"ONNX in: {len(worst)} pipelines of scikit-learn, at most {max(worst.values()):.1e} from its predictions")
