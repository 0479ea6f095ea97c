"""How a question reaches the service: uvicorn, with bounds for what comes in over a socket."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

__all__ = ["bounded_server"]

LARGEST = 2**16  # bytes of what is asked and not yet answered: lines, headers, bodies
LONGEST = 10.0  # seconds from the first byte of a question to the end of its answer
MOST = 200  # connections of a process
_READ = 1.0  # seconds in which a refusal can be read


def bounded_server(app: Any) -> uvicorn.Server:
    """A server of an ASGI application, with the bounds that neither uvicorn nor httptools sets.

    Who sends more than 64 KiB before the answer, or takes over ten seconds to ask and to read, is
    told so and cut off, without a word where nothing was asked. Of more than 200 connections of a
    process, the one whose last question began the longest ago is closed.
    """
    how: Any = {"ws": "none", "backlog": 128, "log_level": "error", "timeout_graceful_shutdown": 1}
    return uvicorn.Server(uvicorn.Config(app, http=_Connection, **how))


class _Connection(HttpToolsProtocol):
    _size, _refused = 0, False
    _end: asyncio.TimerHandle

    def connection_made(self, transport: Any) -> None:
        """Give it a place, and the time for a question."""
        super().connection_made(transport)
        self._end = self.loop.call_later(LONGEST, self._too_late)
        places: Any = self.connections
        if len(places) > MOST:
            oldest = min(places, key=lambda one: one._end.when())
            places.discard(oldest)
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._end.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless that was too much."""
        if self._refused:
            return
        self._size += len(data)
        if self._size > LARGEST:
            self._refuse(413, f"got over {LARGEST} bytes, expected fewer")
            return
        if self._end.cancelled():
            self._end = self.loop.call_later(LONGEST, self._too_late)
        super().data_received(data)

    def on_response_complete(self) -> None:
        """Begin anew where all that was asked is answered."""
        super().on_response_complete()
        if self.cycle.response_complete and not self._refused:
            self._size = 0
            self._end.cancel()

    def timeout_keep_alive_handler(self) -> None:
        """Close it even where the last answer has not been read."""
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Say in our words that this is no HTTP."""
        self._refuse(400, "got what is no HTTP/1.1, expected what /openapi.json describes")

    def _too_late(self) -> None:
        self._refuse(408, f"got no whole question in {LONGEST:g} seconds, expected one at once")

    def _refuse(self, code: int, said: str) -> None:
        """Say it, and close once it can have been read: who still sends would not see it before."""
        self._refused = True
        self.pipeline.clear()
        cycle = self.cycle
        if not self._size or (cycle and cycle.response_complete and cycle.more_body):
            self.transport.abort()  # nothing was asked, or this is the rest of what was answered
            return
        body = json.dumps({"detail": said}).encode()
        head = "content-type: application/json\r\nconnection: close\r\ncontent-length: "
        self.transport.write(STATUS_LINE[code] + f"{head}{len(body)}\r\n\r\n".encode() + body)
        self.flow.resume_reading()
        self._end.cancel()
        self._end = self.loop.call_later(_READ, self.transport.abort)
