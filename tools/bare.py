"""What a chapter finds in Colab: torch and its like are installed, recbook is not.

    python -m tools.bare FOLDER [PINS]

makes FOLDER/venv, with what Colab has in the versions of PINS (constraints.txt), where it is not
there yet, and each time a wheel of the checkout, with those of what it needs beyond Colab's in
FOLDER/needs. `tools/notebook_check.py --bare FOLDER` then runs each chapter in an empty folder, by
a kernel that `add_kernel` puts on top: what the chapter's first cell installs comes from there,
since an index takes seconds to ask, lands in the kernel's own environment, and leaves FOLDER/venv
as it is.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COLAB_HAS = "ipykernel ipywidgets matplotlib numpy pandas scikit-learn torch tqdm".split()
CHAPTERS_ADD = ["faiss-cpu"]  # which one of them installs for itself
# Run after a chapter: recbook must come from the kernel's own environment, torch from below.
PROBE = """import sys, recbook, torch
assert recbook.__file__.startswith(sys.prefix), recbook.__file__
assert not torch.__file__.startswith(sys.prefix), torch.__file__"""


def set_up(folder: Path, pins: Path) -> None:
    """Make the environment, where it is not there with these pins, and the wheel."""
    stamp = folder / "constraints.txt"
    if not stamp.exists() or stamp.read_bytes() != pins.read_bytes():
        stamp.unlink(missing_ok=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "venv"], check=True)
        install = [folder / "venv/bin/python", "-m", "pip", "install", "-q", "-c", pins]
        subprocess.run([*install, *COLAB_HAS], check=True)
        shutil.copy(pins, stamp)
    for old in folder.glob("*.whl"):
        old.unlink()
    with tempfile.TemporaryDirectory() as copy:  # because building leaves files behind
        shutil.copytree(ROOT / "recbook", f"{copy}/recbook")
        for name in ["pyproject.toml", "README.md", "LICENSE"]:
            shutil.copy(ROOT / name, copy)
        pip = [folder / "venv/bin/python", "-m", "pip"]
        subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", folder, copy], check=True)
    (wheel,), report = folder.glob("*.whl"), folder / "report.json"
    ask = ["install", "-q", "-c", pins, "--dry-run", "--report", report, wheel, *CHAPTERS_ADD]
    subprocess.run([*pip, *ask], check=True)
    found = [one["download_info"]["url"] for one in json.loads(report.read_text())["install"]]
    needs = [url for url in found if not url.endswith(wheel.name)]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", folder / "needs", *needs], check=True)


def add_kernel(bare: Path, folder: Path) -> None:
    """Make an environment on top of `bare`'s, FOLDER/venv, and a kernel of the name "bare" in it.

    Jupyter finds the kernel where JUPYTER_PATH is `folder`.
    """
    python = folder / "venv" / "bin" / "python"
    new = [bare / "venv/bin/python", "-m", "venv", "--without-pip", folder / "venv"]
    subprocess.run(new, check=True)
    (own,), (below,) = (
        path.glob("venv/lib/python*/site-packages") for path in (folder, bare.resolve())
    )
    (own / "below.pth").write_text(f"{below}\n")
    (wheel,) = bare.resolve().glob("*.whl")
    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Bare",
        "language": "python",
        "env": {
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "PIP_CONSTRAINT": str(bare.resolve() / "constraints.txt"),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_FIND_LINKS": str(bare.resolve() / "needs"),
            "PIP_NO_INDEX": "1",
            "PIP_QUIET": "2",  # its warnings are those of the machine
            "PYTHONPATH": "",
            "RECBOOK_SPEC": str(wheel),
        },
    }
    kernel = folder / "kernels" / "bare" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps(spec))


if __name__ == "__main__":
    set_up(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else ROOT / "constraints.txt")
