"""How palmnet reads tables, beside Python's csv and pandas, on generated tables and on damaged copies of them.

    pip install pandas
    cargo build --release --example cells
    python tests/tables.py [--tables 3000] [--seed 1] [--keep FOLDER]

Every table is made of columns whose numbers and texts are known, and written in one of the many ways in which programs
and people write them. A whole table must be read as it was meant: header, cells, types and numbers. A damaged one must
have the cells that csv finds in it, and the numbers that pandas finds, or be refused for a reason that holds. Every
disagreement is printed, a line for each kind, with the smallest table that shows it; LEGITIMATE lists the differences
that are meant to be, each with its reason.
"""

import argparse
import collections
import csv
import datetime
import io
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pandas as pd

ROOT = pathlib.Path(__file__).resolve().parent.parent
CELLS = ROOT / "target" / "release" / "examples" / "cells"
SEPARATORS = [",", ";", "\t", "|"]
MISSING = ["", "NA", "N/A", "#N/A", "<NA>", "null", "None", "NaN", "nan", "?", "\\N"]
WORDS = ["red", "green", "blue", "light blue", "São Paulo", "Ünal", "a b", "x-1", "don't", "5more"]

LEGITIMATE = {
    "spaces around a cell": "palmnet leaves them out, as the cell's documentation says; csv keeps those behind it",
    "spaces behind a closing quote": "palmnet skips them; csv takes them for a slip",
    "lines without content": "palmnet leaves lines of separators out with a note; csv returns their empty cells",
    "empty columns at the end": "palmnet leaves them out with a note; csv returns their empty cells",
    "comment lines": "palmnet leaves lines above the table that begin with # out with a note; csv does not know them",
    "another separator": "the damage splits the records evenly by another character too; nothing in the file says which",
    "a header of numbers over numbers like them": "`2000,y` over 17,no may be a row; --header tells",
    "words that begin with a digit": "most cells of a short column are `5more`, as 5 kg would be; the error tells how to choose",
    "one empty cell in quotes": "for palmnet a record of a table with one column, not a blank line",
    "a second byte order mark": "one that is not at the beginning is a character of a cell; csv does not show it as such",
    "decorated numbers": "palmnet reads 12 %, 1 234,5, 0x1F, １２, 5- and − 3 as numbers, and - as missing; pandas as texts",
    "few different cells": "numbers and a few words are categories with a note; pandas has texts, too",
}


# --- Tables whose content is known.


def number_text(random, kind):
    """A number, and one way to write it."""
    sign = random.choice([1, 1, 1, -1])
    value = sign * random.choice(
        [random.randrange(100), random.randrange(10**6), round(random.uniform(0, 100), 2), round(random.gauss(0, 1), 6)]
    )
    if kind == "exponent":
        text = f"{value * 10.0 ** random.randrange(-8, 8):.{random.randrange(1, 9)}e}"
        return float(text), text
    if kind == "plain":
        text = repr(value) if random.random() < 0.9 else f"{value:+}"
        return float(text), text
    if kind == "hexadecimal":
        return float(abs(int(value))), hex(abs(int(value)))
    if kind == "minus":
        return float(value), repr(value).replace("-", "−")
    # Groups and decimals that leave no doubt: two decimals.
    value = round(sign * random.uniform(0, 5_000_000), 2)
    text = f"{value:,.2f}"
    exchange = {"thousands": ",.", "german": ".,", "french": " ,", "narrow": "\u202f,", "swiss": "'.", "comma": "\0,"}
    if kind in exchange:
        group, point = exchange[kind]
        text = text.replace(",", "\1").replace(".", point).replace("\1", group).replace("\0", "")
        return value, text
    text = text.replace(",", "")
    affix = {"percent": ("", "%"), "percent with a space": ("", " %"), "dollar": ("$", ""), "euro": ("", " €")}[kind]
    return value, affix[0] + text + affix[1] if value >= 0 or not affix[0] else "-" + affix[0] + text[1:]


