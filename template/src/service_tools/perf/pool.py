# kit: updated by the template; extend it from app.py
"""The connections of a load: opened when they are needed, used again, and a sample of every request."""

import asyncio
import ssl
from collections import deque
from contextlib import suppress
from time import perf_counter

from service_tools.perf.client import NO_ANSWER, Address, Call, Connection, Record, Sample

type Due = tuple[Call, float, float]
"""A request, the time at which it was due, and the seconds by which it came later."""


class Pool:
    """As many connections as are needed at once, up to a limit; what exceeds it waits, and its clock runs."""

    def __init__(self, address: Address, most: int, record: Record) -> None:
        self.address, self.most, self.record = address, most, record
        self.tls = ssl.create_default_context() if address.secure else None
        self.idle: list[Connection] = []
        self.waiting: deque[Due] = deque()
        self.running: dict[Connection, Due] = {}
        self.opening: set[asyncio.Task[None] | None] = set()
        self.quiet = asyncio.Event()

    def submit(self, call: Call, due: float) -> None:
        """Send a request as soon as a connection is free. `due` is a time of `perf_counter`."""
        self.waiting.append((call, due, perf_counter() - due))
        self.drive()

    def drive(self) -> None:
        """Send what waits as far as there are connections, and open one more where they do not suffice."""
        while self.waiting and self.idle:
            connection = self.idle.pop()
            if connection.alive:
                self.running[connection] = self.waiting.popleft()
                connection.send(self.running[connection][0].data)
        if len(self.waiting) > len(self.opening) and len(self.opening) + len(self.running) < self.most:
            self.opening.add(asyncio.ensure_future(self.open()))

    async def open(self) -> None:
        """Add a connection. If that fails, the request that waits longest has no answer."""
        create = asyncio.get_running_loop().create_connection
        try:
            _, connection = await create(
                lambda: Connection(self.take), self.address.host, self.address.port, ssl=self.tls
            )
            self.idle.append(connection)
        except OSError:
            if self.waiting:
                self.note(*self.waiting.popleft(), NO_ANSWER, b"")
        self.opening.discard(asyncio.current_task())
        self.drive()

    def take(self, connection: Connection, status: int, timing: bytes) -> None:
        """Record an answer, and use its connection again."""
        self.note(*self.running.pop(connection), status, timing)
        self.idle.append(connection)
        self.drive()

    def note(self, call: Call, due: float, late: float, status: int, timing: bytes) -> None:
        """Record what became of a request."""
        self.record(Sample(call.step, status, perf_counter() - due, late, timing))
        if not (self.waiting or self.running):
            self.quiet.set()

    async def finish(self, patience: float) -> None:
        """Wait some seconds for the answers that are missing, then give them up and close all connections."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self.waiting or self.running:
                    self.quiet.clear()
                    await self.quiet.wait()
        for task in filter(None, self.opening):
            task.cancel()
        given_up = [*self.running.values(), *self.waiting]
        connections = [*self.running, *self.idle]
        self.running.clear()
        for connection in connections:
            connection.busy = False
            connection.transport.abort()
        for late in given_up:
            self.note(*late, NO_ANSWER, b"")
