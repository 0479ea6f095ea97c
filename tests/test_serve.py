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
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import schemathesis
from hypothesis import given, settings
from schemathesis import GenerationMode

import recbook.serve
from recbook import save
from recbook.answers import Answers, StoredAnswers
from recbook.data import Split
from recbook.files import NewestFile
from recbook.models import EASE, PureSVD
from recbook.protocol import bounded_server
from recbook.serve import application
from tests.test_answers import matrix_factorization, split_of

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


@contextmanager
def served(path: Path) -> Iterator[str]:
    """Where the application answers from a file, in a thread of this process."""
    newest = NewestFile(path, StoredAnswers)
    server = bounded_server(application(newest))
    with newest.followed(0.02), socket.create_server(("127.0.0.1", 0)) as door:
        thread = threading.Thread(target=server.run, args=[[door]])
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def address(path: Path) -> Iterator[str]:
    with served(path) as address:
        yield address


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
    assert pairs(client.get("/find", params={"words": "A2", "k": 2})) == [("a2", 1), ("a20", 2 / 3)]


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
        ("GET", "/recommend?user=p1&n=3", None, 422, "query: got 'n', expected k, user, each at"),
        ("GET", "/recommend?user=p1&user=p2", None, 422, "query: got 'user', expected k, user"),
        ("POST", "/recommend?k=3", b'{"liked": ["a1"]}', 422, "got 'k', expected no names"),
        ("GET", "/recommend?user=p1&k=1e9", None, 422, "query.k: got '1e9'"),
        ("GET", "/recommend?user=a1", None, 404, "user: got 'a1', expected an id of the model"),
        ("GET", "/nothing", None, 404, "expected what /openapi.json describes"),
        ("GET", "/recommend/?user=p1", None, 404, "expected what /openapi.json describes"),
        ("GET", "/similar?item=%ed%a0%80%zz%", None, 404, "item: got '\ufffd\ufffd\ufffd%zz%'"),
        ("PUT", "/group", b"{}", 405, "expected what /openapi.json describes"),
        ("POST", "/group", b"{", 422, "body.1: got '{' (JSON decode error)"),
        ("POST", "/group", b"\xff", 400, "expected what /openapi.json describes"),
        ("POST", "/group", b'{"members": []}', 422, "body.members: got [] (List should have"),
        ("POST", "/group", b'{"members": [1.5]}', 422, "body.members.0: got 1.5 (Input"),
        ("POST", "/group", b'{"members": [true]}', 422, "body.members.0"),
        ("POST", "/group", b'{"members": ["p1"], "rule": "loud"}', 422, "body.rule: got 'loud'"),
        ("POST", "/group", b'{"members": ["p1"], "more": 1}', 422, "body.more: got 1 (Extra"),
        ("POST", "/recommend", b'{"liked": ["\\ud800"]}', 404, "item: got '\\ud800'"),
        ("POST", "/recommend", b'{"liked": ["a1"], "k": NaN}', 422, "body.k: got nan"),
        ("POST", "/recommend", b'{"liked": [' + b"9" * 5000 + b"]}", 400, "expected what"),
        ("POST", "/recommend", b'{"liked": [1e400]}', 422, "body.liked.0"),
        ("POST", "/recommend", b'{"liked": ["a1"], "k": 3, "k": 4}', 422, "got 'k' twice"),
        ("POST", "/recommend", b'{"liked": ["a1"], "' + b"x" * 9000 + b'": 1}', 422, "x: got 1"),
        ("POST", "/recommend", b'{"liked": [-1]}', 404, "item: got -1, expected an id"),
        ("POST", "/recommend", b'{"liked": ["p1"]}', 404, "item: got 'p1', expected an id"),
        ("POST", "/recommend", b'{"liked": ["a1"], "k": -1}', 422, "body.k: got -1"),
        ("POST", "/recommend", b"[" * 60_000, 400, "expected what /openapi.json describes"),
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


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_is_not_called_json_is_refused(client: httpx.Client, kind: str) -> None:
    headers = {"Content-Type": kind}
    answer = client.post("/recommend", content=b'{"liked": ["a1"]}', headers=headers)
    assert answer.status_code == 422 and "expected" in answer.json()["detail"]


def test_liking_an_item_twice_changes_nothing(client: httpx.Client) -> None:
    once, twice = (client.post("/recommend", json={"liked": one})
                   for one in (["a1", "a2"], ["a2", "a1", "a2"]))  # fmt: skip
    assert pairs(once) == pairs(twice)


