# kit: updated by the template; extend it from app.py
"""What PostgreSQL's errors mean to a client.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

import re
from collections.abc import Callable, Mapping

import asyncpg

from service.kit.problems import Problem, busy

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


LOST = re.compile("closed|released back")
"""How asyncpg's own errors tell of a lost connection: one that ends while it is borrowed goes back to the pool."""


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
        case asyncpg.QueryCanceledError() | TimeoutError():
            return Problem(504, "timeout", "The database did not answer in time. Nothing was changed.")
        case asyncpg.InterfaceError() if not LOST.search(str(error)):
            return None  # the interface was misused: too many arguments, two statements at once on one connection
        case _ if isinstance(error, UNREACHABLE):
            return busy("The connection to the database was lost.")
        case _:
            return None
