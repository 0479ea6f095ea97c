"""Each chapter runs from its bare file where torch is but recbook is not, as in Colab.

`make colab` runs the slow part: an empty folder, a new environment, a wheel of the checkout.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))
COLAB_HAS = "ipykernel ipywidgets matplotlib numpy pandas scikit-learn torch tqdm".split()
PROBE = """import json, recbook, torch
print(json.dumps([recbook.__file__, torch.__file__, torch.__version__]))"""


def first_cell(path: Path, cell_type: str) -> str:
    notebook = nbformat.read(path, as_version=4)
    return next(cell.source for cell in notebook.cells if cell.cell_type == cell_type)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_badge_opens_this_chapter(chapter: Path) -> None:
    opening = first_cell(chapter, "markdown")
    address = f"colab.research.google.com/github/recbook/recbook/blob/main/book/{chapter.name})"
    assert f"[![Open in Colab][badge]](https://{address}" in opening
    # Colab shows neither relative images nor attachments, so the picture is in the notebook.
    picture = base64.b64encode((ROOT / "book" / "colab-badge.png").read_bytes()).decode()
    assert opening.endswith(f"[badge]: data:image/png;base64,{picture}")


def test_bootstrap_is_the_same_everywhere_and_short() -> None:
    (bootstrap,) = {first_cell(chapter, "code") for chapter in CHAPTERS}
    assert len(bootstrap.splitlines()) <= 6


def test_bootstrap_does_nothing_where_recbook_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it installs something"))
    exec(first_cell(CHAPTERS[0], "code"), {})


@pytest.fixture(scope="module")
def colab() -> Iterator[dict[str, str]]:
    """Environment variables of a kernel in a new virtual environment; `COLAB` is its Python."""
    folder = tempfile.mkdtemp(prefix="colab-")
    try:
        yield build_colab(Path(folder))
    finally:  # tens of thousands of files: some disks take minutes, and nobody needs to wait
        subprocess.run(["sh", "-c", 'rm -rf "$1" >/dev/null 2>&1 &', "sh", folder], check=True)


def build_colab(folder: Path) -> dict[str, str]:
    source = folder / "source"  # a copy, because building leaves files behind
    shutil.copytree(ROOT / "recbook", source / "recbook")
    for name in ["pyproject.toml", "README.md", "LICENSE"]:
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", folder, source], check=True)
    (wheel,) = folder.glob("recbook-*.whl")

    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = str(folder / "venv" / "bin" / "python")
    pins = ROOT / "constraints.txt"
    install = [python, "-m", "pip", "install", "-q", "--no-compile", "-c", pins, *COLAB_HAS]
    subprocess.run(install, check=True)

    kernel = folder / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True)
    arguments = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": arguments, "display_name": "Colab", "language": "python"}
    (kernel / "kernel.json").write_text(json.dumps(spec))
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return kept | {
        "COLAB": python,
        "JUPYTER_PATH": str(folder / "jupyter"),
        "PIP_CONSTRAINT": str(pins),
        "RECBOOK_SPEC": str(wheel),
    }


@pytest.mark.colab
@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_chapter_runs_in_a_bare_colab(
    chapter: Path, colab: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = colab["COLAB"]
    remove = [python, "-m", "pip", "uninstall", "-q", "-y", "recbook", "torch-geometric"]
    subprocess.run(remove, check=True, capture_output=True)  # what an earlier chapter installed
    where = "import torch; print(torch.__file__, torch.__version__)"
    before = subprocess.check_output([python, "-c", where], text=True, env=colab).split()
    installed = Path(before[0]).stat().st_ctime_ns

    notebook = nbformat.read(chapter, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(PROBE))
    monkeypatch.setenv("JUPYTER_PATH", colab["JUPYTER_PATH"])
    start = time.perf_counter()

    def report(cell_index: int, **_: object) -> None:
        seconds = time.perf_counter() - start
        print(f"\r  cell {cell_index + 1} of {len(notebook.cells)}, {seconds:.0f} s", end="")

    NotebookClient(
        notebook,
        kernel_name="colab",
        timeout=600,
        resources={"metadata": {"path": str(tmp_path)}},
        on_cell_executed=report,
    ).execute(env=colab)

    # A kernel may send one print in several messages.
    package, *torch = json.loads("".join(output.text for output in notebook.cells[-1].outputs))
    assert Path(package).is_relative_to(Path(python).parents[1])
    assert torch == before
    assert Path(before[0]).stat().st_ctime_ns == installed
