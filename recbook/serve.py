"""A small service: what a stored model recommends, and why, as JSON on a port of this machine.

It reads one file and writes none. A file that is renamed to its name answers from then on.
"""

import json
import socket
from collections import Counter
from contextlib import suppress
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, BeforeValidator, Field, StrictInt, StrictStr

from recbook.answers import RULES, NoFoldInError, StoredAnswers, UnknownIdError
from recbook.checks import check_count
from recbook.files import NewestFile
from recbook.protocol import bounded_server
from recbook.workers import keep_working

__all__ = ["application", "run"]

CODES: dict[Any, int] = {RequestValidationError: 422, UnknownIdError: 404, NoFoldInError: 409}

_as_int = BeforeValidator(lambda n: int(n) if isinstance(n, float) and n.is_integer() else n)
Whole = Annotated[StrictInt, _as_int]
Id = Whole | StrictStr
Liked = Annotated[list[Id], Field(min_length=1, max_length=500, examples=[[50, 181]])]
Members = Annotated[list[Id | Liked], Field(min_length=1, max_length=20, examples=[[42, [50]]])]
User = Annotated[str, Query(description="an id of a user", examples=["42"])]
Item = Annotated[str, Query(description="an id of an item", examples=["50"])]
Words = Annotated[str, Query(min_length=1, max_length=200, examples=["star wars"])]
Length = Annotated[int, Query(ge=1, le=100, description="how many at most")]
Number = Annotated[StrictInt, Field(ge=1, le=100, description="how many at most"), _as_int]


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


def _once(pairs: list[tuple[str, Any]]) -> None:
    for name, times in Counter(name for name, _ in pairs).most_common(1):
        if times > 1:
            raise HTTPException(422, f"body: got {name!r:.80} twice, expected each name once")


async def _named(asked: Request) -> None:
    """Refuse what would be passed over: a name that is not described, or one given twice."""
    known = {field.alias for field in asked.scope["route"].dependant.query_params}
    given = Counter(name for name, _ in asked.query_params.multi_items())
    if wrong := [name for name in given if name not in known or given[name] > 1]:
        expected = f"expected {', '.join(sorted(known)) or 'no names'}, each at most once"
        raise HTTPException(422, f"query: got {wrong[0]!r:.80}, {expected}")
    if asked.method == "POST":
        with suppress(ValueError):  # no JSON, which is refused where it is read
            json.loads(await asked.body(), object_pairs_hook=_once)


async def _refused(_: Any, error: Any) -> JSONResponse:
    code, said = CODES.get(type(error)), getattr(error, "detail", str(error))
    if isinstance(error, RequestValidationError):
        one = error.errors()[0]
        where = ".".join(str(part) for part in one["loc"] if "[" not in str(part))  # pydantic's own
        given = error.body if one["type"] == "json_invalid" else one["input"]
        said = f"{where:.80}: got {given!r:.80} ({one['msg']})"
    more = "" if "expected" in said else ", expected what /openapi.json describes"
    return JSONResponse({"detail": said + more}, code or error.status_code)


@cache  # a worker is a copy of a process that has made it
def application(newest: NewestFile) -> FastAPI:
    """What each worker of :func:`run` answers with, by the newest file's StoredAnswers."""
    torch.set_num_threads(1)  # the workers share the processors
    page = files("recbook").joinpath("serve.html").read_text()
    how: Any = {"dependencies": [Depends(_named)], "docs_url": None, "redoc_url": None}
    how["redirect_slashes"] = False  # to the host that the question names
    how["responses"] = {code: {"model": _Problem} for code in (400, 408, 413, *CODES.values())}
    how["exception_handlers"] = dict.fromkeys((400, 404, 405, *CODES), _refused)
    app = FastAPI(title="recbook", **how)

    def answer(method: str, *given: Any) -> _Rows:
        now = newest.content  # the same to the end, whatever takes its place
        found = [(*one, None)[:3] for one in getattr(now, method)(*given)]
        rows = [_Row(item=i, title=now.titles.get(i), score=x, people=n) for i, x, n in found]
        return _Rows(model=now.digest, items=rows)

    app.get("/", response_class=HTMLResponse, include_in_schema=False)(lambda: page)

    @app.get("/health")
    async def health() -> _Health:
        """What answers, and whether a newer file could not be read."""
        now, problem = newest.content, newest.problem
        size: Any = {"users": len(now.users), "items": len(now.items), "folds_in": now.folds_in}
        return _Health(model=now.digest, kind=now.kind, problem=problem, **size)

    @app.get("/recommend", response_model_exclude_none=True)
    async def recommend(user: User, k: Length = 10) -> _Rows:
        """A user's list, without what they have seen."""
        return answer("recommend", user, k)

    @app.post("/recommend", response_model_exclude_none=True)
    async def recommend_to_newcomer(asked: _Newcomer) -> _Rows:
        """A list for somebody whom the model does not know, by what they like."""
        return answer("recommend", asked.liked, asked.k)

    @app.post("/group", response_model_exclude_none=True)
    async def group(asked: _Group) -> _Rows:
        """One list for several people, without what any of them has seen."""
        return answer("group", asked.members, asked.rule, asked.k)

    @app.get("/find", response_model_exclude_none=True)
    async def find(words: Words, k: Length = 10) -> _Rows:
        """Items with these words in their title, or their id; the score is their share of it."""
        return answer("find", words, k)

    @app.get("/similar", response_model_exclude_none=True)
    async def similar(item: Item, k: Length = 10) -> _Rows:
        """Items that are like one."""
        return answer("similar", item, k)

    @app.get("/why", response_model_exclude_none=True)
    async def why(user: User, item: Item, k: Length = 10) -> _Rows:
        """What of a user's items leads to an item in the graph: its share of the walks there."""
        return answer("why", user, item, k)

    return app


def run(path: str | Path, port: int = 8000, workers: int = 2, **options: Any) -> None:
    """Answer on a port of this machine until interrupted; a worker that ends is replaced.

    Args:
        path: of a file of :func:`recbook.save`.
        port: 0 for one that is free.
        workers: how many processes answer, each with the model in its memory.
        **options: as for :class:`recbook.answers.StoredAnswers`; what an index finds is printed.

    Raises:
        TypeError, ValueError, OSError: on a file that cannot answer, or no such numbers.
    """
    check_count("port", port, 0, 65535)
    check_count("workers", workers)
    newest = NewestFile(path, partial(StoredAnswers, **options))
    now, probes = newest.content, options.get("probes")
    found = f"an index that finds {now.recall():.3f} of the exact 20" if probes else "all items"
    print(f"{Path(path).name} ({now.digest}): {now.kind}, searches {found}")
    application(newest)
    with socket.create_server(("127.0.0.1", port)) as door:
        # An answer is two writes, and the second would wait 40 ms until the first has arrived.
        door.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        print(f"http://127.0.0.1:{door.getsockname()[1]}", flush=True)
        keep_working(workers, partial(_answer, door, newest), newest.look_again)


def _answer(door: socket.socket, newest: NewestFile) -> None:
    with newest.followed(0.25):
        bounded_server(application(newest)).run([door])
