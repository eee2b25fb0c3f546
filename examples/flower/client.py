"""A client of Flower that trains with palmnet: rows stay where they are, and the weights of a model travel.

The model that all clients begin with is the file PALMNET_MODEL, which has the preprocessing; the rows of client 3 are
in PALMNET_ROWS/3.csv; PALMNET is the command.
"""

import os
import pathlib
import subprocess
import tempfile

from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from safetensors import safe_open
from safetensors.numpy import save_file

app = ClientApp()


def read(path):
    """Returns the tensors of a model file by their names, and its metadata."""
    with safe_open(path, "numpy") as model:
        return {name: model.get_tensor(name) for name in sorted(model.keys())}, model.metadata()


def weights(path):
    """Returns the parameters of a model file, in the order of their names."""
    return ArrayRecord(numpy_ndarrays=[x for name, x in read(path)[0].items() if name.startswith("layers.")])


def write(arrays, path):
    """Writes the model of PALMNET_MODEL with other parameters."""
    tensors, metadata = read(os.environ["PALMNET_MODEL"])
    names = [name for name in tensors if name.startswith("layers.")]
    save_file(tensors | dict(zip(names, arrays.to_numpy_ndarrays())), path, metadata)


@app.train()
def train(message: Message, context: Context) -> Message:
    rows = pathlib.Path(os.environ["PALMNET_ROWS"], f"{context.node_config['partition-id']}.csv")
    with tempfile.TemporaryDirectory() as folder:
        start, end = f"{folder}/start", f"{folder}/end"
        write(message.content["arrays"], start)
        command = [os.environ.get("PALMNET", "palmnet"), "train", rows, "--from", start, "--out", end, "--json"]
        options = ["--epochs", "5", "--lr", "0.003", "--test", "0", "--threads", "1"]
        subprocess.run(command + options, check=True, stdout=subprocess.DEVNULL)
        arrays = weights(end)
    count = len(rows.read_text().splitlines()) - 1
    return Message(RecordDict({"arrays": arrays, "metrics": MetricRecord({"num-examples": count})}), reply_to=message)
