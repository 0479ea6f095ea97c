"""The plans' minutes add up and are those of the chapters and masters; each exercise practises an
outcome; the figures of the answers to students' questions stand in the chapters they lead to."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import nbformat
import pytest

from teaching import outcomes
from teaching.master import FOLDER
from teaching.outcomes import CHAPTERS, KINDS, Chapter, Task, read_mapping
from tests.test_pages import LINK, anchor, anchors
from tools.prose import read_figures, shown

PLANS, QUESTIONS = ((FOLDER / name).read_text("utf-8") for name in ("plans.md", "questions.md"))
ANSWERS = re.findall(r"^### (.+)\n\n(.+)$", QUESTIONS, re.MULTILINE)
COURSES = ["## Four weeks", "## Twelve weeks"]
IN_CLASS, HUNT, HUNTS_DIFFER = 3, 40, 5
ITEM = re.compile(r"([a-z][a-z -]*?)(?: ([\d.]+)(?: to ([\d.]+))?)? \((\d+)\)")


@cache
def chapter(number: int) -> Chapter:
    return outcomes.read_chapter(number)


def rows(start: str) -> list[list[str]]:
    """The rows of the plans' first table after a text."""
    table = re.search(r"(?:^\|.*\n)+", PLANS[PLANS.index(start) :], re.MULTILINE)
    assert table, start
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in table[0].splitlines()[2:]]


def minutes(cell: str) -> int:
    """The minutes of a cell's items, each compared with what it names."""
    whole = 0
    for item in filter(None, re.split("; |<br>", cell)):
        found = ITEM.match(item)
        assert found, f"{item!r} says no minutes"
        kind, first, last, said = found.groups()
        if kind == "reading":
            expected = chapter(int(first)).minutes
        elif kind == "questions":
            ids = chapter(int(first.split(".")[0])).questions
            expected = IN_CLASS * (ids.index(last) - ids.index(first) + 1)
        elif kind == "exercise":
            expected = chapter(int(first.split(".")[0])).exercises[first]
        elif kind == "homework":
            asked = outcomes.questions_of(FOLDER / "masters" / f"hw{first}.py").values()
            expected = sum(task.minutes for task in asked)
        else:
            assert (int(first) in CHAPTERS) if kind == "slides" else first is None, item
            expected = HUNT if kind == "hunt" else int(said)
        assert int(said) == expected, f"the plan says {item!r}, expected {expected} minutes"
        whole += int(said)
    return whole


def clock(time: str) -> int:
    hours, rest = time.split(":")
    return 60 * int(hours) + int(rest)


def test_the_day_is_full() -> None:
    day = rows("## One day")
    starts = [clock(time) for time, *_ in day]
    for start, after, (_, what, said) in zip(starts, [*starts[1:], 17 * 60], day, strict=True):
        assert minutes(what.partition(":")[0]) == int(said) == after - start, what


@pytest.mark.parametrize("plan", COURSES)
def test_weeks_add_up(plan: str) -> None:
    *weeks, whole = rows(plan)
    for _, before, there, after, in_class, at_home in weeks:
        assert minutes(there) == int(in_class), there
        assert minutes(before) + minutes(after) == int(at_home), after
    sums = [sum(int(week[column]) for week in weeks) for column in (4, 5)]
    assert [int(whole[4]), int(whole[5])] == sums


@pytest.mark.parametrize("plan", COURSES)
def test_nothing_comes_twice_or_before_its_chapter(plan: str) -> None:
    needed = [{*hunt.chapters} for hunt in outcomes.hunts().values()]
    given: list[str] = []
    read: set[int] = set()
    hunts = 0
    for _, before, there, after, *_ in rows(plan)[:-1]:
        read |= {int(number) for number in re.findall(r"reading (\d+)", before)}
        new = re.findall(r"((exercise|homework) (\d+)[.\d]*)", f"{there} {after}")
        for name, kind, number in new:
            assert (int(number) if kind == "exercise" else 2 * int(number)) in read, name
        given += [name for name, *_ in new]
        hunts += after.count("hunt (")
        ready = sum(chapters <= read for chapters in needed)
        assert hunts <= ready, f"{ready} hunts need no more than the chapters {read}"
    assert len({*given}) == len(given)
    if plan == "## Twelve weeks":
        assert hunts == len(needed)
        assert {f"homework {number}" for number in range(1, 7)} <= {*given}


