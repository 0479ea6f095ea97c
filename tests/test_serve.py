"""The service: asked over a real socket, by a client, by schemathesis, through kills and swaps."""

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import given, settings
from schemathesis import GenerationMode

from recbook import save
from recbook.answers import Answers
from recbook.models import EASE, Popularity, PureSVD
from recbook.serve import MODEL, PROBES, application
from tests.test_answers import split_of

SPLIT = split_of()


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = PureSVD(8).fit(SPLIT.train)
    return save(model, SPLIT, tmp_path_factory.mktemp("served") / "model.safetensors")


@pytest.fixture(scope="module")
def address(path: Path) -> Iterator[str]:
    """Where the application answers, in a thread of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(MODEL, str(path))
        patch.setenv(PROBES, "0")
        server = uvicorn.Server(uvicorn.Config(application(), log_level="warning"))
    with socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=server.run, args=[[door]])
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


def pairs(answer: httpx.Response) -> list[tuple[Any, float]]:
    assert answer.status_code == 200, answer.text
    return [(row["item"], row["score"]) for row in answer.json()["items"]]


def test_each_question_has_its_answer(client: httpx.Client, path: Path) -> None:
    ours = Answers(PureSVD(8).fit(SPLIT.train), SPLIT)
    digest = sha256(path.read_bytes()).hexdigest()[:12]
    health = client.get("/health").json()
    assert health == {"model": digest, "kind": "PureSVD", "users": 40, "items": 30,
                      "folds_in": True, "problem": None}  # fmt: skip
    user = client.get("/recommend", params={"user": "p3", "k": 7})
    assert pairs(user) == ours.recommend("p3", 7) and user.json()["model"] == digest
    liked = client.post("/recommend", json={"liked": ["a3", "a7"], "k": 4})
    assert pairs(liked) == ours.recommend(["a3", "a7"], 4)
    for rule in ("average", "least misery", "vote"):
        asked = {"members": ["p1", ["a3", "a7"], "p9"], "rule": rule}
        assert pairs(client.post("/group", json=asked)) == ours.group(asked["members"], rule, 10)
    assert pairs(client.get("/similar", params={"item": "a4"})) == ours.similar("a4", 10)
    reasons = client.get("/why", params={"user": "p3", "item": "a4", "k": 2}).json()["items"]
    assert [tuple(row.values()) for row in reasons] == ours.why("p3", "a4", 2) != []


def test_what_has_been_seen_is_not_shown(client: httpx.Client) -> None:
    for user in range(40):
        had = {f"a{n}" for part in SPLIT.parts.values() for n in part.item[part.user == user]}
        shown = {item for item, _ in pairs(client.get(f"/recommend?user=p{user}&k=100"))}
        assert had and shown == {f"a{n}" for n in range(30)} - had


@pytest.mark.parametrize(
    ("method", "where", "body", "code", "said"),
    [
        ("GET", "/recommend?user=zed", None, 404, "user: got 'zed', expected an id"),
        ("GET", "/recommend", None, 422, "query.user: got None (Field required)"),
        ("GET", "/recommend?user=p1&k=0", None, 422, "query.k: got '0' (Input should be greater"),
        ("GET", "/recommend?user=p1&k=101", None, 422, "less than or equal to 100"),
        ("GET", "/similar?item=%00", None, 404, "item: got '\\x00', expected an id"),
        ("GET", "/nothing", None, 404, "expected what /openapi.json describes"),
        ("PUT", "/group", b"{}", 405, "expected what /openapi.json describes"),
        ("POST", "/group", b"{", 422, "JSON decode error"),
        ("POST", "/group", b"\xff", 400, "expected what /openapi.json describes"),
        ("POST", "/group", b'{"members": []}', 422, "body.members: got [] (List should have"),
        ("POST", "/group", b'{"members": [1.5]}', 422, "body.members.0"),
        ("POST", "/group", b'{"members": [true]}', 422, "body.members.0"),
        ("POST", "/group", b'{"members": ["p1"], "rule": "loud"}', 422, "body.rule: got 'loud'"),
        ("POST", "/group", b'{"members": ["p1"], "more": 1}', 422, "body.more: got 1 (Extra"),
        ("POST", "/recommend", b'{"liked": ["\\ud800"]}', 404, "item: got '\\ud800'"),
        ("POST", "/recommend", b'{"liked": ["a1"], "k": NaN}', 422, "body.k: got nan"),
        ("POST", "/recommend", b'{"liked": [' + b"9" * 5000 + b"]}", 400, "expected what"),
        ("POST", "/recommend", b" " * 70_000, 413, "got over 65536 bytes, expected fewer"),
    ],
)
def test_bad_questions_are_told_what_to_do(
    client: httpx.Client, method: str, where: str, body: bytes | None, code: int, said: str
) -> None:
    json = {"Content-Type": "application/json"}
    answer = client.request(method, where, content=body, headers=json)
    assert answer.status_code == code and said in answer.json()["detail"], answer.text


def test_a_body_without_a_length_is_cut_off(client: httpx.Client) -> None:
    answer = client.post("/group", content=(b" " * 1000 for _ in range(100)))  # chunks
    assert answer.status_code == 413


@pytest.mark.parametrize("mode", [*GenerationMode])
def test_its_own_description_holds(mode: GenerationMode, address: str) -> None:
    """What the description allows is answered as it says, what it does not allow is refused."""
    described = schemathesis.openapi.from_url(f"{address}/openapi.json")
    for operation in described.get_all_operations():

        @settings(max_examples=40, deadline=None, derandomize=True, database=None)
        @given(case=operation.ok().as_strategy(generation_mode=mode))
        def fuzz(case: schemathesis.Case) -> None:
            case.call_and_validate()

        if mode == GenerationMode.POSITIVE or "health" not in operation.ok().path:
            fuzz()  # nothing can be wrong about a question without a word


def test_the_description_has_examples(client: httpx.Client) -> None:
    described = client.get("/openapi.json").json()
    for name in ("_Newcomer", "_Group"):
        fields = described["components"]["schemas"][name]["properties"].values()
        assert any("examples" in field for field in fields)
    for way in ("/recommend", "/similar", "/why"):
        first = described["paths"][way]["get"]["parameters"][0]
        assert "examples" in first["schema"] or "examples" in first or "example" in first


def test_the_page_asks_what_the_service_answers(client: httpx.Client) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html") and "<h1>" in page.text
    for path in ("recommend", "group", "similar", "why", "health"):
        assert re.search(rf"[\"`]{path}[\"`?]", page.text)
    assert "://" not in page.text  # nothing is loaded from elsewhere


def test_a_model_without_fold_in_says_so(path: Path, client: httpx.Client) -> None:
    """And a file that cannot be read leaves the old one answering; this one comes last."""
    before = path.read_bytes()
    save(Popularity().fit(SPLIT.train), SPLIT, path)
    wait_until(lambda: client.get("/health").json()["kind"] == "Popularity")
    answer = client.post("/recommend", json={"liked": ["a1"]})
    assert answer.status_code == 409 and "expected PureSVD or EASE" in answer.json()["detail"]
    (path.parent / "new").write_bytes(before[:1000])
    (path.parent / "new").rename(path)
    wait_until(lambda: client.get("/health").json()["problem"] is not None)
    assert "expected a whole file of recbook.save" in client.get("/health").json()["problem"]
    assert pairs(client.get("/recommend?user=p1"))
    (path.parent / "new").write_bytes(before)
    (path.parent / "new").rename(path)
    wait_until(lambda: client.get("/health").json()["kind"] == "PureSVD")


def children(pid: int) -> list[int]:
    """The workers of a service: its children that have a model in memory."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(one) for one in listed if b"spawn_main" in Path(f"/proc/{one}/cmdline").read_bytes()
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the workers in /proc")
def test_no_answer_is_wrong_through_ten_kills_and_ten_swaps(tmp_path: Path) -> None:
    """Two models take turns; an answer must be that of the one that it names, at any moment."""
    path = tmp_path / "model.safetensors"
    models = [EASE().fit(SPLIT.train), PureSVD(8).fit(SPLIT.train)]
    contents, right, kills = [], {}, 0
    for model in models:
        contents.append(save(model, SPLIT, path).read_bytes())
        ours = Answers(model, SPLIT)
        lists = {user: ours.recommend(user, 5) for user in ours.users}
        right[sha256(contents[-1]).hexdigest()[:12]] = lists
    command = [sys.executable, "-u", "-m", "recbook", "serve", str(path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        try:
            lines = iter(service.stdout.readline, "")
            address = next(line.strip() for line in lines if line.startswith("http"))
            stop, found, wrong = threading.Event(), [], []

            def ask() -> None:
                users = itertools.cycle(f"p{n}" for n in range(40))
                with httpx.Client(headers={"Connection": "close"}, timeout=60) as client:
                    while not stop.is_set():
                        user = next(users)
                        try:
                            answer = client.get(f"{address}/recommend?user={user}&k=5")
                        except httpx.TransportError:
                            continue  # its worker was killed: a client asks again
                        found.append(answer.json().get("model"))
                        expected = right.get(found[-1], {}).get(user)
                        if answer.status_code != 200 or pairs(answer) != expected:
                            wrong.append(answer.text)

            thread = threading.Thread(target=ask)
            thread.start()
            wait_until(lambda: len(found) > 5, 120)
            for turn in range(10):
                (tmp_path / "new").write_bytes(contents[turn % 2])
                (tmp_path / "new").rename(path)
                now = sha256(contents[turn % 2]).hexdigest()[:12]
                wait_until(lambda now=now: now in found[-3:], 120)
                if turn % 2:  # both workers, so that for a while nobody answers
                    for worker in children(service.pid):
                        os.kill(worker, signal.SIGKILL)
                        kills += 1
                    so_far = len(found)
                    wait_until(lambda so_far=so_far: len(found) > so_far + 9, 120)
            stop.set()
            thread.join(60)
            assert not wrong and {*found} == {*right} and kills == 10
        finally:
            service.terminate()
            assert service.wait(120) in (0, -signal.SIGTERM)


def test_the_index_says_what_it_finds(tmp_path: Path) -> None:
    path = save(PureSVD(8).fit(SPLIT.train), SPLIT, tmp_path / "model.safetensors")
    command = f"{sys.executable} -u -m recbook serve {path} --port 0 --probes 1 --workers 1"
    with subprocess.Popen(command.split(), stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        said, address = (service.stdout.readline().strip() for _ in range(2))
        assert re.search(r"PureSVD, searches an index that finds 0\.\d+ of the exact 20$", said)
        assert pairs(httpx.get(f"{address}/recommend?user=p1", timeout=120))
        service.send_signal(signal.SIGINT)
        assert service.wait(120) == 0
