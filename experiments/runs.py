"""Remembering what has been computed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

import recbook


class Runs:
    """Remembers what has been computed, so that an experiment that was stopped goes on.

    One line of JSON a run, in a file that begins with a digest of the source: after a
    change of the code everything is computed anew. The file goes once the entry is written.

    Args:
        path: the file.
        quiet: show no progress bar.
        jobs: how many processes :meth:`all` may use, each with one thread.
    """

    def __init__(self, path: Path, quiet: bool = False, jobs: int = 1) -> None:
        self.jobs = jobs
        folders = Path(recbook.__file__).parent, Path(__file__).parent
        files = sorted(file for folder in folders for file in folder.rglob("*.py"))
        source = b"".join(file.read_bytes() for file in files)
        digest = hashlib.sha256(source).hexdigest()
        self.path, self.done = path, dict[str, Any]()
        self.folder = path.with_suffix("") / digest[:12]  # for checkpoints of single runs
        lines = path.read_text().splitlines() if path.is_file() else []
        if not lines or lines[0] != digest:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(digest + "\n")
        for line in lines[1:] if lines and lines[0] == digest else []:
            try:
                self.done |= json.loads(line)
            except ValueError:  # half a line: stopped while it was written
                path.write_text(digest + "\n")
                for key, value in self.done.items():
                    self._append(key, value)
        self.bar = tqdm(desc=path.stem, unit=" runs", leave=False, disable=quiet)

    def __call__(self, key: str, compute: Callable[[], Any]) -> Any:
        """The result of ``compute``, remembered under ``key``; something that JSON can hold."""
        self.bar.set_postfix_str(key)
        if key not in self.done:
            self._remember(key, *_timed(compute))
        return self.done[key]

    def all(self, tasks: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
        """The results of tasks that do not need each other, by key, each remembered as it comes."""
        left = {key: compute for key, compute in tasks.items() if key not in self.done}
        if self.jobs == 1:
            for key, compute in left.items():
                self(key, compute)
        elif left:
            torch.set_num_threads(1)  # before there are others, which a fork would wait for
            _TASKS.clear()
            _TASKS.update(left)
            with get_context("fork").Pool(self.jobs) as pool:
                for key, value, seconds in pool.imap_unordered(_compute, left):
                    self._remember(key, value, seconds)
        return {key: self.done[key] for key in tasks}

    def _remember(self, key: str, value: Any, seconds: float) -> None:
        self._append(key, value)
        self._append(f"{key} | seconds", seconds)
        self.bar.update()

    def _append(self, key: str, value: Any) -> None:
        line = json.dumps({key: value})
        with self.path.open("a") as file:
            file.write(line + "\n")
        self.done |= json.loads(line)  # as it will be read again


_TASKS: dict[str, Callable[[], Any]] = {}  # what the processes inherit: closures cannot be sent


def _compute(key: str) -> tuple[str, Any, float]:
    return key, *_timed(_TASKS[key])


def _timed(compute: Callable[[], Any]) -> tuple[Any, float]:
    start = time.perf_counter()
    return compute(), round(time.perf_counter() - start, 2)
