"""A box in which a submission runs: limits, no network, nothing to read that it must not see.

On Linux with user namespaces a box has a process table, a network and a view of the disk of its
own: the disk is read-only, some folders are empty, and what it writes lies in memory and is gone
with it. Without them it is a process group in a temporary folder; then only the limits hold.
"""

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib
import psutil

HERE = Path(__file__).parent
_PACKAGE = ("__init__.py", "forms.py", "worker.py")  # all of the kit that a box holds
_INSIDE = Path("/dev/shm/box")
# Arguments: bytes it may write, its package, the folder of matplotlib's list of fonts, folders and
# files to hide, "--", the command. Of the devices it has those that hold nothing: root could read
# the disk's. Mounts that cannot be made read-only are the kernel's own.
_SET_UP = """set -e
size=$1 package=$2 fonts=$3; shift 3
echo 0 > /proc/sys/user/max_user_namespaces
{ echo 0 > /proc/sys/kernel/shmall; } 2> /dev/null || true
mount -t tmpfs -o mode=755 tmpfs /dev/shm
cd /dev/shm; mkdir shm pts; ln -s pts/ptmx ptmx; ln -s /proc/self/fd fd
for each in full null random urandom zero; do touch $each; mount --bind /dev/$each $each; done
mount -t devpts -o ptmxmode=666 devpts pts
mount --rbind . /dev; cd /
mount -t tmpfs -o "size=$size,mode=700" tmpfs /dev/shm
cp -r "$package" /dev/shm/box
cp "$fonts"/fontlist*.json /dev/shm/box/fonts 2> /dev/null || true
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mount -t tmpfs -o ro,size=4k tmpfs "$1"; else mount --bind /dev/null "$1"; fi
  shift
done; shift
while read -r _ point _; do case $point in
  /dev/shm) ;; *) mount -o remount,bind,ro "$(printf %b "$point")" 2> /dev/null || true ;;
esac; done < /proc/self/mounts
if touch "$HOME/.recbook-box" 2> /dev/null; then rm "$HOME/.recbook-box"; exit 1; fi
cd /dev/shm/box/work
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
"""
_WITH_US = "setpriv --pdeathsig KILL"  # a box ends with the process that grades, however that ends
_NAMESPACES = "--user --map-root-user --mount --net --ipc --pid --fork --kill-child --mount-proc"


class Limits(NamedTuple):
    """What a submission may take.

    Attributes:
        seconds: for the whole of it.
        step: seconds of computing for one cell; a busy machine takes longer, and a step that waits
            is ended after four times as long.
        call: the same for one call of a function.
        memory: bytes, of all its processes together.
        processes: how many there may be at once.
        disk: bytes that it may write.
        answer: bytes of one result.
    """

    seconds: float = 300.0
    step: float = 20.0
    call: float = 5.0
    memory: int = 2 * 2**30
    processes: int = 32
    disk: int = 256 * 2**20
    answer: int = 4 * 2**20


class StoppedError(Exception):
    """A box ended before it answered; its only argument is the reason, in a word."""


