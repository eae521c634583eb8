# kit: updated by the template; extend it from app.py
"""Opens sessions with PostgreSQL, and has their settings DATABASE_*."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from ssl import PROTOCOL_TLS_CLIENT, SSLContext
from typing import Annotated, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg
import msgspec
from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError, model_validator

from service.kit.db.errors import ERRORS, DatabaseError, diagnose
from service.kit.work.options import Lifetime, Seconds, check_nesting

EXAMPLE_URL = "postgresql://user:password@host:5432/name"

DEFAULT_PORT = 5432

REFUSED_BY_PGBOUNCER = "SASL authentication failed"
"""Its words for a wrong password, which it sends under the code of a broken protocol."""

MIN_SERVER_VERSION = 15
"""The oldest version that the template's tests run on. A migration of the kit adds to it what the
service needs of version 18: `uuidv7()`."""

JSON_PREFIXES = {"json": b"", "jsonb": b"\x01"}
"""The bytes before the text of such a value on the wire: the version of the format."""


def check_url(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    is_postgresql = parts.scheme in ("postgresql", "postgres")
    has_database = bool(parts.path.strip("/"))
    has_port = False
    with suppress(ValueError):  # the port is not a number
        has_port = parts.port != 0
    if not (is_postgresql and has_database and has_port):
        raise ValueError(f"this is not the URL of a PostgreSQL database; write {EXAMPLE_URL}")
    query = dict(parse_qsl(parts.query))
    authority = query.get("sslrootcert")
    if authority and query.get("sslmode") in ("require", "verify-ca", "verify-full"):
        check_authority(authority)
    return url


def check_authority(path: str) -> None:
    """Raise ValueError unless a file has certificates: asyncpg would not say which file it is."""
    try:
        SSLContext(PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(f"its sslrootcert {path!r} cannot be read: {reason}") from None


Url = Annotated[SecretStr, AfterValidator(check_url)]


class Session(asyncpg.Connection):  # type: ignore[misc]  # it has no types
    """A session that sends more SQL together with `begin` or `commit`, in the same round trip.

    asyncpg sends both by `execute`, for which pyproject.toml bounds its version. `status` is
    PostgreSQL's word on the last statement that `execute` sent: `SELECT 1` for one row.
    """

    after_begin = ""
    before_commit = ""
    status = ""

    async def execute(
        self,
        query: str,
        *args: object,
        timeout: float | None = None,  # noqa: ASYNC109 - as in asyncpg
    ) -> str:
        if query.startswith("BEGIN"):
            query += self.after_begin
        elif query == "COMMIT;":
            query = self.before_commit + query
        self.status = await super().execute(query, *args, timeout=timeout)
        return self.status


class DatabaseOptions(BaseModel, frozen=True, use_attribute_docstrings=True):
    """DATABASE_*: where PostgreSQL is, and how long anything may wait for it."""

    url: Annotated[Url, Field(description=f"PostgreSQL, like {EXAMPLE_URL}")]
    direct_url: Url | None = None
    """past a PgBouncer at DATABASE_URL, for migrations"""
    replica_url: Url | None = None
    """a replica, for reads that may be slightly stale"""
    replica_max_lag: Annotated[float | None, Field(ge=1, le=60)] = None
    """seconds it may lag before the primary is read; by default any"""
    pool_size: Annotated[int | None, Field(ge=1, le=500)] = None
    """maximum connections per worker; by default 4 per core, shared"""
    pool_waiters: Annotated[int, Field(ge=0, le=10_000)] = 100
    """requests that may wait for a connection"""
    reserve: Annotated[int, Field(ge=0, le=10_000)] = 10
    """connections left to others, like other instances"""
    idle_lifetime: Lifetime = 300
    """seconds before an unused connection is closed"""
    max_lifetime: Lifetime = 1800
    """seconds before a connection is replaced"""
    connect_timeout: Seconds = 3
    """seconds to open a connection"""
    acquire_timeout: Seconds = 1
    """seconds to wait for a free connection, then 503"""
    lock_timeout: Seconds = 2
    """seconds a statement may wait for a lock"""
    statement_timeout: Seconds = 4.5
    """seconds before PostgreSQL cancels a statement"""
    command_timeout: Seconds = 5
    """seconds before we stop waiting for PostgreSQL"""

    @model_validator(mode="after")
    def nest_deadlines(self) -> Self:
        check_nesting(
            DATABASE_ACQUIRE_TIMEOUT=self.acquire_timeout,
            DATABASE_LOCK_TIMEOUT=self.lock_timeout,
            DATABASE_STATEMENT_TIMEOUT=self.statement_timeout,
            DATABASE_COMMAND_TIMEOUT=self.command_timeout,
        )
        return self


def read_database_url(url: str) -> DatabaseOptions:
    """Return options with nothing but a URL. Raises `DatabaseError` unless it is PostgreSQL's."""
    try:
        return DatabaseOptions(url=SecretStr(url))
    except ValidationError as error:
        fault = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise DatabaseError(f"DATABASE_URL: {fault}") from None


