"""Each homework and bug hunt, for twenty courses: who is right has all points, who is wrong loses
those that the master says and no others, and a student's file gives nothing away.

A master of yours alone: pytest tests/teaching/test_masters.py -k hw3
"""

import ast
import json
import os
import re
import textwrap
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import nbformat
import pytest

from teaching.build import answered, run, sheet, student, write
from teaching.marking import Mark, mark_answers
from teaching.master import (
    FOLDER,
    IN_MASTER,
    IN_SOLUTION,
    Cell,
    Master,
    Question,
    master_folders,
    read_master,
)
from teaching.variants import SECRET, generator
from teaching.worker import Answers

COURSES = [f"Graphs, group {number}" for number in range(1, 21)]
FOLDERS = [FOLDER / "bugs", *master_folders()]
MASTERS = sorted(path for folder in FOLDERS for path in folder.glob("*.py"))
WRONG_ANSWERS, BLANK_SHARE = 5, 0.1


@pytest.fixture(params=MASTERS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param


def read(path: Path, course: str) -> Master:
    return read_master("hunt1" if path.parent.name == "bugs" else path.stem, course, path)


@cache
def built(path: Path, course: str) -> tuple[Master, dict]:
    """The master and its sheet; making one fails where the solution has not all points."""
    master = read(path, course)
    return master, sheet(master)


def with_cell(answers: Answers, cell: Cell) -> Answers:
    """The same with another answer to one question."""
    changed = Answers(dict(answers.names))
    assert changed.run(cell.source) == "", cell.source
    return changed


def lost(marks: list[Mark], question: str) -> set[str]:
    return {m.title for m in marks if m.question == question and m.points < m.out_of}


def automatic(master: Master) -> Iterator[Question]:
    return (question for question in master.questions if question.parts)


def only(made: dict, question: Question) -> dict:
    return made | {"questions": [each for each in made["questions"] if each["id"] == question.id]}


def test_right_and_wrong_answers(path: Path) -> None:
    for course in COURSES:
        master, made = built(path, course)
        answers = run(answered(master))[0]
        for question in automatic(master):
            titles = {part.title for part in question.parts}
            for cell in question.sources("right"):
                marks = mark_answers(only(made, question), with_cell(answers, cell).reply)
                assert not lost(marks, question.id), (course, marks, cell.source)
            for cell in question.sources("wrong"):
                loses = cell.metadata["loses"]
                loses = titles if loses == "all" else set(loses)
                assert loses and loses <= titles, f"{loses} are not among {titles}"
                whole = made if course == COURSES[0] else only(made, question)
                marks = mark_answers(whole, with_cell(answers, cell).reply)
                got = lost(marks, question.id)
                assert got == loses, f"{course}: loses {got}, not {loses}:\n{cell.source}"
                others = [m for m in marks if m.question != question.id and not m.by_hand]
                assert all(m.points == m.out_of for m in others), (others, cell.source)


def test_answers_are_enough(path: Path) -> None:
    master = read(path, COURSES[0])
    for question in automatic(master):
        assert len(question.sources("wrong")) >= WRONG_ANSWERS, question.id
        assert question.sources("right"), f"question {question.id}: the same in another form"
        caught = [cell.metadata["loses"] for cell in question.sources("wrong")]
        for part in question.parts:
            some = any(loses == "all" or part.title in loses for loses in caught)
            assert some, f"question {question.id}: no wrong answer loses {part.title!r}"
    fewest = 3 if path.parent.name == "bugs" else 4
    have = len(master.questions)
    assert fewest <= have <= 6, f"{path.name} has {have} questions, expected {fewest} to 6"


def test_blank_file(path: Path) -> None:
    for course in COURSES:
        master, made = built(path, course)
        marks = mark_answers(made, run(student(master))[0].reply)
        assert sum(m.points for m in marks) <= BLANK_SHARE * sum(m.out_of for m in marks)


def lines(sources: Iterable[str]) -> set[str]:
    """Their lines that say something."""
    several = (line.strip() for source in sources for line in source.splitlines())
    return {line for line in several if len(line) > 8}


def statements(sources: Iterable[str]) -> set[str]:
    """Their statements in a normal form, however they are laid out."""
    found = set()
    for source in sources:
        body = textwrap.indent(f"{source}\npass", "    ")  # of a function, where it may return
        [whole] = ast.parse(f"def function():\n{body}").body
        several = (node for node in ast.walk(whole) if node is not whole)
        found |= {ast.unparse(node) for node in several if isinstance(node, ast.stmt)}
    return {text for text in found if len(text) > 8}


SOLUTION = re.compile(r"^( *)# BEGIN SOLUTION\n(.*?)^ *# END SOLUTION$", re.DOTALL | re.MULTILINE)


def test_students_get_no_solution_test_or_seed(path: Path) -> None:
    for course in COURSES[:5]:
        master = read(path, course)
        notebook = student(master)
        code = [cell for cell in master.cells if cell.kind == "code"]
        secret = [cell.source for cell in code if cell.role in IN_MASTER + IN_SOLUTION]
        answers = [cell.source for cell in code if cell.role == "answer"]
        secret += [
            textwrap.dedent(hidden) for each in answers for _, hidden in SOLUTION.findall(each)
        ]
        given = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        allowed = [SOLUTION.sub(r"\1...", each) for each in answers] + [given[0]]
        allowed += [cell.source for cell in code if cell.role in ("", "check", "pipeline")]
        for forms in (lines, statements):
            assert not forms(secret) & forms(given) - forms(allowed)
        text = nbformat.writes(notebook)
        told = lines(cell.source for cell in master.cells if cell.role == "instructor")
        assert not {line for line in told if json.dumps(line)[1:-1] in text}
        for name in ("variant", *(question.id for question in master.questions)):
            state = generator(course, path.stem, name).getstate()[1]
            assert not {str(word) for word in state if str(word) in text and word > 99999}
        assert os.environ[SECRET] not in text and course not in text


def test_two_names_differ_and_one_repeats(path: Path, tmp_path: Path) -> None:
    def files(course: str, folder: str) -> dict[str, bytes]:
        made = write(read(path, course), tmp_path / folder)
        return {file.name: file.read_bytes() for file in made}

    first, again, other = files("A", "1"), files("A", "2"), files("B", "3")
    assert first == again
    assert all(first[name] != other[name] for name in first)
    parts = [json.loads(each["autograder.json"])["questions"] for each in (first, other)]
    assert parts[0] != parts[1], "the hidden cases are the same in both courses"


def test_the_guides_homework(tmp_path: Path) -> None:
    guide = (FOLDER / "README.md").read_text()
    [text] = re.findall(r"```python\n(# %% \[markdown\]\n.*?)```", guide, re.DOTALL)
    path = tmp_path / "hw7.py"
    path.write_text(text)
    test_right_and_wrong_answers(path)
    test_blank_file(path)
    test_students_get_no_solution_test_or_seed(path)
    test_two_names_differ_and_one_repeats(path, tmp_path)
    [question] = read(path, "A").questions
    assert len(question.sources("wrong")) >= WRONG_ANSWERS
