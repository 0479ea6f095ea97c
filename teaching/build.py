"""Make a homework or bug hunt for a course: python -m teaching.build "COURSE" hw3."""

import argparse
import contextlib
import copy
import io
import json
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import nbformat
from nbformat import NotebookNode, v4

from teaching.forms import pack, plain
from teaching.marking import mark_answers
from teaching.master import (
    FOLDER,
    IN_MASTER,
    IN_SOLUTION,
    MARKS,
    Cell,
    Master,
    Part,
    Question,
    read_master,
)
from teaching.variants import folder_name, generator, tag
from teaching.worker import Answers

DIST = FOLDER / "dist"
CHAPTER = FOLDER.parent / "book" / "01_dataset.ipynb"


def without_solution(source: str) -> str:
    """A cell as the student gets it: dots in place of what is marked as the solution."""
    shown, within = [], False
    for line in source.splitlines():
        mark, indent = line.strip(), line[: len(line) - len(line.lstrip())]
        if mark == MARKS[0]:
            within = True
            shown += [indent + "..."] if indent else []
        elif mark == MARKS[1]:
            within = False
        elif not within:
            shown.append(re.sub(r"^(\s*\w+ = ).*# SOLUTION$", r"\1...", line))
    return "\n".join(shown)


def with_solution(source: str) -> str:
    """A cell as the instructor gets it: without the marks."""
    lines = (re.sub(r"\s*# SOLUTION$", "", line) for line in source.splitlines())
    return "\n".join(each for each in lines if each.strip() not in MARKS)


def student(master: Master) -> NotebookNode:
    """The notebook that students get."""
    return _notebook(master, IN_MASTER + IN_SOLUTION, without_solution)


def answered(master: Master) -> NotebookNode:
    """The same with all answers."""
    return _notebook(master, IN_MASTER + IN_SOLUTION, with_solution)


def solution(master: Master) -> NotebookNode:
    """The same with what only instructors read, which may measure on real data for a minute."""
    return _notebook(master, IN_MASTER, with_solution)


def run(notebook: NotebookNode) -> tuple[Answers, list[str]]:
    """The names of a notebook that we wrote, and what stopped cells of it."""
    answers, stopped = Answers(), []
    with contextlib.redirect_stdout(io.StringIO()):
        for cell in notebook.cells:
            if cell.cell_type == "code" and (told := answers.run(cell.source)):
                stopped.append(f"{told}\n{cell.source}")
    plt.close("all")
    return answers, stopped


def sheet(master: Master) -> dict[str, Any]:
    """What grading needs: hidden arguments, and what the reference makes of them."""
    reference, stopped = run(answered(master))
    if stopped:
        raise SystemExit(f"{master.path.name}: its solution stops with {stopped[0]}")
    questions = [_graded(master, question, reference.names) for question in master.questions]
    made = {
        "homework": master.name,
        "title": master.title,
        "course": tag(master.course),
        "questions": questions,
    }
    for mark in mark_answers(made, reference.reply):
        if mark.points < mark.out_of and not mark.by_hand:
            raise SystemExit(
                f"{master.path.name}: its own solution fails question {mark.question}, "
                f"{mark.title!r}: {mark.told}"
            )
    return made


def write(master: Master, folder: Path) -> list[Path]:
    """Write student's and instructor's notebook and the autograder, the same bytes each time."""
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        f"{master.name}.ipynb": nbformat.writes(student(master)),
        f"{master.name}_solution.ipynb": nbformat.writes(solution(master)),
        "autograder.json": json.dumps(sheet(master), indent=1),
    }
    for name, text in made.items():
        (folder / name).write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return [folder / name for name in made]


@cache
def _first_code() -> str:
    """The cell that finds or installs recbook, the same in each chapter."""
    chapter = nbformat.read(CHAPTER, as_version=4)
    return str(next(cell.source for cell in chapter.cells if cell.cell_type == "code"))


def _notebook(
    master: Master, left_out: tuple[str, ...], shown: Callable[[str], str]
) -> NotebookNode:
    """A notebook of the cells with other roles, which begins as a chapter does."""
    cells = [cell for cell in master.cells if cell.role not in left_out]
    made = [_cell(master, cell._replace(source=shown(cell.source))) for cell in cells]
    made.insert(1, v4.new_code_cell(_first_code()))
    for number, cell in enumerate(made):
        cell["id"] = f"{master.name}-{number:02d}"
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "recbook": {"homework": master.name, "course": tag(master.course)},
    }
    return v4.new_notebook(cells=made, metadata=metadata)


def _cell(master: Master, cell: Cell) -> NotebookNode:
    if cell.kind == "code":
        return v4.new_code_cell(cell.source)
    source = cell.source
    if cell.role == "question":
        question = next(each for each in master.questions if each.id == cell.question)
        told = f"*{question.minutes} minutes, {question.points} points.* "
        source = source.replace("**Outcome.**", told + "**Outcome.**", 1)
    return v4.new_markdown_cell(source)


def _graded(master: Master, question: Question, names: dict[str, Any]) -> dict[str, Any]:
    """A question of the sheet."""
    candidates = {
        str(cell.metadata["name"]): cell.source
        for cell in question.cells
        if cell.role in ("candidate", "pipeline") and "name" in cell.metadata
    }
    made: dict[str, Any] = {
        "id": question.id,
        "title": question.title,
        "asks": question.asks,
        "kind": "value" if not callable(names.get(question.asks)) else "function",
        "points": question.points,
        "parts": [_part(part, names.get(question.asks)) for part in question.parts],
    }
    if candidates:
        order = list(candidates)
        generator(master.course, master.path.stem, question.id, "order").shuffle(order)
        made["kind"] = "test"
        made["candidates"] = {name: candidates[name] for name in order}
    if any(part.check for part in question.parts):
        made["checks"] = question.sources("hidden")[0].source
    return made


def _part(part: Part, reference: Any) -> dict[str, Any]:
    made = part._asdict() | {
        "check": part.check.__name__ if part.check else None,
        "calls": [],
        "expected": [],
    }
    if not part.catches:
        for arguments in part.calls:
            given = copy.deepcopy(arguments)
            made["calls"].append([pack(each) for each in arguments])
            value = reference(*given) if callable(reference) else reference
            made["expected"].append(None if part.check else pack(plain(value)))
    return made


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, and write the files."""
    parser = argparse.ArgumentParser(prog="python -m teaching.build", description=__doc__)
    parser.add_argument("course", help="the course's name: another name gives other numbers")
    parser.add_argument("homework", help="hw1 to hw6, or hunt1, hunt2, ... for bug hunts")
    given = parser.parse_args(arguments)
    name = re.sub(r"^(\d+)$", r"hw\1", given.homework)
    for path in write(read_master(name, given.course), DIST / folder_name(given.course) / name):
        print(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


if __name__ == "__main__":
    main(sys.argv[1:])
