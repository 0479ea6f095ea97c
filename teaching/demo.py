"""Submissions to try grading on: python -m teaching.demo "COURSE" hw1 FOLDER."""

import argparse
import copy
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode, v4

from teaching.build import answered, student
from teaching.master import Master, read_master

ENDLESS = "while True:\n    pass"
DEAD = "import os, signal\n\nos.kill(os.getpid(), signal.SIGKILL)\nos._exit(0)"
HUNGRY = "hoard = []\nwhile True:\n    hoard.append(bytearray(50_000_000))"
# Each line is tried by itself: who forges does not stop at the first that fails.
FORGED = r"""
import builtins, gc, glob, json, os, sys, urllib.request

sheets, wishes = [], []


def attempt(wish):
    try:
        wish()
    except Exception:
        pass


def read_sheets():  # the hidden tests and what they expect, the masters, the others' answers
    for top in [os.environ["PYTHONPATH"].split(":")[-1], "..", "/", os.path.expanduser("~")]:
        for name in ("teaching/dist/*/*/*.json", "**/autograder.json", "teaching/masters/*"):
            sheets.extend(open(path).read() for path in glob.glob(os.path.join(top, name)))


def forge_results():  # grades where a grader might look for them
    full = json.dumps({"score": 1000, "tests": [{"score": 1000, "max_score": 1000}]})
    for path in ("grades.csv", "results.json", "/autograder/results/results.json", "../grades.csv"):
        with open(path, "w") as file:
            file.write(full)


def patch_worker():  # the classes that answer, and what compares
    import teaching.forms
    import teaching.worker

    full = {"value": True, "points": 1000, "raised": True}
    teaching.worker.Answers.reply = lambda self, request: full
    teaching.forms.same = lambda *several: True
    teaching.forms.pack = lambda value: {"value": value}


def answer_unasked():  # lines on every pipe there is, before anybody asks
    for number in range(3, 64):
        attempt(lambda: os.write(number, b'{"value": true, "raised": true, "points": 1000}\n' * 9))


class Equal(float):  # equal to whatever it is compared with
    __eq__ = __ge__ = __le__ = lambda self, other: True
    __hash__ = float.__hash__
    __reduce__ = lambda self: (os.system, ("touch forged",))


def ask_parents():  # secrets of the processes above
    for number in (1, os.getppid()):
        sheets.append(open(f"/proc/{number}/environ").read())


def ask_network():
    sheets.append(urllib.request.urlopen("http://1.1.1.1", timeout=3).read())


for wish in (read_sheets, forge_results, ask_parents, ask_network, patch_worker, answer_unasked):
    attempt(wish)
for name in NAMES:
    globals()[name] = lambda *several: Equal(1)
print('{"score": 1000}', "All tests passed! 32 / 32")
"""


def with_cell(notebook: NotebookNode, source: str) -> NotebookNode:
    """The notebook with one more cell at its end."""
    changed = copy.deepcopy(notebook)
    changed.cells.append(v4.new_code_cell(source, id="more"))
    return changed


def with_texts(notebook: NotebookNode, master: Master, sample: int) -> NotebookNode:
    """The notebook with one of the sample answers to each question that a person grades."""
    changed = copy.deepcopy(notebook)
    for question in master.questions:
        told = "\n\n".join(cell.source for cell in question.cells if cell.role == "instructor")
        samples = re.findall(r"(?s)\*\*Sample answer, .*?\*\* (.*?)(?=\n\n\*\*Sample|$)", told)
        mark = f"**Your answer to question {question.id}.**"
        for cell in changed.cells:
            if cell.source.startswith(mark):
                cell.source = f"{mark} {samples[sample]}"
    return changed


def files(master: Master, other: Master) -> dict[str, bytes]:
    """Each submission's file name and content."""
    right, blank = with_texts(answered(master), master, 0), student(master)
    weak = with_texts(right, master, -1)
    wrong = [question.sources("wrong")[0] for question in master.questions if question.parts]
    names = [question.asks for question in master.questions if question.parts]
    made = {
        "right": right,
        "blank": blank,
        "endless": with_cell(right, ENDLESS),
        "dead": with_cell(right, DEAD),
        "hungry": with_cell(right, HUNGRY),
        "forged": with_cell(blank, FORGED.replace("NAMES", repr(names))),
        "another": answered(other),
    }
    made |= {f"wrong {n}": with_cell(weak, cell.source) for n, cell in enumerate(wrong[:3], 1)}
    written = {f"{name}.ipynb": nbformat.writes(each).encode() for name, each in made.items()}
    written["truncated.ipynb"] = written["right.ipynb"][:3000]
    written["empty.ipynb"] = b""
    return written


def main(arguments: list[str] | None = None) -> None:
    """Write the submissions into a folder."""
    parser = argparse.ArgumentParser(prog="python -m teaching.demo", description=__doc__)
    parser.add_argument("course")
    parser.add_argument("homework", help="hw1 to hw6, or hunt1, hunt2, ...")
    parser.add_argument("folder", type=Path)
    given = parser.parse_args(arguments)
    other = read_master("hunt1", given.course)
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, content in files(read_master(given.homework, given.course), other).items():
        (given.folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
