# kit: updated by the template; extend it from app.py
"""Connects to other services, and looks up their names in threads of its own."""

import asyncio
import socket
from contextvars import Context
from functools import partial
from typing import Any

import httpcore2

from service.kit.offload.thread_pool import ThreadPool
from service.kit.work.problems import Problem

MAX_LOOKUPS = 4
MAX_WAITING_LOOKUPS = 100


class Network(httpcore2.AsyncNetworkBackend):
    """Connects to hosts.

    A lookup can hang, and the database needs asyncio's own threads, so lookups have other threads.
    """

    def __init__(self, lookup_timeout: float) -> None:
        self.sockets: Any = httpcore2.AnyIOBackend()
        self.threads = ThreadPool("name", MAX_LOOKUPS, MAX_WAITING_LOOKUPS, lookup_timeout)
        self.lookups: dict[str, asyncio.Task[object]] = {}

    async def connect_tcp(
        self, host: str, port: int, *rest: Any, **options: Any
    ) -> httpcore2.AsyncNetworkStream:
        try:
            async with asyncio.timeout(options["timeout"]):
                await self.look_up(host)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"its name was not found: {error}") from error
        except (OSError, Problem) as error:
            raise httpcore2.ConnectError(f"its name was not found: {error}") from error
        stream: httpcore2.AsyncNetworkStream = await self.sockets.connect_tcp(
            host, port, *rest, **options
        )
        return stream

    async def look_up(self, host: str) -> None:
        """Return when a name is found.

        Calls at the same time share a lookup, so a name that gets no answer takes up one thread.
        """
        lookup = self.lookups.get(host)
        if lookup is None:
            call = partial(socket.getaddrinfo, host, None)
            running = self.threads.run("getaddrinfo", call)
            lookup = asyncio.create_task(running, context=Context())  # it is for several requests
            lookup.add_done_callback(partial(self.forget_lookup, host))
            self.lookups[host] = lookup
        await asyncio.shield(lookup)

    def forget_lookup(self, host: str, lookup: asyncio.Task[object]) -> None:
        del self.lookups[host]
        if not lookup.cancelled():
            lookup.exception()  # otherwise asyncio logs it, if nobody waits any more
