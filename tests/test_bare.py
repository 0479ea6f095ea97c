"""The kernel in place of Colab's finds what is below it, and keeps to itself what it installs."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tools import bare
from tools.bare import add_kernel, probe, read_pins, shipped
from tools.versions import read_requirements, split_requirement


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
    name = add_kernel(below, top)
    spec = json.loads((top / "kernels" / name / "kernel.json").read_text())
    assert spec["env"]["RECBOOK_SPEC"] == str(below / "recbook-0.whl")
    (own,) = top.glob("venv/lib/python*/site-packages")
    (own / "recbooklike.py").write_text("")
    code = "import importlib.util as u, recbooklike, torchlike; print(u.find_spec('recbook'))"
    code += "; print(recbooklike.__file__); print(torchlike.__file__)"
    command = [spec["argv"][0], "-c", code]
    printed = subprocess.check_output(command, cwd=top, env=spec["env"], text=True)
    recbook, recbooklike, torchlike = printed.split()
    assert recbook == "None"
    assert Path(recbooklike).is_relative_to(top)
    assert Path(torchlike).is_relative_to(below)


def test_what_an_environment_ships_is_read(below: Path) -> None:
    assert "torchlike" not in shipped(below)
    (packages,) = below.glob("venv/lib/python*/site-packages")
    (packages / "torchlike-2.5.dist-info").mkdir()
    (packages / "torchlike-2.5.dist-info" / "METADATA").write_text("Name: torchlike\nVersion: 2.5")
    assert shipped(below)["torchlike"] == "2.5"
    assert "'torchlike': '2.5'" in probe(below)


def test_colabs_list_is_pinned_and_has_what_the_package_needs() -> None:
    lines = bare.COLAB.read_text().splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in lines if line[0] != "#")
    package = {split_requirement(text)[0] for text in read_requirements()[:10]}
    colab = {name.lower() for name in read_pins(bare.COLAB)}
    assert package - colab == {"torch-geometric"}  # the chapters' first cell installs it


@pytest.mark.parametrize(("given", "own"), [([], False), (["--torch"], True)])
def test_torch_is_colabs_where_it_is_asked_for(
    given: list[str], own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Path, dict[str, str]]] = []
    monkeypatch.setattr(bare, "set_up", lambda *args: calls.append(args))
    bare.main(["somewhere", *given])
    ((folder, pins),) = calls
    assert folder == Path("somewhere")
    ours = read_pins(bare.ROOT / "constraints.txt")
    assert pins == read_pins(bare.COLAB) | ({} if own else {"torch": ours["torch"]})
    assert pins["torch"] == ours["torch"] or own
    assert pins["numpy"] != ours["numpy"]


def test_chapters_import_what_colab_ships_or_they_install() -> None:
    """Else a chapter runs in .venv, where `make test` runs it, and not in Colab."""
    provided = {*read_pins(bare.COLAB), "recbook", "torch-geometric", "ipython"}
    known = {name.lower().replace("-", "_") for name in provided}
    for path in sorted((bare.ROOT / "book").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        tree = ast.parse("\n".join(cell.source for cell in cells if cell.cell_type == "code"))
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {
            alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
        }
        names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
        for module in {name.split(".")[0] for name in names} - sys.stdlib_module_names:
            installs = {name.split("-")[0] for name in bare.CHAPTERS_ADD}
            module = {"sklearn": "scikit_learn", "mpl_toolkits": "matplotlib"}.get(module, module)
            assert module in known | installs, f"{path.name} imports {module}"
