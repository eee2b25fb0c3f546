"""The time of an epoch of 784-128-128-10 on MNIST, compared with NumPy and PyTorch (pip install numpy torch), in turns:
medians of the fastest of three epochs, on one thread, and by palmnet on two. Without PyTorch, it is left out.

    python tests/epochs.py FOLDER-OF-MNIST [ROUNDS]

Plain gradient descent, rows shuffled. NumPy does all element-wise steps in place.
"""

import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIZES = [784, 128, 128, 10]
RATE = 0.1


def mnist(folder):
    """Returns the pixels, as fractions, and the digits."""
    import numpy as np

    images = np.fromfile(os.path.join(folder, "train-images-idx3-ubyte"), np.uint8)[16:].reshape(-1, 784)
    digits = np.fromfile(os.path.join(folder, "train-labels-idx1-ubyte"), np.uint8)[8:]
    return images.astype(np.float32) / np.float32(255), digits.astype(np.int64)


def numpy_epoch(x, digits):
    """Returns a function that trains for an epoch."""
    import numpy as np

    rng = np.random.default_rng(0)
    shapes = list(zip(SIZES, SIZES[1:]))
    weights = [(rng.standard_normal(shape) * np.sqrt(2 / shape[0])).astype(np.float32) for shape in shapes]
    biases = [np.zeros(size, np.float32) for size in SIZES[1:]]
    y = np.eye(10, dtype=np.float32)[digits]
    rate = np.float32(RATE)

    def epoch(batch):
        order = rng.permutation(len(x))
        for first in range(0, len(x), batch):
            rows = order[first : first + batch]
            inputs = [x[rows]]
            for layer in range(3):
                z = inputs[-1] @ weights[layer]
                z += biases[layer]
                if layer < 2:
                    inputs.append(np.maximum(z, 0, out=z))
            z -= z.max(1, keepdims=True)
            np.exp(z, out=z)
            z /= z.sum(1, keepdims=True)
            z -= y[rows]
            z /= len(rows)
            delta = z
            for layer in (2, 1, 0):
                gradient, sums = inputs[layer].T @ delta, delta.sum(0)
                if layer:
                    delta = delta @ weights[layer].T
                    delta *= inputs[layer] > 0
                gradient *= rate
                weights[layer] -= gradient
                biases[layer] -= rate * sums

    return epoch


def torch_epoch(x, digits):
    """Returns a function that trains for an epoch."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    layers = [nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)]
    network = nn.Sequential(*layers)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE)
    x, digits = torch.from_numpy(x), torch.from_numpy(digits)

    def epoch(batch):
        order = torch.randperm(len(x))
        for first in range(0, len(x), batch):
            rows = order[first : first + batch]
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), digits[rows]).backward()
            optimizer.step()

    return epoch


def peer(name, folder, batch):
    """Prints the seconds of the fastest of three epochs: run in a process of its own."""
    epoch = {"numpy": numpy_epoch, "torch": torch_epoch}[name](*mnist(folder))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        epoch(batch)
        seconds.append(time.perf_counter() - start)
    print(min(seconds))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    folder, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 3
    subprocess.run(["cargo", "build", "--release", "--quiet"], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    palmnet = os.path.join(target, "release", "palmnet")
    environment = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")

    def output(*command):
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment)
        # The error has been printed.
        return run.stdout if run.returncode == 0 else sys.exit(1)

    def ours(threads, batch):
        bench = ["bench", "train", "--json", "--data", folder, "--threads", str(threads), "--batch", str(batch), "--epochs", "3"]
        return min(json.loads(output(palmnet, *bench).splitlines()[-1])["epoch_s"])

    jobs = {"palmnet": lambda batch: ours(1, batch), "two threads": lambda batch: ours(2, batch)}
    for name in ("numpy", "torch"):
        if importlib.util.find_spec(name):
            command = [sys.executable, __file__, "peer", name, folder]
            jobs[name] = lambda batch, command=command: float(output(*command, str(batch)))
    for batch in (16, 64, 256, 1000):
        seconds = {name: [] for name in jobs}
        for _ in range(rounds):
            for name, job in jobs.items():
                seconds[name].append(job(batch))
        print(f"batch {batch:4}: " + ", ".join(f"{name} {statistics.median(s):.3f} s" for name, s in seconds.items()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["peer"]:
        peer(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
