"""Trains a model of palmnet further in PyTorch, and takes it back.

    pip install torch safetensors
    python3 examples/pytorch/finetune.py [FOLDER]      PALMNET=target/release/palmnet, if it is not in the PATH
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
iris = pathlib.Path(__file__).parents[2] / "tests" / "data" / "iris.csv"


def palmnet(*words):
    command = [os.environ.get("PALMNET", "palmnet"), *map(str, words)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder).stdout


# A plain network, and its weights with PyTorch's names and layout.
palmnet("train", iris, "--fast", "--hidden", "16,8", "--batch-norm", "--dropout", "0.1", "--epochs", 20, "-o", "iris")
palmnet("export", "iris", "--to", "pytorch", "-o", "iris-pytorch")
with safe_open(folder / "iris-pytorch", "pt") as file:
    about = file.metadata()
network = eval(about["sequential"])
network.load_state_dict(load_file(folder / "iris-pytorch"))

# The table, scaled as palmnet scales it.
rows = [line.split(",") for line in iris.read_text().split("\n")[1:] if line]
offset, factor = (torch.tensor(json.loads(about[f"features.{name}"])) for name in ("offset", "factor"))
x = (torch.tensor([[float(cell) for cell in row[:-1]] for row in rows]) - offset) * factor
classes = json.loads(about["classes"])
y = torch.tensor([classes.index(row[-1]) for row in rows])


def compare(model):
    """Returns the greatest difference between log probabilities of the two, relative to the greatest of the row."""
    lines = palmnet("predict", model, iris, "--json").splitlines()
    there = torch.tensor([list(json.loads(line)["probabilities"].values()) for line in lines]).double().log()
    with torch.no_grad():
        here = network.eval()(x).double().log()
    print("loss", float(nn.functional.nll_loss(here, y)))
    return float(((here - there).abs().amax(1) / here.abs().amax(1)).max())


before = compare("iris")
torch.manual_seed(0)
optimizer = torch.optim.Adam(network.parameters(), lr=0.005)
for _ in range(50):
    # Without the softmax at the end, which this loss brings along.
    loss = nn.functional.cross_entropy(network.train()[:-1](x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
save_file(network.state_dict(), folder / "tuned")
palmnet("import", "tuned", "--like", "iris", "-o", "iris-tuned")
after = compare("iris-tuned")
print(f"greatest relative difference: {before:.1e}, after training in PyTorch {after:.1e}")
assert max(before, after) <= 1e-6, "the predictions differ"
