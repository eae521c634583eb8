# kit: updated by the template; extend it from app.py
"""A small pool of PostgreSQL connections: bounded in size, in who waits, and in how long anything takes.

The connection returned last is taken first, and nothing is sent when it changes hands: that is a third of what
asyncpg's own pool costs. Whatever takes time, opening and cleaning, runs in tasks of its own: a request that is
cancelled or late leaves at once, and its connection follows within a bounded time, even while PostgreSQL is frozen.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import Context

from service.kit.db import connections, errors
from service.kit.db.connections import PooledConnection
from service.kit.db.postgres import DatabaseOptions
from service.kit.edge import Waiters, busy, time_left

FULL = "Every database connection is in use."


class Pool:
    """At most so many connections to one database. Its properties and counters are for whoever watches it."""

    def __init__(self, connect: Callable[[], Awaitable[PooledConnection]], options: DatabaseOptions, most: int) -> None:
        self.connect = connect
        self.options = options
        self.most = most
        self.is_open = False
        self.connections: set[PooledConnection] = set()
        self.free: deque[PooledConnection] = deque()
        self.waiters: Waiters[PooledConnection] = Waiters()
        self.tasks: set[asyncio.Task[None]] = set()
        self.emptied = asyncio.Event()
        self.opening = 0
        self.opened = self.lost = self.refused = 0

    @property
    def size(self) -> int:
        return len(self.connections)

    @property
    def idle(self) -> int:
        return len(self.free)

    @property
    def in_use(self) -> int:
        return len(self.connections) - len(self.free)

    @property
    def waiting(self) -> int:
        return len(self.waiters)

    async def acquire(self) -> PooledConnection:
        """Take a connection. Raises a 503 problem when none comes in time, or too many wait for one already."""
        while self.free:
            connection = self.free.pop()
            if not connection.is_closed():
                return connection
            self.forget(connection)
        if not self.is_open:
            raise RuntimeError("the database is not open; list it among the resources in app.py")
        full = self.size + self.opening >= self.most
        if full and self.waiting - self.opening >= self.options.pool_waiters:
            self.refused += 1
            raise busy(f"{FULL} Too many requests wait for one.")
        self.open_for(self.waiting + 1)
        return await self.waiters.wait(time_left(self.options.acquire_timeout), lambda: busy(FULL), self.release)

    def release(self, connection: PooledConnection, clean: Callable[[], Awaitable[None]] | None = None) -> None:
        """Take a connection back at once. `clean` undoes what was left on it, before anybody else gets it."""
        if connection.is_closed():
            self.forget(connection)
        elif clean:
            washed = self.start(connections.wash(connection, clean, self.options.acquire_timeout))
            washed.add_done_callback(lambda _: self.release(connection))
        elif not self.is_open or (now := time.monotonic()) >= connection.expires_at:
            self.retire(connection)
        elif not self.waiters.serve(connection):
            connection.free_since = now
            self.free.append(connection)
            if now - self.free[0].free_since > self.options.idle_lifetime:
                self.retire(self.free.popleft())

    def forget(self, connection: PooledConnection) -> None:
        """Give up a connection that was lost."""
        self.lost += 1
        self.vacate(connection)

    def retire(self, connection: PooledConnection) -> None:
        """Close a connection."""
        self.start(connections.close(connection, self.options.acquire_timeout))
        self.vacate(connection)

    def vacate(self, connection: PooledConnection) -> None:
        """Give the place of a connection to whoever waits."""
        self.connections.discard(connection)
        self.open_for(self.waiting)
        if not self.connections:
            self.emptied.set()

    def open_for(self, waiting: int) -> None:
        """Open connections until one is on its way to each waiter, or there are as many as there may be."""
        while self.is_open and self.opening < waiting and self.size + self.opening < self.most:
            self.opening += 1
            self.start(self.open_one())

    async def open_one(self) -> None:
        """Open a connection for whoever waits longest. A failure is told to that one, and the next has its own try."""
        connection = None
        try:
            connection = await self.connect()
        except Exception as error:
            self.waiters.refuse(errors.refuse(error))
        finally:
            self.opening -= 1
        if connection is None:
            return self.open_for(self.waiting)
        self.opened += 1
        self.connections.add(connection)
        connection.live_for(self.options.max_lifetime)
        self.release(connection)

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run work beside the requests, and in the context of none."""
        task = asyncio.get_running_loop().create_task(work, context=Context())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    async def close(self) -> None:
        """Refuse who waits, give who has a connection some time to finish, and end everything."""
        self.is_open = False
        self.emptied.clear()
        while self.waiters.refuse(busy("The service is stopping.")):
            pass
        while self.free:
            self.retire(self.free.pop())
        if self.connections:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.emptied.wait(), self.options.command_timeout)
        for connection in self.connections:
            connection.terminate()
        while self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=self.options.acquire_timeout)
            for task in late:
                task.cancel()
