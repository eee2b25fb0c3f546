"""Compares the model and the predictions of a page with the command's: .ci/web calls this.

    python3 tests/browser/compare.py FOLDER NAME ISA

With sse2, which rounds as the page does, everything must be equal. Without a name, the command has used the best
instructions of the processor. Most add a product without rounding it: a probability of the same weights may differ in its
last bits, and trained weights by more.
"""

import json
import pathlib
import struct
import sys

folder, name, isa = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]


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


page, command = probabilities(f"page-{name}.predictions"), probabilities("command.predictions")
assert len(page) == len(command) == 150
predicted = largest(zip(page, command))
ours, theirs = tensors(f"page-{name}.safetensors"), tensors("command.safetensors")
assert ours.keys() == theirs.keys(), (ours.keys(), theirs.keys())
trained = largest((ours[tensor], theirs[tensor]) for tensor in ours)
print(f"{name}, {isa or 'best'}: predictions of the page's model differ by at most {predicted:.2g}, trained weights by {trained:.2g}")
if isa == "sse2":
    assert predicted == 0 and trained == 0
else:
    assert predicted < 1e-5
