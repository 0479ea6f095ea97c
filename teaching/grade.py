"""Grade a folder of submissions: python -m teaching.grade hw3 FOLDER."""

import argparse
import hashlib
import json
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from teaching import submissions
from teaching.build import DIST
from teaching.marking import known_error, mark_answers
from teaching.master import FOLDER, master_folders
from teaching.reports import Graded, key, store, stored, write_reports
from teaching.sandbox import Limits, Submission, isolated
from teaching.submissions import Found, Notebook
from teaching.variants import folder_name

STATUS = {
    "time": "took too long",
    "memory": "too much memory",
    "processes": "too many processes",
    "died": "process ended",
    "answer": "answer too long",
}
#: the limit behind an error with which a box stops a cell by itself
LIMIT_OF = {"StoppedError": "time", "MemoryError": "memory"}


def find_sheet(homework: str, course: str) -> Path:
    """The autograder that was built with the students' files."""
    have = sorted(DIST.glob(f"*/{homework or '-'}/autograder.json"))
    meant = [path for path in have if not course or path.parts[-3] == folder_name(course)]
    if len(meant) != 1:
        several = ", ".join(path.parts[-3] for path in have) or "none"
        named = f" called {course!r}" if course else ""
        raise SystemExit(
            f"expected one course{named} with HW={homework} in {DIST}, found {several}: build it "
            f'with\n    make assign COURSE="..." HW={homework}\nor name the course and set the '
            'secret as you did there: COURSE="..."'
        )
    return meant[0]


def grade_all(
    folder: Path,
    sheet: dict[str, Any],
    out: Path,
    limits: Limits,
    jobs: int = 2,
    hide: Sequence[Path] = (),
) -> list[Graded]:
    """Grade all in a folder, or go on where a run was stopped, and write the reports."""
    kit = [path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.py"))]
    whole = json.dumps([sheet, limits, isolated(), kit], sort_keys=True).encode()
    found = submissions.find(folder)
    root = FOLDER.parent
    hidden = [FOLDER, root / "tests", root / ".git", *master_folders(), folder, out, *hide]

    def one(each: Found) -> Graded:
        hashed = hashlib.sha256(whole)
        if each.path and each.path.stat().st_size <= submissions.LARGEST:
            with open(each.path, "rb") as file:
                hashed.update(hashlib.file_digest(file, "sha256").digest())
        digest = hashed.hexdigest()
        path = out / "marks" / f"{key(each)}.json"
        graded = stored(digest, path)
        if graded is None:
            graded = grade_one(each, sheet, limits, hidden)
            store(graded, digest, path)
        graded.flags = [*each.flags, *graded.flags]
        return graded

    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(one, each) for each in found]
        try:
            everyone = [each.result() for each in tqdm(running, unit="submission")]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            print("Stopped; those that run are finished. Call it again to go on.", file=sys.stderr)
            raise
    write_reports(everyone, sheet, out)
    return everyone


def grade_one(found: Found, sheet: dict[str, Any], limits: Limits, hide: Sequence[Path]) -> Graded:
    """The marks of one submission."""
    start = time.monotonic()
    graded = Graded(found.id, found.name, found.file, "graded")
    notebook = submissions.read(found.path)
    problem = notebook.problem
    if not problem and notebook.homework and notebook.homework != sheet["homework"]:
        problem = f"another homework: {notebook.homework[:20]}"
    if problem:
        graded.status = problem
        graded.marks = mark_answers(sheet, lambda request: {"none": "unread"})
        return graded
    running = Submission(notebook.cells, limits, hide)
    try:
        graded.marks = mark_answers(sheet, running.reply)
    finally:
        running.close()
    kinds = [told.partition(":")[0] for told in running.failed.values()]
    stops = [*running.stops, *(LIMIT_OF[kind] for kind in kinds if kind in LIMIT_OF)]
    if stops:
        graded.status = STATUS[stops[0]]
    graded.stopped = _stopped_cells(notebook, running.failed)
    graded.open_answers = _open_answers(notebook, sheet)
    if notebook.course and notebook.course != sheet["course"]:
        graded.flags.append("a file of another course")
    if not isolated():
        graded.flags.append("not isolated")
    graded.seconds = round(time.monotonic() - start, 1)
    return graded


