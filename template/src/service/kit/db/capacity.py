# kit: updated by the template; extend it from app.py
"""Chooses the pool size of a worker, and checks that PostgreSQL admits all connections."""

import asyncpg

from service.kit.db.errors import DatabaseError
from service.kit.db.sessions import (
    DatabaseOptions,
    connect,
    describe_database,
    get_session_limits,
    session_settings,
)
from service.kit.work.cores import count_cores

CONNECTIONS_PER_CORE = 4
"""Over all workers: while some wait for locks and disks, the others keep the core busy."""

MIN_POOL_SIZE = 2
"""Connections of one worker, at least: a slow statement must not stop it."""

MAX_POOL_SIZE = 16
"""Connections of one worker, at most: one event loop cannot make use of more."""

# PostgreSQL 16 brought reserved_connections.
READ_MAX_CONNECTIONS = """
select current_setting('max_connections')::int as maximum,
       current_setting('superuser_reserved_connections')::int
       + coalesce(current_setting('reserved_connections', true), '0')::int as reserved
"""

FIND_UNLIMITED = """
select array_agg(name order by name) as missing, quote_ident(current_database()) as database
  from pg_settings
 where name = any($1) and setting = '0'
"""


def choose_pool_size(workers: int) -> int:
    """Return how many connections each worker may open, for when no setting says so."""
    share = round(count_cores() * CONNECTIONS_PER_CORE / workers)
    return max(MIN_POOL_SIZE, min(MAX_POOL_SIZE, share))


async def check_capacity(options: DatabaseOptions, workers: int, others: int = 0) -> None:
    """Raise `DatabaseError` unless each database admits all connections of this instance.

    `others` is how many connections other processes than the web workers open, such as the job
    worker.
    """
    for url in filter(None, (options.url, options.replica_url)):
        database = options.model_copy(update={"url": url})
        async with connect(database, "service check", session_settings(database)) as connection:
            if options.direct_url:
                await check_role_limits(connection, database)
            else:
                await check_max_connections(connection, database, workers, others)


async def check_max_connections(
    connection: asyncpg.Connection, options: DatabaseOptions, workers: int, others: int
) -> None:
    size = options.pool_size or choose_pool_size(workers)
    wanted = workers * size + others + options.reserve
    [(maximum, reserved)] = await connection.fetch(READ_MAX_CONNECTIONS)
    admitted = maximum - reserved
    if wanted <= admitted:
        return
    of_others = f", {others} of other processes of the service" if others else ""
    raise DatabaseError(
        f"{workers} workers (SERVER_WORKERS) with {size} connections each (DATABASE_POOL_SIZE)"
        f"{of_others}, and {options.reserve} for others (DATABASE_RESERVE), make {wanted}. "
        f"PostgreSQL at {describe_database(options)} admits {admitted}: {maximum} "
        f"(max_connections) minus {reserved} (reserved for superusers and roles). Lower one of "
        "these settings, raise max_connections, or put a PgBouncer in between and set "
        "DATABASE_DIRECT_URL."
    )


async def check_role_limits(connection: asyncpg.Connection, options: DatabaseOptions) -> None:
    """Refuse a role without time limits behind a pooler, which accepts none from us."""
    limits = get_session_limits(options)
    [(missing, database)] = await connection.fetch(FIND_UNLIMITED, list(limits))
    if not missing:
        return
    alter = f"alter role current_user in database {database} set"
    statements = [f"{alter} {name} = '{limits[name]}';" for name in missing]
    raise DatabaseError(
        "Behind a pooler, time limits must be set on the role, which lacks "
        f"{', '.join(missing)}. Run as that role, and restart the pooler: {' '.join(statements)}"
    )
