"""Workers: replaced when they are killed, and gone with the process that keeps them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recbook.workers import keep_working

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for workers in /proc")

CODE = """
import time
from recbook.workers import keep_working

said = []

def work():
    print(*said, "works", flush=True)
    time.sleep(600)

keep_working(2, work, lambda: said or said.append("still"))
"""


def workers(pid: int) -> set[int]:
    return {*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())}


def wait_until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def keeper() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", CODE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["works\n"] * 2
        yield process
        process.kill()


def test_one_that_is_killed_is_replaced_by_a_copy_of_what_there_is_now(
    keeper: subprocess.Popen[str],
) -> None:
    first = workers(keeper.pid)
    assert len(first) == 2 and keeper.stdout is not None
    time.sleep(0.6)  # meanwhile has been called
    for pid in first:
        os.kill(pid, signal.SIGKILL)
    assert [keeper.stdout.readline() for _ in range(2)] == ["still works\n"] * 2
    second = workers(keeper.pid)
    assert len(second) == 2 and not first & second
    keeper.terminate()
    assert keeper.wait(60) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in second)


def test_workers_end_with_who_keeps_them(keeper: subprocess.Popen[str]) -> None:
    left = workers(keeper.pid)
    keeper.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in left))


def test_it_keeps_one_or_more() -> None:
    with pytest.raises(ValueError, match="number=0, expected"):
        keep_working(0, print, print)
