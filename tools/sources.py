"""Where a quoted figure comes from: sources, small sums of them, and how they are rendered.

A source is a path:

- ``search/splits/NGCF/mean/recall``: an entry of the ledger, ``*`` for every name at that place;
- ``published/NGCF/Gowalla recall@20``: a line of ``book/published.yml``;
- ``out/CELL/2`` or ``out/CELL/NGCF/2``: the second number that the cell of this id prints, or the
  second after "NGCF", on the same line; ``out/CELL/test>>NGCF/2`` looks for "test" first, and
  ``out/06_ngcf/NGCF/2`` in all that a chapter prints (not all have cells with ids);
- ``benchmarks/peers.json/...``: a result file.

An expression has its paths in braces: ``100 * ({a/b} / {c/d} - 1)``.
"""

import ast
import json
import math
import operator
import re
import statistics
from collections.abc import Callable
from functools import cache
from typing import Any

import yaml

from recbook import ledger
from recbook.stats import t_interval
from tools.prose import BOOK, PARTS, ROOT, number_of, shown

PRINTED = re.compile(
    r"(?<![\w.])[+\-−]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:\.\d+|(?<=\d))(?:e[+-]?\d+)?"
)
OPERATORS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.USub: operator.neg,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "sum": math.fsum,
    "len": len,
    "mean": lambda values: math.fsum(values) / len(values),
    "sd": statistics.stdev,
    # on the splits that both have: what is cheap has more of them
    "minus": lambda first, second: [a - b for a, b in zip(first, second, strict=False)],
    # ends of the interval over splits that test on a fifth of the same data; over seeds: `share` 0
    "low": lambda gains, share=0.2: t_interval(gains, test_share=share)[0],
    "high": lambda gains, share=0.2: t_interval(gains, test_share=share)[1],
    "near": lambda value, step: step * round(value / step),  # "about"
    "down": lambda value, step: step * math.floor(value / step + 1e-9),  # "over", "at least"
    "up": lambda value, step: step * math.ceil(value / step - 1e-9),  # "under", "at most"
}


@cache
def evaluate(source: str) -> Any:
    """The value of a path, or of an expression of paths in braces.

    Raises:
        ValueError: where a path leads nowhere, or an expression is none; says which.

    >>> evaluate("100 * ({original/NGCF/sd} - 1)")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: original/NGCF/sd: got sd, expected one of best_epoch_on_test, ...
    """
    if "{" not in source:
        return look_up(source)
    paths = re.findall(r"\{([^{}]*)\}", source)
    counter = iter(range(len(paths)))
    names = re.sub(r"\{[^{}]*\}", lambda _: f"_{next(counter)}", source)
    values = {f"_{n}": look_up(path) for n, path in enumerate(paths)}
    try:
        return compute(ast.parse(names, mode="eval").body, values)
    except (SyntaxError, KeyError, TypeError, ZeroDivisionError) as error:
        raise ValueError(f"{source}: is no sum of sources ({error})") from error


def compute(node: ast.expr, values: dict[str, Any]) -> Any:
    """Arithmetic, comparisons and the few functions; nothing else is evaluated."""
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            return values[name]
        case ast.UnaryOp(op=op, operand=operand):
            return OPERATORS[type(op)](compute(operand, values))
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATORS[type(op)](compute(left, values), compute(right, values))
        case ast.Compare(left=left, ops=ops, comparators=others):
            sides = [compute(side, values) for side in (left, *others)]
            steps = zip(sides, ops, sides[1:], strict=False)
            return all(OPERATORS[type(op)](a, b) for a, op, b in steps)
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return FUNCTIONS[name](*(compute(argument, values) for argument in arguments))
    raise TypeError(f"got {ast.unparse(node)}, expected arithmetic")


@cache
def look_up(path: str) -> Any:
    """The number, or with ``*`` the numbers, at the end of a path."""
    kind, _, rest = path.partition("/")
    if kind == "out":
        cell, _, where = rest.partition("/")
        return printed_number(path, cell, where)
    if kind == "published":
        return walk(published(), rest.split("/"), path)
    if kind == "benchmarks":
        file, _, rest = rest.partition("/")
        return walk(json.loads((ROOT / "benchmarks" / file).read_text()), rest.split("/"), path)
    entry = ledger.read_entry(kind)
    return walk(entry["results"] | {"seconds": entry["seconds"]}, rest.split("/"), path)


