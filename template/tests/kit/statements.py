# kit: updated by the template
"""Count the statements of each request, and fail the test whose request makes more than perf/budgets.toml allows."""

from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path

import pytest

import service
from service.kit.db import query
from service.kit.db.database import Connection
from service.kit.db.query import Query
from service.kit.work import asgi
from service_tools.sql import budgets

BUDGETS = budgets.read(Path(__file__).parents[2] / budgets.FILE)

made: ContextVar[list[Query] | None] = ContextVar("made", default=None)
"""The statements of the request that is being answered, or None outside of one."""


def watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Note every statement that runs on a connection. `fetch_one` runs by `find`."""

    def noting(run: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        def note(connection: Connection, query: Query, *args: object) -> Awaitable[object]:
            if (noted := made.get()) is not None:
                noted.append(query)
            return run(connection, query, *args)

        return note

    monkeypatch.setattr(Connection, "fetch", noting(Connection.fetch))
    monkeypatch.setattr(Connection, "find", noting(Connection.find))


def limit(application: asgi.App) -> asgi.App:
    """Wrap an application: a request that makes too many statements raises in the test that sent it."""

    async def limited(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        noted: list[Query] = []
        made.set(noted)
        await application(scope, receive, send)
        if scope["type"] == "http":
            check(f"{scope['method']} {scope.get('path_template', scope['path'])}", noted)

    return limited


def check(route: str, noted: list[Query]) -> None:
    """Raise when a request made more statements than its budget."""
    allowed = BUDGETS.statements.get(route, budgets.DEFAULT_STATEMENTS)
    if len(noted) <= allowed:
        return
    names = {id(query): name for name, query in query.find_queries(service)}
    counts = Counter(names.get(id(query), query.sql) for query in noted)
    listed = ", ".join(f"{name} {times} times" for name, times in counts.most_common())
    raise AssertionError(
        f"{route} made {len(noted)} statements and may make {allowed}: {listed}. Fetch all rows with one statement, by "
        f'a join or `= any($1)`, or raise its budget in {budgets.FILE}: [statements] "{route}" = {len(noted)}'
    )
