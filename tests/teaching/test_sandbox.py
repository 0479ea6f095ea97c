"""What a submission's code may do, and what is left of it."""

import os
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from teaching import sandbox
from teaching.marking import mark_answers
from teaching.sandbox import Limits, Submission, isolated
from teaching.worker import Answers, _candidate

needs_isolation = pytest.mark.skipif(not isolated(), reason="there are no namespaces here")


def value(name: str) -> dict:
    return {"asks": name, "kind": "value"}


def ask(
    cells: list[str], *names: str, hide: tuple[Path, ...] = (), **limits: float
) -> tuple[list, Submission]:
    submission = Submission(cells, Limits(**{"step": 3, **limits}), hide)
    try:
        return [submission.reply(value(name)).get("value", "none") for name in names], submission
    finally:
        submission.close()


def soon(holds: Callable[[], object]) -> bool:
    end = time.monotonic() + 60
    while not holds() and time.monotonic() < end:
        time.sleep(0.1)
    return bool(holds())


DEAF = "import signal\nsignal.signal(signal.SIGPROF, signal.SIG_IGN)\nwhile True: pass"
MUTE = "import os\nos.closerange(3, 99)"
CROWD = """
import os, time
for _ in range(50):
    if os.fork() == 0:
        time.sleep(60)
time.sleep(60)
"""
HOARDERS = """
import os, time
for _ in range(9):
    if os.fork() == 0:
        hoard = b"1" * 10**8
        time.sleep(60)
time.sleep(60)
"""
MEMORY_FILES = """
import os, time
held = [os.memfd_create("x") for _ in range(9)]
for each in held:
    os.write(each, bytes(10**8))
time.sleep(60)
"""


@pytest.mark.parametrize(
    ("cell", "limits", "why"),
    [
        ("while True: pass", {"step": 1}, ""),  # it stops itself, or is ended on a busy machine
        ("import time\ntime.sleep(1000)", {"step": 1}, "time"),
        (DEAF, {"step": 1}, "time"),
        ("import os\nos._exit(0)", {}, "died"),
        (MUTE, {}, "died"),
        (CROWD, {}, "processes"),
        (HOARDERS, {"memory": 300 * 2**20}, "memory"),
        (MEMORY_FILES, {"memory": 500 * 2**20}, "memory"),
    ],
)
def test_a_cell_that_ends_the_box_costs_no_other(cell: str, limits: dict, why: str) -> None:
    values, submission = ask(["x = 1", cell, "y = 2"], "x", "y", **limits)
    assert values == [1, 2]
    assert submission.stops[:1] == [why] or not why
    assert [*submission.failed] == [1]


def test_memory_of_one_process() -> None:
    values, submission = ask(["x = bytearray(10**9)", "y = 2"], "x", "y", memory=300 * 2**20)
    assert values == ["none", 2] and submission.failed[0].startswith("MemoryError")


def test_a_long_answer_costs_no_other() -> None:
    values, submission = ask(["x = 'x' * 10**7", "y = 2"], "x", "y")
    assert values == ["none", 2] and submission.stops == ["answer"]


def test_magics_run_and_output_is_dropped() -> None:
    cells = ["%matplotlib inline\nx = !echo 3", "print('x' * 10**8)", "y = 2"]
    values, submission = ask(cells, "x", "y")
    assert values == [["3"], 2] and not submission.failed


def test_nothing_is_left_running() -> None:
    mark = f"recbook-left-{os.getpid()}"
    cell = (
        "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', "
        f"'import time; time.sleep(600) # {mark}'], start_new_session=True)"
    )
    ask([cell, "y = 2"], "y")
    time.sleep(0.5)
    assert not [p for p in psutil.process_iter(["cmdline"]) if mark in str(p.info["cmdline"])]


@needs_isolation
def test_a_box_ends_with_the_process_that_grades() -> None:
    mark = f"recbook-orphan-{os.getpid()}"
    cell = (
        "import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', "
        f"'import time; time.sleep(600) # {mark}'])\ntime.sleep(600)"
    )
    grades = (
        "from teaching.sandbox import Limits, Submission\n"
        f"Submission([{cell!r}], Limits(), []).reply({value('x')})"
    )

    def run() -> list[psutil.Process]:
        several = psutil.process_iter(["cmdline"])
        return [each for each in several if (each.info["cmdline"] or [""])[-1].endswith(mark)]

    process = subprocess.Popen([sys.executable, "-c", grades], cwd=sandbox.HERE.parent)
    try:
        assert soon(run)
    finally:
        process.kill()
        process.wait()
    assert soon(lambda: not run())


