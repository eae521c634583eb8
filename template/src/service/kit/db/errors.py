# kit: updated by the template; extend it from app.py
"""Errors of PostgreSQL, and the problems that clients get for them.

A violated constraint gets the problem that its slice names in CONSTRAINTS: for a unique one mostly
a 409. One that no slice names is a fault of the service, a 500.
"""

from collections.abc import Callable, Mapping
from ssl import SSLCertVerificationError

import asyncpg

from service.kit.work.command_error import CommandError
from service.kit.work.problems import RETRY_AFTER, Problem, busy

type Constraints = Mapping[str, Callable[[], Problem]]
"""Makes the problem of each constraint, by its name in the schema."""

ERRORS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""All errors that asyncpg raises."""

CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""PostgreSQL undid a transaction in favour of another. The same work may succeed if repeated."""

CHECK = "If the request changes something, check whether it took effect before retrying."


class DatabaseError(CommandError):
    """The database cannot be used. The message says why, and what to do."""

    patience = 0.0
    """Seconds for which `/readyz` tolerates it."""


class UnreachableError(DatabaseError):
    """Nothing answers where the database should be; it may come back by itself."""


class RefusedError(DatabaseError):
    """PostgreSQL refuses the user or the password. It may be in the middle of a rotation."""

    patience = 120.0
    """A mounted file may take that long to change."""


class NoAnswer(Problem):
    """A statement was sent and no answer came. It may have taken effect, so it is not repeated."""


def diagnose(error: Exception, where: str) -> DatabaseError:
    """Return the reason for a failure to connect, and what to do."""
    match error:
        case SSLCertVerificationError():
            return DatabaseError(
                f"The certificate of PostgreSQL at {where} is refused: {error.verify_message}. "
                "In DATABASE_URL, correct the host, or sslrootcert, the file of the CA."
            )
        case asyncpg.InvalidAuthorizationSpecificationError():
            return RefusedError(f"PostgreSQL at {where} refuses DATABASE_URL: {error}.")
        case asyncpg.InvalidCatalogNameError() | ValueError():
            return DatabaseError(f"PostgreSQL at {where} refuses DATABASE_URL: {error}.")
        case asyncpg.ProtocolViolationError():
            return DatabaseError(
                f"{where} refuses how the service connects: {error}. "
                "If this is a PgBouncer, set DATABASE_DIRECT_URL to the PostgreSQL behind it."
            )
        # asyncpg has one class for this and for a server that stops meanwhile.
        case ConnectionError() if "rejected SSL upgrade" in str(error):
            return DatabaseError(
                f"What answers at {where} is not PostgreSQL, or does not speak TLS. "
                "Correct DATABASE_URL."
            )
    reason = str(error) or "no answer in time"
    return UnreachableError(
        f"Cannot reach PostgreSQL at {where}: {reason}. Check DATABASE_URL and the server."
    )


def is_answer(error: BaseException) -> bool:
    """Return whether an error was an answer, PostgreSQL's or ours, so that nothing still runs."""
    if isinstance(error, NoAnswer):
        return False
    return isinstance(error, Problem | asyncpg.PostgresError)


def examine(error: Exception, connection: asyncpg.Connection) -> None:
    """Raise a problem for an error of a statement if it means that no answer came.

    An answer of PostgreSQL loses its DETAIL, which quotes the row: personal data must not reach our
    logs.
    """
    if isinstance(error, TimeoutError):
        detail = f"The database did not answer in time. {CHECK}"
        raise NoAnswer(504, "timeout", detail) from error
    is_lost = isinstance(error, OSError | asyncpg.PostgresConnectionError)
    if is_lost or connection.is_closed():
        detail = f"The connection to the database was lost. {CHECK}"
        retry = {"retry-after": str(RETRY_AFTER)}
        raise NoAnswer(503, "outcome-unknown", detail, headers=retry) from error
    if isinstance(error, asyncpg.PostgresError):
        vars(error).update(detail=None)


def to_problem(error: Exception, constraints: Constraints) -> Problem | None:
    """Return the problem that a client gets for an error of PostgreSQL.

    It is None for a fault of ours, and for an error that is not PostgreSQL's. `constraints`, those
    of the slices, decide about a violated constraint: a unique one is mostly a 409.
    """
    match error:
        case asyncpg.RestrictViolationError():  # by a delete; the constraint is the other table's
            return Problem(409, "conflict", "Something else refers to it, so it cannot be deleted.")
        case asyncpg.IntegrityConstraintViolationError():
            name = error.as_dict().get("constraint_name", "")
            make_problem = constraints.get(name)
            return make_problem() if make_problem else None
        case asyncpg.DataError():
            return Problem(422, "invalid", "A value is outside what the database can store.")
        case asyncpg.LockNotAvailableError():
            return busy("Another request holds what this one needs.")
        case asyncpg.SerializationError() | asyncpg.DeadlockDetectedError():
            return busy("Other requests changed the same data at the same time.")
        case asyncpg.QueryCanceledError():
            detail = "The database took too long, and cancelled the statement."
            return Problem(504, "timeout", detail)
    return None
