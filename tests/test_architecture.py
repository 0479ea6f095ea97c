"""The package's shape: imports point one way, nothing private crosses, modules stay small."""

import ast
import inspect
import tomllib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import nbformat
import pytest
from setuptools import find_packages

pytestmark = pytest.mark.no_cover

ROOT = Path(__file__).resolve().parents[1]
# From bottom to top: a module imports what stands before it. A new one is given its place here.
ORDER = (
    "checks files workers protocol memory threads progress sparse ranking data graph losses "
    "sampling evaluation beyond_accuracy stats models vectors folding checkpoint recipes training "
    "updating saving answers tuning choosing distributed"
).split()
ASIDE = {  # whom nothing in ORDER imports: the last module that each may lean on
    "exercises": "checks",
    "plotting": "checks",
    "friends": "data",
    "ledger": "data",
    "testing": "saving",
    "serve": "answers",
    "__main__": "distributed",  # the command line
    "": "distributed",  # recbook itself, which hands names on
}
# The part that chapters teach, and how long it may be, docstrings included.
TAUGHT = "data sparse graph sampling losses evaluation beyond_accuracy models training".split()
# Within data no chapter teaches how a file is found, fetched, taken apart, checked or generated, an
# id looked up, or a table turned into numbers.
NOT_TAUGHT = (
    "checking citeulike features fetching formats gowalla logs lookup movielens reading shop"
).split()
TAUGHT_LINES, MODULE_LINES = 4900, 400

FOLDERS = ["recbook", "experiments", "tools", "benchmarks"]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {
    module_name(path): path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))
}
PACKAGE = [name for name in SOURCES if name.split(".")[0] == "recbook"]
TREES = {name: ast.parse(path.read_text()) for name, path in SOURCES.items()}


def chapter_tree(path: Path) -> ast.Module:
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    lines = ["pass" if line.lstrip()[:1] in ("%", "!") else line for line in code.splitlines()]
    return ast.parse("\n".join(lines))


CHAPTER_TREES = {path.stem: chapter_tree(path) for path in CHAPTERS}


def imports(tree: ast.Module) -> Iterator[tuple[str, str | None, str]]:
    """Each import of one of our modules, also inside functions: module, name in it, alias."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in FOLDERS:
                    yield alias.name, None, alias.asname or alias.name
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError(f"a relative import of {node.module}; write the whole name")
        elif isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in FOLDERS:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in SOURCES:
                    yield whole, None, alias.asname or alias.name
                else:
                    yield str(node.module), alias.name, alias.asname or alias.name


def dotted(node: ast.AST) -> str:
    """``a.b.c`` of an attribute, or nothing where it does not start with a name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, ast.Name) else ""


def uses(tree: ast.Module) -> set[tuple[str, str]]:
    """Every name of one of our modules that a tree takes: imported, or as ``module.name``."""
    found = {(module, name) for module, name, _ in imports(tree) if name is not None}
    modules = {alias: module for module, name, alias in imports(tree) if name is None}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        base = dotted(node.value)
        module = modules.get(base, base if base in SOURCES and base in modules.values() else None)
        if module is not None and f"{module}.{node.attr}" not in SOURCES:
            found.add((module, node.attr))
    return found


def room(module: str) -> str:
    """``data`` of ``recbook.data.reading``; nothing of ``recbook``."""
    return [*module.split("."), ""][1]


def public(module: str) -> list[str]:
    return getattr(import_module(module), "__all__", [])


def test_every_module_has_its_place() -> None:
    assert {room(name) for name in PACKAGE} <= {*ORDER, *ASIDE}


@pytest.mark.parametrize("module", PACKAGE)
def test_imports_point_downward(module: str) -> None:
    own = room(module)
    below = {*ORDER[: ORDER.index(ASIDE.get(own, own)) + (own in ASIDE)]}
    if own == "__main__":  # on top of all
        below |= {*ASIDE}
    for imported, _, _ in imports(TREES[module]):
        other = room(imported)
        if other == own and module != imported:
            continue  # within a room: see the next test
        assert imported.split(".")[0] == "recbook", f"{module} imports {imported}"
        assert other in below, f"{module} imports {imported}"


