"""From the folder to the reports: what is handed in may be right, wrong, broken or hostile."""

import csv
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from teaching import build, demo, grade, sandbox
from teaching.build import answered, student
from teaching.grade import grade_all
from teaching.master import Master, read_master
from teaching.sandbox import Limits
from teaching.submissions import find, read

LIMITS = Limits(seconds=120, step=4, memory=2**30)
DEMO = Path(__file__).with_name("demo.csv")


def rows(out: Path) -> dict[str, dict[str, str]]:
    with open(out / "grades.csv", encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def with_cells(notebook: nbformat.NotebookNode, *sources: str) -> str:
    notebook.cells += [v4.new_code_cell(each, id=f"more-{n}") for n, each in enumerate(sources)]
    return nbformat.writes(notebook)


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the guide's first command to its last: the handout, the demo, the marks and why."""
    monkeypatch.setattr(build, "DIST", tmp_path / "dist")
    monkeypatch.setattr(grade, "DIST", tmp_path / "dist")
    build.main(["demo", "1"])
    demo.main(["demo", "hw1", str(tmp_path / "demo")])
    [dist] = (tmp_path / "dist").glob("*/hw1")
    options = ["--step", "8", "--memory", str(2**30), "--without-namespaces"]
    grade.main(["1", str(tmp_path / "demo"), *options])

    got, expected = rows(dist / "graded"), {}
    with open(DEMO, encoding="utf-8", newline="") as file:
        expected = {row["file"]: row for row in csv.DictReader(file)}
    for row in (*got.values(), *expected.values()):
        row.pop("seconds")
        row["flags"] = row["flags"].replace("not isolated", "")
    assert got == expected
    if sandbox.isolated():
        assert got["forged.ipynb"]["total"] == got["blank.ipynb"]["total"]

    master = read_master("hw1", "demo")
    hidden = [cell.source for cell in master.cells if cell.role == "hidden"]
    told = {part.hint for q in master.questions for part in q.parts}
    told |= {part.title for q in master.questions for part in q.parts}
    hidden_lines = {line.strip() for cell in hidden for line in cell.splitlines()}
    shown = nbformat.writes(student(master))
    told |= {line for line in hidden_lines if json.dumps(line)[1:-1] in shown}
    hidden_lines = {x for x in hidden_lines if len(x) > 12 and not any(t in x for t in told)}
    sheet = json.loads((dist / "autograder.json").read_text())
    values = [
        json.dumps(call) for q in sheet["questions"] for p in q["parts"] for call in p["calls"]
    ]
    pages = list((dist / "graded" / "feedback").iterdir())
    assert len(pages) == len(got)
    for page in [*pages, *(dist / "graded" / "gradescope").iterdir()]:
        text = page.read_text()
        assert not [line for line in hidden_lines if line in text]
        assert not [value for value in values if len(value) > 8 and value in text]
    wrong = next(page for page in pages if page.name.startswith("wrong-2")).read_text()
    assert "until nothing changes" in wrong and "The core of a data set: 5 of 8 points" in wrong
    assert "wrong 2: 21 of 24 points, and up to 8 more from the person" in wrong
    cut = next(page for page in pages if page.name.startswith("truncated")).read_text()
    assert "Status: not a notebook." in cut and "There is no" not in cut
    assert cut.count("could not be graded") == 1
    texts = (dist / "graded" / "open_answers.html").read_text()
    assert texts.count("<pre>Users with few likes have few hidden films.") == 4
    assert texts.count("<pre>One cannot compare results on two different data sets.") == 3


def test_folders_of_gradescope_canvas_and_moodle(folder: Path) -> None:
    files = [
        "gradescope/assignment_77_export/submission_11/hw3.ipynb",
        "gradescope/assignment_77_export/submission_12/my work/hw3.ipynb",
        "canvas/leeann_12345_67890_hw3.ipynb",
        "canvas/raybob_LATE_12346_67891_hw3-1.ipynb",
        "canvas/o'neill_12347_67892_hw3.ipynb",
        "wrapped/all of them/ann.ipynb",
        "wrapped/all of them/bob.ipynb",
        "one student/ann/hw3.ipynb",
        "moodle/Ann Lee_234_assignsubmission_file_/hw3.ipynb",
        "moodle/Bob_Ray_235_assignsubmission_file_x_234_assignsubmission_file_hw3.ipynb",
        "moodle/Cem_236_assignsubmission_onlinetext_/onlinetext.html",
    ]
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    (folder / "gradescope/assignment_77_export/submission_metadata.yml").write_text(
        "submission_11:\n  :submitters:\n  - :name: Ann Lee\n    :sid: '1'\n  - :name: Bob\n"
        "  :results: !ruby/hash:ActiveSupport::HashWithIndifferentAccess\n    a: 1\n"
        "submission_12:\n  :submitters:\n  - :name: Cem\n"
    )
    (folder / "moodle/Dan_237_assignsubmission_file_").symlink_to(
        folder / "moodle/Ann Lee_234_assignsubmission_file_"
    )
    (folder / "whole course/dan").mkdir(parents=True)
    for number in range(21):
        (folder / f"whole course/dan/{number}.ipynb").touch()
    (folder / "whole course/eve.ipynb").touch()
    told = {
        name: [(each.id, each.name, each.flags) for each in find(folder / name)]
        for name in ("gradescope", "canvas", "wrapped", "one student", "moodle", "whole course")
    }
    assert told == {
        "gradescope": [("submission_11", "Ann Lee, Bob", ()), ("submission_12", "Cem", ())],
        "canvas": [
            ("12345", "leeann", ()),
            ("12347", "o'neill", ()),
            ("12346", "raybob", ("late",)),
        ],
        "wrapped": [("ann", "", ()), ("bob", "", ())],
        "one student": [("ann", "", ())],
        "moodle": [("234", "Ann Lee", ()), ("235", "Bob_Ray", ()), ("237", "Dan", ())],
        "whole course": [("dan", "", ("21 notebooks",)), ("eve", "", ())],
    }
    assert [each.path for each in find(folder / "moodle") if each.id == "237"] == [None]


LINES = r"""
import os
for number in range(3, 16):
    try:
        os.write(number, b'{"error": []}\n{"none": {}}\n{"error": {}, "line": []}\n' * 9)
    except OSError:
        pass
"""


def test_whatever_is_handed_in_has_a_row(
    folder: Path, tmp_path: Path, hunt: Master, hunt_sheet: Any
) -> None:
    right, blank = nbformat.writes(answered(hunt)), nbformat.writes(student(hunt))
    bare = json.loads(right)
    bare["metadata"] = {}
    bare["cells"] = [
        cell for cell in bare["cells"] if "mended_hit_rate" not in "".join(cell["source"])
    ]
    kernel = json.loads(right)
    kernel["metadata"] |= {
        "kernelspec": {"name": "ir", "language": "R"},
        "language_info": {"name": "R"},
    }
    loud = json.loads(right)
    loud["cells"][3]["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": "x" * 100_000_000}
    ]
    course = json.loads(right)
    course["metadata"]["recbook"]["course"] = "other"
    written = {
        'a b/hunt "one".ipynb': right,
        "'; rm -rf $HOME ;.ipynb": right,
        "=HYPERLINK(1).ipynb": blank,
        "two/first.ipynb": right,
        "two/second.ipynb": blank,
        "bare.ipynb": json.dumps(bare),
        "kernel.ipynb": json.dumps(kernel),
        "loud.ipynb": json.dumps(loud),
        "prints.ipynb": with_cells(answered(hunt), "print('x' * 10**6 + '\\n')\n" * 100),
        "course.ipynb": json.dumps(course),
        "mark.ipynb": "\ufeff" + right,
        "half.ipynb": right.replace("import random", "import random  # \\ud800"),
        "lines.ipynb": with_cells(student(hunt), LINES),
        "escape\x1b[2J\u202e.ipynb": blank,
        "list.ipynb": "[1, 2]",
        "cells.ipynb": '{"cells": [1]}',
        "deep.ipynb": "[" * 100_000,
        "notes.txt": "I could not open it",
        ".ipynb_checkpoints/x.ipynb": right,
        "two/.ipynb_checkpoints/x.ipynb": right,
    }
    packed = tmp_path / "all.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in written.items():
            archive.writestr(name, text)
        archive.writestr("../../outside.ipynb", right)
        archive.mkdir("empty folder")
    grade.submissions.unzipped(packed, folder)
    out = tmp_path / "out"
    grade_all(folder, hunt_sheet, out, LIMITS)
    got = {name: (row["status"], row["total"], row["flags"]) for name, row in rows(out).items()}
    full = str(sum(question["points"] for question in hunt_sheet["questions"]))
    flag = "" if sandbox.isolated() else "not isolated"

    def graded(total: str, *flags: str) -> tuple[str, str, str]:
        return ("graded", total, "; ".join([*flags, *([flag] if flag else [])]))

    assert got == {
        'a b/hunt "one".ipynb': graded(full),
        "'; rm -rf $HOME ;.ipynb": graded(full),
        "'=HYPERLINK(1).ipynb": graded("0"),
        "two/first.ipynb": graded(full, "one of 2 files"),
        "two/second.ipynb": graded("0", "one of 2 files"),
        "bare.ipynb": graded("10"),  # without one question
        "kernel.ipynb": ("another kernel: R", "0", ""),
        "loud.ipynb": graded(full),
        "prints.ipynb": graded(full),
        "course.ipynb": graded(full, "a file of another course"),
        "mark.ipynb": graded(full),
        "half.ipynb": ("not a notebook", "0", ""),
        "lines.ipynb": graded("0"),
        "escape\\x1b[2J\\u202e.ipynb": graded("0"),
        "list.ipynb": ("not a notebook", "0", ""),
        "cells.ipynb": ("not a notebook", "0", ""),
        "deep.ipynb": ("not a notebook", "0", ""),
        "notes.txt": ("no notebook", "0", ""),
        "empty folder": ("no notebook", "0", ""),
        "outside.ipynb": graded(full),
    }
    assert len(list((out / "feedback").iterdir())) == len(got)
    assert not list(tmp_path.glob("outside*"))


