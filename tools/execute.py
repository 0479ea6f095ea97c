"""Execute chapters in place: `make execute`, or `python -m tools.execute CHAPTER.ipynb`.

Writes outputs, execution counts from 1, and the same notebook metadata for everybody,
so that a diff shows only what changed. A chapter that fails is left as it was.
"""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

# How long a cell may take, here and in the notebook check: many times what the slowest takes, so
# that a slow machine passes, and a cell that never ends is still stopped.
CELL_SECONDS = 600
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def run(path: Path, more: Mapping[str, str] | None = None) -> NotebookNode:
    """Run all cells of the notebook from the folder it is in, with ``more`` in the environment."""
    print(f"{path} ", end="", flush=True)
    start = time.perf_counter()
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=CELL_SECONDS,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_executed=lambda **_: print(".", end="", flush=True),
    ).execute(env={**os.environ, **(more or {})})
    print(f" {time.perf_counter() - start:.0f} s")
    return notebook


def execute(path: Path) -> None:
    """Run the notebook and write it back."""
    notebook = run(path)
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # time stamps, left by other tools
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        execute(Path(argument))
