"""How chapters stop a reader: questions with three answers, guesses, and no more text than this."""

import re
from pathlib import Path

import pytest

from tests.exercises.machinery import CHAPTERS, cells

WORDS = 3000  # of text, beside exercises, questions and references
QUESTION = re.compile(
    r"\*\*Question (?P<number>\d+\.\d+)\.\*\* [^<]+?\?[^<]*?"
    r"(?P<choices>(?:\n\n<details>.*?</details>)+)",
    re.DOTALL,
)
CHOICE = re.compile(
    r"<details><summary>(?P<letter>[abc])\) (?P<answer>[^\n$`*]+)</summary>\n\n"  # it is HTML
    r"\*\*(?P<verdict>Yes|No)\.\*\* (?P<reason>.+?)\n\n</details>",
    re.DOTALL,
)
IDS = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)


def asked(chapter: Path) -> dict[str, str]:
    """The sources of the cells that ask, by the question's number."""
    return {
        cell.metadata["question"]: cell.source
        for cell in cells(chapter)
        if "question" in cell.metadata
    }


@IDS
def test_a_chapter_asks_three_to_five_questions_with_one_right_answer_each(chapter: Path) -> None:
    questions = asked(chapter)
    number = int(chapter.stem[:2])
    assert list(questions) == [f"{number}.{n + 1}" for n in range(len(questions))]
    assert 3 <= len(questions) <= 5
    right = []
    for name, source in questions.items():
        found = QUESTION.fullmatch(source)
        assert found and found["number"] == name, source
        choices = list(CHOICE.finditer(found["choices"]))
        whole = "".join("\n\n" + choice[0] for choice in choices)
        assert whole == found["choices"], f"question {name} is written otherwise"
        assert "".join(choice["letter"] for choice in choices) == "abc"
        assert len({choice["answer"] for choice in choices}) == 3
        assert all(len(choice["reason"].split()) >= 8 for choice in choices), "say why"
        assert [choice["verdict"] for choice in choices].count("Yes") == 1
        right.append(next(choice for choice in choices if choice["verdict"] == "Yes"))
    assert len({choice["letter"] for choice in right}) > 1, "the same letter is always right"


@IDS
def test_a_question_stands_nowhere_else(chapter: Path) -> None:
    text = [c.source for c in cells(chapter) if "question" not in c.metadata]
    assert not re.search(r"\*\*Question \d", "\n".join(text))


@IDS
def test_a_guess_is_made_before_it_is_compared(chapter: Path) -> None:
    code = [cell.source for cell in cells(chapter) if cell.cell_type == "code"]
    made = [n for n, source in enumerate(code) if re.search(r"^my_guess\w* = \.\.\.", source, re.M)]
    compared = [
        n for n, source in enumerate(code) if re.search(r"^compare_guess\(my_guess", source, re.M)
    ]
    assert len(made) == len(compared)
    assert all(first < then for first, then in zip(made, compared, strict=True))


@IDS
def test_a_chapter_is_not_too_long(chapter: Path) -> None:
    text = "\n".join(
        cell.source
        for cell in cells(chapter)
        if cell.cell_type == "markdown" and not {"exercise", "question"} & {*cell.metadata}
    )
    text = re.sub(r"^## References.*|^\[badge\]:.*?$", "", text, flags=re.DOTALL | re.MULTILINE)
    code = [c for c in cells(chapter) if c.cell_type == "code" and "exercise" not in c.metadata]
    assert len(text.split()) <= WORDS and len(code) <= 40
