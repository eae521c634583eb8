# kit: updated by the template; extend it from app.py
"""One connection of the pool, and how it is opened, cleaned and closed: each within a bounded time."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import asyncpg

from service.kit.db.postgres import DatabaseOptions

SPREAD = 0.1
"""Connections that were opened together are replaced at different times: each lives up to 10 % shorter or longer."""


class PooledConnection(asyncpg.Connection):
    """A connection that knows since when it has been free, and when it is to be replaced, by the monotonic clock."""

    __slots__ = ("expires_at", "free_since")
    expires_at: float
    free_since: float

    def live_for(self, seconds: float) -> None:
        """Set when the connection is to be replaced."""
        self.expires_at = time.monotonic() + seconds * random.uniform(1 - SPREAD, 1 + SPREAD)


async def connect(options: DatabaseOptions) -> PooledConnection:
    """Open a connection, with the limits that PostgreSQL is to enforce by itself."""
    return await asyncpg.connect(
        options.url.get_secret_value(),
        timeout=options.connect_timeout,
        command_timeout=options.command_timeout,
        server_settings=session_settings(options),
        connection_class=PooledConnection,
    )


def session_settings(options: DatabaseOptions) -> dict[str, str]:
    """Return what is set on each connection as it opens. A pooler would refuse limits: there, the role has them."""
    limits = {} if options.direct_url else time_limits(options)
    return {"application_name": "service"} | limits


def time_limits(options: DatabaseOptions) -> dict[str, str]:
    """Return what PostgreSQL enforces by itself, in its units."""
    limits = {
        "statement_timeout": options.statement_timeout,
        "lock_timeout": options.lock_timeout,
        "idle_in_transaction_session_timeout": options.command_timeout,
    }
    return {name: f"{seconds * 1000:.0f}ms" for name, seconds in limits.items()}


async def wash(connection: PooledConnection, clean: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Clean a connection, or end it when that fails or takes too long: PostgreSQL then undoes what was open."""
    try:
        async with asyncio.timeout(seconds):
            await clean()
    except Exception:
        connection.terminate()
    except asyncio.CancelledError:
        connection.terminate()
        raise


async def close(connection: PooledConnection, seconds: float) -> None:
    """Close a connection, politely if PostgreSQL answers."""
    try:
        await connection.close(timeout=seconds)
    except Exception:
        connection.terminate()
