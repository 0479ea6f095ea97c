"""Write `book/api`: a page for each module of the package, which Sphinx fills from its docstrings.

`python -m tools.api_pages` writes the pages anew; a test compares them. Each name has a heading, so
that a chapter links to it in plain Markdown: [`evaluate`](api/evaluation.md#evaluate).
"""

import ast
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parents[1] / "book" / "api"
HEAD = """\
# The package, module by module

These pages are made of the docstrings of `recbook`: what a function takes, what it gives back, and
what it refuses. *[source]* beside a name leads to its code. In a notebook, `evaluate?` shows the
same text.
"""
GROUPS = {
    "To load, measure and train": (
        "data evaluation beyond_accuracy stats models folding graph sampling losses training "
        "recipes tuning updating choosing"
    ),
    "To keep, to share and to show": (
        "saving answers vectors serve checkpoint distributed ledger plotting friends exercises "
        "testing"
    ),
    "What the others stand on": (
        "sparse ranking memory threads progress files workers protocol checks"
    ),
}
ROOMS = " ".join(GROUPS.values()).split()


def pages() -> dict[str, str]:
    """The text of each page, by the name of its file."""
    rooms = {f"{room}.md": page(f"recbook.{room}") for room in ROOMS}
    return {"index.md": index(), "recbook.md": page("recbook")} | rooms


def index() -> str:
    """The first page, which says what is where."""
    lists = [
        f"## {group}\n\n"
        + "\n".join(
            f"[`recbook.{room}`]({room}.md)\n: {summary(room)}.\n" for room in rooms.split()
        )
        for group, rooms in GROUPS.items()
    ]
    top = "[`recbook`](recbook.md) itself has `save` and `load`.\n"
    return "\n".join([HEAD, top, *lists])


def summary(room: str) -> str:
    """The first sentence of a module's docstring."""
    text = inspect.getdoc(import_module(f"recbook.{room}"))
    first = re.split(r"\.\s|\.$", text, maxsplit=1)[0]
    return " ".join(first.split()).replace("``", "`")


def page(module: str) -> str:
    """The page of a module, or of a package with its modules: docstrings, and a heading a name."""
    loaded = import_module(module)
    parts = [f"# {module}\n", directive("automodule", module)]
    inner = [] if module == "recbook" else [*modules_within(loaded)]
    parts += [entry(module, name) for name in in_source_order(loaded) if not inner]
    for part in inner:
        parts += [f"## {part.__name__}\n", directive("automodule", part.__name__)]
        for name in in_source_order(part):  # as a reader imports it
            handed_on = getattr(loaded, name, None) is getattr(part, name)
            parts.append(entry(module if handed_on else part.__name__, name, "###"))
    return "\n".join(parts)


def modules_within(package: ModuleType) -> Iterator[ModuleType]:
    """The modules of a package; of a module, none."""
    for found in pkgutil.iter_modules(getattr(package, "__path__", ())):
        if found.name != "__main__":
            yield import_module(f"{package.__name__}.{found.name}")


@cache
def in_source_order(module: ModuleType) -> list[str]:
    """Its public names as its source has them; those that it hands on, as their sources have them.

    >>> from recbook import losses
    >>> in_source_order(losses)
    ['bpr_loss', 'softmax_loss', 'softmax_loss_in_blocks', 'l2_penalty']
    """
    order: dict[str, tuple[int, int]] = {}
    top = ast.parse(inspect.getsource(module)).body
    # what an `if TYPE_CHECKING` imports counts
    nodes = [inner for node in top for inner in (node.body if isinstance(node, ast.If) else [node])]
    for line, node in enumerate(nodes):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("recbook."):
            there = in_source_order(import_module(node.module))
            names = sorted((alias.name for alias in node.names), key=there.index)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names = [node.id for node in ast.walk(node) if isinstance(node, ast.Name)]
        else:
            names = [getattr(node, "name", "")]
        order |= {name: (line, place) for place, name in enumerate(names) if name not in order}
    return sorted(module.__all__, key=order.__getitem__)


def entry(module: str, name: str, level: str = "##") -> str:
    """A heading, and the directive that puts the docstring there."""
    thing = getattr(import_module(module), name)
    options = []
    if inspect.isclass(thing):
        kind, options = "autoclass", [":members:"]
        if fields := getattr(thing, "_fields", ()):  # its docstring has them
            options.append(f":exclude-members: {', '.join(fields)}")
        options += [":special-members: __call__"] * ("__call__" in vars(thing))
        options += [":show-inheritance:"] * (thing.__bases__ != (object,))
    elif inspect.isroutine(thing):
        kind = "autofunction"
    else:
        kind = "autodata"
        options = [":no-value:"] * (isinstance(thing, Path) or len(repr(thing)) > 80)
    plain = name.replace("__", r"\_\_")  # which Markdown would set in bold
    return f"{level} {plain}\n\n" + directive(kind, f"{module}.{name}", *options)


def directive(kind: str, name: str, *options: str) -> str:
    """A directive of autodoc, which speaks reStructuredText."""
    lines = [f".. {kind}:: {name}", *(f"   {option}" for option in options)]
    return "\n".join(["```{eval-rst}", *lines, "```", ""])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