def bypass_pooler(options: DatabaseOptions) -> DatabaseOptions:
    """Return options that lead to PostgreSQL itself, for work that needs a session of its own."""
    return options.model_copy(update={"url": options.direct_url or options.url})


def describe_database(options: DatabaseOptions) -> str:
    """Return where the database is, for messages: without user and password."""
    parts = urlsplit(options.url.get_secret_value())
    host = parts.hostname or "the local socket"
    port = f":{parts.port}" if parts.port else ""
    return f"{host}{port}{parts.path}"


def describe_server(options: DatabaseOptions) -> dict[str, str | int]:
    """Return where the database is, as attributes of OpenTelemetry's semantic conventions."""
    parts = urlsplit(options.url.get_secret_value())
    attributes: dict[str, str | int] = {"db.namespace": unquote(parts.path.strip("/"))}
    host = parts.hostname or dict(parse_qsl(parts.query)).get("host", "")
    if host:
        attributes["server.address"] = host
    if parts.hostname:  # and no socket
        attributes["server.port"] = parts.port or DEFAULT_PORT
    return attributes


def get_session_limits(options: DatabaseOptions) -> dict[str, str]:
    """Return the settings of a session by which PostgreSQL itself enforces the limits."""
    limits = {
        "statement_timeout": options.statement_timeout,
        "lock_timeout": options.lock_timeout,
        "idle_in_transaction_session_timeout": options.command_timeout,
    }
    return {name: f"{seconds * 1000:.0f}ms" for name, seconds in limits.items()}


async def open_connection(
    options: DatabaseOptions, settings: Mapping[str, str], command_timeout: float | None = None
) -> Session:
    """Open a connection. `settings` are those of its session."""
    try:
        session: Session = await asyncpg.connect(
            options.url.get_secret_value(),
            # asyncpg accepts fractions, whatever its type says.
            timeout=options.connect_timeout,  # pyright: ignore[reportArgumentType]
            command_timeout=command_timeout,
            server_settings=dict(settings),
            connection_class=Session,
        )
        return session
    except asyncpg.ProtocolViolationError as error:
        if str(error) == REFUSED_BY_PGBOUNCER:
            raise asyncpg.InvalidPasswordError(REFUSED_BY_PGBOUNCER) from error
        raise


@asynccontextmanager
async def connect(
    options: DatabaseOptions, application: str, settings: Mapping[str, str] | None = None
) -> AsyncGenerator[asyncpg.Connection]:
    """Open a separate connection without time limits on statements, for migrations and checks.

    `application` is its name in pg_stat_activity. Raises `DatabaseError`.
    """
    where = describe_database(options)
    session = {**(settings or {}), "application_name": application}
    try:
        connection = await open_connection(options, session)
    except (*ERRORS, ValueError) as error:
        raise diagnose(error, where) from error
    try:
        version = connection.get_server_version().major
        if version < MIN_SERVER_VERSION:
            raise DatabaseError(
                f"{where} is version {version}; PostgreSQL {MIN_SERVER_VERSION} or newer is needed."
            )
        yield connection
    except asyncpg.PostgresConnectionError as error:  # lost, perhaps behind a pooler that is there
        raise diagnose(error, where) from error
    finally:
        await connection.close(timeout=options.connect_timeout)


async def open_session(options: DatabaseOptions) -> Session:
    """Open a session for the pool: PostgreSQL enforces its limits, and JSON is encoded here."""
    connection = await open_connection(options, session_settings(options))
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
    """Return the settings of a pooled session. A pooler refuses limits: its role has them."""
    settings = {"application_name": "service"}
    if not options.direct_url:
        settings |= get_session_limits(options)
    return settings