def test_no_import_runs_in_a_circle() -> None:
    graph = {
        name: {other for other, _, _ in imports(tree) if other != name}
        for name, tree in TREES.items()
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path, name])
        if name not in done:
            for other in sorted(graph[name]):
                visit(other, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("module", [*SOURCES, *CHAPTER_TREES])
def test_nothing_private_crosses_modules(module: str) -> None:
    tree = TREES.get(module) or CHAPTER_TREES[module]
    for other, name in sorted(uses(tree)):
        if name.startswith("__") or other == module:
            continue
        if room(other) or public(other):
            kept = other.split(".")[0] != "recbook" and not name.startswith("_")
            assert kept or name in public(other), f"{module} uses {other}.{name}"


@pytest.mark.parametrize("module", PACKAGE)
def test_every_module_says_what_it_is_and_what_it_offers(module: str) -> None:
    tree = TREES[module]
    assert ast.get_docstring(tree), f"{module} has no docstring"
    if len(tree.body) > 1:  # a package may be nothing but its docstring
        names = public(module)
        assert names, f"{module} has no __all__"
        loaded = import_module(module)
        assert [name for name in names if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("module", list(SOURCES))
def test_a_module_is_short(module: str) -> None:
    length = len(SOURCES[module].read_text().splitlines())
    assert length <= MODULE_LINES


def test_the_taught_part_is_short() -> None:
    lines = [
        len(SOURCES[name].read_text().splitlines())
        for name in PACKAGE
        if room(name) in TAUGHT and name.split(".")[-1] not in NOT_TAUGHT
    ]
    assert sum(lines) <= TAUGHT_LINES


def offered() -> dict[str, list[object]]:
    """What the package offers by each name: a name handed on is the same thing."""
    things: dict[str, list[object]] = {}
    for module in PACKAGE:
        for name in public(module):
            thing = getattr(import_module(module), name)
            if not any(thing is known for known in things.setdefault(name, [])):
                things[name].append(thing)
    return things


def test_one_name_for_one_thing() -> None:
    def where(thing: object) -> str:
        return str(getattr(thing, "__module__", thing))

    shared = {
        name: [where(thing) for thing in things]
        for name, things in offered().items()
        if len(things) > 1
    }
    assert shared == {}


def test_one_thing_has_one_name() -> None:
    names: dict[int, set[str]] = {}
    for name, things in offered().items():
        for thing in things:
            if isinstance(thing, Callable | type):  # numbers may well be equal
                names.setdefault(id(thing), set()).add(name)
    assert [both for both in names.values() if len(both) > 1] == []


def test_what_is_public_has_a_docstring() -> None:
    for name, things in offered().items():
        for thing in things:
            if inspect.isclass(thing) or inspect.isfunction(thing):
                assert inspect.getdoc(thing), f"{name} has no docstring"


def test_what_chapters_import_is_in_the_wheel() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = find_packages(str(ROOT), include=project["packages"]["find"]["include"])
    for name, path in SOURCES.items():  # a folder without __init__.py is left out in silence
        if name in PACKAGE:
            folder = ".".join(path.relative_to(ROOT).parent.parts)
            assert folder in packages, f"{path} is in no package"
    assert all(package.split(".")[0] == "recbook" for package in packages)
    for chapter, tree in CHAPTER_TREES.items():
        for imported, _, _ in imports(tree):
            assert imported in PACKAGE, f"{chapter} imports {imported}"
    packed = {
        path
        for where, patterns in project["package-data"].items()
        for pattern in patterns
        for path in ROOT.joinpath(*where.split(".")).glob(pattern)
    }
    data = {
        path
        for path in (ROOT / "recbook").rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert packed == data, "a data file of the package is not in the wheel"
