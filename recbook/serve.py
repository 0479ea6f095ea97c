"""A small service: what a stored model recommends, and why, as JSON on a port of this machine.

It reads one file and writes none. A file that is renamed to its name answers from then on.
"""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import uvicorn
from fastapi import FastAPI, HTTPException, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, BeforeValidator, Field, StrictInt, StrictStr

from recbook.answers import RULES, NoFoldInError, StoredAnswers, UnknownIdError
from recbook.checks import check_count, check_path
from recbook.files import NewestFile

__all__ = ["application", "run"]

LARGEST_BODY = 2**16  # bytes
MODEL, PROBES = "RECBOOK_SERVE_MODEL", "RECBOOK_SERVE_PROBES"  # how run tells its workers
CODES: dict[Any, int] = {RequestValidationError: 422, UnknownIdError: 404, NoFoldInError: 409}


def whole(given: Any) -> Any:
    """JSON has one kind of number: 10.0 is 10."""
    return int(given) if isinstance(given, float) and given.is_integer() else given


Whole = Annotated[StrictInt, BeforeValidator(whole)]
Id = Whole | StrictStr
Liked = Annotated[list[Id], Field(min_length=1, max_length=500, examples=[[50, 181]])]
Members = Annotated[list[Id | Liked], Field(min_length=1, max_length=20, examples=[[42, [50]]])]
User = Annotated[str, Query(description="an id of a user", examples=["42"])]
Item = Annotated[str, Query(description="an id of an item", examples=["50"])]
Length = Annotated[int, Query(ge=1, le=100, description="how many, where there are as many")]
Number = Annotated[Whole, Field(ge=1, le=100, description="how many, where there are as many")]


class _Newcomer(BaseModel, extra="forbid", strict=True):
    liked: Liked
    k: Number = 10


class _Group(BaseModel, extra="forbid", strict=True):
    members: Members
    rule: Literal[RULES] = "average"  # type: ignore[valid-type]
    k: Number = 10


class _Row(BaseModel):
    item: Id
    title: str | None = None
    score: float
    people: Annotated[int | None, Field(description="why: how many others have both items")] = None


class _Rows(BaseModel):
    model: Annotated[str, Field(description="the start of the SHA-256 of the model's file")]
    items: list[_Row]


class _Health(BaseModel):
    model: str
    kind: Annotated[str, Field(examples=["LightGCN"])]
    users: int
    items: int
    folds_in: bool
    problem: Annotated[str | None, Field(description="why a newer file does not answer")]


class _Problem(BaseModel):
    detail: Annotated[str, Field(examples=["user: got '0', expected an id of the model, e.g. 1"])]


def _limited(app: Any) -> Any:
    """An application whose questions are refused while they come in, where they are too long."""

    async def asked(scope: Any, receive: Any, send: Any) -> None:
        size = 0

        async def counted() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > LARGEST_BODY:
                raise HTTPException(413, f"got over {LARGEST_BODY} bytes, expected fewer")
            return message

        await app(scope, counted, send)

    return asked


def application() -> FastAPI:
    """What each worker of :func:`run` answers with, by what that has put into the environment."""
    torch.set_num_threads(1)  # the workers share the processors
    probes, page = int(os.environ[PROBES]), files("recbook").joinpath("serve.html").read_text()
    newest = NewestFile(os.environ[MODEL], lambda path: StoredAnswers(path, probes))

    @asynccontextmanager
    async def follow(_: FastAPI) -> AsyncIterator[None]:
        with newest.followed(0.25):
            yield

    faults: Any = {code: {"model": _Problem} for code in (400, 413, *CODES.values())}
    app = FastAPI(title="recbook", lifespan=follow, responses=faults, docs_url=None, redoc_url=None)
    app.add_middleware(_limited)

    async def refused(_: Any, error: Any) -> JSONResponse:
        code, said = CODES.get(type(error)), getattr(error, "detail", str(error))
        if isinstance(error, RequestValidationError):
            wrong = error.errors()[0]
            said = (
                f"{'.'.join(map(str, wrong['loc']))}: got {wrong['input']!r:.80} ({wrong['msg']})"
            )
        more = "" if "expected" in said else ", expected what /openapi.json describes"
        return JSONResponse({"detail": said + more}, code or error.status_code)

    for kind in (400, 404, 405, 413, *CODES):
        app.add_exception_handler(kind, refused)

    def answer(method: str, *given: Any) -> _Rows:
        now = newest.content  # the same to the end, whatever takes its place
        names, answers = ("item", "score", "people"), getattr(now, method)(*given)
        found = [dict(zip(names, one, strict=False)) for one in answers]
        rows = [_Row(title=now.titles.get(one["item"]), **one) for one in found]
        return _Rows(model=now.digest, items=rows)

    app.get("/", response_class=HTMLResponse, include_in_schema=False)(lambda: page)

    @app.get("/health")
    def health() -> _Health:
        """What answers, and whether a newer file could not be read."""
        now, problem = newest.content, newest.problem
        size: Any = {"users": len(now.users), "items": len(now.items), "folds_in": now.folds_in}
        return _Health(model=now.digest, kind=now.kind, problem=problem, **size)

    @app.get("/recommend", response_model_exclude_none=True)
    def recommend(user: User, k: Length = 10) -> _Rows:
        """A user's list, without what they have seen."""
        return answer("recommend", user, k)

    @app.post("/recommend", response_model_exclude_none=True)
    def recommend_to_newcomer(asked: _Newcomer) -> _Rows:
        """A list for somebody whom the model does not know, by what they like."""
        return answer("recommend", asked.liked, asked.k)

    @app.post("/group", response_model_exclude_none=True)
    def group(asked: _Group) -> _Rows:
        """One list for several people, without what any of them has seen."""
        return answer("group", asked.members, asked.rule, asked.k)

    @app.get("/similar", response_model_exclude_none=True)
    def similar(item: Item, k: Length = 10) -> _Rows:
        """Items that are like one."""
        return answer("similar", item, k)

    @app.get("/why", response_model_exclude_none=True)
    def why(user: User, item: Item, k: Length = 10) -> _Rows:
        """What of a user's items leads to an item in the graph: its share of the walks there."""
        return answer("why", user, item, k)

    return app


def run(path: str | Path, port: int = 8000, workers: int = 2, probes: int = 0) -> None:
    """Answer on a port of this machine until interrupted; a worker that ends is replaced.

    Args:
        path: of a file of :func:`recbook.save`.
        port: 0 for one that is free.
        workers: how many processes answer, each with the model in its memory.
        probes: as for :class:`recbook.answers.Answers`; what the index finds is printed first.

    Raises:
        TypeError, ValueError, OSError: on a file that cannot answer, or no such numbers.
    """
    check_count("port", port, 0, 65535)
    check_count("workers", workers)
    path = check_path("path", path).resolve()
    served = StoredAnswers(path, probes)  # what is wrong is said here, not by each worker
    found = f"an index that finds {served.recall():.3f} of the exact 20" if probes else "all items"
    print(f"{path.name} ({served.digest}): {served.kind}, searches {found}")
    os.environ |= {MODEL: str(path), PROBES: str(probes)}
    del served
    with socket.create_server(("127.0.0.1", port)) as door:
        # An answer is two writes, and the second would wait 40 ms until the first has arrived.
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(f"http://127.0.0.1:{door.getsockname()[1]}", flush=True)
        how: Any = {"fd": door.fileno(), "workers": workers, "factory": True}
        how |= {"log_level": "warning", "timeout_worker_healthcheck": 60}  # importing takes long
        uvicorn.run("recbook.serve:application", **how)
