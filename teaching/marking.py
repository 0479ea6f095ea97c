"""Compare a submission's answers with what the reference gives."""

import builtins
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from teaching.forms import same, unpack
from teaching.master import Part
from teaching.worker import Reply

#: what a student reads whose file cannot be graded
UNREAD = "Your file could not be graded: its status says why."
_NO_ANSWER = "`{}` has no answer so far: put yours in place of the dots."
_LIMITS = {
    "StoppedError": "a call took too long",
    "time": "the notebook took too long",
    "memory": "it took too much memory",
    "processes": "it started too many processes",
    "answer": "its answer was longer than any right one, or none that can be read",
    "died": "its process ended",
}


class Mark(NamedTuple):
    """What one part of a question got.

    Attributes:
        question: the question's id.
        title: what was asked for.
        points: what it got.
        out_of: what it could get.
        told: why it did not get all, for the student.
        by_hand: whether a person gives the points.
    """

    question: str
    title: str
    points: int
    out_of: int
    told: str = ""
    by_hand: bool = False


def mark_answers(sheet: dict[str, Any], reply: Reply) -> list[Mark]:
    """The marks of one submission; ``reply`` asks it, wherever it runs."""
    marks: list[Mark] = []
    for question in sheet["questions"]:
        if not question["parts"]:
            told = "A person reads this one."
            marks.append(Mark(question["id"], question["title"], 0, question["points"], told, True))
            continue
        judge = _judge_test if "candidates" in question else _judge_results
        for part, told in zip(question["parts"], judge(question, reply), strict=True):
            points = 0 if told else part["points"]
            marks.append(Mark(question["id"], part["title"], points, part["points"], told))
    return marks


def _judge_results(question: dict[str, Any], reply: Reply) -> list[str]:
    """For each part what is wrong with it, or nothing."""
    names: dict[str, Any] = {"Part": Part}
    exec(question.get("checks", ""), names)
    known: dict[str, dict[str, Any]] = {}

    def ask(arguments: list[Any]) -> dict[str, Any]:
        """Each call once, though several parts may be about it."""
        name = json.dumps(arguments)
        if name not in known:
            asked = {"asks": question["asks"], "kind": question["kind"]}
            known[name] = reply(asked | {"arguments": arguments})
        return known[name]

    return [
        _judge_part(question["asks"], part, names.get(part["check"]), ask)
        for part in question["parts"]
    ]


def _judge_part(
    asks: str,
    part: dict[str, Any],
    check: Callable[..., bool] | None,
    ask: Callable[[list[Any]], dict[str, Any]],
) -> str:
    for arguments, expected in zip(part["calls"], part["expected"], strict=True):
        got = ask(arguments)
        if wrong := _no_value(asks, got):
            return wrong if "none" in got else f"{wrong} {part['hint']}"
        value: Any = got
        try:
            if (
                not check
                and len(json.dumps(got["value"])) > 20 * len(json.dumps(expected)) + 10_000
            ):
                return f"It was stopped: {_LIMITS['answer']}. {part['hint']}"
            value, right = unpack(got["value"]), unpack(expected)
            if part["key"] is not None:
                value, right = value[part["key"]], right[part["key"]]
            if check:
                fits = bool(check(value, *(unpack(each, arrays=True) for each in arguments)))
            else:
                fits = same(value, right, part["tolerance"])
        except Exception:  # whatever is not of the form that the task asks for
            fits = False
        if not fits:
            return _NO_ANSWER.format(asks) if value is None else str(part["hint"])
        if got.get("changed"):
            return "The result is right, but it changed what it was given: work on a copy."
    return ""


def _judge_test(question: dict[str, Any], reply: Reply) -> list[str]:
    """The same for a test that a student wrote: it must pass right code and fail faulty code."""
    asked = {"asks": question["asks"], "kind": question["kind"]}
    failed: dict[str, bool] = {}
    for name, source in question["candidates"].items():
        got = reply(asked | {"candidate": source})
        if wrong := _no_value(question["asks"], got):
            return [wrong for _ in question["parts"]]
        failed[name] = got.get("raised") is True
    if any(fails for name, fails in failed.items() if name.startswith("right")):
        return ["Your test fails code that is right." for _ in question["parts"]]
    passes = "Your test passes code that is wrong. {}"
    return [
        "" if failed[part["catches"]] else passes.format(part["hint"]) for part in question["parts"]
    ]


def _no_value(asks: str, got: dict[str, Any]) -> str:
    """Why there is nothing to compare, or nothing."""
    if got.get("none") == "missing":
        return f"There is no `{asks}` in your notebook, or its cell stopped with an error."
    if got.get("none") == "unread":
        return UNREAD
    if got.get("none") == "dots":
        return _NO_ANSWER.format(asks)
    if got.get("none") == "no function":
        return f"`{asks}` is no function."
    if got.get("none") == "nothing":
        return f"`{asks}` returned nothing: put your code in place of the dots, end with return."
    if limit := _LIMITS.get(str(got.get("error"))):
        return f"It was stopped: {limit}."
    if "error" in got:
        line = got.get("line")
        place = f" in line {line} of `{asks}`" if isinstance(line, int) and 0 < line < 1000 else ""
        return f"It stopped with {known_error(got['error'])}{place}."
    return ""


def known_error(name: Any) -> str:
    """The name of one of Python's errors; what else an error says may be what must stay hidden."""
    known = isinstance(name, str) and isinstance(getattr(builtins, name, None), type)
    return name if known else "an error"
