"""Masters: homework and bug hunts as they are written, with all that a student must not see.

README.md says how a master is written. Reading one draws the course's numbers and puts them in.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from pprint import pformat
from typing import Any, NamedTuple

import jupytext

from teaching.variants import generator

FOLDER = Path(__file__).parent
#: names a folder with masters of the instructor's own
OWN = "RECBOOK_TEACHING_MASTERS"
#: roles of cells that a student's notebook has; without a role a cell is shown, too
SHOWN = ("question", "answer", "check", "pipeline")
#: roles of cells that only the instructor sees: in the solution, and nowhere but in the master
IN_SOLUTION, IN_MASTER = ("instructor",), ("variant", "hidden", "right", "wrong", "candidate")
#: what a solution stands between
MARKS = ("# BEGIN SOLUTION", "# END SOLUTION")
_PLACE = re.compile(r"\{\{(\w+)\}\}")
#: of a question: its title and its outcome
HEADING = re.compile(r"## Question \S+ ([^{\n]+)\n+\*\*Outcome\.\*\* ((?:[^{\n]+\n?)+)")


class Part(NamedTuple):
    """What some of a question's points are for.

    Attributes:
        title: what is asked for, as the student's feedback names it.
        points: for all of it; a part is right or wrong.
        hint: what a student reads where it is wrong; it names no hidden number.
        calls: the arguments of each call; none for a variable.
        key: where only one entry of a result counts, its key or position.
        check: where more than one result is right, a function of the result, in plain Python, and
            of the call's arguments, that says whether it is. It imports what it needs itself.
        tolerance: of decimals, relative, and absolute below 1.
        catches: for a test that a student writes, the name of the faulty candidate it must fail.
    """

    title: str
    points: int
    hint: str
    calls: Sequence[tuple[Any, ...]] = ((),)
    key: Any = None
    check: Callable[..., bool] | None = None
    tolerance: float = 1e-5
    catches: str = ""


class Cell(NamedTuple):
    """A cell of a master, with the course's numbers in it."""

    kind: str
    source: str
    role: str
    question: str
    metadata: dict[str, Any]


@dataclass
class Question:
    """A question and all its cells."""

    id: str
    title: str
    outcome: str
    minutes: int
    asks: str
    points: int
    parts: list[Part] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)

    def sources(self, role: str) -> list[Cell]:
        """Its cells of one role."""
        return [cell for cell in self.cells if cell.role == role]


@dataclass
class Master:
    """A homework or bug hunt for one course."""

    name: str
    course: str
    path: Path
    title: str
    cells: list[Cell]
    questions: list[Question]


def all_bugs() -> list[str]:
    """The names of all bugs that a hunt may be about."""
    return sorted(path.stem for path in (FOLDER / "bugs").glob("*.py"))


def master_folders() -> list[Path]:
    """Where homework is looked for: ours, and the instructor's own, which goes before."""
    own = os.environ.get(OWN)
    return [FOLDER / "masters", *([Path(own)] if own else [])]


def master_path(name: str, course: str) -> Path:
    """The file behind ``hw3``, or behind ``hunt2``, the second bug that this course draws."""
    if number := re.fullmatch(r"hunt(\d+)", name):
        bugs = all_bugs()
        if not 1 <= int(number[1]) <= len(bugs):
            raise SystemExit(f"there is no {name}: there are hunts 1 to {len(bugs)}")
        generator(course, "bugs").shuffle(bugs)
        return FOLDER / "bugs" / f"{bugs[int(number[1]) - 1]}.py"
    have = {path.stem: path for place in master_folders() for path in place.glob("*.py")}
    if name not in have:
        known = f"{', '.join(sorted(have))}, or hunt1 to hunt{len(all_bugs())}"
        raise SystemExit(f"there is no homework {name!r}, expected HW to be one of {known}")
    return have[name]


def read_master(name: str, course: str, path: Path | None = None) -> Master:
    """The master of ``hw1`` or ``hunt2`` with the numbers of a course."""
    path = path or master_path(name, course)
    raw = read_cells(path)
    drawn: dict[str, Any] = {}
    for cell in raw:
        if cell.role == "variant":
            drawn = _run(cell)["variant"](generator(course, path.stem, "variant"))
    questions = _questions(path, course, raw, drawn)
    totals = {
        "points": sum(question.points for question in questions),
        "minutes": sum(question.minutes for question in questions),
        "number": re.sub(r"\D", "", name),
    }
    cells = [cell._replace(source=_filled(path, cell, drawn | totals)) for cell in raw]
    for question in questions:
        question.cells = [cell for cell in cells if cell.question == question.id]
    title = next(cell.source for cell in cells if cell.kind == "markdown").splitlines()[0]
    return Master(name, course, path, title.lstrip("# "), cells, questions)


