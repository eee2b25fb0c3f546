"""palmnet in Python, by its functions for C and nothing but the standard library.

    cargo c-api
    python3 examples/c-api/palmnet.py target/c-api/libpalmnet.so examples/iris.safetensors
"""

import ctypes
import sys


class Model:
    """A model. Rows are lists in the order of `columns`, None for a missing cell: of numbers alone, or of texts and whole
    numbers as they stand in the table."""

    def __init__(self, library, path):
        lib = self.lib = ctypes.CDLL(library)
        size, text, texts, numbers = ctypes.c_size_t, ctypes.c_char_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_void_p
        for name, result, *arguments in [
            ("error", text), ("load", numbers, text), ("free", None, numbers), ("save", ctypes.c_int, numbers, text),
            ("columns", size, numbers), ("targets", size, numbers), ("outputs", size, numbers),
            ("column_name", text, numbers, size), ("output_name", text, numbers, size),
            ("predict", ctypes.c_int, numbers, texts, size, numbers),
            ("predict_numbers", ctypes.c_int, numbers, numbers, size, numbers),
            ("learn", ctypes.c_int, numbers, texts, size, ctypes.c_double, numbers),
        ]:
            function = getattr(lib, "palmnet_" + name)
            function.restype, function.argtypes = result, arguments
        self.model = lib.palmnet_load(self._text(path))
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
        return (ctypes.c_char_p * (len(rows) * width))(*[self._text(cell) for row in rows for cell in row])

    @staticmethod
    def _text(cell):
        # In a table with decimal commas, the cell of 1.5 is "1,5", and "1.500" is another number.
        if not (cell is None or isinstance(cell, (int, str))) or "\0" in str(cell):
            raise ValueError(f"{cell!r}: a cell is a text as it stands in the table, or a whole number")
        return None if cell is None else str(cell).encode()

    def _check(self, status):
        if status:
            raise ValueError(self.lib.palmnet_error().decode())

    def predict(self, rows):
        """Returns a list for each row: probabilities of the classes or labels, or values, in the order of `outputs`."""
        width = len(self.outputs)
        found = (ctypes.c_double * (len(rows) * width))()
        cells = [cell for row in rows for cell in row]
        if any(isinstance(cell, float) for cell in cells) and all(len(row) == len(self.columns) for row in rows):
            if any(isinstance(cell, str) for cell in cells):
                raise ValueError("floats among texts: write them as they stand in the table")
            numbers = [float("nan") if cell is None else float(cell) for cell in cells]
            numbers = (ctypes.c_double * len(numbers))(*numbers)
            self._check(self.lib.palmnet_predict_numbers(self.model, numbers, len(rows), found))
        else:
            self._check(self.lib.palmnet_predict(self.model, self._cells(rows, len(self.columns)), len(rows), found))
        return [list(found[i * width:(i + 1) * width]) for i in range(len(rows))]

    def learn(self, rows, learning_rate=0.001):
        """Trains on rows, behind whose cells are the true classes, labels or values; returns the mean loss."""
        loss = ctypes.c_double()
        cells = self._cells(rows, len(self.columns) + self.targets)
        self._check(self.lib.palmnet_learn(self.model, cells, len(rows), learning_rate, ctypes.byref(loss)))
        return loss.value

    def save(self, path):
        self._check(self.lib.palmnet_save(self.model, self._text(path)))


if __name__ == "__main__":
    model = Model(*sys.argv[1:3])
    for name, probability in zip(model.outputs, model.predict([[5.9, 2.8, 4.2, 1.3]])[0]):
        print(f"{name}: {probability:.9g}")
    loss = model.learn([["5.9", "2.8", "4.2", "1.3", "versicolor"]])
    print(f"after a step, loss {loss:.9g}:")
    for name, probability in zip(model.outputs, model.predict([[5.9, 2.8, 4.2, 1.3]])[0]):
        print(f"{name}: {probability:.9g}")