def date_text(random, kind):
    """Seconds since 1970, and the date as a text."""
    moment = datetime.datetime(1990, 1, 1) + datetime.timedelta(seconds=random.randrange(10**9))
    whole = datetime.datetime(moment.year, moment.month, moment.day)
    form = {"iso": "%Y-%m-%d", "slashes": "%Y/%m/%d", "moment": "%Y-%m-%d %H:%M:%S", "zulu": "%Y-%m-%dT%H:%M:%SZ"}
    moment = moment if kind in ["moment", "zulu"] else whole
    return (moment - datetime.datetime(1970, 1, 1)).total_seconds(), moment.strftime(form[kind])


NUMBERS = ["plain"] * 8 + ["exponent", "exponent", "hexadecimal", "minus", "thousands", "german", "french", "narrow"]
NUMBERS += ["swiss", "comma", "percent", "percent with a space", "dollar", "euro"]
# Those whose point may separate thousands; a column of decimal commas beside them leaves a doubt.
POINTED = {"plain", "exponent", "thousands", "swiss", "percent", "percent with a space", "dollar", "euro", "minus"}
COMMA = {"german", "french", "narrow", "comma"}


class Case:
    """A table: its text, and what is known of it."""

    def __init__(self, random):
        self.separator = random.choice([",", ",", ",", ";", "\t", "|"])
        self.rows = random.randrange(12, 40)
        self.columns = []
        for _ in range(random.randrange(1, 5)):
            self.columns.append(self.column(random))
        used = {kind for kind, *_ in self.columns}
        if used & COMMA:
            self.columns = [c for c in self.columns if c[0] not in POINTED] or self.columns
        classes = random.sample(["yes", "no", "maybe"], random.choice([2, 3]))
        labels = [classes[i % len(classes)] for i in range(self.rows)]
        random.shuffle(labels)
        self.columns.append(("text", labels, labels))
        self.text = self.write(random)
        self.damaged = False

    def column(self, random):
        sort = random.choice(["number"] * 4 + ["date", "text", "nasty"])
        if sort == "number":
            kind = random.choice(NUMBERS)
            pairs = [number_text(random, kind) for _ in range(self.rows)]
        elif sort == "date":
            kind = random.choice(["iso", "slashes", "moment", "zulu"])
            pairs = [date_text(random, kind) for _ in range(self.rows)]
        else:
            kind = "text"
            words = random.sample(WORDS, random.randrange(2, 5))
            if sort == "nasty":
                words += [f"a{self.separator}b", 'say "hi"', "two\nlines", '"']
            pairs = [(word, word) for word in (random.choice(words) for _ in range(self.rows))]
        values, texts = map(list, zip(*pairs))
        if random.random() < 0.2:
            word = random.choice(MISSING)
            for row in random.sample(range(self.rows), random.randrange(1, 4)):
                values[row], texts[row] = None, word
        return kind, values, texts

    def write(self, random):
        columns = len(self.columns)
        self.header = random.choice(["names"] * 5 + ["numbers", "none", "none"])
        names = None
        if self.header == "numbers":
            names = [str(2000 + i) for i in range(columns - 1)] + ["y"]
        elif self.header == "names":
            names = [f"{random.choice(['size', 'weight (kg)', 'x', 'Höhe'])} {i}" for i in range(columns)]
        rows = [[texts[row] for _, _, texts in self.columns] for row in range(self.rows)]
        self.index = names is not None and random.random() < 0.15
        if self.index:
            start = random.choice([0, 1])
            names = [random.choice(["", "Unnamed: 0"])] + names
            rows = [[str(row + start)] + cells for row, cells in enumerate(rows)]
        self.names, self.body = names, rows
        end = random.choice(["\n", "\n", "\r\n", "\r"])
        trailing = self.separator if random.random() < 0.1 else ""
        always = random.random() < 0.15
        pad = " " if self.separator != "\t" and random.random() < 0.1 else ""
        lines = []
        for cells in ([names] if names else []) + rows:
            lines.append(self.separator.join(pad + self.quote(cell, always) for cell in cells) + trailing)
        if random.random() < 0.1:
            lines.insert(random.randrange(len(lines)), random.choice(["", "  ", self.separator * (columns - 1)]))
        text = end.join(lines) + random.choice([end, end, ""])
        if random.random() < 0.05:
            text = f"sep={self.separator}{end}{text}"
        return random.choice(["\ufeff", "", "", ""]) + text

    def quote(self, cell, always):
        special = any(c in cell for c in [self.separator, '"', "\n", "\r"])
        return '"' + cell.replace('"', '""') + '"' if special or always else cell

    def shows_header(self):
        """Whether most names that are numbers stand over columns in which every number has a point, or over none."""
        over = [all("." in text for text in texts if text) for kind, _, texts in self.columns[:-1] if kind == "plain"]
        return sum(over) * 2 > len(over)

    def damage(self, random):
        """Changes a few characters, cells or lines."""
        text = self.text
        for _ in range(random.choice([1, 1, 2, 4])):
            text = text or self.text
            place = random.randrange(len(text) + 1)
            what = random.randrange(7)
            if what == 0:
                text = text[:place] + text[place + random.randrange(1, 4):]
            elif what == 1:
                text = text[:place] + random.choice(',;\t| "\n\r\'#-.0eNx%€') + text[place:]
            elif what == 2:
                text = text[:place] + random.choice(',;\t| "\n\r\'#-.0eNx%€') + text[place + 1:]
            elif what == 3:
                lines = text.splitlines(keepends=True)
                line = random.randrange(len(lines))
                lines[line:line + 1] = random.choice([[], [lines[line]] * 2, [lines[line][:-2]], ["\n", lines[line]]])
                text = "".join(lines)
            elif what == 4:
                word = random.choice(MISSING + ["-", ".", "inf", "1e40", "1e400", "1_000", "True", "0x1F", "1e", "１２"])
                cells = re.split(f"([{re.escape(self.separator)}\r\n])", text)
                cells[random.randrange(len(cells)) // 2 * 2] = word
                text = "".join(cells)
            elif what == 5:
                text = text[:random.randrange(len(text) + 1)]
            else:
                other = random.choice(text)
                text = text[:place] + other * random.randrange(1, 4) + text[place:]
        self.text, self.damaged = text, True
        return self


# --- How csv and pandas read it.


def csv_rows(text, separator):
    """The rows of cells without those that are empty altogether, or nothing if the text is damaged."""
    text = text.removeprefix("\ufeff")
    first = text.lstrip(" \r\n").splitlines()[0].strip(" ") if text.strip(" \r\n") else ""
    if re.fullmatch(r"sep=(.\s*|\t)", first):
        text = re.split(r"\r\n|\r|\n", text.lstrip(" \r\n"), maxsplit=1)[1:]
        text = text[0] if text else ""
    # Spaces behind a closing quote.
    forgiving = re.sub(f'(?<=[^{re.escape(separator)}\r\n ])" +(?=[{re.escape(separator)}\r\n]|$)', '"', text)
    for attempt in [text, forgiving]:
        try:
            rows = list(
                csv.reader(io.StringIO(attempt, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
            )
            break
        except csv.Error:
            rows = None
    if rows is None:
        return None
    rows = [[cell.strip(" \t\r\n\f") for cell in row] for row in rows]
    return [row for row in rows if any(row)]


def trimmed(rows):
    """The rows without the columns that are empty in all rows but may be absent, or nothing if they are ragged."""
    used = [max((i + 1 for i, cell in enumerate(row) if cell), default=0) for row in rows]
    columns = max(used)
    padded = [row[:columns] for row in rows]
    # R writes a header without the name of the first column, whose cells are different names.
    measured = r"(?i)[+-]?(nan|inf|infinity|\d*\.\d*(e[+-]?\d+)?|\d+e[+-]?\d+)"
    names = {row[0] for row in rows[1:] if not re.fullmatch(measured, row[0])}
    one_less = used[0] == len(rows[0]) == columns - 1 and all(len(row) == columns for row in rows[1:])
    if len(rows) > 2 and one_less and len(names) == len(rows) - 1:
        return [[""] + rows[0]] + padded[1:]
    return padded if all(len(row) == columns for row in padded) else None


def is_float(cell):
    """Python alone allows 1_000 and digits of other alphabets."""
    try:
        return "_" not in cell and cell.isascii() and np.isfinite(float(cell))
    except ValueError:
        return False


def is_missing(cell):
    return cell.lower() in {word.lower() for word in MISSING + ["#NA", "-nan", "+nan"]}


# --- Comparison.


class Report:
    def __init__(self):
        self.kinds = collections.defaultdict(list)
        self.counts = collections.Counter()

    def legitimate(self, kind):
        assert kind in LEGITIMATE, kind
        self.counts[f"LEGITIMATE {kind}"] += 1

    def add(self, kind, case, detail=""):
        self.kinds[kind].append((len(case.text), case, detail))


def close(found, origin, wanted):
    """Whether a 32-bit float is a number from which the origin is subtracted."""
    return np.float32(wanted - origin) == np.float32(found)


def features(found):
    """Each column by its name, with the index of its first input."""
    start = 0
    for column in found["columns"]:
        yield column["name"], column, start
        start += column["width"]


def compare_whole(case, found, report):
    """A table that is not damaged, with what is known of it."""
    if "error" in found:
        return report.add("whole: refused", case, found["error"])
    names = case.names
    header = found["header"]
    if case.header == "numbers" and header is None and not case.shows_header():
        report.legitimate("a header of numbers over numbers like them")
        return
    if (names is None) != (header is None):
        return report.add(f"whole: header ({case.header}) read wrongly", case, f"{header}")
    if names and [name or "index" for name in names] != header:
        return report.add("whole: names differ", case, f"{header}")
    if [[cell.strip() for cell in row] for row in found["rows"]] != [[cell.strip() for cell in row] for row in case.body]:
        return report.add("whole: cells differ", case)
    if "refused" in found and "5more" in case.text and "is not a number" in found["refused"]:
        report.legitimate("words that begin with a digit")
        return
    if "refused" in found:
        return report.add("whole: not inferred", case, found["refused"])
    shift = int(case.index)
    if case.index and any(name == header[0] for name, *_ in features(found)):
        report.add("whole: index kept", case)
    read = {name: (column, start) for name, column, start in features(found)}
    for index, (kind, values, _) in enumerate(case.columns[:-1]):
        name = header[index + shift] if header else str(index + 1)
        if name not in read:
            report.add(f"whole: a column of {kind} is left out", case, f"{found['notes']}")
            continue
        column, start = read[name]
        expected = "number" if kind in NUMBERS else "text" if kind == "text" else "time"
        if column["kind"] != expected:
            report.add(f"whole: {kind} read as {column['kind']}", case, name)
            continue
        at = start
        if expected == "time":
            at += {"iso": 3, "slashes": 3}.get(kind, 4)
        for row, value in enumerate(values):
            x = found["features"][row]
            if expected == "text":
                ones = [i for i in range(len(column["categories"])) if x[start + i] == 1]
                good = value is None or [column["categories"][i] for i in ones] == [value]
            elif value is None:
                good = x[at] is None
            else:
                good = x[at] is not None and close(x[at], column["origin"], value)
            if not good:
                report.add(f"whole: a number of {kind} differs", case, f"{name}, row {row}: {x[at]} for {value!r}")
                break
    report.counts["whole tables compared"] += 1


def compare_damaged(case, found, report):
    """A damaged table, with csv and pandas."""
    rows = csv_rows(case.text, case.separator)
    even = trimmed(rows) if rows else None
    if "error" in found:
        return check_refusal(case, found["error"], rows, even, report)
    if found["header"] is None:
        cells = found["rows"]
    else:
        cells = [found["header"]] + found["rows"]
    # An empty cell in quotes is a record for palmnet.
    cells = [[cell.strip(" \t\r\n\f") for cell in row] for row in cells if row != [""]]

    def same(even):
        if even is None or len(even) != len(cells):
            return False
        if case.text.lstrip("\ufeff\r\n").startswith("#") and found["header"]:
            # NumPy's sign before a header.
            even = [[even[0][0].lstrip("# ")] + even[0][1:]] + even[1:]
        first = even[0] if found["header"] is None else [b if not a else a for a, b in zip(even[0], cells[0])]
        return [first] + even[1:] == cells

    if not same(even):
        others = [csv_rows(case.text, other) for other in SEPARATORS if other != case.separator]
        others = [trimmed(other) for other in others if other]
        # Of a single line, blanks may separate the cells, too, or of one that another character splits evenly.
        doubtful = len(cells) == 1 or any(other and len(other[0]) > 1 for other in others)
        if ("blanks separate the cells" in found["notes"] and doubtful) or any(same(other) for other in others):
            report.legitimate("another separator")
            return
        if any("with a # in front" in note for note in found["notes"]):
            report.legitimate("comment lines")
            return
        if rows == [] and case.text.strip('\ufeff" \r\n') == "":
            report.legitimate("one empty cell in quotes")
            return
        return report.add("damaged: cells differ from csv" if even else "damaged: read, but not by csv", case)
    report.counts["damaged tables with csv's cells"] += 1
    if "refused" in found:
        return check_inference(case, found, report)
    body = even[1:] if found["header"] is not None else even
    compare_types(case, found, body, report)


def compare_types(case, found, body, report):
    """The types and numbers of the columns, with those of pandas."""
    # Rows without a target are left out.
    body = [row for row in body if not is_missing(row[-1])]
    text = io.StringIO()
    csv.writer(text).writerows(body)
    frame = pd.read_csv(
        io.StringIO(text.getvalue()), header=None, na_values=MISSING, float_precision="round_trip", skip_blank_lines=False
    )
    names = found["header"] or [str(i + 1) for i in range(len(body[0]))]
    for name, column, start in features(found):
        index = names.index(name)
        series = frame[index]
        numeric = series.dtype.kind in "iuf"
        cells = [row[index] for row in body]
        rows = found["features"]
        if len(body) != len(rows):
            report.counts["other rows are left out"] += 1
            continue
        if numeric and column["kind"] != "number":
            if any(re.search("[^0-9.]", cell) for cell in cells) and not all(is_float(c) or is_missing(c) for c in cells):
                report.legitimate("few different cells")
            else:
                report.add(f"damaged: numbers for pandas, {column['kind']} for palmnet", case, name)
        elif numeric:
            for row, x in enumerate(rows):
                wanted, got = float(series[row]), x[start]
                if (got is None) != np.isnan(wanted) or (got is not None and not close(got, column["origin"], wanted)):
                    report.add("damaged: a number differs from pandas'", case, f"{name}, row {row}: {got} for {wanted}")
                    break
            else:
                report.counts["columns with pandas' numbers"] += 1
        elif column["kind"] == "number":
            noted = ["read as numbers with", "read as hexadecimal numbers", "read as numbers, `"]
            # Control characters in a name are escaped in a note.
            of_it = [note for note in found["notes"] if name in note or not name.isprintable()]
            decorated = any(words in note for note in of_it for words in noted)
            signs = any(cell in ["-", ".", "--", "—", "–"] for cell in cells)
            # Minus signs, digits and spaces of any kind, also before an exponent.
            marks = any(re.search("[−\u202f０-９]|[0-9.] +[eE]|^[-+] ", cell) for cell in cells)
            if decorated or signs or marks:
                report.legitimate("decorated numbers")
            else:
                report.add("damaged: texts for pandas, numbers for palmnet", case, name)
        else:
            report.counts[f"columns of {column['kind']} with pandas' texts"] += 1


def check_refusal(case, error, rows, even, report):
    """Whether the reason for which a table is refused holds."""
    message = re.sub(r"`[^`]*`|\d+", "…", error.split(": ", 1)[-1])
    # A byte order mark is one at the beginning alone.
    if "\ufeff" in case.text[1:]:
        report.legitimate("a second byte order mark")
        return
    # A line of one empty cell in quotes, or of a tab, is a record for palmnet.
    single = re.search(r'""|(^|[\r\n]) *[\t\f][ \t\f]*([\r\n]|$)', case.text) and "1 cell, but" in error
    even = None if single else even
    named = re.match(r"[\ufeff \r\n]*sep=(.)", case.text)
    if named and named[1] != case.separator:
        report.legitimate("another separator")
        return
    reasons = [
        ("cells, but line", even is None or rows is None),
        ("cell, but line", even is None or rows is None),
        ("opens here and never ends", rows is None),
        ("continues after its closing", even is None or rows is None),
        ("two columns are called", even is not None and len(set(even[0])) < len(even[0])),
        ("no rows under it", even is not None and len(even) == 1),
        ("is empty", not rows or re.fullmatch(r"[\ufeff \r\n]*#[^\r\n]*[ \r\n]*", case.text)),
        ("stands alone, as a title does", rows and len(list(filter(None, rows[0]))) == 1 < max(map(len, rows))),
        ("nothing but separators", not case.text.strip('\ufeff \r\n"' + "".join(SEPARATORS))),
    ]
    for part, holds in reasons:
        if part in message:
            if holds:
                report.counts["damaged tables refused for a reason that holds"] += 1
            else:
                report.add(f"damaged: refused without reason: {message[:60]}", case, error)
            return
    report.add(f"damaged: refused otherwise: {message[:60]}", case, error)


def check_inference(case, found, report):
    """Whether the reason for which the columns are not inferred holds."""
    error = found["refused"]
    stray = re.search(r"`([^`]*)` is not a number, which this column holds", error)
    if stray and "5more" in case.text:
        report.legitimate("words that begin with a digit")
        return
    infinite = re.search(r"`([^`]*)` (is infinite|is beyond|is too large|does not fit)", error)
    if stray:
        holds = not is_float(stray[1]) and not is_missing(stray[1])
    elif infinite:
        holds = not np.isfinite(np.float32(infinite[1]))
    else:
        reasons = ["nothing to classify", "has no feature columns", "no row without a missing cell", "a comma before decimals"]
        reasons += ["a date, which is not a class"]
        holds = any(reason in error for reason in reasons)
    if holds:
        report.counts["damaged tables whose columns are refused for a reason that holds"] += 1
    else:
        report.add("damaged: columns refused", case, error)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="a folder for the smallest tables of each kind")
    parser.add_argument("--cells", default=CELLS, help="the program examples/cells.rs")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        cases = []
        for i in range(options.tables):
            chance = random.Random(options.seed * 1_000_003 + i)
            case = Case(chance)
            if i % 2:
                case.damage(chance)
            case.path = pathlib.Path(folder, f"{i}.csv")
            case.path.write_bytes(case.text.encode())
            cases.append(case)
        for start in range(0, len(cases), 500):
            part = cases[start:start + 500]
            output = subprocess.run([options.cells, *(case.path for case in part)], capture_output=True, check=True)
            for case, line in zip(part, output.stdout.decode().split("\n"), strict=False):
                found = json.loads(line)
                (compare_damaged if case.damaged else compare_whole)(case, found, report)
    for what, count in sorted(report.counts.items()):
        print(f"{count:6} {what}")
    for kind, shown in sorted(report.kinds.items(), key=lambda entry: -len(entry[1])):
        shown.sort(key=lambda entry: entry[0])
        _, case, detail = shown[0]
        print(f"{len(shown):6} DISAGREE {kind}\n       {detail[:200]}\n       {case.text[:200]!r}")
        for number, (_, case, _) in enumerate(shown[:5] if options.keep else []):
            path = pathlib.Path(options.keep, f"{re.sub(r'[^a-z]+', '-', kind)}-{number}.csv")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(case.text.encode())
    sys.exit(1 if report.kinds else 0)


if __name__ == "__main__":
    main()
