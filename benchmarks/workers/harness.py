"""What all workers share: a job comes in, scores and one line of JSON go out. Needs NumPy alone.

A worker is a script that runs in the environment of the package it measures. It calls `serve` with
its models, each a function of the data, the settings and a `Watch`.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import SimpleNamespace

import numpy as np

Score = Callable[[], np.ndarray]  # all scores, shape (num_users, num_items)
Evaluate = Callable[[], int]  # evaluates with the package's own means; how many users
PACKAGES = (
    "recbook torch torch-geometric recbole implicit cornac lenskit pyspark dgl numpy scipy".split()
)


class Watch:
    """Counts the seconds of training, and of nothing else.

    Args:
        keep: the epochs after which the scores are wanted.
        steps: how many steps of an epoch to take, for models that can stop within one.
        seed: what the model is to draw from.
    """

    def __init__(self, keep: list[int], steps: int, seed: int) -> None:
        self.keep, self.steps, self.seed, self.kept, self.laps = keep, steps, seed, [], []

    def start(self) -> None:
        """Set-up is over, training begins."""
        self.began = time.perf_counter()

    def lap(self, score: Score) -> None:
        """An epoch is over; some are asked for what they would score."""
        self.laps.append(time.perf_counter() - self.began)
        if len(self.laps) in self.keep:
            self.kept.append(score())
        self.start()


def serve(
    models: dict[str, Callable[..., tuple[Score, Evaluate | None]]],
    processes: tuple[int | str, ...] = ("self",),
) -> None:
    """Do the job that the command line names; memory is that of the processes together."""
    job = json.loads(sys.argv[1])
    data = SimpleNamespace(**np.load(job["data"]))
    data.num_users, data.num_items = int(data.num_users), int(data.num_items)
    watch = Watch(job["keep"], job["steps"], job["seed"])
    before = peak_memory(processes)
    score, evaluate = models[job["model"]](data, job["settings"], watch)
    result = {
        "laps": watch.laps,
        "memory": peak_memory(processes),
        "memory_before": before,
        "versions": dict(installed()),
    }
    if evaluate is not None:
        evaluate()  # warms up
        start = time.perf_counter()
        users = evaluate()
        result["users_a_second"] = users / (time.perf_counter() - start)
    if job["scores"]:
        kept = watch.kept or [score()]
        np.save(job["scores"], np.stack(kept).astype(np.float32))
    print("\n" + json.dumps(result))


def csr(data: SimpleNamespace, part: str = "train") -> "scipy.sparse.csr_matrix":  # noqa: F821
    """Ones at the pairs of ``train`` or ``target``, shape ``(num_users, num_items)``."""
    from scipy.sparse import csr_matrix

    user, item = getattr(data, f"{part}_user"), getattr(data, f"{part}_item")
    ones = np.ones(len(user), np.float32)
    return csr_matrix((ones, (user, item)), shape=(data.num_users, data.num_items))


def peak_memory(processes: tuple[int | str, ...]) -> float:
    """The most memory that each process has held so far, added up, in MiB.

    Linux's ``VmHWM``: ``getrusage`` counts what the parent held when it started this process.
    """
    each = (Path(f"/proc/{process}/status").read_text() for process in processes)
    return sum(int(status.split("VmHWM:")[1].split()[0]) for status in each) / 1024


def installed():
    """Names and versions of the packages that matter."""
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue
