"""The same split, the same measure: recbook and other libraries side by side.

`OMP_NUM_THREADS=2 python -m benchmarks.peers` makes an environment for each library (kept in the
user's cache), trains every row's model there in a process of its own, and stores what it took in
peers.json. The rounds alternate: each runs all rows once, with a seed of its own. Settings come
from the ledger for recbook's rows, and for the others from chosen.json: the best recall on the
validation part. What is not there yet is chosen first, and `--choose` chooses everything again.
With names, those rows alone are measured and printed; `--add` stores them beside the others.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from functools import cache
from itertools import count
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
import torch
from platformdirs import user_cache_path
from tqdm.auto import tqdm

from benchmarks.machine import describe
from benchmarks.rows import CHOSEN, ROWS, STEPS, Row, originals, settings_of
from recbook.data import Split, load_movielens_100k, random_split, to_implicit
from recbook.evaluation import MEASURES, RankingReport, evaluate
from recbook.ledger import read_entry
from recbook.ranking import ScoreTable
from recbook.tuning import FAMILIES

HERE = Path(__file__).parent
RESULT = HERE / "peers.json"
PUBLISHED = 0.3535  # the original's recall@20
LONG, SHORT = 200, 4  # what takes more seconds is trained to the end once, then so many epochs
REQUIREMENTS = {
    "recbole": "recbole==1.2.1 torch==2.13.0 numpy==1.26.4 scipy==1.12.0",
    "implicit": "implicit==0.7.2 numpy==1.26.4 scipy==1.13.1 threadpoolctl",
    "cornac": "cornac==3.0.1 dgl==2.1.0 torch==2.13.0 numpy==2.4.6 scipy==1.17.1",
    "pyspark": "pyspark==4.0.1 numpy==2.4.6",  # needs Java 17 or 21
    "lenskit": "lenskit==2025.8.1 torch==2.13.0 numpy==2.4.6 scipy==1.17.1",
}


# Trained no longer than it takes to get there:
FIRST = "recbook LightGCN, softmax, to the original's recall"
GOALS = [  # what, over what, of which quantity, how many times as much it should be, if it should
    ("PyG LightGCN, edge list", "recbook LightGCN", "epoch", 30),
    ("PyG LightGCN, sparse tensor", "recbook LightGCN", "epoch", 5),
    ("RecBole LightGCN", "recbook LightGCN", "epoch", 6),
    ("original NGCF, messages", "recbook NGCF", "epoch", 40),
    ("original NGCF, messages", "NGCF, messages, maps once a node", "epoch", None),
    ("NGCF, messages, maps once a node", "recbook NGCF", "epoch", None),
    ("RecBole NGCF", "recbook NGCF", "epoch", 3),
    ("original LightGCN, messages", FIRST, "fit", 300),
    ("Spark ALS", "recbook iALS", "epoch", None),
]


@cache
def python_of(package: str) -> Path:
    """The interpreter of a library's environment, which is made where it is missing.

    It is whole where `made` stands in it; what is not, or has other versions, is made anew.
    """
    if package == "recbook":
        return Path(sys.executable)
    folder = user_cache_path("recbook") / "benchmarks" / package
    made, wanted = folder / "made", REQUIREMENTS[package]
    if not made.is_file() or made.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *wanted.split()]
        subprocess.run(pip, check=True, stderr=subprocess.PIPE, text=True)
        made.write_text(wanted)
    return folder / "bin" / "python"


class Bench:
    """Runs rows on one split, whose test part is what is measured."""

    def __init__(self, split: Split, folder: Path) -> None:
        self.split, self.folder = split, folder
        train, target = split.train, split.test
        np.savez(
            folder / "split.npz",
            train_user=train.user,
            train_item=train.item,
            target_user=target.user,
            target_item=target.item,
            num_users=train.num_users,
            num_items=train.num_items,
        )

    def run(
        self,
        row: Row,
        settings: dict[str, Any],
        keep: tuple[int, ...] = (),
        rank: bool = True,
        seed: int = 0,
    ) -> tuple[dict[str, Any], list[RankingReport]]:
        """What a worker printed, and our measures of its scores."""
        scores = self.folder / "scores.npy"
        job = {
            "model": row.model,
            "data": str(self.folder / "split.npz"),
            "settings": settings,
            "steps": row.steps,
            "keep": keep,
            "seed": seed,
            "scores": str(scores) if rank else None,
        }
        threads = str(torch.get_num_threads())
        names = "OMP MKL OPENBLAS NUMBA LK RAYON POLARS".split()
        done = subprocess.run(
            [
                python_of(row.package),
                HERE / "workers" / f"{row.package}_models.py",
                json.dumps(job),
            ],
            env=os.environ
            | {f"{name}_NUM_THREADS": threads for name in names}
            | {"PYTHONPATH": str(HERE.parent), "TQDM_DISABLE": "1", "DGLBACKEND": "pytorch"},
            cwd=self.folder,  # some write logs where they stand
            capture_output=True,
            text=True,
            check=True,
        )
        result = json.loads(done.stdout.splitlines()[-1])
        matrices = np.load(scores) if rank else []
        split = self.split
        return result, [evaluate(ScoreTable(one), split.train, split.test) for one in matrices]


def why(error: subprocess.CalledProcessError) -> str:
    """The last line of what a failed process wrote that names an error."""
    lines = [line for line in (error.stderr or "").splitlines() if "error" in line.lower()]
    last = lines[-1] if lines else f"ended with {error.returncode}"
    return last.replace(str(Path.home()), "~")[:200]


def choose(names: list[str]) -> None:
    """Try each row's grid on validation; store the best, a row at a time."""
    split = random_split(to_implicit(load_movielens_100k().ratings), val_size=0.1)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Split(split.train, split.val), Path(folder))
        for name in names:
            row, tried = ROWS[name], []
            for settings in tqdm(row.grid, desc=name, leave=False):
                longest = {"epochs": max(row.keep)} if row.keep else {}
                try:
                    _, reports = bench.run(row, settings | longest, row.keep)
                except subprocess.CalledProcessError as error:
                    print(f"{name} with {settings} failed: {why(error)}")
                    continue
                for position, report in enumerate(reports):
                    epochs = {"epochs": row.keep[position]} if row.keep else {}
                    recall = round(report.recall, 4)
                    tried.append({"settings": settings | epochs, "validation_recall": recall})
                best = max(tried, key=lambda one: one["validation_recall"])
                stored = json.loads(CHOSEN.read_text()) if CHOSEN.is_file() else {}
                stored[name] = best | {"tried": len(tried)}
                CHOSEN.write_text(json.dumps(stored, indent=1) + "\n")
                print(name, json.dumps(stored[name]))


