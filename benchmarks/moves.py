"""How far a chapter's figures move on another machine, with the same seeds and versions.

`python -m benchmarks.moves 04 07`, or without numbers for all chapters, executes each on the
machine at hand: with `ATEN_CPU_CAPABILITY=default` as a processor without wide registers would, or
with other `OMP_NUM_THREADS`, which add up floats in another order. Of the cells that may differ a
little it stores how far their decimal numbers lie from the committed ones at most, in moves.json,
and how many seconds each chapter took, which the chapters quote.
"""

import json
import sys
import time
from decimal import Decimal
from pathlib import Path

import nbformat
import torch
from nbformat import NotebookNode

from benchmarks.machine import describe
from tools.execute import run
from tools.notebook_check import TOKEN, pieces, read_rules

FOLDER = Path(__file__).parent
RESULTS, BOOK = FOLDER / "moves.json", FOLDER.parent / "book"
MEASURES = Decimal("0.1")  # who may differ by more prints lengths or counts, not recall


def decimals(cell: NotebookNode) -> list[float]:
    """The decimal numbers of a cell's plain outputs, in order."""
    plain = [text for kind, text in pieces(cell.outputs) if kind in ("stdout", "text/plain")]
    tokens = TOKEN.finditer("\n".join(plain))
    return [float(token["decimal"].replace(",", "")) for token in tokens if token["decimal"]]


def moves(committed: NotebookNode, fresh: NotebookNode) -> dict[str, float]:
    """By execution count of a cell that may differ: how far its numbers moved at most."""
    found = {}
    for old, new in zip(committed.cells, fresh.cells, strict=True):
        if old.cell_type == "code" and 0 < read_rules(old).absolute < MEASURES:
            pairs = zip(decimals(old), decimals(new), strict=True)
            found[str(old.execution_count)] = max((abs(a - b) for a, b in pairs), default=0.0)
    return found


def measure(path: Path) -> dict[str, object]:
    """The largest move of each cell, the largest of all, and the seconds."""
    start = time.perf_counter()
    found = moves(nbformat.read(path, as_version=4), run(path))
    seconds = round(time.perf_counter() - start)
    cells = {cell: round(move, 4) for cell, move in found.items()}
    return {"largest": max(cells.values(), default=0.0), "cells": cells, "seconds": seconds}


if __name__ == "__main__":
    for chapter in sorted(BOOK.glob("[0-9]*.ipynb")):
        if not sys.argv[1:] or chapter.name[:2] in sys.argv[1:]:
            found = measure(chapter)
            stored = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
            stored["chapters"] = stored.get("chapters", {}) | {chapter.stem: found}
            stored["machine"] = describe() | {"vectors": torch.backends.cpu.get_cpu_capability()}
            RESULTS.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
