"""A runtime like Colab's: what Colab ships is installed, in its versions, and recbook is not.

    python -m tools.bare FOLDER [--torch]

makes FOLDER/venv with the versions of tools/colab.txt, but of the Python that runs this, and with
the torch of constraints.txt, since Colab's is several gigabytes; `--torch` takes that, too. It
imports nothing that would have to be installed before. Each time it makes a wheel of the checkout,
and those of what the wheel needs beyond Colab's in FOLDER/needs. `tools/notebook_check.py --bare
FOLDER` then runs each chapter in an empty folder, by a kernel that `add_kernel` puts on top: what
the chapter's first cell installs comes from there, since an index takes seconds to ask, lands in
the kernel's own environment, and leaves FOLDER/venv as it is.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COLAB = Path(__file__).with_name("colab.txt")
CHAPTERS_ADD = ["faiss-cpu", "fastapi", "httptools", "uvicorn"]  # for themselves
# Run after a chapter: recbook is the kernel's own, and what Colab ships is as it was.
PROBE = """import sys, recbook
from importlib.metadata import version
assert recbook.__file__.startswith(sys.prefix), recbook.__file__
moved = {name: (old, version(name)) for name, old in shipped.items() if version(name) != old}
assert not moved, f"Colab ships the first version, the chapter has the second: {moved}"
"""


def read_pins(path: Path) -> dict[str, str]:
    """Read the version of each package in a list of pins."""
    return dict(line.split("==") for line in path.read_text().splitlines() if "==" in line)


def shipped(folder: Path) -> dict[str, str]:
    """Read which packages FOLDER/venv has, and in which versions."""
    return {one.name: one.version for one in distributions(path=[str(packages(folder))])}


def probe(folder: Path) -> str:
    """Write what asserts, at a chapter's end, that FOLDER/venv's versions are still those found."""
    return f"shipped = {shipped(folder)}\n{PROBE}"


def packages(folder: Path) -> Path:
    """Find where FOLDER/venv has its packages."""
    (found,) = folder.resolve().glob("venv/lib/python*/site-packages")
    return found


def set_up(folder: Path, pins: dict[str, str]) -> None:
    """Make the environment, where it is not there with these pins, and the wheels."""
    wanted = [f"{name}=={version}" for name, version in pins.items()]
    text = "\n".join([f"# Python {platform.python_version()}", *wanted])
    stamp = folder / "colab.txt"
    pip = [folder / "venv/bin/python", "-m", "pip"]
    if not stamp.exists() or stamp.read_text() != text:
        print(f"making {folder}/venv, with {len(pins)} packages in Colab's versions", flush=True)
        stamp.unlink(missing_ok=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder / "venv"], check=True)
        subprocess.run([*pip, "install", *wanted], check=True)
        stamp.write_text(text)
    print(f"making the wheels that chapters will install, in {folder}", flush=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    with tempfile.TemporaryDirectory() as copy:  # because building leaves files behind
        shutil.copytree(ROOT / "recbook", f"{copy}/recbook")
        for name in ["pyproject.toml", "README.md", "LICENSE"]:
            shutil.copy(ROOT / name, copy)
        subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", folder, copy], check=True)
    (wheel,), report = folder.glob("*.whl"), folder / "report.json"
    ask = ["install", "-q", "--dry-run", "--report", report, wheel, *CHAPTERS_ADD]
    subprocess.run([*pip, *ask], check=True)
    found = [one["download_info"]["url"] for one in json.loads(report.read_text())["install"]]
    needs = [url for url in found if not url.endswith(wheel.name)]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "-w", folder / "needs", *needs], check=True)


def add_kernel(bare: Path, folder: Path) -> str:
    """Make an environment on top of `bare`'s, FOLDER/venv, and a kernel in it; return its name.

    Jupyter finds the kernel where JUPYTER_PATH is `folder`.
    """
    python = folder / "venv" / "bin" / "python"
    new = [bare / "venv/bin/python", "-m", "venv", "--without-pip", folder / "venv"]
    subprocess.run(new, check=True)
    (packages(folder) / "below.pth").write_text(f"{packages(bare)}\n")
    (wheel,) = bare.resolve().glob("*.whl")
    spec = {
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Bare",
        "language": "python",
        "env": {
            "PATH": f"{python.parent}:{os.environ['PATH']}",
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
    return kernel.parent.name


def main(arguments: list[str] | None = None) -> None:
    """Set one folder up."""
    parser = argparse.ArgumentParser(prog="python -m tools.bare")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--torch", action="store_true", help="Colab's, which is gigabytes")
    given = parser.parse_args(arguments)
    pins = read_pins(COLAB)
    if not given.torch:
        pins["torch"] = read_pins(ROOT / "constraints.txt")["torch"]
    set_up(given.folder, pins)


if __name__ == "__main__":
    main()