def _stopped_cells(notebook: Notebook, failed: dict[int, str]) -> list[str]:
    """A sentence for each cell that did not run to its end.

    An error's name and the cell's own first line alone: what an error says may be what the
    submission read somewhere.
    """
    sentences = []
    for number, told in sorted(failed.items()):
        source = notebook.cells[number].strip()
        kind = told.partition(":")[0]
        why = STATUS.get(LIMIT_OF.get(kind, kind), f"stopped with {known_error(kind)}")
        first = source.splitlines()[0][:80] if source else ""
        sentences.append(f"Code cell {number + 1} ({first}): {why}.")
    return sentences


def _open_answers(notebook: Notebook, sheet: dict[str, Any]) -> dict[str, str]:
    found = {}
    for question in sheet["questions"]:
        mark = f"**Your answer to question {question['id']}.**"
        texts = [text.partition(mark)[2].strip() for text in notebook.texts if mark in text]
        if not question["parts"] and texts:
            found[question["id"]] = "\n\n".join(texts)
    return found


def main(arguments: list[str] | None = None) -> None:
    """Read the command line, grade, and say where the results are."""
    parser = argparse.ArgumentParser(prog="python -m teaching.grade", description=__doc__)
    parser.add_argument("homework", help="hw1 to hw6, or hunt1, hunt2, ...")
    parser.add_argument("submissions", type=Path, help="folder or zip, as it was downloaded")
    parser.add_argument("--course", default="", help="needed where several have this homework")
    parser.add_argument("--out", type=Path, help="folder for the results")
    parser.add_argument("--jobs", type=int, default=2, help="submissions at a time")
    for name, kind in (("seconds", float), ("step", float), ("call", float), ("memory", int)):
        default = Limits._field_defaults[name]
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"limit ({default:,})")
    parser.add_argument(
        "--without-namespaces",
        action="store_true",
        help="grade, although a submission can read your files, solutions among them, and has a "
        "network; each row is flagged",
    )
    given = parser.parse_args(arguments)
    path = find_sheet(re.sub(r"^(\d+)$", r"hw\1", given.homework), given.course)
    if not (isolated() or given.without_namespaces):
        raise SystemExit(
            "this machine gives a process no namespaces of its own, so that a submission could "
            "read your files, solutions and hidden tests among them, and use the network: grade "
            "on a Linux with util-linux (unshare, setpriv) that allows user namespaces, or in a "
            "virtual machine that has nothing of yours; there, add --without-namespaces to\n"
            f"    {sys.executable} -m teaching.grade {given.homework} SUBMISSIONS"
        )
    sheet = json.loads(path.read_text(encoding="utf-8"))
    limits = Limits(given.seconds, given.step, given.call, given.memory)
    out = given.out or path.parent / "graded"
    given.submissions = given.submissions.expanduser()
    if not given.submissions.exists():
        raise SystemExit(f"there is no SUBMISSIONS={given.submissions}: name a folder or a zip")
    kit = (Path(sys.prefix), FOLDER)
    if any(each.resolve().is_relative_to(given.submissions.resolve()) for each in kit):
        raise SystemExit(
            f"SUBMISSIONS={given.submissions} holds the project: name a folder of its own"
        )
    with tempfile.TemporaryDirectory() as folder:
        place = submissions.unzipped(given.submissions, Path(folder))
        try:
            everyone = grade_all(place, sheet, out, limits, given.jobs, [given.submissions])
        except RuntimeError as error:
            raise SystemExit(str(error)) from error
        except OSError as error:
            raise SystemExit(f"{error}; what was graded so far is kept in {out}") from error
    if not everyone:
        raise SystemExit(
            f"SUBMISSIONS={given.submissions} has no file, expected one for each student"
        )
    graded = sum(each.status == "graded" for each in everyone)
    print(f"{graded} of {len(everyone)} graded, the others have a status: {out / 'grades.csv'}")


if __name__ == "__main__":
    main()
