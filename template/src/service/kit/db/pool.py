# kit: updated by the template; extend it from app.py
"""A pool of PostgreSQL connections: bounded in number, in waiting requests, and in time.

A request takes a slot, then the connection that was returned last, or else opens one. Nothing is
sent when a connection changes hands, so it costs a third of asyncpg's own pool. Opening,
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
from math import inf
from typing import Any

import asyncpg

from service.kit.db.capacity import choose_pool_size
from service.kit.db.durations import Duration, count_durations
from service.kit.db.errors import ERRORS
from service.kit.db.sessions import DatabaseOptions, Session, describe_server, open_session
from service.kit.work import metrics
from service.kit.work.batch import Batch
from service.kit.work.limits import Deadlines, Limiter, time_left
from service.kit.work.problems import Problem, busy

type Cleanup = Callable[[], Awaitable[None]]
"""Undoes what was left on a connection."""

POOL_FULL = "Every database connection is in use."
STOPPING = "The service is stopping."
UNREACHABLE = "The database cannot be reached."

LIFETIME_SPREAD = 0.1
"""Each connection lives up to 10 % shorter or longer, so that those opened together are not
replaced together."""

REPLACE_INTERVAL = 1.0
"""Seconds between two connections that are replaced because of their age."""

REFUSED = asyncpg.InvalidAuthorizationSpecificationError
"""PostgreSQL refuses the user or the password."""

REFUSED_INTERVAL = 1.0
"""Seconds until a URL that was refused is tried again."""

REFUSED_MARGIN = 0.1
"""Stop waiting this many seconds before the request times out, so that it gets the real reason."""

FREE_INTERVAL = 0.01
"""Seconds between two looks for a free connection, while the URL is refused."""

COUNT_INTERVAL = 1.0
"""Seconds for which durations of statements are collected, and then counted at once."""

MAX_UNCOUNTED = 250
"""Maximum number of borrowed connections whose durations are collected."""


class Pool:
    """The connections to one database. To use, open or clean one takes a slot.

    `connections` has all open ones, each with the time when it is to be replaced; `free` has those
    that nobody uses, each with the time since when.
    """

    def __init__(self, options: DatabaseOptions) -> None:
        self.options = options
        self.server = describe_server(options)
        size = options.pool_size or choose_pool_size(workers=1)
        self.slots = Limiter(size, options.pool_waiters, options.acquire_timeout, POOL_FULL)
        self.deadlines = Deadlines()  # of statements
        self.durations = Batch[list[Duration]](count_durations, COUNT_INTERVAL, MAX_UNCOUNTED)
        self.is_open = False
        self.connections: dict[Session, float] = {}
        self.free: deque[tuple[Session, float]] = deque()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.refused_url = ""
        self.retry_at = 0.0
        self.replace_at = 0.0

    def open(self, name: str) -> None:
        """Let connections be borrowed, and show their number in `/metrics` under a name."""
        self.is_open = True
        meters = metrics.get_metrics()
        meters.pool_size.labels(name).set(self.slots.limit)
        in_use = meters.pool_in_use.labels(name)
        metrics.watch_gauge(in_use, lambda: self.slots.running)
        waiting = meters.pool_waiting.labels(name)
        metrics.watch_gauge(waiting, lambda: self.slots.waiting)

    async def acquire(self) -> Session:
        """Take a connection.

        Raises a 503 problem when the pool is full: no slot is free in time, or too many requests
        wait for one already.
        """
        if not self.is_open:
            raise RuntimeError("the database is not open; list it among the resources in app.py")
        waited = 0.0
        if not self.slots.try_enter():
            waited = await self.wait_for_slot()
        while self.free:
            connection, _ = self.free.pop()
            if not connection.is_closed():
                return connection
            del self.connections[connection]
        return await self.open_connection(self.options.acquire_timeout - waited)

    async def wait_for_slot(self) -> float:
        """Wait for a slot, and return for how many seconds it was."""
        started = time.monotonic()
        await self.slots.enter()
        if not self.is_open:
            self.slots.leave()
            raise busy(STOPPING)
        return time.monotonic() - started

    async def open_connection(self, seconds: float) -> Session:
        """Open a connection for a request, which waits for it up to `seconds`.

        If the request leaves first, the connection becomes free once it is open, then its slot.
        """
        timeout = time_left(seconds)
        opening = self.start_task(self.open_in_slot(timeout))
        done: set[asyncio.Task[Any]] = set()
        try:
            done, _ = await asyncio.wait([opening], timeout=timeout)
        finally:
            if not done:  # late, or cancelled, perhaps just when the connection came
                opening.add_done_callback(self.keep_opened)
        if not done:
            raise busy(POOL_FULL)
        return opening.result()

    def keep_opened(self, opening: asyncio.Task[Session]) -> None:
        if not opening.exception():
            self.release(opening.result())

    async def open_in_slot(self, seconds: float) -> Session:
        """Open a connection. If that fails, give back the slot that was taken for it."""
        try:
            connection = await self.open_or_share(seconds)
        except asyncio.CancelledError as error:  # the pool closes
            self.slots.leave()
            raise busy(STOPPING) from error
        except ERRORS as error:
            self.slots.leave()
            raise busy(UNREACHABLE) from error
        spread = random.uniform(1 - LIFETIME_SPREAD, 1 + LIFETIME_SPREAD)
        lifetime = self.options.max_lifetime * spread
        self.connections.setdefault(connection, time.monotonic() + lifetime)
        return connection

    async def open_or_share(self, seconds: float) -> Session:
        """Open a connection. While the URL is refused, wait for a free one, or for another URL.

        A password changes in PostgreSQL and in its file one after the other, and sessions that are
        open go on meanwhile.
        """
        latest_end = time.monotonic() + seconds - REFUSED_MARGIN
        while True:
            try:
                return await self.open_unless_refused()
            except REFUSED:
                if time.monotonic() >= latest_end:
                    raise
            await asyncio.sleep(FREE_INTERVAL)
            if self.free:
                connection, _ = self.free.pop()
                if connection.is_closed():
                    del self.connections[connection]
                else:
                    return connection

    async def open_unless_refused(self) -> Session:
        """Open a connection, but try a URL that was just refused only once a second."""
        url = self.options.url.get_secret_value()
        if url == self.refused_url and time.monotonic() < self.retry_at:
            raise REFUSED("PostgreSQL has just refused this user and password")
        self.retry_at = time.monotonic() + REFUSED_INTERVAL
        try:
            connection = await open_session(self.options)
        except REFUSED:
            self.refused_url = url
            raise
        self.refused_url = ""
        return connection

    def release(self, connection: Session, cleanup: Cleanup | None = None) -> None:
        """Take a connection back at once, and clean it before the next request gets it."""
        now = time.monotonic()
        if connection.is_closed():
            del self.connections[connection]
        elif cleanup:
            self.start_task(self.clean(connection, cleanup))
            return  # it keeps its slot until then
        elif now >= self.connections[connection] and now >= self.replace_at and self.is_open:
            self.replace_at = inf
            self.start_task(self.replace(connection))
            return
        else:
            self.keep(connection, now)
        self.slots.leave()

    async def replace(self, old: Session) -> None:
        """Open a connection in the slot of an old one, which stays in use if that fails."""
        try:
            connection = await self.open_in_slot(0)
        except Problem:
            self.keep(old, time.monotonic())
        else:
            self.close_connection(old)
            self.release(connection)
        self.replace_at = time.monotonic() + REPLACE_INTERVAL

    def keep(self, connection: Session, now: float) -> None:
        """Make a connection free, and close one that was free for too long."""
        if not self.is_open:
            self.close_connection(connection)
            return
        self.free.append((connection, now))
        oldest, free_since = self.free[0]
        if now - free_since > self.options.idle_lifetime:
            self.free.popleft()
            self.close_connection(oldest)

    async def clean(self, connection: Session, cleanup: Cleanup) -> None:
        """Clean a connection, or end it when that fails or takes too long.

        PostgreSQL then undoes what was open.
        """
        try:
            async with asyncio.timeout(self.options.acquire_timeout):
                await cleanup()
        except (Exception, asyncio.CancelledError):
            connection.terminate()
        self.release(connection)

    def close_connection(self, connection: Session) -> None:
        del self.connections[connection]
        self.start_task(connection.close(timeout=self.options.acquire_timeout))

    def start_task[Result](self, work: Coroutine[None, None, Result]) -> asyncio.Task[Result]:
        """Run work alongside the requests, in the context of none of them."""
        loop = asyncio.get_running_loop()
        task = loop.create_task(work, context=Context())
        self.tasks.add(task)
        task.add_done_callback(self.forget_task)
        return task

    def forget_task(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)
        if not task.cancelled():
            task.exception()  # otherwise asyncio logs that nobody retrieved it

    async def close(self) -> None:
        """Refuse new and waiting requests, let those with a connection finish, and end the rest."""
        self.is_open = False
        while self.free:
            connection, _ = self.free.pop()
            self.close_connection(connection)
        self.durations.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.options.command_timeout):
                while self.connections:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
        for connection in self.connections:
            connection.terminate()
        timeout = self.options.acquire_timeout
        while self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=timeout)
            for task in late:
                task.cancel()
        self.durations.flush()
