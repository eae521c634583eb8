# kit: updated by the template
"""Count the statements of each request, and fail a test whose request makes too many."""

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
from service_tools.sql.budgets import BUDGETS_FILE, DEFAULT_STATEMENTS, read_budgets

type Run = Callable[..., Awaitable[object]]

BUDGETS = read_budgets(Path(__file__).parents[2] / BUDGETS_FILE)

noted: ContextVar[list[Query] | None] = ContextVar("noted", default=None)
"""The statements of the request that is being answered, or None outside of one."""


def note_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Note every statement that runs on a connection. `fetch_one` runs by `find`."""

    def add_note(run: Run) -> Run:
        def run_noted(connection: Connection, query: Query, *args: object) -> Awaitable[object]:
            statements = noted.get()
            if statements is not None:
                statements.append(query)
            return run(connection, query, *args)

        return run_noted

    monkeypatch.setattr(Connection, "fetch", add_note(Connection.fetch))
    monkeypatch.setattr(Connection, "find", add_note(Connection.find))


def limit_statements(application: asgi.App) -> asgi.App:
    """Wrap an application: a request that makes too many statements fails the test that sent it."""

    async def limited(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        statements: list[Query] = []
        noted.set(statements)
        await application(scope, receive, send)
        if scope["type"] == "http":
            template = scope.get("path_template", scope["path"])
            check_budget(f"{scope['method']} {template}", statements)

    return limited


def check_budget(route: str, statements: list[Query]) -> None:
    """Raise if a request made more statements than its budget allows."""
    count = len(statements)
    allowed = BUDGETS.statements.get(route, DEFAULT_STATEMENTS)
    if count <= allowed:
        return
    names = {id(found): name for name, found in query.find_queries(service)}
    counts = Counter(names.get(id(made), made.sql) for made in statements)
    listed = ", ".join(f"{name} {times} times" for name, times in counts.most_common())
    raise AssertionError(
        f"{route} made {count} statements and may make {allowed}: {listed}. "
        "Fetch all rows with one statement, by a join or `= any($1)`, "
        f'or raise its budget in {BUDGETS_FILE}: [statements] "{route}" = {count}'
    )
