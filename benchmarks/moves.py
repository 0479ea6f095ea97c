"""How far a chapter's figures move on another machine, with the same seeds and versions.

`python -m benchmarks.moves 04 07`, or without numbers for all chapters, executes each in several
ways: as `make book` does, with two threads, which add floats in another order, and with the code
that the libraries keep for processors without wide registers. Of the cells that may differ a little
it stores in moves.json how far their decimal numbers lie from the committed ones at most; and how
many seconds the chapter took on one thread. The chapters quote both.
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
WAYS = {  # what a kernel finds in its environment
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "narrow registers": {
        "OMP_NUM_THREADS": "1",
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE",
        "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
}


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
    """The seconds on one thread, and for each way the largest move of each cell and of all."""
    committed, found, seconds = nbformat.read(path, as_version=4), {}, {}
    for way, variables in WAYS.items():
        start = time.perf_counter()
        fresh = run(path, variables)
        seconds[way] = round(time.perf_counter() - start)
        cells = {cell: round(move, 4) for cell, move in moves(committed, fresh).items()}
        found[way] = {"largest": max(cells.values(), default=0.0), "cells": cells}
    return {"seconds": seconds["one thread"], "moves": found}


if __name__ == "__main__":
    for chapter in sorted(BOOK.glob("[0-9]*.ipynb")):
        if not sys.argv[1:] or chapter.name[:2] in sys.argv[1:]:
            found = measure(chapter)
            stored = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
            stored["chapters"] = stored.get("chapters", {}) | {chapter.stem: found}
            stored["machine"] = describe() | {"vectors": torch.backends.cpu.get_cpu_capability()}
            RESULTS.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