def test_a_slow_client_holds_nobody_up_and_piled_questions_are_answered_in_turn(
    address: str, client: httpx.Client
) -> None:
    host, port = address.removeprefix("http://").split(":")
    start = "POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    body = b'{"liked": ["a1"]}'
    with socket.create_connection((host, int(port)), 30) as slow:
        slow.sendall(f"{start}Content-Length: {len(body)}\r\n\r\n".encode() + body[:5])
        assert pairs(client.get("/recommend?user=p1"))
        slow.sendall(body[5:])
        assert slow.recv(2**16).startswith(b"HTTP/1.1 200")
    asked = [f"GET /similar?item=a{n}&k=1 HTTP/1.1\r\nHost: x\r\n" for n in range(5)]
    with socket.create_connection((host, int(port)), 30) as piled:
        piled.sendall(("\r\n".join(asked) + "Connection: close\r\n\r\n").encode())
        found = b"".join(iter(lambda: piled.recv(2**16), b"")).decode()
    first = [pairs(client.get(f"/similar?item=a{n}&k=1"))[0][0] for n in range(5)]
    assert re.findall(r'"item":"(a\d+)"', found) == first
    with socket.create_connection((host, int(port)), 30) as rude:
        rude.sendall(b"\x00\xff\r\n\r\n")
        assert rude.recv(2**16).startswith(b"HTTP/1.1 400")


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
    for path in ("recommend", "group", "similar", "find", "why", "health"):
        assert f'"{path}"' in page.text
    assert "://" not in page.text  # nothing is loaded from elsewhere


def test_a_model_of_other_data_answers_for_its_own_ids(path: Path, client: httpx.Client) -> None:
    """And each answer says of which file it is."""
    before, digest = path.read_bytes(), client.get("/health").json()["model"]
    films = Split(SPLIT.train, user_ids=np.arange(40), item_ids=np.arange(30))
    save(PureSVD(8).fit(films.train), films, path)
    wait_until(lambda: client.get("/health").json()["model"] != digest)
    answer = client.get("/recommend?user=p3")
    assert answer.status_code == 404 and "expected an id of the model, e.g. 0" in answer.text
    found = client.get("/recommend?user=3").json()
    assert found["model"] != digest and all(isinstance(row["item"], int) for row in found["items"])
    assert client.get("/recommend?user=03").status_code == 404
    (path.parent / "new").write_bytes(before)
    (path.parent / "new").rename(path)
    wait_until(lambda: client.get("/health").json()["model"] == digest)


def test_a_model_without_fold_in_says_so(path: Path, client: httpx.Client) -> None:
    """And a file that cannot be read leaves the old one answering; this one comes last."""
    before = path.read_bytes()
    save(matrix_factorization(), SPLIT, path)
    wait_until(lambda: client.get("/health").json()["kind"] == "MatrixFactorization")
    answer = client.post("/recommend", json={"liked": ["a1"]})
    assert answer.status_code == 409 and "into train by grow" in answer.json()["detail"]
    (path.parent / "new").write_bytes(before[:1000])
    (path.parent / "new").rename(path)
    wait_until(lambda: client.get("/health").json()["problem"] is not None)
    assert "expected a whole file of recbook.save" in client.get("/health").json()["problem"]
    assert pairs(client.get("/recommend?user=p1"))
    (path.parent / "new").write_bytes(before)
    (path.parent / "new").rename(path)
    wait_until(lambda: client.get("/health").json()["kind"] == "PureSVD")


def children(pid: int) -> list[int]:
    """The workers of a service."""
    return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the workers in /proc")
def test_no_answer_is_wrong_through_ten_kills_and_ten_swaps(tmp_path: Path) -> None:
    """Two models take turns; an answer must be that of the one that it names, at any moment."""
    path = tmp_path / "model.safetensors"
    models = [EASE().fit(SPLIT.train), PureSVD(8).fit(SPLIT.train)]
    contents, right, killed = [], {}, list[int]()
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

            def kill_both() -> None:
                """So that for a while nobody answers."""
                for worker in children(service.pid):
                    os.kill(worker, signal.SIGKILL)
                    killed.append(worker)
                so_far = len(found)
                wait_until(lambda: len(found) > so_far + 9)

            thread = threading.Thread(target=ask)
            thread.start()
            wait_until(lambda: len(found) > 5)
            for turn in range(10):
                (tmp_path / "new").write_bytes(contents[turn % 2])
                (tmp_path / "new").rename(path)
                now = sha256(contents[turn % 2]).hexdigest()[:12]
                wait_until(lambda now=now: now in found[-3:])
                if turn % 2:
                    kill_both()
            path.write_bytes(contents[0][:1000])  # in its place, and only half of it
            kill_both()
            stop.set()
            thread.join(60)
            assert not wrong and {*found} == {*right} and len(killed) == 12
            assert found[-1] == now  # the last whole file, which their successors know
            host, port = address.removeprefix("http://").split(":")
            slow = socket.create_connection((host, int(port)))
            slow.sendall(b"POST /recommend HTTP/1.1\r\nContent-Length: 9\r\nHost: x\r\n\r\n{")
            with slow:  # who holds nobody up
                service.terminate()
                assert service.wait(60) == 0
        finally:
            service.kill()


def test_the_index_says_what_it_finds(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = []
    monkeypatch.setattr(recbook.serve, "keep_working", lambda *given: kept.append(given))
    recbook.serve.run(path, port=0, workers=3, probes=1)
    said, address = capsys.readouterr().out.splitlines()
    ((number, work, _),) = kept
    answers = work.args[1].content
    assert number == 3 and address.startswith("http://127.0.0.1:")
    assert said.endswith(f"PureSVD, searches an index that finds {answers.recall():.3f} of the "
                         "exact 20") and answers.recall() < 1  # fmt: skip
    recbook.serve.run(path, port=0)
    assert capsys.readouterr().out.splitlines()[0].endswith("PureSVD, searches all items")
