"""Federated learning of handwritten digits, simulated: ten clients, each of which has mostly two of the digits.

    pip install "flwr[simulation]" safetensors scikit-learn
    python3 examples/flower/simulate.py [FOLDER]      PALMNET=target/release/palmnet, if it is not in the PATH

After 20 rounds, the mean model is compared with one that is trained on the rows of all clients.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy
from flwr.app import ConfigRecord
from flwr.serverapp import ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from sklearn.datasets import load_digits

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import client

CLIENTS, ROUNDS = 10, 20
folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
os.environ.setdefault("PALMNET", "palmnet")
os.environ["PALMNET_MODEL"], os.environ["PALMNET_ROWS"] = str(folder / "start"), str(folder)
server = ServerApp()


def palmnet(*words):
    run = subprocess.run([os.environ["PALMNET"], *map(str, words), "--json"], check=True, stdout=subprocess.PIPE)
    return json.loads(run.stdout.splitlines()[-1])


def table(name, rows):
    header = ",".join(f"p{i}" for i in range(64)) + ",digit"
    numpy.savetxt(folder / name, rows, fmt="%d", delimiter=",", header=header, comments="")


def divide():
    """Writes the rows of the clients, of a test set, and a few that everybody may see."""
    random = numpy.random.default_rng(1)
    digits = load_digits()
    rows = numpy.column_stack([digits.data, digits.target])[random.permutation(len(digits.data))]
    table("public.csv", rows[:100])
    table("test.csv", rows[100:500])
    rows = rows[500:]
    table("all.csv", rows)
    # Four rows of five go to one of the two clients that collect this digit, the others to any.
    own = (rows[:, 64] + random.integers(0, 2, len(rows))) % CLIENTS
    other = random.integers(0, CLIENTS, len(rows))
    owner = numpy.where(random.random(len(rows)) < 0.8, own, other)
    for i in range(CLIENTS):
        table(f"{i}.csv", rows[owner == i])


@server.main()
def main(grid, context):
    strategy = FedAvg(fraction_evaluate=0.0)
    result = strategy.start(grid, client.weights(folder / "start"), num_rounds=ROUNDS, train_config=ConfigRecord())
    client.write(result.arrays, folder / "mean")


divide()
options = ["--test", "0", "--seed", "1", "--out"]
network = ["--fast", "--hidden", 64, "--weight-decay", 0, "--epochs", 1]
palmnet("train", folder / "public.csv", *network, *options, folder / "start")
run_simulation(server, client.app, num_supernodes=CLIENTS)
further = ["--from", folder / "start", "--epochs", 5 * ROUNDS, "--lr", 0.003]
palmnet("train", folder / "all.csv", *further, *options, folder / "whole")
models = ["start", "mean", "whole"]
print(json.dumps({name: palmnet("eval", folder / name, folder / "test.csv")["accuracy"] for name in models}))
