import os
import subprocess
import sys

import pytest

OWN = {"OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in OWN}
CODE = """
import os, sys
import torch
from recbook import threads
from recbook.threads import threads_beside_others

threads.busy_elsewhere = lambda: float(os.environ.get("OTHERS", "1"))
if len(sys.argv) > 1:
    torch.set_num_threads(int(sys.argv[1]))
torch.ones(2**20)
before = len(os.listdir("/proc/self/task"))
asked = torch.get_num_threads()
with threads_beside_others():
    assert torch.get_num_threads() == asked
started = len(os.listdir("/proc/self/task")) - before
with threads_beside_others(fewer=True):
    working = torch.get_num_threads()
assert len(os.listdir("/proc/self/task")) - before == started, "once is enough"
assert torch.get_num_threads() == asked
print(started, len(os.sched_getaffinity(0)), working)
"""


def started(*threads: str, **variables: str) -> tuple[int, int, int]:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *threads],
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    more, processors, working = map(int, done.stdout.split())
    return more, processors, working


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' threads wait in other ways")
def test_more_threads_than_processors_and_none_where_the_user_has_decided() -> None:
    more, processors, _ = started(OMP_NUM_THREADS="2")
    teams = max(processors - 1, 0)  # each has a thread of ours and one of the library's
    assert more == 2 * teams
    assert 2 + teams > processors
    assert started(OMP_NUM_THREADS="1")[0] == 0
    assert started("1", OMP_NUM_THREADS="2")[0] == 0
    assert started(OMP_NUM_THREADS="2", OMP_WAIT_POLICY="active")[0] == 0
    assert started(OMP_NUM_THREADS="2", GOMP_SPINCOUNT="5")[0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' threads wait in other ways")
def test_a_thread_for_each_free_core_where_that_decides_no_digit() -> None:
    cores = os.cpu_count() or 1
    asked = {"OMP_NUM_THREADS": str(cores)}
    for others, working in ((0.2, cores), (1, cores - 1), (2 * cores, 1)):
        sleepers, _, found = started(OTHERS=str(others), **asked)
        assert found == max(1, working)
        assert others > 0.2 or sleepers == 0  # the cores are free
    assert started(OTHERS="1", OMP_WAIT_POLICY="active", **asked)[2] == cores


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other clocks")
def test_what_others_do_is_told_from_what_we_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from recbook import threads

    clocks = iter([(10.0, 100.0, 4.0), (12.0, 103.0, 5.0), (12.01, 103.0, 5.0)])
    monkeypatch.setattr(threads, "_clocks", lambda: next(clocks))
    monkeypatch.setattr(threads, "_last", (8.0, 98.0, 2.0))
    assert threads.busy_elsewhere() == 0  # two seconds of work in two, both ours
    assert threads.busy_elsewhere() == 1  # three in two, one of them ours
    assert threads.busy_elsewhere() == 0  # too short to tell
    monkeypatch.undo()
    wall, everybody, ours = threads._clocks()
    assert wall > 0 and everybody >= ours > 0
