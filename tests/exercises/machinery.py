"""What proves the exercises' checks: answers that must be taken, answers that must be refused.

A chapter's file has answers in three kinds: ``@right`` and ``@wrong`` functions, and a ``@domain``
that draws arguments. Faults planted in the chapter's own answer (``mutants``) are wrong answers,
too, if they change what it gives for any of the drawn arguments.
"""

import ast
import contextlib
import copy
import io
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from recbook.exercises import Case, is_right

BOOK = Path(__file__).resolve().parents[2] / "book"
CHAPTERS = sorted(BOOK.glob("*.ipynb"))
DRAWN = 25  # arguments that tell whether a planted fault changes anything

Answer = Any  # a function, or the value that an exercise asks for
RIGHT: dict[str, list[Answer]] = defaultdict(list)
WRONG: dict[str, list[tuple[Answer, str]]] = defaultdict(list)
DOMAIN: dict[str, Callable[[np.random.Generator], Any]] = {}


def right(exercise: str) -> Callable[[Answer], Answer]:
    """Register an answer that the check must take."""

    def register(answer: Answer) -> Answer:
        RIGHT[exercise].append(answer)
        return answer

    return register


def wrong(exercise: str, says: str) -> Callable[[Answer], Answer]:
    """Register an answer that the check must refuse, in a message that has ``says`` in it."""

    def register(answer: Answer) -> Answer:
        WRONG[exercise].append((answer, says))
        return answer

    return register


def domain(exercise: str) -> Callable[[Answer], Answer]:
    """Register a function that draws arguments of an exercise, or cases where it is random."""

    def register(draw: Answer) -> Answer:
        DOMAIN[exercise] = draw
        return draw

    return register


# What the notebooks hold --------------------------------------------------------------------------


@cache
def cells(chapter: Path) -> list[nbformat.NotebookNode]:
    return nbformat.read(chapter, as_version=4).cells


def of_exercises(chapter: Path, role: str) -> dict[str, nbformat.NotebookNode]:
    """The cells of a role ("question", "stub", "check", "answer") by exercise."""
    return {
        cell.metadata["exercise"]: cell
        for cell in cells(chapter)
        if "exercise" in cell.metadata and cell.metadata.get("role") == role
    }


CHECKED = {name: path for path in CHAPTERS for name in of_exercises(path, "check")}


@cache
def imports(chapter: Path) -> dict[str, Any]:
    """What a chapter imports in any cell but its first, for Colab, and its answers."""
    code = [cell for cell in cells(chapter) if cell.cell_type == "code"][1:]
    names: dict[str, Any] = {}
    for cell in code:
        lines = ["pass" if line[:1] in ("%", "!") else line for line in cell.source.splitlines()]
        for node in ast.parse("\n".join(lines)).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                exec(compile(ast.Module([node], []), str(chapter), "exec"), names)
    for cell in of_exercises(chapter, "answer").values():  # one may lean on another
        for node in ast.parse(cell.source).body:
            if isinstance(node, ast.FunctionDef):
                exec(compile(ast.Module([node], []), str(chapter), "exec"), names)
    return names


def definition(source: str, name: str) -> ast.FunctionDef:
    found = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    assert found, f"no cell defines {name}"
    return found[0]


def run(node: ast.FunctionDef, chapter: Path) -> Answer:
    """What a function's definition defines, with the chapter's imports and nothing else of it."""
    names = dict(imports(chapter))
    tree = ast.fix_missing_locations(ast.Module([node], []))
    exec(compile(tree, str(chapter), "exec"), names)
    return names[node.name]


def name_of(kind: str, exercise: str) -> str:
    return f"{kind}_{exercise.replace('.', '_')}"


@cache
def check_of(exercise: str) -> Callable[[Answer], bool]:
    chapter = CHECKED[exercise]
    source = of_exercises(chapter, "check")[exercise].source
    return run(definition(source, name_of("check", exercise)), chapter)


def model_of(exercise: str) -> ast.FunctionDef | None:
    """The chapter's own answer, if it is a function."""
    source = of_exercises(CHECKED[exercise], "answer")[exercise].source
    name = name_of("answer", exercise)
    return definition(source, name) if f"def {name}" in source else None