def epochs_to_published(split: Split) -> dict[str, int]:
    """Epochs until the test recall is first the published one: ours, and the original's median."""
    curves = read_entry("original")["results"]["LightGCN"]["by_epoch"]
    theirs = [next(n for n, r in enumerate(c["recall"], 1) if r >= PUBLISHED) for c in curves]
    settings = settings_of("recbook LightGCN, softmax")

    def recall(epochs: int) -> float:
        model, _ = FAMILIES["LightGCN, softmax"].fit(split, settings | {"epochs": epochs}, 0)
        return evaluate(model, split.train, split.test).recall

    ours = next(epochs for epochs in count(1) if recall(epochs) >= PUBLISHED)
    return {"ours": ours, "original": round(median(theirs))}


class Measured:
    """What the rounds found out about one row."""

    def __init__(self, row: Row, settings: dict[str, Any], most: int | None) -> None:
        self.row, self.settings, self.most = row, settings, most
        self.epoch: list[float] = []
        self.fit: list[float] = []
        self.users: list[float] = []
        self.reports: list[dict[str, float]] = []  # of what was trained to the end
        self.facts: dict[str, Any] = {}

    def round(self, bench: Bench) -> None:
        """Train once more: to the end, or a few epochs where the end is too far."""
        if "failed" in self.facts:
            return
        epochs = self.settings.get("epochs", 1)
        most = self.most or (SHORT if self.fit and self.fit[0] > LONG else epochs)
        whole = epochs <= most and self.row.steps == STEPS
        settings = self.settings if whole else self.settings | {"epochs": min(most, SHORT)}
        try:
            rank, seed = whole or not self.facts, len(self.epoch)
            result, reports = bench.run(self.row, settings, rank=rank, seed=seed)
        except subprocess.CalledProcessError as error:
            self.facts["failed"] = why(error)
            return
        laps, scale = result["laps"], STEPS / self.row.steps
        epochs = settings.get("epochs", 1) if len(laps) == 1 else len(laps)
        timed = laps[1:] or [laps[0] / epochs]  # the first lap warms up, where there are more
        self.epoch.append(median(timed) * scale)
        self.users.append(result.get("users_a_second", 0.0))
        if whole:
            self.fit.append(sum(laps))
        if whole or (rank and self.row.ledger != "audit"):
            self.reports.append(reports[-1].as_dict())
        if not self.facts:
            memory = {key: round(result[key]) for key in ("memory_before", "memory")}
            self.facts = memory | {"versions": result["versions"]}

    def summary(self) -> dict[str, Any]:
        """For the result file; a fit that was never run to its end is epochs times an epoch."""
        scaled = not self.fit and "failed" not in self.facts
        fit = self.fit or [epoch * self.settings["epochs"] for epoch in self.epoch]
        timings = {"epoch": self.epoch, "fit": fit, "users_a_second": self.users}
        if self.reports:
            means = {key: mean(one[key] for one in self.reports) for key in MEASURES}
            measures: dict[str, Any] = {key: round(value, 4) for key, value in means.items()}
            measures["recalls"] = [round(one["recall"], 4) for one in self.reports]
        else:  # not trained to the end, but the ledger has the same model's
            measures = dict(originals(self.row)["mean"]) if "failed" not in self.facts else {}
        return {
            "settings": self.settings,
            **{name: median_and_all(values) for name, values in timings.items() if any(values)},
            **measures,
            **self.facts,
            "scaled": scaled,
        }


