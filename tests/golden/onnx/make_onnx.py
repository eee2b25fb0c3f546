"""Writes the ONNX files of this folder, with inputs and the outputs that the program itself has for them.

    pip install torch onnx onnxscript && python make_onnx.py torch
    pip install tensorflow-cpu tf2onnx && python make_onnx.py keras
    pip install scikit-learn skl2onnx pandas && python make_onnx.py sklearn

NAME.txt has a line for each row: the cells, separated by commas, an arrow, and the outputs.
"""

import pathlib
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).parent
ROWS = 8


def write(name, cells, outputs):
    def number(x):
        return x if isinstance(x, str) else "" if np.isnan(x) else repr(float(np.float32(x)))

    lines = [
        ",".join(map(number, row)) + " -> " + " ".join(map(number, out))
        for row, out in zip(cells, np.asarray(outputs).reshape(len(cells), -1))
    ]
    (FOLDER / f"{name}.txt").write_text("\n".join(lines) + "\n")


def strip(file):
    """Removes the traces of the Python files that the newer exporter adds to every node, with their paths."""
    import onnx

    model = onnx.load(file, load_external_data=False)
    for part in [*model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]
    pathlib.Path(file).write_bytes(model.SerializeToString())


def make_torch():
    import torch
    from torch import nn

    def stir(network):
        """Gives running statistics and scales other values than those of a new network."""
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm1d):
                nn.init.normal_(layer.running_mean)
                nn.init.uniform_(layer.running_var, 0.1, 2.0)
            if isinstance(layer, (nn.BatchNorm1d, nn.LayerNorm)):
                nn.init.uniform_(layer.weight, 0.5, 2.0)
                nn.init.normal_(layer.bias)
        return network.eval()

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x):
            return x + torch.relu(self.layer(x))

    networks = {
        "norms": lambda: nn.Sequential(
            nn.Flatten(), nn.Linear(4, 6), nn.BatchNorm1d(6), nn.SiLU(), nn.Dropout(0.2),
            nn.Linear(6, 5, bias=False), nn.LayerNorm(5), nn.GELU(), nn.Linear(5, 2), nn.Softmax(1)),
        "many": lambda: nn.Sequential(
            nn.BatchNorm1d(4), nn.Linear(4, 6), nn.LeakyReLU(0.2), nn.Linear(6, 5), nn.ELU(0.7), nn.Linear(5, 5),
            nn.SELU(), nn.Linear(5, 5), nn.Softplus(), nn.Linear(5, 5), nn.Hardsigmoid(), nn.Linear(5, 5), nn.Tanh(),
            nn.Linear(5, 4), nn.PReLU(), nn.Linear(4, 1), nn.Sigmoid()),
        "values": lambda: nn.Sequential(
            nn.Linear(4, 6), nn.ReLU(), nn.LayerNorm(6, eps=1e-3), nn.Linear(6, 5), nn.Identity(),
            nn.BatchNorm1d(5, eps=0.1), nn.Sigmoid(), nn.Linear(5, 3)),
        "log": lambda: nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3), nn.LogSoftmax(1)),
        # Refused.
        "conv": lambda: nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 2, 2), nn.Flatten(), nn.Linear(6, 3)),
        "tanh": lambda: nn.Sequential(nn.Linear(4, 6), nn.GELU("tanh"), nn.Linear(6, 3)),
        "residual": lambda: nn.Sequential(Residual(), nn.Linear(4, 2)),
    }
    for seed, (name, make) in enumerate(networks.items()):
        torch.manual_seed(seed)
        network, x = stir(make()), torch.randn(ROWS, 4)
        y = network(x).detach()
        refused = name in ("conv", "tanh", "residual")
        for way in ("new",) if refused else ("new", "old"):
            file = str(FOLDER / f"torch_{way}_{name}.onnx")
            if way == "new":
                torch.onnx.export(network, (x,), file, dynamo=True, external_data=False,
                                  dynamic_shapes=({0: torch.export.Dim("rows")},))
            else:
                torch.onnx.export(network, (x,), file, dynamo=False, opset_version=11 if name == "norms" else 17,
                                  input_names=["x"], output_names=["y"], dynamic_axes={"x": {0: "rows"}})
            strip(file)
            if not refused:
                write(f"torch_{way}_{name}", x.tolist(), y.exp() if name == "log" else y)
    torch.manual_seed(9)
    network, x = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)).eval(), torch.randn(ROWS, 16)
    torch.onnx.export(network, (x,), str(FOLDER / "torch_outside.onnx"), dynamo=True)
    strip(FOLDER / "torch_outside.onnx")
    write("torch_outside", x.tolist(), network(x).detach())