def walk(tree: Any, parts: list[str], path: str) -> Any:
    """Follow the parts of a path through dictionaries and lists."""
    for place, part in enumerate(parts):
        names = list(tree) if isinstance(tree, dict) else list(map(str, range(len(tree))))
        if part == "*":
            inside = tree.values() if isinstance(tree, dict) else tree
            found = [one for one in inside if has(one, parts[place + 1 :])]
            return [walk(one, parts[place + 1 :], path) for one in found]
        if part not in names:
            raise ValueError(f"{path}: got {part}, expected one of {', '.join(names)}")
        tree = tree[part] if isinstance(tree, dict) else tree[int(part)]
    if isinstance(tree, dict) or not isinstance(tree, list | int | float):
        raise ValueError(f"{path}: got {tree}, expected a path that ends at a number")
    return tree


def has(tree: Any, parts: list[str]) -> bool:
    """Whether a path leads on: ``*`` passes over names without it."""
    try:
        walk(tree, parts, "")
    except (ValueError, TypeError):
        return False
    return True


@cache
def published() -> dict[str, dict[str, float]]:
    """The published figures by the short names of their sources."""
    sources = yaml.safe_load((BOOK / "published.yml").read_text())
    return {source["id"]: source["figures"] for source in sources}


@cache
def outputs() -> dict[str, str]:
    """What each code cell of the book prints, by its id, and each chapter, by its file's name."""
    texts = {}
    for page in sorted(BOOK.glob("*.ipynb")):
        cells = [c for c in json.loads(page.read_text())["cells"] if c["cell_type"] == "code"]
        printed_by = ["\n".join(map(printed, cell["outputs"])) for cell in cells]
        for cell, text in zip(cells, printed_by, strict=True):
            texts[cell.get("id", "")] = text
        texts[page.stem] = "\n".join(printed_by)
    return texts


def printed(output: dict[str, Any]) -> str:
    """The text of one output; a picture has none."""
    text = output.get("text") or output.get("data", {}).get("text/plain", "")
    return "" if "image/png" in output.get("data", {}) else "".join(text)


def printed_number(path: str, cell: str, where: str) -> float:
    """The n-th number that a cell prints, after what stands before the last slash."""
    text = outputs().get(cell)
    anchor, _, number = where.rpartition("/")
    if text is None:
        raise ValueError(f"{path}: no code cell of the book has the id {cell}")
    for part in filter(None, anchor.split(">>")):
        _, found, text = text.partition(part)
        if not found:
            raise ValueError(f"{path}: the cell does not print {part!r}")
    numbers = PRINTED.findall(text.partition("\n")[0] if anchor else text)
    if not number.isdigit() or not 0 < int(number) <= len(numbers):
        raise ValueError(f"{path}: got number {number}, expected one of 1 to {len(numbers)}")
    return number_of(numbers[int(number) - 1])


def renders_as(value: Any, figure: str) -> bool:
    """Whether a value is rendered as the figure, with the digits and the sign that it shows.

    A word for a part is right where no other of these words is nearer.

    >>> renders_as(0.3535, ".354"), renders_as(0.3535, ".36"), renders_as(-0.01, ".01")
    (True, False, False)
    >>> renders_as(0.29, "quarter"), renders_as(0.3, "quarter"), renders_as(2.4, "twice")
    (True, False, True)
    """
    if isinstance(value, list) or not math.isfinite(value):
        return False
    said, step = shown(figure)
    if step == 0:
        return min(PARTS.values(), key=lambda part: abs(part - value)) == min(
            PARTS.values(), key=lambda part: abs(part - said)
        )
    turned = value * said < 0 or (figure[0] == "+" and value < 0)
    return not turned and abs(value - said) <= step / 2 + 1e-9


def forget() -> None:
    """Read everything again: for tests that change the files."""
    for function in (evaluate, look_up, published, outputs):
        function.cache_clear()
