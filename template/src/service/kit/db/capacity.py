# kit: updated by the template; extend it from app.py
"""How many connections the service opens, and whether PostgreSQL lets that many in."""

import asyncpg

from service.kit.db import connections, postgres
from service.kit.db.postgres import DatabaseError, DatabaseOptions
from service.kit.edge import count_cores

PER_CORE = 4
"""Connections for each core, over all workers: while some wait for locks and disks, the others keep the core busy."""

FEWEST, MOST = 2, 16
"""Connections of one worker: a slow statement must not stop it, and one event loop cannot make use of more."""

PLACES = """
select current_setting('max_connections')::int as most,
       current_setting('superuser_reserved_connections')::int + current_setting('reserved_connections')::int as reserved
"""

LIMITS = """
select array_agg(name order by name) as missing, quote_ident(current_database()) as database
  from pg_settings
 where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') and setting = '0'
"""


def choose_pool_size(workers: int) -> int:
    """Return how many connections each worker may open when no setting says so."""
    return max(FEWEST, min(MOST, round(count_cores() * PER_CORE / workers)))


async def check(options: DatabaseOptions, workers: int, beside: int = 0) -> None:
    """Raise `DatabaseError` unless each database can be used, and lets all connections of this instance in.

    `beside` is how many connections other processes of this service open than those which serve requests.
    """
    replica = [options.model_copy(update={"url": options.replica_url})] if options.replica_url else []
    for database in (options, *replica):
        async with postgres.connect(database, "service check", connections.session_settings(database)) as connection:
            if options.direct_url:
                await check_limits(connection, database)
            else:
                await check_places(connection, database, workers, beside)


async def check_places(connection: asyncpg.Connection, options: DatabaseOptions, workers: int, beside: int) -> None:
    """Refuse more connections than the server has places for."""
    size = options.pool_size or choose_pool_size(workers)
    wanted = workers * size + beside + options.reserve
    most, reserved = await connection.fetchrow(PLACES)
    if wanted <= most - reserved:
        return
    where = postgres.locate(options)
    raise DatabaseError(
        f"{workers} workers (SERVER_WORKERS) with {size} connections each (DATABASE_POOL_SIZE)"
        f"{f', {beside} of what runs beside them' if beside else ''}, and {options.reserve} "
        f"for others (DATABASE_RESERVE), make {wanted}. PostgreSQL at {where} lets in {most - reserved}: "
        f"{most} (max_connections) less {reserved} (reserved for superusers and roles). Lower one of the former, raise "
        f"max_connections, or put a PgBouncer between and set DATABASE_DIRECT_URL."
    )


async def check_limits(connection: asyncpg.Connection, options: DatabaseOptions) -> None:
    """Refuse a pooler in front of a server that limits nothing: a pooler does not take the limits from us."""
    missing, database = await connection.fetchrow(LIMITS)
    if missing:
        wanted = connections.time_limits(options)
        role = f"alter role current_user in database {database} set"
        raise DatabaseError(
            f"Behind a pooler the limits of statements belong to the role, and it lacks {', '.join(missing)}. Run as "
            f"that role, and restart the pooler: {' '.join(f"{role} {name} = '{wanted[name]}';" for name in missing)}"
        )
