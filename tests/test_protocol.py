"""Strangers at the service's socket: who never ends, floods it, waits or speaks no HTTP."""

import re
import socket
import time
from collections.abc import Iterator
from itertools import repeat

import httpx
import pytest

from recbook import protocol, save
from recbook.models import PureSVD
from tests.test_serve import SPLIT, served, wait_until

GET = b"GET /health HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKS = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("served") / "model.safetensors"
    with served(save(PureSVD(8).fit(SPLIT.train), SPLIT, path)) as address:
        yield address


@pytest.fixture(autouse=True)
def briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_READ", 0.1)


@pytest.fixture
def stranger(address: str) -> Iterator[socket.socket]:
    with connected(address) as one:
        yield one
    assert httpx.get(f"{address}/recommend?user=p1").status_code == 200  # whatever was done


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LONGEST", 0.3)


def connected(address: str) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), 30)


def heard(one: socket.socket) -> str:
    """All that comes until the connection is closed."""
    return b"".join(iter(lambda: one.recv(2**16), b"")).decode()


@pytest.mark.parametrize(
    ("start", "then"),
    [
        (b"GET /", b"a"),
        (GET + b"X: ", b"a"),
        (GET, b"X: a\r\n"),
        (POST + b"Content-Length: 1000000\r\n\r\n", b" "),
        (CHUNKS, b"1\r\n \r\n"),
        (CHUNKS + b"1;", b"a"),
        (CHUNKS + b"0\r\nX: ", b"a"),
        (b"", GET + b"\r\n"),
    ],
    ids="line header headers body chunks extension trailer pile".split(),
)
def test_what_has_no_end_is_cut_off(start: bytes, then: bytes, stranger: socket.socket) -> None:
    stranger.sendall(start)
    block = then * (30_000 // len(then))
    for part in repeat(block, 10):
        stranger.sendall(part)
    assert "expected fewer" in (said := heard(stranger)) and said.count("HTTP/1.1 413") == 1


def test_a_question_of_almost_the_length_is_answered(stranger: socket.socket) -> None:
    start = POST + b"Connection: close\r\nContent-Length: "
    for number in (65_000, 66_000):
        body = b'{"liked": ["a1"]}'.ljust(number)
        with socket.socket() as one:
            one.connect(stranger.getpeername())
            one.sendall(start + b"%d\r\n\r\n" % number + body)
            assert heard(one).startswith("HTTP/1.1 " + ("200" if number == 65_000 else "413"))


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    "sent",
    [b"G", b"GET /" + b"a" * 90, GET, POST + b"Content-Length: 9\r\n\r\n{", CHUNKS + b"5\r\n"],
)
def test_who_is_slow_is_cut_off(sent: bytes, stranger: socket.socket) -> None:
    """Also one who sends a byte from time to time."""
    start = time.monotonic()
    for number in range(4):
        stranger.sendall(sent[number : number + 1] if number < 3 else sent[3:])
        time.sleep(0.02)
    said = heard(stranger)
    assert said.startswith("HTTP/1.1 408") and "no whole question in 0.3 seconds" in said
    assert time.monotonic() - start < 5


@pytest.mark.usefixtures("hurried")
def test_who_asks_nothing_is_let_go_without_a_word(stranger: socket.socket) -> None:
    assert heard(stranger) == ""
    with socket.socket() as one:  # whose question is answered before its body has come
        one.connect(stranger.getpeername())
        one.sendall(b"PUT /group HTTP/1.1\r\nHost: x\r\nContent-Length: 70000\r\n\r\n")
        first = one.recv(2**16)
        one.sendall(b"a" * 1000)
        assert re.findall(r"HTTP/1.1 (\d+)", (first + heard(one).encode()).decode()) == ["405"]


@pytest.mark.usefixtures("hurried")
def test_who_does_not_read_is_cut_off(stranger: socket.socket) -> None:
    stranger.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 1500)  # 20 MB

    def broken() -> bool:
        try:
            stranger.sendall(b"G")
        except OSError:
            return True
        return False

    wait_until(broken, 20)


def test_who_waits_longest_makes_room(
    stranger: socket.socket, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MOST", 5)
    idle = [connected(address) for _ in range(20)]
    assert httpx.get(f"{address}/health").status_code == 200  # by a connection that is new
    for one in idle[:15]:
        assert heard(one) == ""
    for one in idle:
        one.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\0" * 1000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes.fromhex("1603010200010001fc0303"),  # the start of TLS
        b"GET /health HTTP/7.3\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET http://x HTTP/1.1\r\n\r\n",
        GET + b"X: a\0b\r\n\r\n",
        CHUNKS + b"five\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        POST + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n",
    ],
    ids=lambda sent: repr(sent[-20:]),
)
def test_what_is_no_http_is_told_so(sent: bytes, stranger: socket.socket) -> None:
    stranger.sendall(sent)
    said = heard(stranger)
    assert said.startswith("HTTP/1.1 400") and "got what is no HTTP/1.1, expected" in said


def test_nobody_is_led_to_another_protocol(stranger: socket.socket) -> None:
    stranger.sendall(GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    said = b""
    while not said.endswith(b"}"):  # its body may come by itself
        said += stranger.recv(2**16)
    assert said.startswith(b"HTTP/1.1 200")
    stranger.sendall(GET + b"Connection: close\r\n\r\n")
    assert heard(stranger).startswith("HTTP/1.1 200")


def test_a_name_that_is_given_often_holds_nobody_up(address: str) -> None:
    start = time.monotonic()
    answer = httpx.get(f"{address}/recommend?{'k=1&' * 15_000}")
    assert answer.status_code == 422 and "query: got 'k'" in answer.json()["detail"]
    names = "{" + ",".join(['"a":1'] * 10_000) + "}"
    json = {"Content-Type": "application/json"}
    answer = httpx.post(f"{address}/group", content=names, headers=json)
    assert answer.status_code == 422 and "got 'a' twice" in answer.json()["detail"]
    assert time.monotonic() - start < 2
