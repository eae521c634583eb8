# kit: updated by the template; extend it from app.py
"""An HTTP/1.1 client that costs little enough to make load with: bytes out, a status and its timing back."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, cast

from httptools import HttpParserError, HttpResponseParser

NO_ANSWER = 0
"""The status of a request whose connection failed or ended, or that was not answered in time."""


@dataclass(frozen=True)
class Address:
    """Where a service listens."""

    host: str
    port: int
    secure: bool = False


class Call(NamedTuple):
    """A request as it is sent, and the name of the step that it belongs to."""

    step: str
    data: bytes


class Sample(NamedTuple):
    """What became of a request: its seconds count from when it was due, and `late` of them it had not been sent.

    `timing` is the value of its `Server-Timing` header.
    """

    step: str
    status: int
    seconds: float
    late: float
    timing: bytes


type Record = Callable[[Sample], object]
type Answered = Callable[["Connection", int, bytes], None]


class Connection(asyncio.Protocol):
    """One connection, for one request at a time. `answered` is called with the status, or NO_ANSWER if it ends."""

    def __init__(self, answered: Answered) -> None:
        self.answered = answered
        self.parser = HttpResponseParser(self)
        self.timing = b""
        self.busy = self.alive = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.alive = cast("asyncio.Transport", transport), True

    def send(self, data: bytes) -> None:
        """Send a request."""
        self.busy = True
        self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except HttpParserError:
            self.transport.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"server-timing":
            self.timing = value

    def on_message_complete(self) -> None:
        if not self.parser.should_keep_alive():
            self.alive = False
            self.transport.close()
        status, timing, self.timing, self.busy = self.parser.get_status_code(), self.timing, b"", False
        self.answered(self, status, timing)

    def connection_lost(self, exc: Exception | None) -> None:
        self.alive = False
        if self.busy:
            self.busy = False
            self.answered(self, NO_ANSWER, b"")