def verdict(exercise: str, answer: Answer) -> tuple[bool, str]:
    """What the check returns, and what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
        result = check_of(exercise)(answer)
    return result, printed.getvalue()


# Planted faults -----------------------------------------------------------------------------------

SWAPPED: dict[type[ast.AST], list[type[ast.AST]]] = {
    ast.Add: [ast.Sub], ast.Sub: [ast.Add], ast.Mult: [ast.Div], ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mult], ast.Mod: [ast.Mult], ast.Pow: [ast.Mult], ast.MatMult: [ast.Mult],
    ast.Lt: [ast.LtE, ast.GtE], ast.LtE: [ast.Lt, ast.Gt], ast.Gt: [ast.GtE, ast.LtE],
    ast.GtE: [ast.Gt, ast.Lt], ast.Eq: [ast.NotEq], ast.NotEq: [ast.Eq], ast.In: [ast.NotIn],
    ast.NotIn: [ast.In], ast.And: [ast.Or], ast.Or: [ast.And], ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
}  # fmt: skip
TURNED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Pow, ast.MatMult)


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """A node's faulty twins."""
    if isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        for other in SWAPPED.get(type(node.op), []):
            yield type(node)(**{**vars(node), "op": other()})
    if isinstance(node, ast.BinOp) and isinstance(node.op, TURNED):
        yield ast.BinOp(node.right, node.op, node.left)
    if isinstance(node, ast.BinOp):
        yield from (node.left, node.right)
    if isinstance(node, ast.Compare):
        for other in SWAPPED.get(type(node.ops[0]), []):
            yield ast.Compare(node.left, [other(), *node.ops[1:]], node.comparators)
    if isinstance(node, ast.UnaryOp):
        yield node.operand
    if isinstance(node, ast.Constant) and type(node.value) in (int, float, bool):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        else:
            yield from (ast.Constant(node.value + step) for step in (1, -1))
    if isinstance(node, ast.Call):
        if len(node.args) > 1:
            yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)
        for n in range(len(node.keywords)):
            yield ast.Call(node.func, node.args, node.keywords[:n] + node.keywords[n + 1 :])
        for n in range(len(node.args)):
            yield ast.Call(node.func, node.args[:n] + node.args[n + 1 :], node.keywords)
        yield from node.args[:1]
        if isinstance(node.func, ast.Attribute):
            yield node.func.value
    if isinstance(node, ast.Attribute):
        yield node.value
    if isinstance(node, ast.Slice):
        for name in ("lower", "upper"):
            if getattr(node, name) is not None:
                yield ast.Slice(**{**vars(node), name: None})
    if isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    if isinstance(node, ast.comprehension):
        for n in range(len(node.ifs)):
            yield ast.comprehension(
                node.target, node.iter, node.ifs[:n] + node.ifs[n + 1 :], node.is_async
            )
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr | ast.For | ast.If | ast.While):
        yield ast.Pass()


class Replace(ast.NodeTransformer):
    """Put another node in the place of the one of this number."""

    def __init__(self, number: int, node: ast.AST) -> None:
        self.number, self.node, self.count = number, node, -1

    def visit(self, node: ast.AST) -> ast.AST:
        self.count += 1
        if self.count == self.number:
            return self.node
        return self.generic_visit(node)


class Numbered(ast.NodeVisitor):
    """All nodes in the order in which ``Replace`` meets them."""

    def __init__(self) -> None:
        self.nodes: list[ast.AST] = []

    def visit(self, node: ast.AST) -> None:
        self.nodes.append(node)
        self.generic_visit(node)


def mutants(model: ast.FunctionDef) -> Iterator[ast.FunctionDef]:
    """The model answer, each time with one fault."""
    numbered = Numbered()
    numbered.visit(model)
    seen = {ast.unparse(model)}
    arguments = {id(node) for node in ast.walk(model.args)}
    for number, node in enumerate(numbered.nodes):
        for changed in changes(node) if id(node) not in arguments else ():
            faulty = Replace(number, copy.deepcopy(changed)).visit(copy.deepcopy(model))
            with contextlib.suppress(ValueError, TypeError, AttributeError, SyntaxError):
                text = ast.unparse(ast.fix_missing_locations(faulty))
                if text not in seen:
                    seen.add(text)
                    yield definition(text, model.name)


def faulty_answers(exercise: str) -> Iterator[tuple[str, Answer]]:
    """Mutants that change what the chapter's answer gives for some arguments of the domain."""
    chapter, model = CHECKED[exercise], model_of(exercise)
    assert model is not None
    rng = np.random.default_rng(0)
    own, cases = run(model, chapter), []
    for _ in range(DRAWN):
        given = DOMAIN[exercise](rng)
        if isinstance(given, Case):
            cases.append(given)
            continue
        try:
            cases.append(Case(given, own(*copy.deepcopy(given)), "equal"))
        except Exception as error:
            cases.append(Case(given, type(error), "an error"))
    with contextlib.redirect_stdout(io.StringIO()):
        assert is_right(exercise, own, cases)
    for faulty in mutants(model):
        try:
            answer = run(faulty, chapter)
        except SyntaxError:
            continue
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            changed = not is_right(exercise, answer, cases)
        if changed:
            yield ast.unparse(faulty), answer
