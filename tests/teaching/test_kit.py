"""The kit's own parts: forms, marking, masters and what is drawn for a course."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from recbook.data import Interactions
from teaching import master as masters
from teaching.build import student, with_solution, without_solution
from teaching.forms import pack, plain, same, unpack
from teaching.marking import mark_answers
from teaching.master import OWN, Master, all_bugs, master_path, read_master
from teaching.variants import SECRET, folder_name, generator, tag
from teaching.worker import Answers

NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False) | st.booleans() | st.text()
KEYS = st.integers() | st.text() | st.tuples(st.integers(), st.integers())
VALUES = st.recursive(
    NUMBERS | st.none(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner) | st.sets(KEYS)
    ),
    max_leaves=20,
)


@settings(deadline=None)  # the first call imports what it packs
@given(VALUES)
def test_arguments_arrive_as_they_were(value: Any) -> None:
    assert unpack(json.loads(json.dumps(pack(value))), arrays=True) == value


def test_arrays_arrive_with_their_type() -> None:
    for value in (torch.tensor([[1, 2]]), torch.tensor([0.5]), np.array([1.5, 2], np.float32)):
        again = unpack(json.loads(json.dumps(pack(value))), arrays=True)
        assert type(again) is type(value) and again.dtype == value.dtype
        assert again.tolist() == value.tolist()
    toy = Interactions.from_pairs([0, 1], [2, 0], 3, 4)
    again = unpack(pack(toy), arrays=True)
    assert (again.item.tolist(), again.num_users, again.num_items) == ([2, 0], 3, 4)


def test_a_result_makes_no_tensor() -> None:
    huge = {"tensor": [[0], "float32"]}
    with pytest.raises(ValueError):
        unpack(huge)
    colliding = {"set": [n * (2**61 - 1) for n in range(20_000)]}  # all have the same hash
    with pytest.raises(ValueError, match="a set of 20,000 elements"):
        unpack(colliding)
    with pytest.raises(TypeError, match="no plain data; give numbers"):
        pack(object())
    with pytest.raises(TypeError, match="no plain data"):
        plain(lambda: 1)


RIGHT = [
    ([1, 2], torch.tensor([1.0, 2.0])),
    ([1, 2], (np.int64(1), 2)),
    ([1, 2], pd.Series([1, 2], index=["a", "b"])),
    ([[1, 0], [0, 2]], torch.tensor([[1, 0], [0, 2]]).to_sparse()),
    ([[1, 2]], pd.DataFrame({"a": [1], "b": [2]})),
    ({1, 2}, [2, 1]),
    ({(0, 1)}, [[0, 1]]),
    ({"a": 1.0}, Counter({"a": 1})),
    ({"a": 1, "b": 0}, Counter("a")),
    (0.25, torch.tensor(0.25000001)),
    (float("nan"), np.nan),
    ([], range(0)),
    (None, ...),
]
WRONG = [
    ([1, 2], [2, 1]),
    ([1, 2], {1, 2}),
    ({1, 2}, [1, 1, 2]),
    ({"a": 1, "b": 0}, {"a": 1}),
    (0.25, 0.2501),
    (0.25, float("nan")),
    (float("inf"), 1e300),
    (1, "1"),
    ("a", ["a"]),
    (1, [1]),
    ([1], 1),
    (2**60, 10**400),
]


@pytest.mark.parametrize(("expected", "got"), RIGHT)
def test_right_in_another_form(expected: Any, got: Any) -> None:
    assert same(unpack(pack(plain(got))), expected, 1e-5)


@pytest.mark.parametrize(("expected", "got"), WRONG)
def test_wrong(expected: Any, got: Any) -> None:
    assert not same(unpack(pack(plain(got))), expected, 1e-5)


def told(source: str, sheet: dict[str, Any], question: str) -> set[str]:
    answers = Answers()
    answers.run(source)
    return {m.told for m in mark_answers(sheet, answers.reply) if m.question == question}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "There is no `mended_hit_rate` in your notebook"),
        ("def mended_hit_rate(scores, targets, k):\n    ...", "returned nothing"),
        ("mended_hit_rate = ...", "has no answer so far"),
        ("mended_hit_rate = 3", "is no function"),
        ("def mended_hit_rate(scores, targets, k):\n    x = 1\n    return 1 / 0", "in line 3"),
        ("def mended_hit_rate(scores, targets, k):\n    raise OSError(scores)", "with OSError in"),
        (
            "class Told(Exception): pass\ndef mended_hit_rate(scores, targets, k):\n"
            "    raise type(str(scores), (Exception,), {})",
            "with an error in line 2",
        ),
        ("def mended_hit_rate(scores, targets, k):\n    exit()", "with SystemExit in line 2"),
        ("def mended_hit_rate(scores, targets, k):\n    return print", "It stopped with TypeError"),
        ("def mended_hit_rate(*given):\n    return {'x': 1}", "no scores are equal"),
    ],
)
def test_messages(source: str, message: str, hunt_sheet: dict[str, Any]) -> None:
    assert all(message in each for each in told(source, hunt_sheet, "2") if "equal" not in each)
    assert any(message in each for each in told(source, hunt_sheet, "2"))


def test_a_result_that_is_too_long_is_not_compared(hunt_sheet: dict[str, Any]) -> None:
    colliding = (
        "def mended_hit_rate(*given):\n    return [{n * (2**61 - 1) for n in range(900)}] * 9"
    )
    assert any("longer than any right one" in each for each in told(colliding, hunt_sheet, "2"))


def test_changing_an_argument_loses_the_part(hunt: Master, hunt_sheet: dict[str, Any]) -> None:
    right = hunt.questions[1].sources("answer")[0].source
    changed = right.replace("    total = 0.0\n", "    total = 0.0\n    targets = list(targets)\n")
    assert told(changed, hunt_sheet, "2") == {""}
    spoilt = right.replace(
        "    total = 0.0\n",
        "    total = 0.0\n    scores.append(scores.pop(0))\n    targets.append(targets.pop(0))\n",
    )
    assert any("work on a copy" in each for each in told(spoilt, hunt_sheet, "2"))


def test_a_students_test_must_pass_right_code(hunt_sheet: dict[str, Any]) -> None:
    always = "def test_hit_rate(candidate):\n    assert False"
    assert told(always, hunt_sheet, "3") == {"Your test fails code that is right."}
    never = "def test_hit_rate(candidate):\n    return True"
    passed = told(never, hunt_sheet, "3")
    assert all(each.startswith("Your test passes code that is wrong. ") for each in passed)
    leaves = "def test_hit_rate(candidate):\n    raise SystemExit"
    assert told(leaves, hunt_sheet, "3") == {
        "It stopped with SystemExit in line 2 of `test_hit_rate`."
    }


def test_solutions_are_taken_out() -> None:
    source = (
        "def f(x):\n    # BEGIN SOLUTION\n    return x\n    # END SOLUTION\n\n\nk = 3  # SOLUTION"
    )
    assert without_solution(source) == "def f(x):\n    ...\n\n\nk = ..."
    assert with_solution(source) == "def f(x):\n    return x\n\n\nk = 3"
    value = "x = ...\n# BEGIN SOLUTION\nx = 3\n# END SOLUTION"
    assert without_solution(value) == "x = ..." and with_solution(value) == "x = ...\nx = 3"


QUESTION = (
    '# %% [markdown]\n# # Homework 9\n\n# %% [markdown] question="1" asks="my_x" minutes=5\n'
    "# ## Question 1 It\n#\n# **Outcome.** You can.\n\n"
)
HIDDEN = (
    '# %% question="1" role="hidden"\ndef hidden(rng, drawn):\n    return [Part("x", 1, "?")]\n\n'
)
ANSWER = '# %% question="1" role="answer"\nmy_x = 3  # SOLUTION\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            QUESTION + HIDDEN + ANSWER.replace("answer", "anwser"),
            "role='anwser', expected question",
        ),
        (QUESTION + HIDDEN + ANSWER.replace("# SOLUTION", "#SOLUTION"), "has `# SOLUTION`"),
        (QUESTION + HIDDEN + ANSWER.replace("# SOL", "# BEGIN SOL"), "has `# SOLUTION`"),
        (QUESTION + HIDDEN + ANSWER.replace('role="answer"', ""), "and no other, has"),
        (QUESTION + ANSWER, "needs asks= and a cell with role='hidden'"),
        (QUESTION.replace("minutes=5", "") + HIDDEN + ANSWER, "needs minutes="),
        (
            QUESTION.replace("**Outcome.** ", "") + HIDDEN + ANSWER,
            "Its title",
        ),
        (QUESTION + HIDDEN + ANSWER + "\n# %%\n{{films}}\n", r"\{\{films\}\} is not drawn"),
    ],
)
def test_faults_of_a_master_are_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "hw9.py"
    path.write_text(QUESTION + HIDDEN + ANSWER)
    assert "my_x = ..." in [cell.source for cell in student(read_master("hw9", "A", path)).cells]
    path.write_text(text)
    with pytest.raises(SystemExit, match=message):
        read_master("hw9", "A", path)


def test_what_is_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "hw9.py"
    draw = (
        '# %% role="variant"\ndef variant(rng):\n    return {"long": list(range(50)), "n": 3}\n\n'
    )
    cells = "# %%\nvalues = {{long}}\n\n# %% [markdown]\n"
    cells += "# {{n}} of {{points}}, {{minutes}}, {{number}}\n"
    path.write_text(QUESTION + HIDDEN + ANSWER + draw + cells)
    code, text = (cell.source for cell in student(read_master("hw9", "A", path)).cells[-2:])
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["values"] == list(range(50)) and max(map(len, code.splitlines())) <= 88
    assert text == "3 of 1, 5, 9"


def test_courses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert generator("A", "x").random() == generator("A", "x").random()
    drawn = {generator(*names).random() for names in [("A", "x"), ("A", "y"), ("B", "x"), ("Ax",)]}
    assert len(drawn) == 4
    assert folder_name("CS 101: Graphs!") == f"cs-101-graphs-{tag('CS 101: Graphs!')[:4]}"
    assert folder_name("CS-101") != folder_name("CS 101")
    one = tag("A")
    monkeypatch.setenv(SECRET, "another secret")
    assert tag("A") != one
    monkeypatch.setenv(SECRET, "short")
    with pytest.raises(SystemExit, match="has 5 characters, expected at least 12"):
        tag("A")
    monkeypatch.delenv(SECRET)
    with pytest.raises(SystemExit, match="has 0 characters"):
        tag("A")


def test_masters_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bugs = [f"bug{n}" for n in range(10)]
    monkeypatch.setattr(masters, "all_bugs", lambda: list(bugs))
    order = {
        course: [master_path(f"hunt{n}", course).stem for n in range(1, 11)] for course in "AB"
    }
    assert sorted(order["A"]) == sorted(order["B"]) == bugs and order["A"] != order["B"]
    with pytest.raises(SystemExit, match="there are hunts 1 to 10"):
        master_path("hunt11", "A")
    with pytest.raises(
        SystemExit, match="there is no homework 'hw99', expected HW to be one of hw1"
    ):
        master_path("hw99", "A")
    (tmp_path / "hw9.py").write_text(QUESTION)
    monkeypatch.setenv(OWN, str(tmp_path))
    assert master_path("hw9", "A") == tmp_path / "hw9.py" and master_path("hw1", "A").is_file()
    with pytest.raises(SystemExit, match="COURSE is empty"):
        master_path("hunt1", " ")


def test_a_hunts_name_is_not_in_the_students_file(hunt: Master) -> None:
    text = "\n".join(cell.source for cell in student(hunt).cells)
    assert all_bugs() and "bugs" not in text and "ties.py" not in text


def test_random_is_as_it_was() -> None:
    """Files of a course stay the same only if Python draws the same."""
    rng = random.Random(1)
    assert [rng.randint(0, 99) for _ in range(4)] == [17, 72, 97, 8]
    assert rng.sample(range(10), 4) == [4, 1, 7, 6]
