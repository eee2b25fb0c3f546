"""palmnet in Python, by its functions for C and nothing but the standard library.

    cargo c-api
    python3 examples/c-api/palmnet.py target/c-api/libpalmnet.so examples/iris.safetensors
"""

import ctypes
import sys


class Model:
    """A model. Rows are lists of cells (texts or numbers) in the order of `columns`; None is a missing cell."""

    def __init__(self, library, path):
        lib = self.lib = ctypes.CDLL(library)
        size, text, texts, numbers = ctypes.c_size_t, ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_void_p
        for name, result, *arguments in [
            ("error", text), ("load", numbers, text), ("free", None, numbers), ("save", ctypes.c_int, numbers, text),
            ("columns", size, numbers), ("targets", size, numbers), ("outputs", size, numbers),
            ("column_name", text, numbers, size), ("output_name", text, numbers, size),
            ("predict", ctypes.c_int, numbers, texts, size, numbers),
            ("learn", ctypes.c_int, numbers, texts, size, ctypes.c_double, numbers),
        ]:
            function = getattr(lib, "palmnet_" + name)
            function.restype, function.argtypes = result, arguments
        self.model = lib.palmnet_load(path.encode())
        if not self.model:
            raise ValueError(lib.palmnet_error().decode())
        names = lambda count, name: [name(self.model, i).decode() for i in range(count(self.model))]
        self.columns = names(lib.palmnet_columns, lib.palmnet_column_name)
        self.outputs = names(lib.palmnet_outputs, lib.palmnet_output_name)
        self.targets = lib.palmnet_targets(self.model)

    def __del__(self):
        if getattr(self, "model", None):
            self.lib.palmnet_free(self.model)

    def _cells(self, rows, width):
        if any(len(row) != width for row in rows):
            raise ValueError(f"every row must have {width} cells")
        cells = [None if cell is None else str(cell).encode() for row in rows for cell in row]
        return (ctypes.c_char_p * len(cells))(*cells)

    def _check(self, status):
        if status:
            raise ValueError(self.lib.palmnet_error().decode())

    def predict(self, rows):
        """Returns a list for each row: probabilities of the classes or labels, or values, in the order of `outputs`."""
        width = len(self.outputs)
        found = (ctypes.c_double * (len(rows) * width))()
        self._check(self.lib.palmnet_predict(self.model, self._cells(rows, len(self.columns)), len(rows), found))
        return [list(found[i * width:(i + 1) * width]) for i in range(len(rows))]

    def learn(self, rows, learning_rate=0.001):
        """Trains on rows, behind whose cells are the true classes, labels or values; returns the mean loss."""
        loss = ctypes.c_double()
        cells = self._cells(rows, len(self.columns) + self.targets)
        self._check(self.lib.palmnet_learn(self.model, cells, len(rows), learning_rate, ctypes.byref(loss)))
        return loss.value

    def save(self, path):
        self._check(self.lib.palmnet_save(self.model, path.encode()))


if __name__ == "__main__":
    model = Model(*sys.argv[1:3])
    for name, probability in zip(model.outputs, model.predict([[5.9, 2.8, 4.2, 1.3]])[0]):
        print(f"{name}: {probability:.9g}")
    loss = model.learn([[5.9, 2.8, 4.2, 1.3, "versicolor"]])
    print(f"after a step, loss {loss:.9g}:")
    for name, probability in zip(model.outputs, model.predict([[5.9, 2.8, 4.2, 1.3]])[0]):
        print(f"{name}: {probability:.9g}")
