"""Compares the ONNX files of `palmnet export` with `palmnet predict`, in onnxruntime.

    python onnx_out.py PALMNET FOLDER    trains models, exports and compares them: needs onnx and scikit-learn
    python onnx_out.py check FOLDER      compares again what is in FOLDER, by another version of onnxruntime
"""

import csv
import json
import math
import pathlib
import subprocess
import sys

import numpy as np
import onnxruntime

MOST = 1e-5
# Of weights in 8 bits: an input on the way that is rounded to the other of two neighbors makes a difference of about this.
MOST_OF_8_BITS = 1e-2
FAST = ["--epochs", "15", "--quiet", "--seed", "1"]
LEVELS = ["ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL"]


class Table:
    """Columns by name: arrays of numbers, lists of texts; dates as datetime64[s]. None and NaN are missing."""

    def __init__(self, columns, targets):
        self.columns, self.targets = columns, targets

    def write(self, path):
        everything = {**self.columns, **self.targets}
        with open(path, "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(everything)
            for row in zip(*everything.values()):
                writer.writerow([self.cell(value) for value in row])

    @staticmethod
    def cell(value):
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        return str(value).replace("T", " ") if isinstance(value, np.datetime64) else str(value)

    def inputs(self):
        """The inputs as JSON can hold them: dates as seconds."""
        seconds = lambda x: x.astype("datetime64[s]").astype(np.int64) if isinstance(x, np.datetime64) else x
        plain = lambda x: None if self.cell(x) == "" else x if isinstance(x, str) else float(seconds(x))
        return {name: [plain(value) for value in values] for name, values in self.columns.items()}


def bundled(name):
    """A table that scikit-learn has."""
    from sklearn import datasets

    data = getattr(datasets, "load_" + name)()
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    target = data.target if name == "diabetes" else [f"class {int(label)}" for label in data.target]
    return Table({name: [float(x) for x in column] for name, column in zip(names, data.data.T)}, {"y": target})


def mixed(rng, rows, task):
    """Gaps, categories, dates and numbers of sizes from 1e-6 to 1e6, some of them far from zero."""
    z = rng.normal(size=(rows, 6))
    gaps = lambda values: [None if rng.random() < 0.1 else value for value in values]
    number = lambda values: [None if value is None else float(np.float32(value)) for value in values]
    city = rng.choice(["Bonn", "Köln", "Aachen", "New, York"], rows)
    day = np.datetime64("2019-01-01T00:00:00") + rng.integers(0, 2_000 * 86400, rows).astype("timedelta64[s]")
    month = (day.astype("datetime64[M]").astype(int) % 12 + 1) / 12
    columns = {
        "tiny": number(gaps(1e-6 * z[:, 0])),
        "huge": number(1e6 * z[:, 1]),
        "far": number(1000 + 3 * z[:, 2]),
        "near": [round(1e6 + 20 * x, 3) for x in z[:, 3]],
        "label": number(z[:, 4]),
        "city": gaps(city.tolist()),
        "size": rng.choice(["s", "m", "l", "xl"], rows).tolist(),
        "code": [f"c{x}" for x in rng.integers(0, 25, rows)],
        "day": list(day.astype("datetime64[D]")),
        "when": gaps(list(day)),
    }
    columns["day"][3] = None
    score = z[:, 0] - z[:, 1] * z[:, 2] + np.sin(z[:, 3]) + (city == "Bonn") + month
    noise = 0.2 * rng.normal(size=rows)
    targets = {
        "classes": {"y": np.where(score > 1, "high", np.where(score < 0, "low", "mid")).tolist()},
        "two": {"y": np.where(score > 0.5, "yes", "no").tolist()},
        "labels": {"ripe": np.where(score > 0.5, "yes", "no").tolist(), "sold": np.where(z[:, 4] > 0, 1, 0).tolist()},
        "value": {"y": (3 * score + noise).tolist()},
        "values": {"y": (1e-5 * (score + noise)).tolist(), "w": (1e5 * (z[:, 1] + noise)).tolist()},
        "far value": {"y": np.round(5e6 + score + noise, 4).tolist()},
    }
    return Table(columns, targets[task])


def cases():
    rng = np.random.default_rng(7)
    for name in ["iris", "wine", "breast_cancer", "diabetes", "digits"]:
        yield name, bundled(name), []
    plain = ["--hidden", "24,16", "--members", "1"]
    for task in ["classes", "two", "labels", "value", "values", "far value"]:
        yield task, mixed(rng, 700, task), []
        yield task + ", plain", mixed(rng, 500, task), plain
    activations = ["relu", "leaky_relu:0.2", "elu:0.7", "selu", "sigmoid", "tanh", "softplus", "silu", "gelu",
                   "hard_sigmoid", "softmax", "identity"]
    table, classes = mixed(rng, 400, "value"), mixed(rng, 400, "classes")
    for activation in activations:
        yield activation, table, plain + ["--activation", activation]
    yield "batch norm", classes, plain + ["--batch-norm"]
    yield "layer norm", classes, ["--hidden", "24,16", "--members", "4", "--layer-norm"]
    yield "layer norm, value", table, plain + ["--layer-norm", "--dropout", "0.1"]
    yield "bins", table, plain + ["--bins", "12"]
    yield "no bins", table, ["--bins", "0", "--members", "3"]
    yield "embedding", classes, plain + ["--embedding", "3"]
    yield "embedding and bins", table, ["--embedding", "2", "--bins", "5", "--members", "2"]
    yield "fast", classes, ["--fast"]
    yield "8 bits", classes, ["--int8"]
    yield "8 bits, plain", classes, plain + ["--int8"]
    yield "8 bits, value", table, ["--int8"]
    yield "8 bits, no gaps", bundled("breast_cancer"), ["--fast", "--int8"]
    yield "no clamp", table, ["--no-clamp"]
    for scale in ["standard", "robust", "minmax", "none"]:
        yield "scale " + scale, bundled("wine"), plain + ["--scale", scale]
    complete = Table({name: column for name, column in bundled("wine").columns.items()}, bundled("wine").targets)
    yield "huge and tiny", Table(
        {name: [x * 10.0 ** (i % 13 - 6) for x in column] for i, (name, column) in enumerate(complete.columns.items())},
        complete.targets,
    ), []


def run(*command):
    found = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert found.returncode == 0, (command, found.stderr[-2000:])
    return found.stdout


def make(palmnet, folder, number, case):
    name, table, options = case
    stem = folder / f"{number:02}"
    data, model, onnx_file = stem.with_suffix(".csv"), stem.with_suffix(".model"), stem.with_suffix(".onnx")
    table.write(data)
    run(palmnet, "train", data, "--target", ",".join(table.targets), *FAST, *options, "-o", model)
    run(palmnet, "export", model, "--to", "onnx", "-o", onnx_file)
    # Of each text, one is unknown.
    for values in table.columns.values():
        if isinstance(values[0], str):
            values[0] = "never seen"
    table.write(data)
    lines = [json.loads(line) for line in run(palmnet, "predict", model, data, "--json").splitlines()]
    # The whole model comes back, also after another program has read and written the file.
    import onnx

    again = stem.with_suffix(".again")
    onnx.save(onnx.load(onnx_file), again)
    for file in (onnx_file, again):
        assert run(palmnet, "import", file, "-o", stem.with_suffix(".back")).startswith("the whole model"), (name, file)
        back = [json.loads(line) for line in run(palmnet, "predict", stem.with_suffix(".back"), data, "--json").splitlines()]
        assert back == lines, (name, file)
    inputs = table.inputs()
    stem.with_suffix(".json").write_text(json.dumps({"name": name, "inputs": inputs, "lines": lines}))
    for values in table.columns.values():
        if values[0] == "never seen":
            values[0] = values[1]


def fed(session, inputs, rows):
    kinds = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(string)": object}
    feed = {}
    for port in session.get_inputs():
        kind, values = kinds[port.type], inputs[port.name][rows]
        none = "" if kind is object else math.nan
        feed[port.name] = np.array([none if x is None else x for x in values], dtype=kind).reshape(-1, 1)
    return feed


def expected(lines):
    """The labels, and the probabilities or values."""
    listed = lambda x: list(x.values()) if isinstance(x, dict) else [x]
    if "probabilities" in lines[0]:
        labels = [line["prediction"] if isinstance(line["prediction"], str) else listed(line["prediction"]) for line in lines]
        return labels, np.array([listed(line["probabilities"]) for line in lines])
    return None, np.array([listed(line["prediction"]) for line in lines], dtype=np.float64)


def compare(path):
    """Returns the name of the case, and the largest difference."""
    case = json.loads(path.with_suffix(".json").read_text())
    lines = case["lines"]
    labels, numbers = expected(lines)
    # Probabilities are compared with 1, values with how much they vary.
    size = 1.0 if labels is not None else np.maximum(numbers.std(axis=0), 1e-30)
    worst = 0.0
    for level in LEVELS:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        for rows in [slice(None), slice(0, 1), slice(5, 12), slice(0, 0)]:
            found = session.run(None, fed(session, case["inputs"], rows))
            assert found[-1].shape == numbers[rows].shape, (case["name"], found[-1].shape, numbers[rows].shape)
            difference = np.abs(found[-1] - numbers[rows]) / size
            assert not np.isnan(difference).any(), (case["name"], level)
            worst = max(worst, difference.max(initial=0.0))
            # Only a row whose own probabilities differ, as in 8 bits, may have another label.
            if labels is not None:
                same = difference.max(axis=1, initial=0.0) <= MOST
                pairs = zip(found[0].tolist(), labels[rows], same)
                assert all(theirs == ours for theirs, ours, is_same in pairs if is_same), (case["name"], level)
    assert worst <= (MOST_OF_8_BITS if "8 bits" in case["name"] else MOST), (case["name"], worst)
    return case["name"], worst


def check_file(path):
    import onnx

    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(str(path))
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    assert (model.producer_name, model.ir_version) == ("palmnet", 8)
    assert [(domain.domain, domain.version) for domain in model.opset_import] == [("", 19)]
    assert all(node.domain == "" for node in model.graph.node)


def main():
    first, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if first != "check":
        for number, case in enumerate(cases()):
            make(first, folder, number, case)
    paths = sorted(folder.glob("*.onnx"))
    assert len(paths) >= 12
    differences = []
    for path in paths:
        if first != "check":
            check_file(path)
        name, worst = compare(path)
        differences.append(worst)
        print(f"  {name:20} {worst:9.2e} {path.stat().st_size:9} bytes")
    print(f"ONNX: {len(paths)} models in onnxruntime {onnxruntime.__version__}, difference at most {max(differences):.1e}")


main()