def test_a_box_holds_no_secret() -> None:
    cells = ["import os\nnames = list(os.environ)", "text = str(dict(os.environ))"]
    (names, text), _ = ask(cells, "names", "text")
    assert "HOME" in names and "a secret of the tests" not in text


LOOK_AROUND = """
import os, pathlib, socket, subprocess

def tried(work):
    try:
        return work() or "done"
    except OSError as error:
        return type(error).__name__

def call_service():
    socket.socket(socket.AF_UNIX).connect(os.path.join(FOLDER, "service"))

seen = "recbook" in os.listdir(os.path.dirname(KIT))
kit = os.listdir(KIT)
hidden = tried(pathlib.Path(FOLDER, "sheet.json").read_text)
file = tried(pathlib.Path(KIT).with_name("README.md").read_text)
devices = sorted(os.listdir("/dev"))
service = tried(call_service)
wrote = tried(lambda: pathlib.Path(KIT).with_name("new").write_text("x"))
home = tried(lambda: pathlib.Path.home().joinpath("new").write_text("x"))
own = tried(lambda: pathlib.Path("new").write_text("x"))
net = tried(lambda: socket.create_connection(("1.1.1.1", 53), timeout=3))
processes = len([name for name in os.listdir("/proc") if name.isdigit()])
mount = subprocess.run(["umount", KIT], capture_output=True).returncode > 0
again = subprocess.run(["unshare", "-U", "true"], capture_output=True).returncode > 0
"""


@needs_isolation
def test_disk_network_and_other_processes(tmp_path: Path) -> None:
    (tmp_path / "sheet.json").write_text("{}")
    (tmp_path / "below").mkdir()
    expected = {
        "seen": True,
        "kit": [],
        "hidden": "FileNotFoundError",
        "file": "done",  # it is empty
        "devices": sorted("fd full null ptmx pts random shm urandom zero".split()),
        "service": "FileNotFoundError",
        "wrote": "OSError",
        "home": "OSError",
        "own": 1,
        "net": "OSError",
        "processes": 1,
        "mount": True,
        "again": True,
    }
    cell = f"FOLDER, KIT = {str(tmp_path)!r}, {str(sandbox.HERE)!r}\n{LOOK_AROUND}"
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(str(tmp_path / "service"))
        service.listen()
        hide = (tmp_path, tmp_path / "below", sandbox.HERE, sandbox.HERE.parent / "README.md")
        values, submission = ask([cell], *expected, hide=hide)
    assert not submission.failed
    assert dict(zip(expected, values, strict=True)) == expected


@needs_isolation
def test_a_disk_may_be_filled(tmp_path: Path) -> None:
    cell = "for n in range(9): open(f'{n}', 'wb').write(b'x' * 10**7)"
    values, submission = ask([cell, "y = 2"], "y", disk=20_000_000)
    assert values == [2] and submission.failed[0].startswith("OSError")


RIGHT = "def rule(x):\n    if x < 0:\n        raise {}\n    return x * 2"
WRONG = "def rule(x):\n    return 'a mistake' and x * 3"
TESTED = {
    "kind": "test",
    "parts": [{"title": "catches", "points": 1, "hint": "Look.", "catches": "wrong"}],
    "candidates": {"wrong": WRONG, "right": RIGHT.format("ValueError")},
}
LOOK = """
import re
def look(*several):
    for each in several:
        each = each if isinstance(each, bytes) else repr(each).encode()
        assert not re.search(b"a mis[t]ake", each)
"""
# Each fails what it is run on where it finds what only the wrong candidate's code has.
SPIES = {
    "frames": """
import sys
frame = sys._getframe()
try:
    candidate("x", "y")
except TypeError as error:
    trace = error.__traceback__
    while trace:
        look(trace.tb_frame.f_globals, trace.tb_frame.f_locals)
        trace = trace.tb_next
while frame:
    look(frame.f_globals, frame.f_locals)
    frame = frame.f_back
""",
    "inspect": """
import inspect, linecache
look(vars(candidate), candidate.__code__.co_consts, inspect.getclosurevars(candidate))
look(linecache.cache)
""",
    "gc": """
import gc
candidate(1)
for each in gc.get_objects():
    if type(each) is dict:
        look([value for value in list(each.values()) if type(value) is str])
""",
    "modules": """
import sys
candidate(1)
for module in list(sys.modules.values()):
    if module.__name__.startswith(("teaching", "__main__")):
        look(vars(module))
        for name in vars(module):
            assert name != "_candidate" or module._candidate.cache_info().currsize == 0
""",
    "memory": """
import re
candidate(1)
with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
    for low, high in re.findall("([0-9a-f]+)-([0-9a-f]+) rw", maps.read()):
        memory.seek(int(low, 16))
        try:
            look(memory.read(int(high, 16) - int(low, 16)))
        except OSError:
            pass
""",
    "processes": """
import os
candidate(1)
for process in filter(str.isdigit, os.listdir("/proc")):
    if int(process) != os.getpid():
        for name in ("cmdline", "environ", "mem", "fd/0"):
            try:
                look(open(f"/proc/{process}/{name}", "rb").read(10**6))
            except OSError:
                pass
""",
    "files": """
import glob, os
candidate(1)
for top in ("/tmp", "/dev/shm", os.environ["PYTHONPATH"].split(":")[-1] + "/t*"):
    for path in glob.glob(top + "/**", recursive=True):
        try:
            look(open(path, "rb").read(10**6))
        except OSError:
            pass
""",
}


