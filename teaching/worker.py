"""What runs beside a submission's code: it executes the cells, then answers what it is asked.

Started by ``sandbox``, it reads and writes lines of JSON. It knows no expected value and no test:
it gets arguments, and hands results back. Whatever a submission does to this process, it can only
change its own answers. A student's test is called here, and what it tests in a box of its own: each
call goes to ``sandbox`` as a line, and what comes back is the result.
"""

import ast
import builtins
import json
import os
import resource
import signal
from collections.abc import Callable
from functools import cache
from types import CodeType, FrameType
from typing import Any

from teaching.forms import pack, plain, unpack

Reply = Callable[[dict[str, Any]], dict[str, Any]]
_MISSING = object()


class StoppedError(BaseException):
    """A cell or a call took too long; ``except Exception`` does not catch this."""


def execute(source: str, names: dict[str, Any]) -> BaseException | None:
    """Run a cell of plain Python in ``names``, and return the error that stopped it."""
    try:
        exec(compile(source, "<cell>", "exec"), names)
    except BaseException as error:
        return error
    return None


def call_candidate(request: dict[str, Any]) -> dict[str, Any]:
    """What a candidate returns, or the kind of Python's errors that its error is of."""
    try:
        several, named = unpack(request["arguments"], arrays=True)
        return {"value": pack(_candidate(request["candidate"])(*several, **named))}
    except BaseException as error:
        kinds = (kind.__name__ for kind in type(error).__mro__ if kind.__module__ == "builtins")
        return {"error": next(kinds)}


@cache
def _candidate(source: str) -> Any:
    """The last function that a candidate's source defines."""
    names: dict[str, Any] = {"__name__": "candidate"}
    exec(source, names)
    defined = [node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return names[defined[-1]]


class Answers:
    """The names that a notebook's cells define, and what is asked about them."""

    def __init__(
        self,
        names: dict[str, Any] | None = None,
        execute: Callable[[str, dict[str, Any]], BaseException | None] = execute,
        call: Reply = call_candidate,
    ):
        self.names = {"__name__": "__main__"} if names is None else names
        self._execute, self._call = execute, call

    def run(self, source: str) -> str:
        """Run a cell; return what stopped it, or nothing."""
        error = self._execute(source, self.names)
        return f"{type(error).__name__}: {error}"[:300].rstrip(": ") if error else ""

    def reply(self, request: dict[str, Any]) -> dict[str, Any]:
        """The value of a name, of a call, or whether a test lets a candidate pass."""
        if request["kind"] == "candidate":
            return call_candidate(request)
        value: Any = self.names.get(request["asks"], _MISSING)
        if value is _MISSING:
            return {"none": "missing"}
        if value is ... or value is None:
            return {"none": "dots"}
        if request["kind"] != "value" and not callable(value):
            return {"none": "no function"}
        try:
            if request["kind"] == "test":
                return {"raised": self._raises(value, request)}
            if request["kind"] == "value":
                return {"value": pack(plain(value)), "changed": False}
            given = [unpack(each, arrays=True) for each in request["arguments"]]
            result = value(*given)
            if result is ... or result is None:
                return {"none": "nothing"}
            changed = json.dumps([pack(each) for each in given]) != json.dumps(request["arguments"])
            return {"value": pack(plain(result)), "changed": changed}
        except BaseException as error:
            return {"error": type(error).__name__, "line": _line(error, value)}

    def _raises(self, test: Callable[..., Any], request: dict[str, Any]) -> bool:
        def candidate(*several: Any, **named: Any) -> Any:
            got = self._call(request | {"kind": "candidate", "arguments": pack((several, named))})
            if "value" in got:
                return unpack(got["value"], arrays=True)
            kind = getattr(builtins, str(got.get("error")), None)
            known = isinstance(kind, type) and issubclass(kind, Exception)
            raise kind("in the candidate") if known else StoppedError("in the candidate")

        try:
            test(candidate)
        except Exception:
            return True
        return False


def _line(error: BaseException, function: Any) -> int:
    """The line of the function in which the error arose, 0 where it was elsewhere."""
    code, line, trace = getattr(function, "__code__", None), 0, error.__traceback__
    while isinstance(code, CodeType) and trace is not None:
        if trace.tb_frame.f_code is code:
            line = trace.tb_lineno - code.co_firstlineno + 1
        trace = trace.tb_next
    return line


def _limit(limits: dict[str, int]) -> None:
    """Take from this process, for good, what a homework does not need."""
    for name, most in limits.items():
        kind = getattr(resource, name, None)
        if kind is not None:
            hard = resource.getrlimit(kind)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, most))


def _in_shell() -> tuple[dict[str, Any], Callable[[str, dict[str, Any]], BaseException | None]]:
    """Names, and a way to run cells in them, in which the magics of notebooks work."""
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """There is no window; figures are drawn by Agg."""

    shell = Shell(config=Config({"HistoryManager": {"enabled": False}}))

    def run(source: str, names: dict[str, Any]) -> BaseException | None:
        result = shell.run_cell(source, store_history=False)
        return result.error_before_exec or result.error_in_exec

    return shell.user_ns, run


def main() -> None:
    """Serve one submission."""
    asked = os.fdopen(os.dup(0), encoding="utf-8")
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)
    start = json.loads(asked.readline())
    _limit(start["limits"])

    def stop(number: int, frame: FrameType | None) -> None:
        raise StoppedError("it took too long")

    signal.signal(signal.SIGPROF, stop)

    def tell(reply: dict[str, Any]) -> None:
        told.write(json.dumps(reply) + "\n")
        told.flush()

    def call(request: dict[str, Any]) -> dict[str, Any]:
        tell({"call": request["arguments"]})
        return json.loads(asked.readline())

    def timed(limit: str, work: Callable[[], dict[str, Any]]) -> None:
        try:
            signal.setitimer(signal.ITIMER_PROF, start[limit])
            reply = work()
            signal.setitimer(signal.ITIMER_PROF, 0)
        except StoppedError:
            reply = {"error": "StoppedError", "line": 0}
        tell(reply)

    answers = Answers(*_in_shell(), call)
    timed("step", lambda: {"ready": False})
    for number, source in enumerate(start["cells"]):
        if number not in start["skip"]:
            timed("step", lambda n=number, s=source: {"cell": n, "told": answers.run(s)})
    timed("step", lambda: {"ready": True})
    for line in asked:
        timed("call", lambda request=line: answers.reply(json.loads(request)))


if __name__ == "__main__":
    main()
