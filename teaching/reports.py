"""What grading writes: grades.csv, a page for each student, Gradescope's JSON, open answers."""

import csv
import hashlib
import html
import io
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from recbook.files import atomic_file
from teaching.marking import Mark
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
    """Write all reports; points that a person has put into grades.csv stay there."""
    table = out / "grades.csv"
    by_hand = _points_by_hand(table, sheet)
    if lost := by_hand.keys() - {_safe(graded.file) for graded in everyone}:
        raise SystemExit(
            f"{table} has points by hand for {', '.join(sorted(lost))}, expected only files that "
            "are graded now: add the file, or move the table away; nothing was written"
        )
    ids = [question["id"] for question in sheet["questions"]]
    out_of = sum(question["points"] for question in sheet["questions"])
    rows = [["id", "name", "file", *ids, "total", "out of", "status", "seconds", "flags"]]
    for graded in everyone:
        hand = by_hand.get(_safe(graded.file), {})
        points = {each: _points(graded, question, hand) for each, question in _by_id(sheet).items()}
        total = sum(each for each in points.values() if each is not None)
        told = ["" if points[each] is None else f"{points[each]:g}" for each in ids]
        whole = [f"{total:g}", str(out_of), _safe(graded.status), f"{graded.seconds:.1f}"]
        names = [_safe(each) for each in (graded.id, graded.name, graded.file)]
        rows.append([*names, *told, *whole, "; ".join(graded.flags)])
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
    return table


def feedback(graded: Graded, sheet: dict[str, Any], hand: dict[str, float]) -> str:
    """A student's page: what was asked for, what it got, and why not all."""
    given = [_points(graded, question, hand) for question in sheet["questions"]]
    out_of = [question["points"] for question in sheet["questions"]]
    later = sum(most for got, most in zip(given, out_of, strict=True) if got is None)
    total = f"{sum(filter(None, given)):g} of {sum(out_of) - later} points"
    total += f", and up to {later} more from the person who reads your text" if later else ""
    who = html.escape(graded.name or graded.id)
    told = [f"<p>{who}: {total}. Status: {html.escape(graded.status)}.</p>"]
    told += [f"<p>{html.escape(each)}</p>" for each in graded.stopped]
    for number, question in _by_id(sheet).items():
        points = _points(graded, question, hand)
        got = f"{points:g} of" if points is not None else "not read yet,"
        heading = f"Question {number} {question['title']}: {got} {question['points']} points"
        told.append(f"<h2>{html.escape(heading)}</h2>")
        marks = [each for each in graded.marks if each.question == number and not each.by_hand]
        lines = (
            f"<tr><td>{html.escape(mark.title)}</td><td>{mark.points} of {mark.out_of}</td>"
            f"<td>{html.escape(mark.told or 'Right.')}</td></tr>"
            for mark in marks
        )
        if marks:
            told.append(f"<table>{''.join(lines)}</table>")
    return _PAGE.format(title=html.escape(sheet["title"]), body="\n".join(told))


def gradescope(graded: Graded, hand: dict[str, float]) -> str:
    """The same as Gradescope takes it from an autograder."""
    tests: list[dict[str, Any]] = []
    for mark in graded.marks:
        score = hand.get(mark.question) if mark.by_hand else mark.points
        test = {"name": mark.title, "number": mark.question, "max_score": mark.out_of}
        test |= {} if score is None else {"score": score}
        tests.append(test | {"output": mark.told or "Right.", "visibility": "visible"})
    output = "\n".join([f"Status: {graded.status}.", *graded.stopped])
    score = sum(test.get("score", 0) for test in tests)
    return json.dumps({"score": score, "output": output, "tests": tests}, indent=1)


def _by_id(sheet: dict[str, Any]) -> dict[str, Any]:
    return {question["id"]: question for question in sheet["questions"]}


def _points(graded: Graded, question: dict[str, Any], hand: dict[str, float]) -> float | None:
    """A question's points, None where a person has not given them yet."""
    return graded.points(question["id"]) if question["parts"] else hand.get(question["id"])


def _points_by_hand(table: Path, sheet: dict[str, Any]) -> dict[str, dict[str, float]]:
    """What a person has put into an earlier grades.csv, by file and question."""
    if not table.is_file():
        return {}
    text = table.read_bytes().decode("utf-8-sig", "replace")  # as spreadsheets save it
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";" if text[:3] == "id;" else ","))
    if rows and "file" not in rows[0]:
        raise SystemExit(
            f"{table} begins with {text[:40]!r}, expected columns id,name,file,... divided by "
            "commas: save it as CSV again; nothing was written"
        )
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        for question in sheet["questions"]:
            text = (row.get(question["id"]) or "").strip()
            if question["parts"] or not text:
                continue
            try:
                points = float(text)
            except ValueError:
                points = -1.0
            if not 0 <= points <= question["points"]:
                raise SystemExit(
                    f"{table} has {text!r} for question {question['id']} of {row.get('id')}, "
                    f"expected a number from 0 to {question['points']}; nothing was written"
                )
            found.setdefault(row["file"], {})[question["id"]] = points
    return found


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