def read_cells(path: Path) -> list[Cell]:
    """A master's cells before anything is drawn."""
    return _cells(path, path.read_text(encoding="utf-8"))


@cache
def _cells(path: Path, text: str) -> list[Cell]:
    """The same of a text, which twenty courses read."""
    return [_cell(path, cell) for cell in jupytext.reads(text, "py:percent").cells]


def _cell(path: Path, cell: Any) -> Cell:
    metadata = dict(cell.metadata)
    role, question = metadata.pop("role", ""), metadata.pop("question", "")
    if question and cell.cell_type == "markdown" and not role:
        role = "question"
    known = SHOWN + IN_SOLUTION + IN_MASTER
    if role and role not in known:
        raise SystemExit(f"{path.name}: a cell has role={role!r}, expected {', '.join(known)}")
    if cell.cell_type == "code" and (role == "answer") != _is_marked(cell.source):
        raise SystemExit(
            f"{path.name}: a cell with role='answer', and no other, has `# SOLUTION` at the end of "
            f"a line, or `# BEGIN SOLUTION` and `# END SOLUTION`; not so\n{cell.source}"
        )
    return Cell(cell.cell_type, cell.source, role, str(question), metadata)


def _is_marked(source: str) -> bool:
    """Whether a cell marks what is its solution, in a way that can be taken out."""
    lines = [line.strip() for line in source.splitlines()]
    marks = [line for line in lines if line in MARKS]
    ends = [line for line in lines if re.fullmatch(r"\w+ = .*  # SOLUTION", line)]
    several = [line for line in lines if re.search(r"# *(begin|end)? *solution", line, re.I)]
    return (
        bool(several)
        and marks == [*MARKS] * (len(marks) // 2)
        and len(marks) + len(ends) == len(several)
    )


def _questions(path: Path, course: str, cells: list[Cell], drawn: dict[str, Any]) -> list[Question]:
    """All questions, with what their hidden cells draw for the course."""
    found = []
    for cell in (each for each in cells if each.role == "question"):
        heading = HEADING.match(cell.source)
        if not heading or not isinstance(cell.metadata.get("minutes"), int):
            raise SystemExit(
                f"{path.name}: question {cell.question} needs minutes= in its cell, and begins\n"
                f"    ## Question {cell.question} Its title\n\n    **Outcome.** You can ..."
            )
        hidden = [each for each in cells if (each.question, each.role) == (cell.question, "hidden")]
        parts = []
        if hidden:
            rng = generator(course, path.stem, cell.question)
            parts = _run(hidden[0])["hidden"](rng, drawn)
        points = sum(part.points for part in parts) or int(cell.metadata.get("points", 0))
        asks = str(cell.metadata.get("asks", ""))
        minutes = cell.metadata["minutes"]
        found.append(
            Question(
                cell.question,
                heading[1],
                " ".join(heading[2].split()),
                minutes,
                asks,
                points,
                parts,
            )
        )
        if not points or bool(parts) != bool(asks):
            raise SystemExit(
                f"{path.name}: question {cell.question} needs asks= and a cell with role='hidden', "
                "or, where a person grades it, points= and neither of them"
            )
    return found


def _run(cell: Cell) -> dict[str, Any]:
    """The names that a cell of the master makes by itself."""
    names: dict[str, Any] = {"Part": Part}
    exec(cell.source, names)
    return names


def _filled(path: Path, cell: Cell, drawn: dict[str, Any]) -> str:
    """The cell with the course's values in place of ``{{name}}``."""

    def value(place: re.Match[str]) -> str:
        if place[1] not in drawn:
            have = ", ".join(drawn)
            raise SystemExit(f"{path.name}: {place[0]} is not drawn, expected one of {have}")
        drawn_value = drawn[place[1]]
        if cell.kind == "markdown":
            return str(drawn_value)
        start = cell.source.rfind("\n", 0, place.start()) + 1
        indent = " " * (place.start() - start)
        text = pformat(drawn_value, width=max(1, 88 - len(indent)), sort_dicts=False, compact=True)
        return text.replace("\n", "\n" + indent)

    return _PLACE.sub(value, cell.source)
