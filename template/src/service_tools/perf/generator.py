# kit: updated by the template; extend it from app.py
"""Sends load over HTTP/1.1, at a rate or at full speed. It knows nothing about scenarios."""

import asyncio
import gc
import ssl
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from time import perf_counter
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import uvloop
from httptools import HttpParserError, HttpResponseParser

NO_ANSWER = 0
"""The status of a request whose connection failed or ended, or whose answer came too late."""

MAX_CONNECTIONS = 500
"""Further requests wait for a connection, and their clock runs."""

TIMER_SLACK = 0.001
"""Seconds that a timer of uvloop, or of epoll, may be late. They do not count for the service."""

ANSWER_TIMEOUT = 10.0
"""Seconds to wait for answers after the last request."""


class Call(NamedTuple):
    """A request as it is sent, the name of its step, and the status of an expected answer."""

    step: str
    data: bytes
    expect: int = 200


class Sample(NamedTuple):
    """What became of a request.

    Its seconds count from when it was `due`, on `perf_counter`. It was sent `late` seconds after
    that. `timing` is the value of its `Server-Timing` header.
    """

    step: str
    status: int
    seconds: float
    late: float
    timing: bytes
    is_expected: bool
    due: float = 0.0


type Record = Callable[[Sample], object]


class LoadConnection(asyncio.Protocol):
    """A connection for one request at a time. It costs a fraction of a full HTTP client."""

    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self.timing = b""
        self.answered = asyncio.Future[int]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    async def send(self, data: bytes) -> tuple[int, bytes]:
        """Send a request, and return status and timing of its answer."""
        self.timing = b""
        self.answered = asyncio.Future[int]()
        self.transport.write(data)
        try:
            status = await self.answered
        except asyncio.CancelledError:
            self.transport.abort()
            raise
        return status, self.timing

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
            self.transport.close()
        self.set_status(self.parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        self.set_status(NO_ANSWER)

    def set_status(self, status: int) -> None:
        if not self.answered.done():
            self.answered.set_result(status)


class LoadClient:
    """Sends requests over connections that it opens when needed, and reuses."""

    def __init__(self, url: str, max_connections: int, record: Record) -> None:
        parts = urlsplit(url)
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if self.tls else 80)
        self.slots = asyncio.Semaphore(max_connections)
        self.record = record
        self.idle: list[LoadConnection] = []

    async def send(self, call: Call, due: float) -> None:
        """Send a request as soon as a connection is free, and record its sample.

        `due` is a time on `perf_counter`.
        """
        status = NO_ANSWER
        timing = b""
        late = perf_counter() - due
        try:
            async with self.slots:
                connection = await self.connect()
                status, timing = await connection.send(call.data)
                self.idle.append(connection)
        except OSError:
            # Let other tasks run: a service that is not there must not keep this loop busy.
            await asyncio.sleep(0)
        finally:  # also if it was cancelled
            seconds = perf_counter() - due
            is_expected = status == call.expect
            self.record(Sample(call.step, status, seconds, late, timing, is_expected, due))

    async def connect(self) -> LoadConnection:
        """Return an idle connection, or a new one."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                return connection
        loop = asyncio.get_running_loop()
        connecting = loop.create_connection(LoadConnection, self.host, self.port, ssl=self.tls)
        _, connection = await connecting
        return connection

    async def finish(self, tasks: set[asyncio.Task[None]], answer_timeout: float) -> None:
        """Cancel the tasks that are not done in time, and close the connections."""
        with suppress(TimeoutError):
            async with asyncio.timeout(answer_timeout):
                await asyncio.gather(*tasks, return_exceptions=True)
        for connection in self.idle:
            connection.transport.abort()


async def send_at_rate(
    url: str, calls: Iterator[Call], rate: float, seconds: float, record: Record
) -> None:
    """Send `rate` requests a second, evenly, and record a sample of each.

    A slow answer delays no other request, and a sample's time counts from when its request was due.
    A client that waits for an answer before it sends again would leave out the very requests that a
    stall hurts.
    """
    client = LoadClient(url, MAX_CONNECTIONS, record)
    tasks: set[asyncio.Task[None]] = set()
    began = perf_counter()
    count = max(1, round(rate * seconds))
    for number, call in zip(range(count), calls, strict=False):
        planned = began + number / rate
        await asyncio.sleep(max(0, planned - perf_counter()))
        due = min(perf_counter(), planned + TIMER_SLACK)
        task = asyncio.ensure_future(client.send(call, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await client.finish(tasks, ANSWER_TIMEOUT)


async def send_at_full_speed(
    url: str, calls: Iterator[Call], connections: int, seconds: float, record: Record
) -> None:
    """Let each connection send its next request once it has an answer, and record a sample of each.

    Ends after `seconds`, or with the calls. This shows how many requests are possible. How long
    they take says nothing about what clients see.
    """
    client = LoadClient(url, connections, record)
    end = perf_counter() + seconds

    async def repeat() -> None:
        for call in calls:
            await client.send(call, perf_counter())
            if perf_counter() > end:
                return

    tasks = {asyncio.ensure_future(repeat()) for _ in range(connections)}
    await client.finish(tasks, seconds + ANSWER_TIMEOUT)


def run_load[Result](work: Coroutine[Any, Any, Result]) -> Result:
    """Run load to its end, on a loop of its own."""
    gc.collect()
    gc.disable()  # a collection would look like slow answers
    try:
        return uvloop.run(work)
    finally:
        gc.enable()
