"""What a benchmark ran on, and how fast that reads rows."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch
from torch import Tensor


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
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("recbook", "torch", "torch-geometric")},
        },
    }


def gather(x: Tensor, position: Tensor, block: int = 4096) -> None:
    """Read the rows of ``x`` at the positions, in their order; what is written stays in the cache.

    Whatever multiplies by an adjacency has to read these rows, so that this is a product's floor.
    """
    rows = torch.empty(block, x.shape[1])
    for some in position.split(block):
        torch.index_select(x, 0, some, out=rows[: len(some)])
