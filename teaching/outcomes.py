"""What practises what, and for how long: python -m teaching.outcomes writes outcomes.md.

    python -m teaching.outcomes "Graphs, spring 2027"

lists a course's bug hunts in the order in which its students can take them.
"""

import math
import re
import sys
from pathlib import Path
from typing import NamedTuple

import nbformat
import yaml

from teaching.master import FOLDER, HEADING, all_bugs, master_path, read_cells
from tools.first_cell import first_cell

BOOK = FOLDER.parent / "book"
CHAPTERS = {int(path.name[:2]): path for path in sorted(BOOK.glob("[0-9][0-9]_*.ipynb"))}
MAPPING, TABLES = FOLDER / "outcomes.yml", FOLDER / "outcomes.md"
WORDS_A_MINUTE, CELLS_A_MINUTE, QUESTION_MINUTES = 100, 2, 2
KINDS = ("exercises", "homework", "hunts")
_TASK = re.compile(r"### Exercise [\d.]+\n\n\*.+?, (\d+) minutes\.\*")
_NO_PROSE = re.compile(r"^## References.*|^\[badge\]:.*?$", re.DOTALL | re.MULTILINE)
_NAMED = re.compile(r"\bchapters?\s((?:[\d,]|\s|and)+)")


class Chapter(NamedTuple):
    """What a chapter asks of a reader.

    Attributes:
        title: its heading, with its number.
        outcomes: what its reader can do afterwards, as its header says it.
        questions: the ids of the questions on its way.
        exercises: the minutes of each exercise, by id.
        minutes: for reading it and answering its questions, rounded up to five.
    """

    title: str
    outcomes: list[str]
    questions: list[str]
    exercises: dict[str, int]
    minutes: int


def read_chapter(number: int) -> Chapter:
    """A chapter's outcomes, questions and exercises, and how long it takes to read."""
    cells = nbformat.read(CHAPTERS[number], as_version=4).cells
    text = [cell for cell in cells if cell.cell_type == "markdown"]
    way = [cell for cell in cells if "exercise" not in cell.metadata]
    prose = [c for c in way if c.cell_type == "markdown" and "question" not in c.metadata]
    words = sum(len(_NO_PROSE.sub("", cell.source).split()) for cell in prose)
    code = sum(cell.cell_type == "code" for cell in way)
    questions = [cell.metadata["question"] for cell in text if "question" in cell.metadata]
    reading = words / WORDS_A_MINUTE + code / CELLS_A_MINUTE + QUESTION_MINUTES * len(questions)
    said = first_cell(cells[0].source)
    return Chapter(
        said["title"],
        [re.sub(r"^\d+\. |[;.]$", "", line) for line in said["goals"].splitlines()],
        questions,
        {
            cell.metadata["exercise"]: int(task[1])
            for cell in text
            if (task := _TASK.match(cell.source))
        },
        5 * math.ceil(reading / 5),
    )


class Task(NamedTuple):
    """A homework question or bug hunt: its minutes, and the chapters that its outcomes name."""

    minutes: int
    chapters: list[int]


def questions_of(master: Path) -> dict[str, Task]:
    """A master's questions, by id."""
    tasks = {}
    for cell in read_cells(master):
        if cell.role == "question" and (heading := HEADING.match(cell.source)):
            named = " ".join(_NAMED.findall(heading[2]))
            chapters = [int(number) for number in re.findall(r"\d+", named)]
            tasks[cell.question] = Task(cell.metadata["minutes"], chapters)
    return tasks


def homework() -> dict[str, Task]:
    """All homework questions, by id."""
    paths = sorted(FOLDER.glob("masters/*.py"))
    return {name: task for path in paths for name, task in questions_of(path).items()}


def hunts() -> dict[str, Task]:
    """All bug hunts, by the names of their bugs."""
    made = {}
    for bug in all_bugs():
        tasks = questions_of(FOLDER / "bugs" / f"{bug}.py").values()
        chapters = sorted({number for task in tasks for number in task.chapters})
        made[bug] = Task(sum(task.minutes for task in tasks), chapters)
    return made


def read_mapping() -> dict[int, list[dict[str, list[str]]]]:
    """What practises each outcome, chapter by chapter, as outcomes.yml has it."""
    mapping: dict[int, list[dict[str, list[str]]]] = yaml.safe_load(MAPPING.read_text())
    return mapping


def tables() -> str:
    """outcomes.md: for each chapter its outcomes, and what practises each."""
    tasks = {"homework": homework(), "hunts": hunts()}
    minutes = {kind: {name: task.minutes for name, task in tasks[kind].items()} for kind in tasks}
    parts = [
        "# Outcomes, and what practises them",
        "Made of the chapters, the masters and `outcomes.yml` by `python -m teaching.outcomes`; "
        "change those. Minutes stand in brackets. Reading includes a chapter's questions; "
        "[the plans](plans.md) say how it is counted.",
    ]
    for number, practice in read_mapping().items():
        chapter = read_chapter(number)
        minutes["exercises"] = chapter.exercises
        lines = [
            f"## [{chapter.title}](../book/{CHAPTERS[number].name})",
            "",
            f"Reading {chapter.minutes} minutes, "
            f"exercises {sum(chapter.exercises.values())} minutes.",
            "",
            "| After this chapter you can | exercises | homework | bug hunts |",
            "|---|---|---|---|",
        ]
        for outcome, by in zip(chapter.outcomes, practice, strict=True):
            columns = (
                ", ".join(f"{name} ({minutes[kind][name]})" for name in by.get(kind, []))
                for kind in KINDS
            )
            lines.append(f"| {' | '.join([outcome, *columns])} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def hunts_of(course: str) -> list[tuple[int, str]]:
    """A course's hunts, by the last chapter that they need: this chapter and the hunt's name."""
    known = hunts()
    names = [f"hunt{number}" for number in range(1, len(known) + 1)]
    return sorted((known[master_path(name, course).stem].chapters[-1], name) for name in names)


def main(arguments: list[str]) -> None:
    """Write the tables, or list a course's hunts."""
    if arguments:
        for chapter, name in hunts_of(" ".join(arguments)):
            print(f"{name:7} after chapter {chapter}")
    else:
        TABLES.write_text(tables(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
