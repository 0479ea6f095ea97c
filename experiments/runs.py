"""Remembering what has been computed."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

import recbook


class Runs:
    """Remembers what has been computed, so that an experiment that was stopped goes on.

    One line of JSON a run, in a file that begins with a digest of the source: after a
    change of the code everything is computed anew. The file goes once the entry is written.

    Args:
        path: the file.
        quiet: show no progress bar.
    """

    def __init__(self, path: Path, quiet: bool = False) -> None:
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
            start = time.perf_counter()
            self._append(key, compute())
            self._append(f"{key} | seconds", round(time.perf_counter() - start, 2))
        self.bar.update()
        return self.done[key]

    def _append(self, key: str, value: Any) -> None:
        line = json.dumps({key: value})
        with self.path.open("a") as file:
            file.write(line + "\n")
        self.done |= json.loads(line)  # as it will be read again
