# kit: updated by the template; extend it from app.py
"""Load by HTTP/1.1: requests at a rate, or at full speed over some connections. It knows nothing of
scenarios.
"""

import asyncio
import gc
import ssl
from collections.abc import Callable, Coroutine, Iterator
from time import perf_counter
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import uvloop
from httptools import HttpParserError, HttpResponseParser

NO_ANSWER = 0
"""The status of a request whose connection failed or ended, or that was not answered in time."""

MOST_CONNECTIONS = 500
"""At once. Requests beyond them wait for one, and their clock runs."""

TICK = 0.001
"""Seconds that a timer of uvloop, or of epoll, may be late. They are not held against the
service."""

PATIENCE = 10.0
"""Seconds to wait for answers after the last request."""


class Call(NamedTuple):
    """A request as it is sent, and the name of the step that it belongs to."""

    step: str
    data: bytes


class Sample(NamedTuple):
    """What became of a request: its seconds count from when it was due, and `late` of them it had
    not been sent.

    `timing` is the value of its `Server-Timing` header.
    """

    step: str
    status: int
    seconds: float
    late: float
    timing: bytes


type Record = Callable[[Sample], object]


class Connection(asyncio.Protocol):
    """One connection, for one request at a time. It costs a fraction of what a complete HTTP client
    does.
    """

    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self.timing = b""
        self.answered: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    async def send(self, data: bytes) -> tuple[int, bytes]:
        """Send a request, and return status and timing of its answer."""
        self.timing, self.answered = b"", asyncio.get_running_loop().create_future()
        self.transport.write(data)
        try:
            return await self.answered, self.timing
        except asyncio.CancelledError:
            self.transport.abort()
            raise

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
        self.answer(self.parser.get_status_code())

    def connection_lost(self, exc: Exception | None) -> None:
        self.answer(NO_ANSWER)

    def answer(self, status: int) -> None:
        if self.answered and not self.answered.done():
            self.answered.set_result(status)


class Client:
    """Sends requests over connections that it opens when they are needed, up to `most`, and uses
    again.
    """

    def __init__(self, url: str, most: int, record: Record) -> None:
        parts = urlsplit(url)
        self.tls = ssl.create_default_context() if parts.scheme == "https" else None
        self.host, self.port = parts.hostname or "", parts.port or (443 if self.tls else 80)
        self.free, self.record = asyncio.Semaphore(most), record
        self.idle: list[Connection] = []

    async def send(self, call: Call, due: float) -> None:
        """Send a request as soon as a connection is free, and record its sample. `due` is a time on
        `perf_counter`.
        """
        status, timing, late = NO_ANSWER, b"", perf_counter() - due
        try:
            async with self.free:
                connection = await self.connect()
                status, timing = await connection.send(call.data)
                self.idle.append(connection)
        except OSError:
            await asyncio.sleep(
                0
            )  # a service that is not there must not keep this loop from its end
        finally:  # when it was given up as well
            self.record(Sample(call.step, status, perf_counter() - due, late, timing))

    async def connect(self) -> Connection:
        """Return an idle connection, or a new one."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.transport.is_closing():
                return connection
        create = asyncio.get_running_loop().create_connection
        _, connection = await create(Connection, self.host, self.port, ssl=self.tls)
        return connection

    async def finish(self, tasks: set[asyncio.Task[None]], patience: float) -> None:
        """Give up the tasks that are not done in time, and close the connections."""
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=patience)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for connection in self.idle:
            connection.transport.abort()


async def at_rate(
    url: str,
    calls: Iterator[Call],
    rate: float,
    seconds: float,
    record: Record,
    patience: float = PATIENCE,
) -> None:
    """Send `rate` requests a second, evenly, and `record` a sample of each.

    A slow answer delays no other request, and a sample's time counts from when its request was due.
    A client that waits for an answer before it sends again would leave out the very requests that a
    stall hurts.
    """
    client, tasks, began = (
        Client(url, MOST_CONNECTIONS, record),
        set[asyncio.Task[None]](),
        perf_counter(),
    )
    for number, call in zip(range(max(1, round(rate * seconds))), calls, strict=False):
        due = began + number / rate
        await asyncio.sleep(max(0, due - perf_counter()))
        tasks.add(task := asyncio.ensure_future(client.send(call, min(perf_counter(), due + TICK))))
        task.add_done_callback(tasks.discard)
    await client.finish(tasks, patience)


async def over_connections(
    url: str, calls: Iterator[Call], connections: int, seconds: float, record: Record
) -> None:
    """Let each connection send its next request once it has an answer, and `record` a sample of
    each.

    They end after `seconds`, or with the calls. That shows how many requests are possible. How long
    they take says nothing about what clients see.
    """
    client, end = Client(url, connections, record), perf_counter() + seconds

    async def repeat() -> None:
        for call in calls:
            await client.send(call, perf_counter())
            if perf_counter() > end:
                return

    await client.finish(
        {asyncio.ensure_future(repeat()) for _ in range(connections)}, seconds + PATIENCE
    )


def run[Result](work: Coroutine[Any, Any, Result]) -> Result:
    """Run load to its end, on a loop of its own."""
    gc.collect()
    gc.disable()  # a collection would look like slow answers
    try:
        return uvloop.run(work)
    finally:
        gc.enable()
