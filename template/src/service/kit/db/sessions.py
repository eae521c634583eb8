# kit: updated by the template; extend it from app.py
"""How sessions with PostgreSQL are opened, in the pool and beside it, and the check that it admits them all."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

import asyncpg
import msgspec

from service.kit.db.errors import ERRORS, DatabaseError, UnreachableError
from service.kit.db.options import DatabaseOptions, locate, time_limits
from service.kit.edge import count_cores

OLDEST_SERVER = 15
"""The oldest that the template's tests run on. What 18 brought, and production needs, a migration of the kit makes."""

PER_CORE = 4
"""Connections per core over all workers: while some wait for locks and disks, the others keep the core busy."""

FEWEST, MOST = 2, 16
"""Connections of one worker: a slow statement must not stop it, and one event loop cannot make use of more."""

JSON_PREFIXES = {"json": b"", "jsonb": b"\x01"}
"""What precedes the text of such values on the wire: the version of the format."""

# PostgreSQL 16 brought reserved_connections.
SLOTS = """
select current_setting('max_connections')::int as most,
       current_setting('superuser_reserved_connections')::int
       + coalesce(current_setting('reserved_connections', true), '0')::int as reserved
"""

LIMITS = """
select array_agg(name order by name) as missing, quote_ident(current_database()) as database
  from pg_settings
 where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') and setting = '0'
"""


@asynccontextmanager
async def connect(
    options: DatabaseOptions, application: str, settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncGenerator[asyncpg.Connection]:
    """Open a connection of its own, without time limits on statements, for migrations and checks.

    `application` is its name in pg_stat_activity. Raises `DatabaseError`.
    """
    where = locate(options)
    try:
        connection = await asyncpg.connect(
            options.url.get_secret_value(),
            timeout=options.connect_timeout,
            server_settings={**settings, "application_name": application},
        )
    except (*ERRORS, ValueError) as error:
        raise diagnose(error, where) from error
    try:
        version = connection.get_server_version().major
        if version < OLDEST_SERVER:
            raise DatabaseError(f"{where} is version {version}; PostgreSQL {OLDEST_SERVER} or newer is needed.")
        yield connection
    finally:
        await connection.close(timeout=options.connect_timeout)


def diagnose(error: Exception, where: str) -> DatabaseError:
    """Return what a failure to connect means."""
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InvalidCatalogNameError() | ValueError():
            return DatabaseError(f"PostgreSQL at {where} refuses DATABASE_URL: {error}.")
        case asyncpg.ProtocolViolationError():
            advice = "If this is a PgBouncer, set DATABASE_DIRECT_URL to the PostgreSQL behind it."
            return DatabaseError(f"{where} refuses how the service connects: {error}. {advice}")
        case ConnectionError() if type(error) is ConnectionError:  # how asyncpg reports a foreign protocol
            return DatabaseError(f"What answers at {where} is not PostgreSQL. Correct DATABASE_URL.")
        case _:
            reason = str(error) or "no answer in time"
            return UnreachableError(f"Cannot reach PostgreSQL at {where}: {reason}. Check DATABASE_URL and the server.")


async def open_session(options: DatabaseOptions) -> asyncpg.Connection:
    """Open a session for the pool: PostgreSQL enforces its limits, and JSON columns are encoded here, once."""
    connection = await asyncpg.connect(
        options.url.get_secret_value(),
        timeout=options.connect_timeout,
        command_timeout=options.command_timeout,
        server_settings=session_settings(options),
    )
    for name, prefix in JSON_PREFIXES.items():  # this sends nothing: asyncpg knows these types
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=lambda value, prefix=prefix: prefix + msgspec.json.encode(value),
            decoder=lambda data, prefix=prefix: msgspec.Raw(data.removeprefix(prefix)),
            format="binary",
        )
    return connection


def session_settings(options: DatabaseOptions) -> dict[str, str]:
    """Return what a pooled connection sets as it opens. A pooler would refuse limits: there, the role has them."""
    limits = {} if options.direct_url else time_limits(options)
    return {"application_name": "service"} | limits


def choose_pool_size(workers: int) -> int:
    """Return how many connections each worker may open when no setting says so."""
    return max(FEWEST, min(MOST, round(count_cores() * PER_CORE / workers)))


async def check_capacity(options: DatabaseOptions, workers: int, beside: int = 0) -> None:
    """Raise `DatabaseError` unless each database can be used and admits all connections of this instance.

    `beside` is how many connections processes other than the web workers open, such as the job worker.
    """
    replica = [options.model_copy(update={"url": options.replica_url})] if options.replica_url else []
    for database in (options, *replica):
        async with connect(database, "service check", session_settings(database)) as connection:
            if options.direct_url:
                await check_limits(connection, database)
            else:
                await check_slots(connection, database, workers, beside)


async def check_slots(connection: asyncpg.Connection, options: DatabaseOptions, workers: int, beside: int) -> None:
    size = options.pool_size or choose_pool_size(workers)
    wanted = workers * size + beside + options.reserve
    [(most, reserved)] = await connection.fetch(SLOTS)
    if wanted <= most - reserved:
        return
    raise DatabaseError(
        f"{workers} workers (SERVER_WORKERS) with {size} connections each (DATABASE_POOL_SIZE)"
        f"{f', {beside} of other processes of the service' if beside else ''}, and {options.reserve} "
        f"for others (DATABASE_RESERVE), make {wanted}. PostgreSQL at {locate(options)} admits {most - reserved}: "
        f"{most} (max_connections) less {reserved} (reserved for superusers and roles). Lower one of the former, raise "
        f"max_connections, or put a PgBouncer in between and set DATABASE_DIRECT_URL."
    )


async def check_limits(connection: asyncpg.Connection, options: DatabaseOptions) -> None:
    """Refuse a pooler in front of a server that limits nothing: a pooler does not take the limits from us."""
    [(missing, database)] = await connection.fetch(LIMITS)
    if missing:
        wanted = time_limits(options)
        role = f"alter role current_user in database {database} set"
        raise DatabaseError(
            f"Behind a pooler, time limits must be set on the role, which lacks {', '.join(missing)}. Run as "
            f"that role, and restart the pooler: {' '.join(f"{role} {name} = '{wanted[name]}';" for name in missing)}"
        )
