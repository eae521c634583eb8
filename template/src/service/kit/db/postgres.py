# kit: updated by the template; extend it from app.py
"""Where PostgreSQL is, how long anything may wait for it, and how to open one connection outside the pool."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Annotated, Self
from urllib.parse import urlsplit

import asyncpg
from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, model_validator

from service.kit.db import errors
from service.kit.edge import CommandError, Lifetime, Seconds

OLDEST_SERVER = 18
"""PostgreSQL 18 brought `uuidv7()`, which makes the keys."""

EXAMPLE_URL = "postgresql://user:password@host:5432/name"


def check_url(url: SecretStr) -> SecretStr:
    """Accept the URL of a PostgreSQL database; say what is wrong with anything else, without repeating it."""
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError(f"this is not the URL of a PostgreSQL database; write {EXAMPLE_URL}")
    if not parts.path.strip("/"):
        raise ValueError(f"the URL names no database; write {EXAMPLE_URL}")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError(f"the port must be a number from 0 to 65535; write {EXAMPLE_URL}") from None
    return url


Url = Annotated[SecretStr, AfterValidator(check_url)]


class DatabaseOptions(BaseModel, frozen=True):
    """DATABASE_*: where PostgreSQL is, and how long anything may wait for it."""

    url: Annotated[Url, Field(description=f"PostgreSQL, as {EXAMPLE_URL}")]
    direct_url: Annotated[Url | None, Field(description="past a PgBouncer at DATABASE_URL, for migrations")] = None
    replica_url: Annotated[Url | None, Field(description="a replica, for reads that may be some moments old")] = None
    pool_size: Annotated[
        int | None,
        Field(ge=1, le=500, description="most connections of one worker; by default 4 for each core, shared"),
    ] = None
    pool_waiters: Annotated[int, Field(ge=0, le=10_000, description="requests that may wait for a connection")] = 100
    reserve: Annotated[int, Field(ge=0, le=10_000, description="connections left to others, as other instances")] = 10
    idle_lifetime: Annotated[Lifetime, Field(description="seconds that an unused connection stays open")] = 300
    max_lifetime: Annotated[Lifetime, Field(description="seconds that a connection stays open")] = 1800
    connect_timeout: Annotated[Seconds, Field(description="seconds to open a connection")] = 3
    acquire_timeout: Annotated[Seconds, Field(description="seconds to wait for a free connection, then 503")] = 1
    lock_timeout: Annotated[Seconds, Field(description="seconds a statement may wait for a lock")] = 2
    statement_timeout: Annotated[Seconds, Field(description="seconds after which PostgreSQL ends a statement")] = 4.5
    command_timeout: Annotated[Seconds, Field(description="seconds after which we stop waiting for PostgreSQL")] = 5

    @model_validator(mode="after")
    def nest_deadlines(self) -> Self:
        """Let every inner wait end before the outer one, so that the error names the true cause."""
        names = ("acquire_timeout", "lock_timeout", "statement_timeout", "command_timeout")
        waits = {f"DATABASE_{name.upper()}": getattr(self, name) for name in names}
        if list(waits.values()) != sorted(set(waits.values())):
            chain = " < ".join(f"{name} ({seconds:g})" for name, seconds in waits.items())
            raise ValueError(f"each deadline must be shorter than the next: {chain}")
        return self


def read_url(url: str) -> DatabaseOptions:
    """Return options with nothing but a URL. Raises `DatabaseError` when it is not the URL of a PostgreSQL database."""
    try:
        return DatabaseOptions(url=SecretStr(url))
    except ValidationError as error:
        raise DatabaseError(f"DATABASE_URL: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from None


class DatabaseError(CommandError):
    """The database cannot be used. The message says why, and what to do."""


class UnreachableError(DatabaseError):
    """Nothing answers where the database should be; it may come back by itself."""


@asynccontextmanager
async def connect(
    options: DatabaseOptions, application: str, settings: Mapping[str, str] = MappingProxyType({})
) -> AsyncGenerator[asyncpg.Connection]:
    """Open a connection of its own, without time limits on statements, for migrations and checks.

    `application` shows in PostgreSQL's list of sessions. Raises `DatabaseError`.
    """
    where = locate(options)
    try:
        connection = await asyncpg.connect(
            options.url.get_secret_value(),
            timeout=options.connect_timeout,
            server_settings={**settings, "application_name": application},
        )
    except (*errors.UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
        raise explain(error, where) from error
    try:
        refuse_old_server(connection, where)
        yield connection
    finally:
        await connection.close(timeout=options.connect_timeout)


def bypass_pooler(options: DatabaseOptions) -> DatabaseOptions:
    """Return options that lead to PostgreSQL itself, for what needs a session of its own."""
    return options.model_copy(update={"url": options.direct_url}) if options.direct_url else options


async def check(options: DatabaseOptions) -> None:
    """Raise `DatabaseError` unless the database answers and is one that the service can use."""
    async with connect(options, "service check"):
        pass


def explain(error: Exception, where: str) -> DatabaseError:
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


def refuse_old_server(connection: asyncpg.Connection, where: str) -> None:
    """Raise `DatabaseError` for a server that lacks what the service relies on."""
    version = connection.get_server_version()
    if version.major < OLDEST_SERVER:
        raise DatabaseError(f"{where} is version {version.major}; PostgreSQL {OLDEST_SERVER} or newer is needed.")


def locate(options: DatabaseOptions) -> str:
    """Return where the database is, for messages: without user and password."""
    parts = urlsplit(options.url.get_secret_value())
    return f"{parts.hostname or 'the local socket'}{f':{parts.port}' if parts.port else ''}{parts.path}"
