import json
import os
import subprocess
import sys

import pytest

OWN = {"OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in OWN}
CODE = """
import json, os, sys
import torch
from recbook import threads
from recbook.threads import threads_beside_others

def tell(others, number):
    threads.busy_elsewhere = lambda: others
    if number is not None:
        torch.set_num_threads(number)
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
    print(started, working, flush=True)

first, *forked = json.loads(sys.argv[1])
for case in forked:  # before any thread has started
    if os.fork() == 0:
        tell(*case)
        os._exit(0)
    os.wait()
tell(*first)
"""


def started(*cases: tuple[float, int | None], **variables: str) -> list[tuple[int, int]]:
    """How many threads are started, and how many work, in a process for each case.

    A case is how many cores others keep busy, and the number of threads that the user sets.
    """
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(cases)],
        env=ENVIRONMENT | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    *forked, first = (tuple(map(int, line.split())) for line in done.stdout.splitlines())
    return [first, *forked]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' threads wait in other ways")
def test_more_threads_than_processors_and_none_where_the_user_has_decided() -> None:
    processors = len(os.sched_getaffinity(0))
    (more, _), (none, _) = started((1, None), (1, 1), OMP_NUM_THREADS="2")
    teams = max(processors - 1, 0)  # each has a thread of ours and one of the library's
    assert more == 2 * teams and none == 0
    assert 2 + teams > processors
    for decided in (
        {"OMP_NUM_THREADS": "1"},
        {"OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "active"},
        {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "5"},
    ):
        assert started((1, None), **decided)[0][0] == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' threads wait in other ways")
def test_a_thread_for_each_free_core_where_that_decides_no_digit() -> None:
    cores = os.cpu_count() or 1
    asked = {"OMP_NUM_THREADS": str(cores)}
    cases = [(others, None) for others in (1, 0.2, 2 * cores)]
    expected = [cores - 1, cores, 1]
    found = started(*cases, **asked)
    assert [working for _, working in found] == [max(1, number) for number in expected]
    assert found[1][0] == 0  # the cores are free
    assert started((1, None), OMP_WAIT_POLICY="active", **asked)[0][1] == cores


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