def make_keras():
    import tensorflow as tf
    import tf2onnx
    import keras
    from keras import layers as k

    networks = {
        "plain": [keras.Input((4,)), k.Dense(6, activation="relu"), k.Dense(3, activation="softmax")],
        "norms": [keras.Input((4,)), k.Dense(6, activation="relu"), k.BatchNormalization(), k.Dense(5),
                  k.LayerNormalization(), k.Activation("silu"), k.Dropout(0.2), k.Dense(4, use_bias=False),
                  k.BatchNormalization(), k.LayerNormalization(epsilon=1e-5), k.Dense(1, activation="sigmoid")],
        "many": [keras.Input((4,)), k.Rescaling(1 / 255.0, offset=0.5), k.Dense(6), k.LeakyReLU(negative_slope=0.2),
                 k.Dense(5, activation="elu"), k.Dense(5, activation="selu"), k.Dense(5, activation="softplus"),
                 k.Dense(5, activation="tanh"), k.Dense(5, activation="hard_sigmoid"), k.Dense(4),
                 k.PReLU(alpha_initializer=keras.initializers.Constant(0.3)), k.Dense(2)],
        "image": [keras.Input((2, 2)), k.Flatten(), k.Dense(6, activation="relu"), k.Dense(3)],
    }
    for seed, (name, stack) in enumerate(networks.items()):
        keras.utils.set_random_seed(seed)
        network = keras.Sequential(stack)
        rng = np.random.default_rng(seed)
        for variable in network.weights:
            low = 0.5 if variable.path.endswith(("variance", "gamma")) else -1.0
            if "alpha" not in variable.path:
                variable.assign(rng.uniform(low, 1.5, variable.shape))
        x = rng.normal(size=(ROWS, *network.input_shape[1:])).astype(np.float32)
        signature = [tf.TensorSpec((None, *network.input_shape[1:]), tf.float32, name="x")]
        function = tf.function(lambda x: network(x, training=False), input_signature=signature)
        tf2onnx.convert.from_function(function, input_signature=signature, opset=15,
                                      output_path=str(FOLDER / f"keras_{name}.onnx"))
        write(f"keras_{name}", x.reshape(ROWS, -1).tolist(), network(x, training=False).numpy())


def make_sklearn():
    import pandas as pd
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler

    rng = np.random.default_rng(0)
    count = 60
    table = pd.DataFrame(rng.normal(size=(count, 4)).astype(np.float32) * 3 + 1, columns=list("abcd"))
    table["color"] = rng.choice(["red", "green", "blue"], count)
    table["size"] = rng.choice(["s", "m", "l"], count)
    values = table["a"] - table["b"] + (table["color"] == "red")
    classes = np.array(["no", "maybe", "yes"])[(values > 0).astype(int) + (values > 2)]
    labels = np.stack([table["a"] > 0, table["b"] > 1, table["c"] > 2], 1).astype(int)
    texts = OneHotEncoder(handle_unknown="ignore")
    classifier = MLPClassifier((5,), max_iter=30, random_state=0)
    regressor = MLPRegressor(hidden_layer_sizes=(5, 4), max_iter=30, random_state=0)
    pipelines = {
        "classes": (make_pipeline(ColumnTransformer([
            ("texts", texts, ["color", "size"]), ("numbers", StandardScaler(), list("abcd"))]), classifier), classes),
        "gaps": (make_pipeline(ColumnTransformer([
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["c", "a"]),
            ("texts", texts, ["size"]), ("range", MinMaxScaler(), ["b"]),
        ], remainder="drop"), regressor), values),
        "logistic": (make_pipeline(ColumnTransformer([
            ("texts", OneHotEncoder(drop="first"), ["color", "size"]), ("numbers", "passthrough", ["d", "a"]),
        ]), StandardScaler(with_mean=False), LogisticRegression()),
            np.where(values > 0, "yes", "no")),
        "codes": (make_pipeline(ColumnTransformer([
            ("codes", OrdinalEncoder(), ["color"]), ("numbers", "passthrough", ["a", "b"])]), classifier), values > 0),
        "labels": (make_pipeline(ColumnTransformer([("numbers", StandardScaler(), list("abcd"))]), classifier), labels),
    }
    types = [(c, FloatTensorType([None, 1])) for c in "abcd"] + [(c, StringTensorType([None, 1])) for c in ["color", "size"]]
    for name, (pipeline, target) in pipelines.items():
        pipeline.fit(table, np.asarray(target).astype(int) if name == "codes" else target)
        onnx = to_onnx(pipeline, initial_types=types)
        (FOLDER / f"sklearn_{name}.onnx").write_bytes(onnx.SerializeToString())
        rows = table[:ROWS].copy()
        if name == "gaps":
            rows.loc[1, "a"], rows.loc[2, "c"] = np.nan, np.nan
        if name == "classes":
            rows.loc[3, "color"] = "purple"
        out = pipeline.predict(rows) if name == "gaps" else pipeline.predict_proba(rows)
        write(f"sklearn_{name}", rows.values.tolist(), out)


{"torch": make_torch, "keras": make_keras, "sklearn": make_sklearn}[sys.argv[1]]()