def test_hunts_take_what_the_plans_say() -> None:
    took = {bug: hunt.minutes for bug, hunt in outcomes.hunts().items()}
    assert {bug: long for bug, long in took.items() if abs(long - HUNT) > HUNTS_DIFFER} == {}


def test_optional_chapters_follow_what_their_headers_ask_for() -> None:
    for name, after, _ in rows("**Which chapters are optional.**"):
        path = CHAPTERS[int(name.split()[0])]
        header = nbformat.read(path, as_version=4).cells[0].source.partition("**Read before:**")[2]
        assert int(after) == max(map(int, re.findall(r"\[chapter (\d+)\]", header))), name


def test_homework_without_an_optional_chapter_keeps_four_questions() -> None:
    said = re.findall(
        r"Chapter (\d+), if [^;|]+; homework (\d) then loses question (.+?)\. ", PLANS
    )
    assert len(said) == 2
    for left_out, number, loses in said:
        others = [p for n, p in read_mapping().items() if n <= 12 and n != int(left_out)]
        practised = {name for p in others for each in p for name in each.get("homework", [])}
        asked = {*outcomes.questions_of(FOLDER / "masters" / f"hw{number}.py")}
        assert asked - practised == {loses} and len(asked) - 1 >= 4


def test_each_outcome_is_practised_and_each_exercise_practises_one() -> None:
    mapping = read_mapping()
    assert [*mapping] == [*CHAPTERS], "teaching/outcomes.yml: one entry for each chapter"
    for number, practice in mapping.items():
        assert len(practice) == len(chapter(number).outcomes), f"chapter {number}"
        assert all(any(each.get(kind) for kind in KINDS) for each in practice), f"chapter {number}"
        own = {one for each in practice for one in each.get("exercises", [])}
        assert own == {*chapter(number).exercises}, f"chapter {number}"


@pytest.mark.parametrize("tasks", [outcomes.homework, outcomes.hunts])
def test_tasks_practise_outcomes_of_the_chapters_they_name(
    tasks: Callable[[], dict[str, Task]],
) -> None:
    mapped: dict[str, set[int]] = {}
    for number, practice in read_mapping().items():
        for name in [name for each in practice for name in each.get(tasks.__name__, [])]:
            mapped.setdefault(name, set()).add(number)
    assert {*mapped} == {*tasks()}, f"teaching/outcomes.yml: all {tasks.__name__}, and no others"
    for name, task in tasks().items():
        assert mapped[name] & {*task.chapters}, f"{name} names the chapters {task.chapters}"


def test_the_tables_are_what_their_tool_writes() -> None:
    tables = outcomes.tables()
    assert outcomes.TABLES.read_text("utf-8") == tables, "call python -m teaching.outcomes"
    # By hand: exercise 1.1 and homework question 1.2, which is not exercise 1.2.
    exercise, question = chapter(1).exercises["1.1"], outcomes.homework()["1.2"].minutes
    assert question != chapter(1).exercises["1.2"]
    assert f"rare in it | 1.1 ({exercise}), 1.6 (45) | 1.2 ({question}) |" in tables


def test_a_course_gets_all_hunts_the_earliest_first(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes.main(["Graphs, spring 2027"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert sorted(line[0] for line in lines) == sorted(f"hunt{n + 1}" for n in range(len(lines)))
    last = [hunt.chapters[-1] for hunt in outcomes.hunts().values()]
    assert [int(line[-1]) for line in lines] == sorted(last)


def figures(text: str) -> set[float]:
    return {shown(figure)[0] for one in read_figures(text) for figure in one.figures}


@cache
def figures_of(page: Path) -> set[float]:
    """All figures that a chapter writes or prints."""
    cells = nbformat.read(page, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    printed = [each.get("text", each.get("data", {}).get("text/plain", "")) for each in outputs]
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    return figures("\n\n".join([*prose, *printed]))


@pytest.mark.parametrize(("question", "answer"), ANSWERS, ids=[anchor(q) for q, _ in ANSWERS])
def test_answers_quote_the_chapters_they_lead_to(question: str, answer: str) -> None:
    pages = []
    for link in LINK.finditer(answer):
        if link["file"].startswith("../book/"):
            pages.append((FOLDER / link["file"]).resolve())
            assert link["place"] in anchors(pages[-1]), link[0]
    there = set().union(*map(figures_of, pages))
    assert pages and figures(answer) <= there, f"{question} {figures(answer) - there}"


def test_all_questions_are_read() -> None:
    assert len(ANSWERS) == QUESTIONS.count("\n### ")
