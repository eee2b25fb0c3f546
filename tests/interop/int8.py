"""Models with 8-bit weights, computed by NumPy from the file alone, and by onnxruntime from the ONNX file: python
tests/interop/int8.py PALMNET FOLDER. Needs numpy, onnx and onnxruntime."""

import json
import pathlib
import struct
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime

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
    """The outputs of the model, the stored inputs of each layer in 8 bits, and the sums of the first."""
    metadata, tensors = read(path)
    x = (x - tensors["features.offset"]) * tensors["features.factor"]
    stored, first = [], None
    for index, word in enumerate(metadata["layers"].split()):
        get = lambda name: tensors[f"layers.{index}.{name}"]
        if word.startswith("dense8"):
            scale, zero = get("input")
            q = np.clip(np.rint(x * (F(1) / scale)) + zero, 0, 255).astype(np.int64) - int(zero)
            step = scale * get("scale")
            sums = np.rint(get("bias") / step).astype(np.int64) + q @ get("weights").astype(np.int64)
            assert np.abs(sums).max() < 2**31
            first = sums if first is None else first
            stored.append(q + int(zero))
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
    return x, stored, first


def stored_by_onnxruntime(path, x, level):
    """What the nodes that quantize return."""
    model = onnx.load(path)
    names = [node.output[0] for node in model.graph.node if node.op_type == "QuantizeLinear"]
    for name in names:
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.UINT8, None))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(names, {f"x{i}": column.reshape(-1, 1) for i, column in enumerate(x.T)})


def table(name, x, y):
    names = [f"x{i}" for i in range(x.shape[1])]
    lines = [",".join(names + ["y"])] + [",".join([*map(repr, map(float, row)), str(label)]) for row, label in zip(x, y)]
    (folder / name).write_text("\n".join(lines) + "\n")


most, layers, numbers, others = 0.0, 0, 0, 0
for inputs, hidden, classes in [(3, "8", 2), (20, "40,17", 5), (130, "64,64", 3)]:
    x = rng.normal(size=(3000, inputs)).astype(F)
    y = [f"c{c}" for c in np.digitize(x[:, :3].sum(axis=1), np.linspace(-2, 2, classes - 1))]
    table("data.csv", x, y)
    run("train", "data.csv", "--fast", "--hidden", hidden, "--epochs", 8, "--quiet", "--test", 0, "-o", "float")
    run("quantize", "float", "data.csv", "-o", "int8")
    found, stored, sums = outputs(folder / "int8", x)
    lines = run("predict", "int8", "data.csv", "--probabilities").splitlines()[1:]
    told = np.array([line.split(",")[1:] for line in lines], dtype=float)
    most = max(most, float(np.abs(told - found).max()))
    layers += len([name for name in read(folder / "int8")[1] if name.endswith("input")])
    assert stored[0].max() - stored[0].min() > 200 and len(np.unique(sums)) > 100
    run("export", "int8", "--to", "onnx", "-o", "int8.onnx")
    for level in ["ORT_DISABLE_ALL", "ORT_ENABLE_ALL"]:
        theirs = stored_by_onnxruntime(folder / "int8.onnx", x, level)
        assert len(theirs) == len(stored)
        for ours, their in zip(stored, theirs):
            steps = np.abs(ours - their.astype(int))
            assert steps.max() <= 1, (level, steps.max())
            numbers, others = numbers + steps.size, others + int(steps.sum())
# A rare class is not given up for a better accuracy.
x = rng.normal(size=(6000, 3)).astype(F)
x[3::300, 1] *= 300
y = ["pos" if 0.40 < a < 0.42 else "neg" for a in x[:, 0]]
table("rare.csv", x, y)
words = "--fast --scale standard --balanced --weight-decay 0 --epochs 40 --quiet --test 0 -o rare"
run("train", "rare.csv", *words.split())
run("quantize", "rare", "rare.csv", "-o", "rare8")
recall = [np.mean([line == "pos" for line, label in zip(run("predict", model, "rare.csv").splitlines()[-len(y):], y) if label == "pos"])
          for model in ("rare", "rare8")]
assert recall[0] > 0.8 and recall[1] >= recall[0] - 0.05, recall
assert layers >= 5
assert most < 2e-6, most
print(f"int8: {layers} layers of three models as NumPy computes them from the file; outputs differ by at most {most:.1e}; "
      f"in onnxruntime, {others} of {numbers} stored numbers are a step off, and none more")