@cache
def isolated() -> bool:
    """Whether this machine gives a box namespaces of its own."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            tried = subprocess.run(
                _in_namespaces(_package(Path(folder)), [], Limits(), ["true"]),
                capture_output=True,
                timeout=30,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return tried.returncode == 0


class Box:
    """A process with a submission's code, and the pipes to it."""

    def __init__(
        self,
        cells: Sequence[str],
        skip: set[int],
        limits: Limits,
        end: float,
        hide: Sequence[Path],
        caller: "Box | None" = None,
    ):
        """Start it; then there is a line that says so, one for each cell, and one at their end.

        Args:
            cells: the submission's code.
            skip: positions of cells that are left out.
            limits: what it may take.
            end: when it is stopped at the latest, on the monotonic clock.
            hide: folders and files that it must not see.
            caller: a box that waits for this one, and that is watched in the meantime.
        """
        self._caller = caller
        self._limits, self._end, self._rest, self._watched = limits, end, b"", 0.0
        self._folder = Path(tempfile.mkdtemp(prefix="recbook-box-"))
        inside = package = _package(self._folder)
        command = [sys.executable, "-m", "teaching.worker"]
        if isolated():
            inside, command = _INSIDE, _in_namespaces(package, hide, limits, command)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=package / "work",
            env=_environment(inside),
            start_new_session=True,
        )
        self._in, self._out = (
            pipe.fileno() for pipe in (self._process.stdin, self._process.stdout) if pipe
        )
        os.set_blocking(self._in, False)
        most = {
            "RLIMIT_CORE": 0,
            "RLIMIT_CPU": int(limits.seconds) + 1,
            "RLIMIT_DATA": limits.memory,
            "RLIMIT_FSIZE": limits.disk,
            "RLIMIT_NOFILE": 256,
        }
        self._start = {
            "cells": cells,
            "skip": sorted(skip),
            "step": limits.step,
            "call": limits.call,
            "limits": most,
        }

    def next_line(self, request: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request, if any, and return the next line that the box writes.

        Raises:
            StoppedError: where there is none in time, or one that cannot be read.
        """
        to_send = b""
        for each in (self._start, request):
            to_send += json.dumps(each).encode() + b"\n" if each else b""
        self._start = {}
        # A box stops a step by itself where it can.
        most = self._limits.call if request else self._limits.step
        end = min(time.monotonic() + 4 * most, self._end)
        while b"\n" not in self._rest:
            self._watch(end)
            readable, writable, _ = select.select(
                [self._out], [self._in] if to_send else [], [], 0.1
            )
            try:
                if writable:
                    to_send = to_send[os.write(self._in, to_send[:65536]) :]
                chunk = os.read(self._out, 2**16) if readable else b"-"
            except OSError:
                chunk = b""
            if not chunk:
                raise StoppedError("died")
            self._rest += chunk if readable else b""
            if len(self._rest) > self._limits.answer:
                raise StoppedError("answer")
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise StoppedError("answer")
        return reply

    def _watch(self, end: float) -> None:
        """Stop a box whose time is over, or whose processes are too many or too large."""
        if time.monotonic() > end:
            raise StoppedError("time")
        if time.monotonic() < self._watched + 0.2:
            return
        self._watched, memory, processes = time.monotonic(), 0, self._processes()
        processes += self._caller._processes() if self._caller else []
        for process in processes:
            with suppress(psutil.Error):
                memory += process.memory_info().rss + _in_memory_files(process.pid)
        if memory > self._limits.memory:
            raise StoppedError("memory")
        if len(processes) > self._limits.processes:
            raise StoppedError("processes")

    def _processes(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.Error:
            return []

    def close(self) -> None:
        """End all its processes, and remove what it wrote."""
        several = self._processes()
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for process in several:
            with suppress(psutil.Error):
                process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


class Submission:
    """A submission's code, asked in one box after another where it ends them.

    A cell that ends its box is left out of the next one, and so costs no more than its own
    question; so does a call. What a student's test is run on is in a second box: the test has its
    results, and neither its code nor its name.
    """

    def __init__(
        self,
        cells: Sequence[str],
        limits: Limits,
        hide: Sequence[Path],
        caller: Box | None = None,
    ):
        self._cells, self._limits, self._hide, self._caller = cells, limits, hide, caller
        self._candidates: Submission | None = None
        self._end = time.monotonic() + limits.seconds
        self._box: Box | None = None
        self._skip: set[int] = set()
        #: why boxes ended, in words of ``marking``
        self.stops: list[str] = []
        #: what stopped a cell, by its position
        self.failed: dict[int, str] = {}

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """What the submission answers, or which limit it met."""
        hidden = {"candidate": ""} if request["kind"] == "test" else {}
        try:
            box = self._ready()
            reply = box.next_line(request | hidden)
            while hidden and "call" in reply:
                call = {"kind": "candidate", "arguments": reply["call"]}
                if self._candidates is None:
                    self._candidates = Submission([], self._limits, self._hide, box)
                reply = box.next_line(self._candidates.reply(request | call))
        except StoppedError as error:
            self._note(str(error))
            return {"error": str(error)}
        if reply.get("error") == "StoppedError":
            self.stops.append("time")
        return reply

    def close(self) -> None:
        """End what runs."""
        if self._candidates:
            self._candidates.close()
            self._candidates = None
        if self._box:
            self._box.close()
            self._box = None

    def _note(self, why: str) -> None:
        self.close()
        self.stops.append(why)

    def _ready(self) -> Box:
        """A box in which all cells have run that let it live."""
        while self._box is None:
            if time.monotonic() > self._end:
                raise StoppedError("time")
            box = self._box = Box(
                self._cells, self._skip, self._limits, self._end, self._hide, self._caller
            )
            try:
                box.next_line()
            except StoppedError as error:
                self.close()
                raise RuntimeError(
                    f"a box did not start ({error}): give it more --memory (it has "
                    f"{self._limits.memory:,} bytes) or --step; what was graded so far is kept"
                ) from None
            for number in [n for n in range(len(self._cells)) if n not in self._skip] + [None]:
                try:
                    told = str(box.next_line().get("told", ""))
                except StoppedError as error:
                    if number is None:
                        raise
                    self._note(str(error))
                    self._skip.add(number)
                    self.failed[number] = str(error)
                    break
                if number is not None and told:
                    self.failed[number] = told
        return self._box


def _in_memory_files(process: int) -> int:
    """Bytes in files that a process has open and that are on no disk: they count as no one's."""
    held, folder, names = 0, f"/proc/{process}/fd", []
    with suppress(OSError):
        names = os.listdir(folder)
    for name in names:
        with suppress(OSError):  # it may be closed by now
            if os.readlink(f"{folder}/{name}").startswith("/memfd:"):
                held += os.stat(f"{folder}/{name}").st_blocks * 512
    return held


def _package(folder: Path) -> Path:
    """What a box holds: of the kit the worker alone, and empty folders."""
    package = folder / "box"
    for name in ("teaching", "work", "fonts"):
        (package / name).mkdir(parents=True)
    for name in _PACKAGE:
        shutil.copy(HERE / name, package / "teaching")
    return package


def _in_namespaces(
    package: Path, hide: Sequence[Path], limits: Limits, command: Sequence[str]
) -> list[str]:
    # Sockets of services on this machine lie in these: a network that is not one.
    needed = [sys.prefix, sys.base_prefix, str(HERE), str(Path.home())]
    needed += [os.environ["RECBOOK_DATA"]] if "RECBOOK_DATA" in os.environ else []
    places = {Path(name) for name in ("/run", "/tmp", "/var/tmp", tempfile.gettempdir())}
    places -= {place for place in places for path in needed if Path(path).is_relative_to(place)}
    whole = {path.resolve() for path in {*hide, *places} if path.exists()}
    hidden = [str(path) for path in whole if whole.isdisjoint(path.parents)]
    own = ["sh", "-c", _SET_UP, "box", str(limits.disk), str(package), matplotlib.get_cachedir()]
    return [*_WITH_US.split(), "unshare", *_NAMESPACES.split(), *own, *hidden, "--", *command]


def _environment(inside: Path) -> dict[str, str]:
    """What a submission may know of ours, and what keeps it from asking the network in vain."""
    kept = {
        name: os.environ[name] for name in ("HOME", "LANG", "RECBOOK_DATA") if name in os.environ
    }
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": f"{inside}:{HERE.parent}",
        "IPYTHONDIR": f"{inside}/work",
        "MPLBACKEND": "Agg",
        "MPLCONFIGDIR": f"{inside}/fonts",
        "OMP_NUM_THREADS": "1",
        "PIP_NO_INDEX": "1",
        "TMPDIR": f"{inside}/work",
        "TQDM_DISABLE": "1",
    }
