"""What a benchmark ran on, and how fast that reads rows."""

import os
import platform
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.writing import versions


def describe() -> dict[str, object]:
    """The machine in plain words, for a result file; Linux alone says all of it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = {line.split(": ")[1] for line in lines if line.startswith("model name")}
    return {
        "processor": ", ".join(sorted(names)) or platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
        "versions": versions(),
    }


def read_rows(adj: Tensor, x: Tensor) -> None:
    """Read the row of ``x`` at each entry of a CSR matrix, and add up those of a row, unweighted.

    Whatever multiplies by the matrix has to do as much. ``embedding_bag`` is the fastest way known
    here, because it asks for the rows ahead of time.
    """
    starts = adj.crow_indices()
    F.embedding_bag(adj.col_indices(), x, starts, mode="sum", include_last_offset=True)