def median_and_all(values: list[float]) -> dict[str, Any]:
    """Four digits each."""
    rounded = [float(f"{value:.4g}") for value in values]
    return {"median": median(rounded), "all": rounded}


def ratios(rows: dict[str, Any], first: dict[str, int]) -> list[dict[str, Any]]:
    """How many times as long one row takes as another: the median over the rounds."""
    found = []
    for slow, fast, what, goal in GOALS:
        if any("epoch" not in rows.get(name, {}) for name in (slow, fast)):
            continue
        over, under = rows[slow]["epoch"]["all"], rows[fast][what]["all"]
        if what == "fit":  # until the test recall is the published one
            over = [epoch * first["original"] for epoch in over]
        each = [a / b for a, b in zip(over, under, strict=False)]
        ratio = round(median(each), 1)
        found.append({"slow": slow, "fast": fast, "what": what, "ratio": ratio, "goal": goal})
    return found


def measure(names: list[str], rounds: int, most: int | None) -> dict[str, Any]:
    """All rows in turn, round by round; ``most`` epochs a row, where it is a trial."""
    split = random_split(to_implicit(load_movielens_100k().ratings))
    machine = describe()
    first = epochs_to_published(split)
    to_first = settings_of("recbook LightGCN, softmax") | {"epochs": first["ours"]}
    measured = {FIRST: Measured(ROWS["recbook LightGCN, softmax"], to_first, None)}
    measured |= {name: Measured(ROWS[name], settings_of(name), most) for name in names}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(split, Path(folder))
        for _ in range(rounds):
            for row in tqdm(measured.values(), leave=False):
                row.round(bench)
    rows = {name: row.summary() for name, row in measured.items()}
    for name in names:
        if (same := ROWS[name].same) in rows:
            rows[name] |= {key: rows[same][key] for key in (*MEASURES, "recalls")}
    return {
        "command": "python -m benchmarks.peers",
        "data": "MovieLens-100K, ratings >= 3, the original's split",
        "machine": machine,
        "rounds": rounds,
        "trial_of_epochs": most,
        "epochs to the published recall": first,
        "rows": rows,
        "ratios": ratios(rows, first),
    }


def main() -> None:
    """Choose, or measure and store."""
    parser = argparse.ArgumentParser(description="recbook and other libraries side by side")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"some of: {'; '.join(ROWS)}")
    parser.add_argument("--choose", action="store_true", help="choose settings on validation")
    parser.add_argument("--add", action="store_true", help="store the named rows, too")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trial", type=int, metavar="EPOCHS", help="train no row for longer")
    args = parser.parse_args()
    if unknown := set(args.rows) - set(ROWS):
        parser.error(f"got {', '.join(unknown)}, expected some of {'; '.join(ROWS)}")
    names = args.rows or list(ROWS)
    chosen = json.loads(CHOSEN.read_text()) if CHOSEN.is_file() and not args.choose else {}
    if not args.trial:
        choose([name for name in names if ROWS[name].grid and name not in chosen])
    if args.choose:
        return
    result = measure(names, args.rounds, args.trial)
    print(json.dumps(result["rows"] if args.rows else result["ratios"], indent=1))
    if args.add:
        later = {"rounds": result["rounds"], "machine": result["machine"]}
        added = {name: result["rows"][name] | {"later": later} for name in names}
        result = json.loads(RESULT.read_text())
        result["rows"] |= added
        result["ratios"] = ratios(result["rows"], result["epochs to the published recall"])
    if args.add or not args.rows:
        RESULT.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