def test_goes_on_and_keeps_points_by_hand(
    folder: Path, tmp_path: Path, hunt: Master, hunt_sheet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = json.loads(json.dumps(hunt_sheet))
    sheet["questions"].append({"id": "4", "title": "Say why", "asks": "", "points": 5, "parts": []})
    notebook = answered(hunt)
    notebook.cells.append(
        v4.new_markdown_cell("**Your answer to question 4.** Ties <b>.", id="open")
    )
    (folder / "ann.ipynb").write_text(nbformat.writes(notebook))
    out = tmp_path / "out"
    grade_all(folder, sheet, out, LIMITS)
    before = rows(out)["ann.ipynb"]
    assert (before["4"], before["out of"]) == ("", str(int(before["total"]) + 5))
    assert "Ties &lt;b&gt;." in (out / "open_answers.html").read_text()

    table = (out / "grades.csv").read_text()
    (out / "grades.csv").write_text(
        table.replace(f",,{before['total']},", f",3.5,{before['total']},")
    )
    (out / "grades.csv").write_bytes(  # as a spreadsheet saves it
        b"\xef\xbb\xbf" + (out / "grades.csv").read_bytes().replace(b",", b";")
    )
    (folder / "bob.ipynb").write_text("")
    monkeypatch.setattr(grade, "Submission", None)  # nothing that is graded runs again
    grade_all(folder, sheet, out, LIMITS)
    after = rows(out)
    assert after["ann.ipynb"]["4"] == "3.5" and after["bob.ipynb"]["status"] == "empty file"
    assert float(after["ann.ipynb"]["total"]) == float(before["total"]) + 3.5
    [page] = (out / "gradescope").glob("ann-*")
    assert json.loads(page.read_text())["score"] == float(after["ann.ipynb"]["total"])

    table = (out / "grades.csv").read_text()
    (out / "grades.csv").write_text(table.replace(",3.5,", ",six,"))
    with pytest.raises(
        SystemExit, match="'six' for question 4 of ann, expected a number from 0 to 5"
    ):
        grade_all(folder, sheet, out, LIMITS)
    (out / "grades.csv").write_text(table.replace("ann.ipynb", "ann.txt"))
    with pytest.raises(SystemExit, match=r"points by hand for ann\.txt, expected only files"):
        grade_all(folder, sheet, out, LIMITS)
    (out / "grades.csv").write_text(table.replace(",", "\t"))
    with pytest.raises(SystemExit, match="expected columns id,name,file"):
        grade_all(folder, sheet, out, LIMITS)
    (out / "grades.csv").write_text(table, encoding="utf-8-sig")  # as Excel saves it
    (folder / "bob.ipynb").unlink()
    grade_all(folder, sheet, out, LIMITS)
    assert rows(out) == {"ann.ipynb": after["ann.ipynb"]}
    pages = [*(out / "feedback").iterdir(), *(out / "gradescope").iterdir()]
    assert len(pages) == 2, "pages of files that are not handed in any more"
    (folder / "ann.ipynb").write_text(nbformat.writes(student(hunt)))
    (out / "grades.csv").unlink()
    with pytest.raises(TypeError):  # another file is graded anew
        grade_all(folder, sheet, out, LIMITS)


DECIDES = "ann.ipynb,2,5.5,Ms <Ray>,It could be read either way.\n"


def test_a_person_overrules_the_grader(
    folder: Path, tmp_path: Path, hunt: Master, hunt_sheet: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("ann", nbformat.writes(student(hunt))), ("bob", "no notebook")):
        (folder / f"{name}.ipynb").write_text(text)
    out = tmp_path / "out"
    grade_all(folder, hunt_sheet, out, LIMITS)
    overruled = out / "overruled.csv"
    header = overruled.read_text()
    assert header == "file,question,points,by,why\n"
    monkeypatch.setattr(grade, "Submission", None)  # nothing that is graded runs again
    overruled.write_text(header + DECIDES + ",,,,\n" + "bob.ipynb,1,3,Mr Lee,\n")
    for _ in range(2):  # it survives what grading writes
        grade_all(folder, hunt_sheet, out, LIMITS)
        got = rows(out)
        ann, bob = got["ann.ipynb"], got["bob.ipynb"]
        assert (ann["2"], ann["total"]) == ("5.5", "5.5")
        assert ann["flags"].startswith("question 2 overruled") or not sandbox.isolated()
        assert (bob["1"], bob["total"], bob["status"]) == ("3", "3", "not a notebook")
    [page] = (out / "feedback").glob("ann-*")
    told = (
        "Ms &lt;Ray&gt; decided: 5.5 points, where the grader gave 0. It could be read either way."
    )
    assert told in page.read_text() and "Mend: 5.5 of 7 points" in page.read_text()
    [page] = (out / "feedback").glob("bob-*")
    assert "Mr Lee decided: 3 points, where the grader gave 0.<" in page.read_text()
    [result] = (out / "gradescope").glob("ann-*")
    tests = json.loads(result.read_text())["tests"]
    assert sum(test["score"] for test in tests) == json.loads(result.read_text())["score"] == 5.5
    assert tests[-1]["output"].startswith("Ms <Ray> decided")

    for text, message in (
        (DECIDES.replace(",2,", ",7,"), "has question '7', expected one of 1, 2, 3; what a person"),
        (DECIDES.replace("5.5", "8"), "has '8' for question 2 of ann.ipynb, expected a number fr"),
        (DECIDES.replace("Ms <Ray>", " "), "has nobody in the column by for question 2 of ann"),
        (DECIDES * 2, "has a second row for question 2 of ann.ipynb, expected one row"),
        (DECIDES.replace("ann", "eve"), r"points by hand for eve\.ipynb, expected only files"),
        (DECIDES.replace("\n", "").replace(",", "\t"), "expected columns file,question,points"),
    ):
        overruled.write_text((header if "\t" not in text else "file\n") + text)
        with pytest.raises(SystemExit, match=message):
            grade_all(folder, hunt_sheet, out, LIMITS)
    assert rows(out) == got


def test_errors_of_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "DIST", tmp_path / "dist")
    monkeypatch.setattr(grade, "DIST", tmp_path / "dist")
    with pytest.raises(SystemExit, match=r"expected one course with HW=hw1 .* found none"):
        grade.main(["1", str(tmp_path)])
    build.main(["A", "hunt1"])
    (tmp_path / "none").mkdir()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(grade, "isolated", lambda: False)
        with pytest.raises(SystemExit, match=r"no namespaces .* --without-namespaces to\n"):
            grade.main(["hunt1", str(tmp_path / "none")])
        with pytest.raises(SystemExit, match="has no file"):
            grade.main(["hunt1", str(tmp_path / "none"), "--without-namespaces"])
    monkeypatch.setattr(grade, "isolated", lambda: True)  # what follows runs no submission
    with pytest.raises(SystemExit, match="has no file, expected one for each student"):
        grade.main(["hunt1", str(tmp_path / "none")])
    with pytest.raises(SystemExit, match="there is no SUBMISSIONS"):
        grade.main(["hunt1", str(tmp_path / "nowhere")])
    with pytest.raises(SystemExit, match="neither a folder nor a zip"):
        (tmp_path / "text").write_text("x")
        grade.main(["hunt1", str(tmp_path / "text")])
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ann.ipynb", bytes(10**6))
    free = shutil.disk_usage(tmp_path)._replace(free=10**6 - 1)
    with monkeypatch.context() as less:
        less.setattr(grade.submissions, "disk_usage", lambda folder: free)
        with pytest.raises(SystemExit, match=r"unpacks to 1,000,000 bytes, and .* has 999,999"):
            grade.main(["hunt1", str(tmp_path / "bomb.zip")])
    with pytest.raises(SystemExit, match="holds the project"):
        grade.main(["hunt1", "/"])
    with pytest.raises(SystemExit, match="holds the project"):
        grade.main(["hunt1", str(grade.FOLDER.parent)])
    with pytest.raises(SystemExit, match=r"called 'B' with HW=hunt1 .* found a-"):
        grade.main(["hunt1", str(tmp_path / "none"), "--course", "B"])
    with pytest.raises(SystemExit, match=r"no homework '', expected .* hw6, or hunt1 to hunt10"):
        build.main(["A", ""])
    build.main(["B", "hunt1"])
    with pytest.raises(SystemExit, match=r"found a-.*, b-"):
        grade.main(["hunt1", str(tmp_path)])
    with pytest.raises(SystemExit, match="has no file"):
        grade.main(["hunt1", str(tmp_path / "none"), "--course", "A"])


