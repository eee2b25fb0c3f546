#!/usr/bin/env python3
"""Writes the state dicts of this folder, and what PyTorch predicts with them.

    pip install torch safetensors && python tests/golden/weights/make_weights.py
"""

import pathlib

import torch
from safetensors.torch import save_file
from torch import nn

folder = pathlib.Path(__file__).parent
torch.manual_seed(7)
x = 2 * torch.randn(16, 4)
outputs = {"x": x}


def write(name, network, dtype=torch.float32):
    network.train()
    for _ in range(9):
        network(3 * torch.randn(32, 4) + 1)  # gives batch normalization its statistics
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.2 * torch.randn(parameter.shape)
    network = network.to(dtype).eval()
    save_file(network.state_dict(), folder / f"{name}.safetensors")
    # The numbers of half precision are widened.
    with torch.no_grad():
        outputs[name] = network.float()(x).contiguous()


class Named(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.bn1, self.fc2, self.out = nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return torch.softmax(self.out(torch.tanh(self.fc2(torch.relu(self.bn1(self.fc1(x)))))), -1)


write(
    "sequential",
    nn.Sequential(
        nn.Flatten(), nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.1),
        nn.Linear(8, 7), nn.GELU(), nn.Dropout(0.1), nn.Linear(7, 6), nn.LayerNorm(6), nn.GELU(), nn.Linear(6, 3),
    ),
)  # fmt: skip
write("named", Named())
write("double", nn.Sequential(nn.Linear(4, 5), nn.Sigmoid(), nn.Linear(5, 1), nn.Sigmoid()), torch.float64)
write("half", nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 2)), torch.bfloat16)
save_file(outputs, folder / "outputs.safetensors")
