"""Compares the model and the predictions of a page with the command's: .ci/web calls this.

    python3 tests/browser/compare.py FOLDER NAME

With the name of an instruction set that rounds as the page does, everything must be equal. `fused` stands for any other:
a product is added without being rounded, so that a probability may differ in its last bits, and trained weights by more.
"""

import json
import pathlib
import struct
import sys

folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]


def probabilities(file):
    lines = (folder / file).read_text().splitlines()
    return [list(json.loads(line)["probabilities"].values()) for line in lines]


def tensors(file):
    content = (folder / file).read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__")
    found = {}
    for tensor, facts in header.items():
        start, end = (8 + length + offset for offset in facts["data_offsets"])
        found[tensor] = struct.unpack(f"<{(end - start) // 4}f", content[start:end])
    return found


def largest(pairs):
    return max(abs(a - b) for ours, theirs in pairs for a, b in zip(ours, theirs, strict=True))


page, command = probabilities("page.predictions"), probabilities(f"{name}.predictions")
assert len(page) == len(command) == 150
predicted = largest(zip(page, command))
ours, theirs = tensors("page.safetensors"), tensors(f"{name}.safetensors")
assert ours.keys() == theirs.keys(), (ours.keys(), theirs.keys())
trained = largest((ours[tensor], theirs[tensor]) for tensor in ours)
print(f"{name}: predictions of the page's model differ by at most {predicted:.2g}, trained weights by {trained:.2g}")
if name == "fused":
    assert predicted < 1e-5
else:
    assert predicted == 0 and trained == 0
