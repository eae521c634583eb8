# kit: updated by the template; extend it from app.py
"""What PostgreSQL's errors mean to a client.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import re
from collections.abc import Callable, Mapping

import asyncpg

from service.kit.edge import RETRY_AFTER, Problem, busy

type Constraints = Mapping[str, Callable[[], Problem]]

UNREACHABLE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""The connection was refused, lost or never made. Whether a statement that was under way took effect is unknown."""


class LostError(ConnectionError):
    """The connection failed while it was used. An OSError of a handler is none of these."""


class SlowError(TimeoutError):
    """A statement did not end in time. A TimeoutError of a handler is none of these."""


LOST = re.compile("closed")
"""How asyncpg's own errors tell of a lost connection."""

UNKNOWN = "If the request was to change something, look whether it did before you repeat it."

CONFLICTS = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""What undoes a transaction for the sake of another. The same work, begun anew, may well succeed."""


def refuse(error: Exception) -> Exception:
    """Return what to raise when no connection could be opened: a 503 problem, as nothing was done yet."""
    if not isinstance(error, (*UNREACHABLE, asyncpg.PostgresError)):
        return error
    problem = busy("The database cannot be reached.")
    problem.__cause__ = error
    return problem


def leave_open(detail: str) -> Problem:
    """503: whether a change was made is unknown, so nothing may repeat it blindly, neither we nor the client."""
    return Problem(503, "outcome-unknown", f"{detail} {UNKNOWN}", headers={"retry-after": str(RETRY_AFTER)})


def explain(error: Exception, constraints: Constraints) -> Problem | None:
    """Return what to answer for an error of the database, or None when it is a fault of ours.

    `constraints` makes the problem of each constraint, by its name in the schema.
    """
    match error:
        case asyncpg.IntegrityConstraintViolationError():
            known = constraints.get(error.as_dict().get("constraint_name", ""))
            return known() if known else None
        case asyncpg.DataError():
            return Problem(422, "invalid", "A value lies outside what the database can store.")
        case asyncpg.LockNotAvailableError():
            return busy("Another request holds what this one needs.")
        case _ if isinstance(error, CONFLICTS):
            return busy("Other requests changed the same at the same time.")
        case asyncpg.QueryCanceledError():
            return Problem(504, "timeout", "The database took too long, and undid the statement that did.")
        case SlowError():
            return Problem(504, "timeout", f"The database did not answer in time. {UNKNOWN}")
        case OSError() if not isinstance(error, LostError):
            return None  # a file or another connection of the handler, and a fault of ours
        case asyncpg.InterfaceError() if not LOST.search(str(error)):
            return None  # the interface was misused: too many arguments, two statements at once on one connection
        case _ if isinstance(error, UNREACHABLE):
            return leave_open("The connection to the database was lost.")
        case _:
            return None
