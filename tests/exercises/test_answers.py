"""Each check of the chapters takes what is right, refuses what is wrong, and says why."""

import ast
import importlib
import re
import warnings
from pathlib import Path

import pytest

import recbook.exercises
from tests.exercises.machinery import (
    CHAPTERS,
    CHECKED,
    DOMAIN,
    RIGHT,
    WRONG,
    cells,
    check_of,
    faulty_answers,
    model_of,
    name_of,
    of_exercises,
    run,
    verdict,
)

pytestmark = pytest.mark.no_cover

HERE = Path(__file__).parent
for path in sorted(HERE.glob("chapter_*.py")):
    importlib.import_module(f"tests.exercises.{path.stem}")
DONE = [path for path in CHAPTERS if of_exercises(path, "question")]
SHARE = 0.95  # of the planted faults that change a value, how many a check must refuse
KINDS = "Code|By hand|Prove|Read|Run and change|Think|Open"
HEAD = re.compile(rf"### Exercise (\d+\.\d)\n\n\*({KINDS}), (easy|medium|hard), (\d+) minutes\.\* ")


def test_every_check_is_tried() -> None:
    assert CHECKED.keys() == RIGHT.keys() == WRONG.keys()
    assert {name for name in CHECKED if model_of(name)} == DOMAIN.keys()


@pytest.mark.parametrize("exercise", CHECKED)
def test_what_is_right_is_taken(exercise: str) -> None:
    assert len(RIGHT[exercise]) >= 3
    model = model_of(exercise)
    own = [] if model is None else [run(model, CHECKED[exercise])]
    for answer in [*own, *RIGHT[exercise]]:
        assert verdict(exercise, answer) == (True, "Right.\n"), answer


@pytest.mark.parametrize("exercise", CHECKED)
def test_what_is_wrong_is_refused_with_a_reason(exercise: str) -> None:
    assert len(WRONG[exercise]) >= 5
    for answer, says in WRONG[exercise]:
        result, told = verdict(exercise, answer)
        assert result is False, answer
        assert told.startswith(f"Not yet (exercise {exercise}). ") and says in told, told


@pytest.mark.parametrize("exercise", CHECKED)
def test_who_has_no_answer_yet_is_told_so(exercise: str) -> None:
    stub = of_exercises(CHECKED[exercise], "stub")[exercise].source
    names: dict[str, object] = {}
    exec(stub, names)
    (mine,) = [value for name, value in names.items() if name.startswith("my_")]
    result, told = verdict(exercise, mine)
    assert result is False and "in place of the dots" in told

    def fails(*_: object) -> None:
        raise RuntimeError("nothing works")

    for answer, says in ((fails, "RuntimeError: nothing works"), (lambda *_: "x", "'x'")):
        result, told = verdict(exercise, answer)
        assert result is False and says in told
    assert verdict(exercise, lambda *_: float("nan"))[0] is False


@pytest.mark.parametrize("exercise", DOMAIN)
def test_planted_faults_are_refused(exercise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recbook.exercises, "_LINES", 2_000)  # many a faulty loop never ends
    with warnings.catch_warnings(action="ignore"):
        tried = [(text, verdict(exercise, faulty)[0]) for text, faulty in faulty_answers(exercise)]
    taken = [text for text, result in tried if result is not False]
    assert len(tried) >= 5
    assert 1 - len(taken) / len(tried) >= SHARE, "\n\n".join(taken)


# How exercises are written ------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", DONE, ids=lambda path: path.stem)
def test_exercises_are_numbered_and_say_how_hard_they_are(chapter: Path) -> None:
    number = int(chapter.stem[:2])
    questions = of_exercises(chapter, "question")
    assert list(questions) == [f"{number}.{n + 1}" for n in range(len(questions))]
    heads = re.findall(
        r"^#+ Exercise\b.*", "\n".join(c.source for c in cells(chapter)), re.MULTILINE
    )
    assert len(heads) == len(questions)
    for name, cell in questions.items():
        head = HEAD.match(cell.source)
        assert head and head[1] == name, cell.source
        assert (name in of_exercises(chapter, "check")) == (
            name in of_exercises(chapter, "stub")
        ), name
        answered = name in of_exercises(chapter, "answer") or "<details>" in cell.source
        assert answered or head[2] == "Open", f"{name} has no answer"


@pytest.mark.parametrize("exercise", CHECKED)
def test_a_check_is_short_and_returns(exercise: str) -> None:
    source = of_exercises(CHECKED[exercise], "check")[exercise].source
    assert len(source.splitlines()) <= 30
    (head, call) = ast.parse(source).body
    assert isinstance(head, ast.FunctionDef) and isinstance(head.body[-1], ast.Return)
    assert re.fullmatch(rf"{name_of('check', exercise)}\(my_\w+\);", source.splitlines()[-1])
    assert isinstance(call, ast.Expr) and callable(check_of(exercise))


@pytest.mark.parametrize("chapter", DONE, ids=lambda path: path.stem)
def test_an_answer_overwrites_nothing(chapter: Path) -> None:
    answers = [*of_exercises(chapter, "answer").items(), *of_exercises(chapter, "data").items()]
    for name, cell in answers:
        for node in ast.parse(cell.source).body:
            allowed = isinstance(node, ast.FunctionDef) and node.name.startswith("answer_")
            shown = isinstance(node, ast.Expr)
            assigned = isinstance(node, ast.Assign) and all(
                isinstance(target, ast.Name) and target.id.startswith(name_of("answer", name))
                for target in node.targets
            )
            assert allowed or shown or assigned, f"{name}: {ast.unparse(node)}"
        assert "hide-cell" in cell.metadata["tags"]
        assert cell.source.startswith(f"# @title Answer to exercise {name}")
