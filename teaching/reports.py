"""What grading writes: grades.csv, a page for each student, Gradescope's JSON, open answers.

What a person decides stands in grades.csv, for questions that a person grades, and else in
overruled.csv, where each row has a question's points, who gave them and why. Both are read again.
"""

import csv
import hashlib
import html
import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from recbook.files import atomic_file
from teaching.marking import UNREAD, Mark
from teaching.submissions import Found

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 sans-serif; max-width: 50em; margin: 2em auto; padding: 0 1em }}
h1 {{ font-size: 1.5em }} h2 {{ font-size: 1.2em }}
table {{ border-collapse: collapse; width: 100% }}
td {{ vertical-align: top; padding: .3em .8em .3em 0; border-top: 1px solid #888 }}
td:nth-child(1) {{ width: 30% }} td:nth-child(2) {{ width: 4em; white-space: nowrap }}
pre {{ white-space: pre-wrap }}</style></head>
<body><h1>{title}</h1>
{body}
</body></html>
"""


@dataclass
class Graded:
    """What one submission got.

    Attributes:
        id: the student's number, or the file's name.
        name: the student's name, where it is known.
        file: path from the folder of submissions.
        status: "graded", or what kept it from being graded whole.
        seconds: what it took.
        flags: what the instructor should know.
        marks: a mark for each part of each question.
        stopped: sentences about cells that stopped with an error.
        open_answers: the texts of questions that a person grades.
    """

    id: str
    name: str
    file: str
    status: str
    seconds: float = 0.0
    flags: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    open_answers: dict[str, str] = field(default_factory=dict)

    def points(self, question: str) -> int:
        """The points of a question's parts that are graded here."""
        return sum(mark.points for mark in self.marks if mark.question == question)


class Decision(NamedTuple):
    """A question's points as a person gave them; where they overrule the grader's, who and why."""

    points: float
    by: str = ""
    why: str = ""


_OVERRULED = ("file", "question", "points", "by", "why")
_Decisions = dict[str, dict[str, Decision]]  # by file and question


def key(found: Found | Graded) -> str:
    """A file name for one submission, whatever its own is like."""
    readable = "-".join(re.findall(r"\w+", found.id, flags=re.ASCII))[:40]
    path = found.file.encode("utf-8", "surrogateescape")
    return f"{readable}-{hashlib.sha256(path).hexdigest()[:8]}"


def store(graded: Graded, digest: str, path: Path) -> None:
    """Keep the marks of one submission, for a run that goes on."""
    _write(path, json.dumps({"digest": digest} | asdict(graded), indent=1))


def stored(digest: str, path: Path) -> Graded | None:
    """The marks that are kept, if the submission and the homework are still the same."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("digest") != digest:
            return None
        content["marks"] = [Mark(*each) for each in content["marks"]]
        return Graded(**content)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def write_reports(everyone: Sequence[Graded], sheet: dict[str, Any], out: Path) -> Path:
    """Write all reports; what a person has decided stays."""
    table, overruled = out / "grades.csv", out / "overruled.csv"
    by_hand, decided = _points_by_hand(table, sheet), _decisions(overruled, sheet)
    for path, several in ((table, by_hand), (overruled, decided)):
        if lost := several.keys() - {_safe(graded.file) for graded in everyone}:
            raise SystemExit(
                f"{path} has points by hand for {', '.join(sorted(lost))}, expected only files "
                "that are graded now: add the file, or move the table away; nothing was written"
            )
    ids = [question["id"] for question in sheet["questions"]]
    out_of = sum(question["points"] for question in sheet["questions"])
    rows = [["id", "name", "file", *ids, "total", "out of", "status", "seconds", "flags"]]
    for graded in everyone:
        changed = decided.get(_safe(graded.file), {})
        hand = by_hand.get(_safe(graded.file), {}) | changed
        flags = [*graded.flags, *(f"question {each} overruled" for each in changed)]
        points = {each: _points(graded, question, hand) for each, question in _by_id(sheet).items()}
        total = sum(each for each in points.values() if each is not None)
        told = ["" if points[each] is None else f"{points[each]:g}" for each in ids]
        whole = [f"{total:g}", str(out_of), _safe(graded.status), f"{graded.seconds:.1f}"]
        names = [_safe(each) for each in (graded.id, graded.name, graded.file)]
        rows.append([*names, *told, *whole, "; ".join(flags)])
        name = key(graded)
        _write(out / "feedback" / f"{name}.html", feedback(graded, sheet, hand))
        _write(out / "gradescope" / f"{name}.json", gradescope(graded, hand))
    _write(out / "open_answers.html", _open_answers(everyone, sheet))
    now = {key(graded) for graded in everyone}
    for page in [*(out / "feedback").glob("*.html"), *(out / "gradescope").glob("*.json")]:
        if page.stem not in now:  # of a file that is not handed in any more, or of the demo
            page.unlink()
    with atomic_file(table) as file:
        lines = _Lines()
        csv.writer(lines, lineterminator="\n").writerows(rows)
        file.write("".join(lines).encode("utf-8", "backslashreplace"))
    if not overruled.exists():
        _write(overruled, ",".join(_OVERRULED))
    return table


def feedback(graded: Graded, sheet: dict[str, Any], hand: dict[str, Decision]) -> str:
    """A student's page: what was asked for, what it got, and why not all."""
    given = [_points(graded, question, hand) for question in sheet["questions"]]
    out_of = [question["points"] for question in sheet["questions"]]
    later = sum(most for got, most in zip(given, out_of, strict=True) if got is None)
    total = f"{sum(filter(None, given)):g} of {sum(out_of) - later} points"
    total += f", and up to {later} more from the person who reads your text" if later else ""
    who = html.escape(graded.name or graded.id)
    told = [f"<p>{who}: {total}. Status: {html.escape(graded.status)}.</p>"]
    unread = [UNREAD] if any(mark.told == UNREAD for mark in graded.marks) else []
    told += [f"<p>{html.escape(each)}</p>" for each in [*unread, *graded.stopped]]
    for number, question in _by_id(sheet).items():
        points = _points(graded, question, hand)
        got = f"{points:g} of" if points is not None else "not read yet,"
        heading = f"Question {number} {question['title']}: {got} {question['points']} points"
        told.append(f"<h2>{html.escape(heading)}</h2>")
        if sentence := _overruling(graded, number, hand):
            told.append(f"<p>{html.escape(sentence)}</p>")
        asked = [mark for mark in graded.marks if mark.question == number]
        marks = [mark for mark in asked if not mark.by_hand and mark.told != UNREAD]
        lines = (
            f"<tr><td>{html.escape(mark.title)}</td><td>{mark.points} of {mark.out_of}</td>"
            f"<td>{html.escape(mark.told or 'Right.')}</td></tr>"
            for mark in marks
        )
        if marks:
            told.append(f"<table>{''.join(lines)}</table>")
    return _PAGE.format(title=html.escape(sheet["title"]), body="\n".join(told))


def gradescope(graded: Graded, hand: dict[str, Decision]) -> str:
    """The same as Gradescope takes it from an autograder."""
    tests: list[dict[str, Any]] = []
    for mark in graded.marks:
        read = hand[mark.question].points if mark.question in hand else None
        score = read if mark.by_hand else mark.points
        test = {"name": mark.title, "number": mark.question, "max_score": mark.out_of}
        test |= {} if score is None else {"score": score}
        tests.append(test | {"output": mark.told or "Right.", "visibility": "visible"})
    for number in hand:
        if sentence := _overruling(graded, number, hand):
            more = hand[number].points - graded.points(number)
            test = {"name": "Overruled", "number": number, "score": more, "output": sentence}
            tests.append(test | {"visibility": "visible"})
    output = "\n".join([f"Status: {graded.status}.", *graded.stopped])
    score = sum(test.get("score", 0) for test in tests)
    return json.dumps({"score": score, "output": output, "tests": tests}, indent=1)


def _by_id(sheet: dict[str, Any]) -> dict[str, Any]:
    return {question["id"]: question for question in sheet["questions"]}


def _points(graded: Graded, question: dict[str, Any], hand: dict[str, Decision]) -> float | None:
    """A question's points, None where a person has not given them yet."""
    if question["id"] in hand:
        return hand[question["id"]].points
    return graded.points(question["id"]) if question["parts"] else None


def _overruling(graded: Graded, question: str, hand: dict[str, Decision]) -> str:
    """Who gave other points than the grader, which and why, or nothing."""
    decision = hand.get(question)
    if decision is None or not decision.by:
        return ""
    return (
        f"{decision.by} decided: {decision.points:g} points, where the grader gave "
        f"{graded.points(question)}. {decision.why}".strip()
    )


def _points_by_hand(table: Path, sheet: dict[str, Any]) -> _Decisions:
    """What a person has put into an earlier grades.csv."""
    found: _Decisions = {}
    for row in _rows(table, ("id", "name", "file")):
        for question in sheet["questions"]:
            text = row.get(question["id"], "")
            if text and not question["parts"]:
                decision = Decision(_number(text, table, question, row["id"]))
                found.setdefault(row["file"], {})[question["id"]] = decision
    return found


def _decisions(table: Path, sheet: dict[str, Any]) -> _Decisions:
    """What a person has put into overruled.csv."""
    found: _Decisions = {}
    for row in _rows(table, _OVERRULED):
        name, question = row["question"], _by_id(sheet).get(row["question"])
        if question is None or not question["parts"]:
            graded = ", ".join(each["id"] for each in sheet["questions"] if each["parts"])
            raise SystemExit(
                f"{table} has question {name!r}, expected one of {graded}; what a person grades "
                "stands in grades.csv; nothing was written"
            )
        if not row["by"] or name in found.get(row["file"], {}):
            wrong = "a second row" if row["by"] else "nobody in the column by"
            raise SystemExit(
                f"{table} has {wrong} for question {name} of {row['file']}, expected one row with "
                "the name of who decided, which the student reads; nothing was written"
            )
        points = _number(row["points"], table, question, row["file"])
        found.setdefault(row["file"], {})[name] = Decision(points, row["by"], row["why"])
    return found


def _rows(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """A table's rows, however a spreadsheet has saved it; none where there is no table."""
    if not table.is_file():
        return []
    text = table.read_bytes().decode("utf-8-sig", "replace")
    divider = ";" if text.startswith(f"{columns[0]};") else ","
    rows = list(csv.DictReader(io.StringIO(text), delimiter=divider))
    if rows and not {*columns} <= {*rows[0]}:
        raise SystemExit(
            f"{table} begins with {text[:40]!r}, expected columns {','.join(columns)},... divided "
            "by commas: save it as CSV again; nothing was written"
        )
    whole = ({name: str(row[name] or "").strip() for name in row if name} for row in rows)
    return [row for row in whole if any(row.values())]


def _number(text: str, table: Path, question: dict[str, Any], who: str) -> float:
    """Points that a person wrote."""
    try:
        points = float(text)
    except ValueError:
        points = -1.0
    if not 0 <= points <= question["points"]:
        raise SystemExit(
            f"{table} has {text!r} for question {question['id']} of {who}, "
            f"expected a number from 0 to {question['points']}; nothing was written"
        )
    return points


def _open_answers(everyone: Sequence[Graded], sheet: dict[str, Any]) -> str:
    """A page for the instructor: all answers to the questions that a person grades."""
    told = []
    for number, question in _by_id(sheet).items():
        if not question["parts"]:
            told.append(f"<h2>Question {number} {html.escape(question['title'])}</h2>")
            for graded in everyone:
                text = graded.open_answers.get(number, "There is none.")
                who = f"{graded.name or graded.id} ({graded.file})"
                told.append(f"<h3>{html.escape(who)}</h3><pre>{html.escape(text)}</pre>")
    return _PAGE.format(title=html.escape(sheet["title"]), body="\n".join(told))


class _Lines(list[str]):
    """What csv writes to."""

    write = list.append


def _safe(text: str) -> str:
    """A text that a spreadsheet does not take for a formula, nor a terminal for a command."""
    text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _write(path: Path, text: str) -> None:
    with atomic_file(path) as file:
        file.write(text.encode("utf-8", "backslashreplace") + b"\n")