def test_make_hands_on_what_it_is_given() -> None:
    words = ["COURSE=Graphs, spring", "HW=2", "SUBMISSIONS=handed in.zip"]
    make = ["make", "-n", "-o", ".venv/.set-up", *words]
    # A make that runs the tests hands its own flags on.
    fresh = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFL"))
    }
    options = {"cwd": build.FOLDER.parent, "env": fresh, "capture_output": True, "text": True}

    def told(target: str) -> str:
        return subprocess.run([*make, target], **options).stdout

    assert '-m teaching.build "Graphs, spring" "2"' in told("assign")
    assert '-m teaching.grade "2" "handed in.zip" --course "Graphs, spring"' in told("grade")


def test_reads_any_file(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    for content in (b"\xff\xfe", b"{}", b'{"cells": 3}', b'{"cells": [], "metadata": []}', b"null"):
        path.write_bytes(content)
        assert read(path).problem == "not a notebook", content
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": "x" * 3_000_000}]}))
    assert read(path).problem == "file too large"
    path.write_text('{"cells": [], "more": [' + "[]," * 5_000_000 + "0]}")
    assert read(path).problem == "file too large"
    title = {"cell_type": "markdown", "source": ["# Homework 4: x\n", "y"]}
    path.write_text(json.dumps({"cells": [title]}))
    assert read(path).homework == "hw4"
