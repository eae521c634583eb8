# kit: updated by the template; extend it from app.py
"""A small pool of PostgreSQL connections: bounded in size, in who waits, and in how long anything
takes.

A request takes a place, then the connection that was returned last, or else opens one. Nothing is
sent when a connection changes hands: that is a third of what asyncpg's own pool costs. Opening,
cleaning and closing run in tasks of their own: a request that is cancelled or late leaves at once,
and its connection follows within a bounded time, even while PostgreSQL is frozen.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Any

import asyncpg

from service.kit.db.errors import ERRORS
from service.kit.db.sessions import DatabaseOptions, open_session
from service.kit.work.context import time_left
from service.kit.work.cores import count_cores
from service.kit.work.deadlines import Deadlines
from service.kit.work.limiter import Limiter
from service.kit.work.problems import busy

FULL = "Every database connection is in use."
STOPPING = "The service is stopping."

PER_CORE = 4
"""Connections per core over all workers: while some wait for locks and disks, the others keep the
core busy."""

MIN_POOL_SIZE, MOST = 2, 16
"""Connections of one worker: a slow statement must not stop it, and one event loop cannot make use
of more."""

SPREAD = 0.1
"""Each connection lives up to 10 % shorter or longer, so that those opened together are not
replaced together."""


def choose_pool_size(workers: int) -> int:
    """Return how many connections each worker may open when no setting says so."""
    return max(MIN_POOL_SIZE, min(MOST, round(count_cores() * PER_CORE / workers)))


class Pool:
    """The connections to one database. Whoever uses, opens or cleans one holds a place.

    `connections` are all that are open, each with the time when it is to be replaced; `free` are
    those that nobody uses, each with the time since when. `lost` counts those that PostgreSQL or
    the network ended.
    """

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        size = options.pool_size or choose_pool_size(workers=1)
        self.places = Limiter(size, options.pool_waiters, options.acquire_timeout, FULL)
        self.deadlines = Deadlines()  # of statements
        self.is_open = False
        self.connections: dict[asyncpg.Connection, float] = {}
        self.free: deque[tuple[asyncpg.Connection, float]] = deque()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.lost = 0

    async def acquire(self) -> asyncpg.Connection:
        """Take a connection. Raises a 503 problem when none comes in time, or too many wait for one
        already.
        """
        if not self.is_open:
            raise RuntimeError("the database is not open; list it among the resources in app.py")
        waited = 0.0 if self.places.try_enter() else await self.wait()
        while self.free:
            connection, _ = self.free.pop()
            if not connection.is_closed():
                return connection
            self.forget(connection)
        return await self.open(time_left(self.options.acquire_timeout - waited))

    async def wait(self) -> float:
        """Wait for a place, and return for how many seconds it was."""
        began = time.monotonic()
        await self.places.enter()
        if not self.is_open:
            self.places.leave()
            raise busy(STOPPING)
        return time.monotonic() - began

    async def open(self, seconds: float) -> asyncpg.Connection:
        """Open a connection. If the request leaves before it is there, it becomes free, and only
        then its place.
        """
        opening = self.start(self.open_one())
        done: set[asyncio.Task[Any]] = set()
        try:
            done, _ = await asyncio.wait([opening], timeout=seconds)
        finally:
            if not done:
                opening.add_done_callback(self.keep)
        if not done:
            raise busy(FULL)
        return opening.result()

    def keep(self, opening: asyncio.Task[asyncpg.Connection]) -> None:
        if not opening.exception():
            self.release(opening.result())

    async def open_one(self) -> asyncpg.Connection:
        try:
            connection = await open_session(self.options)
        except (*ERRORS, asyncio.CancelledError) as error:
            self.places.leave()
            cancelled = isinstance(error, asyncio.CancelledError)
            raise busy(STOPPING if cancelled else "The database cannot be reached.") from error
        lifetime = self.options.max_lifetime * random.uniform(1 - SPREAD, 1 + SPREAD)
        self.connections[connection] = time.monotonic() + lifetime
        return connection

    def release(
        self, connection: asyncpg.Connection, clean: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        """Take a connection back at once. `clean` undoes what was left on it, before anybody else
        gets it.
        """
        now = time.monotonic()
        if connection.is_closed():
            self.forget(connection)
        elif clean:
            self.start(self.wash(connection, clean))
            return
        elif not self.is_open or now >= self.connections[connection]:
            self.retire(connection)
        else:
            self.free.append((connection, now))
            if now - self.free[0][1] > self.options.idle_lifetime:
                self.retire(self.free.popleft()[0])
        self.places.leave()

    async def wash(
        self, connection: asyncpg.Connection, clean: Callable[[], Awaitable[None]]
    ) -> None:
        """Clean a connection, or end it when that fails or takes too long: PostgreSQL then undoes
        what was open.
        """
        try:
            async with asyncio.timeout(self.options.acquire_timeout):
                await clean()
        except (Exception, asyncio.CancelledError):
            connection.terminate()
        self.release(connection)

    def forget(self, connection: asyncpg.Connection) -> None:
        self.lost += 1
        del self.connections[connection]

    def retire(self, connection: asyncpg.Connection) -> None:
        del self.connections[connection]
        self.start(connection.close(timeout=self.options.acquire_timeout))

    def start[Result](self, work: Coroutine[None, None, Result]) -> asyncio.Task[Result]:
        """Run work beside the requests, and in the context of none."""
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        task.add_done_callback(
            lambda task: task.cancelled() or task.exception()
        )  # so that asyncio logs no complaint
        return task

    async def close(self) -> None:
        """Refuse who comes or waits, give who has a connection some time to finish, and end
        everything.
        """
        self.is_open = False
        while self.free:
            self.retire(self.free.pop()[0])
        with suppress(TimeoutError):
            async with asyncio.timeout(self.options.command_timeout):
                while self.connections:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        for connection in self.connections:
            connection.terminate()
        while self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=self.options.acquire_timeout)
            for task in late:
                task.cancel()
