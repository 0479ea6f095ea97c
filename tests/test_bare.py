"""The kernel in place of Colab's finds what is below it, and keeps to itself what it installs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bare import add_kernel


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """As `set_up` leaves it, with one module in place of torch."""
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare / "venv"], check=True)
    (packages,) = bare.glob("venv/lib/python*/site-packages")
    (packages / "torchlike.py").write_text("")
    (bare / "recbook-0.whl").touch()
    return bare


def test_a_kernel_on_top_of_an_environment(below: Path, tmp_path: Path) -> None:
    top = tmp_path / "top"
    add_kernel(below, top)
    spec = json.loads((top / "kernels" / "bare" / "kernel.json").read_text())
    assert spec["env"]["RECBOOK_SPEC"] == str(below / "recbook-0.whl")
    (own,) = top.glob("venv/lib/python*/site-packages")
    (own / "recbooklike.py").write_text("")
    code = "import importlib.util as u, recbooklike, torchlike; print(u.find_spec('recbook'))"
    code += "; print(recbooklike.__file__); print(torchlike.__file__)"
    printed = subprocess.check_output([spec["argv"][0], "-c", code], cwd=top, text=True)
    recbook, recbooklike, torchlike = printed.split()
    assert recbook == "None"
    assert Path(recbooklike).is_relative_to(top)
    assert Path(torchlike).is_relative_to(below)
