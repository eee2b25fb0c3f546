"""Imports networks as PyTorch's older exporter writes them, and compares outputs: python onnx_torch.py PALMNET FOLDER"""

import csv
import pathlib
import subprocess
import sys
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore")
palmnet, folder = sys.argv[1], pathlib.Path(sys.argv[2])
ROWS, COLUMNS = 200, 5


def run(*words):
    done = subprocess.run([palmnet, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


networks = {
    "classes": nn.Sequential(
        nn.Linear(COLUMNS, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 8), nn.LayerNorm(8),
        nn.GELU(), nn.Linear(8, 3), nn.Softmax(1)),
    "activations": nn.Sequential(*[
        layer for g in (nn.ELU(0.5), nn.SELU(), nn.SiLU(), nn.Softplus(), nn.LeakyReLU(0.1), nn.Hardsigmoid(), nn.Tanh())
        for layer in (nn.Linear(COLUMNS, COLUMNS), g)], nn.Linear(COLUMNS, 2)),
}
worst = 0
for opset in (11, 13, 15):
    for name, network in networks.items():
        torch.manual_seed(0)
        inputs = torch.randn(ROWS, COLUMNS)
        network.train()
        network(inputs)
        network.eval()
        file = folder / f"torch-{name}-{opset}.onnx"
        words = {} if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 5) else {"dynamo": False}
        torch.onnx.export(network, (inputs,), str(file), opset_version=opset, input_names=["x"], **words)
        model, data = file.with_suffix(".safetensors"), file.with_suffix(".csv")
        columns = "abcde"[:COLUMNS]
        run("import", file, "-o", model, "--features", ",".join(columns))
        with open(data, "w", newline="") as table:
            csv.writer(table).writerows([columns, *inputs.tolist()])
        rows = run("predict", model, data, *(["--proba"] if name == "classes" else [])).splitlines()[-ROWS:]
        expected = network(inputs).tolist()
        for row, outputs in zip(csv.reader(rows), expected):
            for text, y in zip(row[-len(outputs):], outputs):
                worst = max(worst, abs(float(text) - y) / max(1, abs(y)))
assert worst <= 1e-5, worst
print(f"ONNX in: networks of PyTorch {torch.__version__}, at most {worst:.1e} from its outputs")
