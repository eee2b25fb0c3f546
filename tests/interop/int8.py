"""Models with 8-bit weights, computed by NumPy from the file alone: python tests/interop/int8.py PALMNET FOLDER."""

import json
import pathlib
import struct
import subprocess
import sys

import numpy as np

palmnet, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(1)
F = np.float32


def run(*words):
    return subprocess.run([palmnet, *map(str, words)], cwd=folder, check=True, capture_output=True, text=True).stdout


def read(path):
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    kinds = {"F32": "<f4", "I8": "i1"}
    tensors = {}
    for name, about in header.items():
        if name != "__metadata__":
            begin, end = about["data_offsets"]
            data = np.frombuffer(content[8 + length + begin : 8 + length + end], kinds[about["dtype"]])
            tensors[name] = data.reshape(about["shape"])
    return header["__metadata__"], tensors


def outputs(path, x):
    """The outputs of the model, and the whole numbers of the first layer in 8 bits."""
    metadata, tensors = read(path)
    x = (x - tensors["features.offset"]) * tensors["features.factor"]
    first = None
    for index, word in enumerate(metadata["layers"].split()):
        get = lambda name: tensors[f"layers.{index}.{name}"]
        if word.startswith("dense8"):
            scale, zero = get("input")
            q = np.clip(np.rint(x * (F(1) / scale)) + zero, 0, 255).astype(np.int64) - int(zero)
            step = scale * get("scale")
            sums = np.rint(get("bias") / step).astype(np.int64) + q @ get("weights").astype(np.int64)
            assert np.abs(sums).max() < 2**31
            first = (q, sums) if first is None else first
            x = sums.astype(F) * step
        elif word.startswith("dense"):
            x = x @ get("weights") + get("bias")
        elif word == "relu":
            x = np.maximum(x, F(0))
        elif word == "softmax":
            e = np.exp(x - x.max(axis=1, keepdims=True))
            x = e / e.sum(axis=1, keepdims=True)
        elif word == "sigmoid":
            x = F(1) / (F(1) + np.exp(-x))
            x = np.hstack([1 - x, x])
        else:
            raise SystemExit(f"a layer that this test does not know: {word}")
        assert x.dtype == F
    return x, first


def table(name, x, y):
    names = [f"x{i}" for i in range(x.shape[1])]
    lines = [",".join(names + ["y"])] + [",".join([*map(repr, map(float, row)), str(label)]) for row, label in zip(x, y)]
    (folder / name).write_text("\n".join(lines) + "\n")


most, layers = 0.0, 0
for inputs, hidden, classes in [(3, "8", 2), (20, "40,17", 5), (130, "64,64", 3)]:
    x = rng.normal(size=(3000, inputs)).astype(F)
    y = [f"c{c}" for c in np.digitize(x[:, :3].sum(axis=1), np.linspace(-2, 2, classes - 1))]
    table("data.csv", x, y)
    run("train", "data.csv", "--fast", "--hidden", hidden, "--epochs", 8, "--quiet", "--test", 0, "-o", "float")
    run("quantize", "float", "data.csv", "-o", "int8")
    found, (q, sums) = outputs(folder / "int8", x)
    lines = run("predict", "int8", "data.csv", "--probabilities").splitlines()[1:]
    told = np.array([line.split(",")[1:] for line in lines], dtype=float)
    most = max(most, float(np.abs(told - found).max()))
    layers += len([name for name in read(folder / "int8")[1] if name.endswith("input")])
    assert q.max() - q.min() > 200 and len(np.unique(sums)) > 100
assert layers >= 5
assert most < 2e-6, most
print(f"int8: {layers} layers of three models as NumPy computes them from the file; outputs differ by at most {most:.1e}")