def spying(spy: str) -> str:
    return f"{LOOK}\ndef test_{spy}(candidate):\n{textwrap.indent(SPIES[spy], '    ')}"


@needs_isolation
def test_a_students_test_has_no_way_to_its_candidates_code() -> None:
    questions = [TESTED | {"id": spy, "asks": f"test_{spy}"} for spy in SPIES]
    hide = (sandbox.HERE, sandbox.HERE.parent / "tests")
    submission = Submission([*map(spying, SPIES)], Limits(call=30), hide)
    try:
        marks = mark_answers({"questions": questions}, submission.reply)
    finally:
        submission.close()
    told = {mark.question: mark.told for mark in marks}
    assert told == dict.fromkeys(SPIES, "Your test passes code that is wrong. Look.")
    assert not submission.failed and not submission.stops


@pytest.mark.parametrize("spy", ["frames", "inspect", "gc", "modules", "memory"])
def test_the_spies_find_code_where_it_is(spy: str) -> None:
    answers = Answers()
    answers.run(spying(spy))
    _candidate.cache_clear()
    request = {"asks": f"test_{spy}", "kind": "test", "candidate": WRONG}
    assert answers.reply(request) == {"raised": True}


def test_a_candidates_results_errors_and_limits_reach_the_test() -> None:
    test = (
        "def test_{0}(candidate):\n    try:\n        candidate(-1)\n    except {0}:\n        return"
    )
    cells = [f"{test.format(kind)}\n    assert 0" for kind in ("ValueError", "KeyError")]
    cells += ["def test_calls(rule):\n    assert rule(2) == 4 and rule(x=3) == 6"]
    submission = Submission(cells, Limits(call=1), ())

    def reply(name: str, error: str, code: str = RIGHT) -> dict:
        return submission.reply(
            {"asks": f"test_{name}", "kind": "test", "candidate": code.format(error)}
        )

    try:
        assert reply("calls", "0") == {"raised": False}
        assert reply("calls", "0", WRONG) == {"raised": True}
        # A kind that Python does not know arrives as the one that it is made of.
        own = "type('Own', (ValueError,), {})"
        assert reply("ValueError", own) == {"raised": False}
        assert reply("KeyError", own) == {"raised": True}
        for ends in ("SystemExit", "__import__('os')._exit(0)", "max(iter(int, 1))"):
            assert reply("ValueError", ends)["error"] == "StoppedError", ends
        assert reply("ValueError", own) == {"raised": False}, "the next call has a new box"
    finally:
        submission.close()


@needs_isolation
def test_a_test_is_watched_while_its_candidate_works() -> None:
    later = (
        f"import os, time\nif os.fork() == 0:\n    time.sleep(4)\n{textwrap.indent(CROWD, '    ')}"
    )
    cell = f"def test_rule(candidate):\n{textwrap.indent(later, '    ')}\n    candidate(-1)"
    submission = Submission([cell], Limits(call=8), ())
    start = time.monotonic()
    try:
        slow = RIGHT.format("__import__('time').sleep(20)")
        got = submission.reply({"asks": "test_rule", "kind": "test", "candidate": slow})
    finally:
        submission.close()
    assert "error" in got and time.monotonic() - start < 18


def test_without_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "isolated", lambda: False)
    values, submission = ask(["import os\nx = os.getcwd()", "1 / 0"], "x")
    assert "recbook-box-" in values[0] and not Path(values[0]).exists()
    assert [*submission.failed] == [1]


def test_a_box_that_does_not_start_is_no_students_fault() -> None:
    with pytest.raises(RuntimeError, match="give it more --memory"):
        ask(["x = 1"], "x", memory=10**6)
