"""The speed of reading tables, compared with pandas (pip install pandas), in turns: medians, in MB/s.

    python tests/reading.py [FILE…]        files of about 100 MB are generated, if none is named
    taskset -c 1 python tests/reading.py   on one core

pandas reads columns of a table; palmnet also finds out what they mean, and makes features and targets of them.
"""

import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

import pandas

TURNS = 3
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def generate(folder):
    """Writes tables of different kinds, and yields their names."""
    rng = random.Random(1)
    pixel = lambda: 0 if rng.random() < 0.8 else rng.randrange(256)
    words = ["red", "green", "blue", "light blue"]
    kinds = {
        "short": (28, 400_000, lambda: "%.7f" % rng.gauss(0, 1)),
        "long": (28, 200_000, lambda: repr(rng.gauss(0, 1))),
        "scientific": (28, 130_000, lambda: "%.18e" % rng.gauss(0, 1)),
        "pixels": (784, 60_000, lambda: str(pixel())),
        "quoted": (10, 800_000, lambda: '"%.5f"' % rng.gauss(0, 1)),
        "words": (10, 1_000_000, lambda: rng.choice(words)),
    }
    for name, (columns, rows, cell) in kinds.items():
        # Some rows, written again and again: generating takes longest.
        lines = [",".join([cell() for _ in range(columns)] + [str(rng.randrange(2))]) + "\n" for _ in range(rows // 40)]
        path = os.path.join(folder, name + ".csv")
        with open(path, "w") as file:
            file.write(",".join(f"c{i}" for i in range(columns)) + ",y\n")
            for _ in range(40):
                rng.shuffle(lines)
                file.writelines(lines)
        yield path


def main():
    build = ["cargo", "build", "--release", "--quiet", "--example", "read"]
    subprocess.run(build, cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    reader = os.path.join(target, "release", "examples", "read")
    with tempfile.TemporaryDirectory() as folder:
        for path in sys.argv[1:] or generate(folder):
            megabytes = os.path.getsize(path) / 1e6
            speeds = {}
            for _ in range(TURNS):
                start = time.perf_counter()
                pandas.read_csv(path)
                speeds.setdefault("pandas", []).append(megabytes / (time.perf_counter() - start))
                output = subprocess.run([reader, path], capture_output=True, text=True, check=True).stdout
                for threads, speed in re.findall(r"(\d+) threads.* all at (\d+) MB/s", output):
                    speeds.setdefault(f"palmnet, {threads} threads", []).append(float(speed))
            medians = [f"{name} {statistics.median(all):.0f}" for name, all in speeds.items()]
            print(f"{os.path.basename(path)} ({megabytes:.0f} MB): {'; '.join(medians)} MB/s", flush=True)


if __name__ == "__main__":
    main()
