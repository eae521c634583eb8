import asyncio
from collections.abc import Generator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from inside import postgres_server
from service.kit.commands import queries
from service.kit.db import query
from service.kit.db.query import Query
from service.kit.db.sessions import read_database_url

STATEMENTS: dict[str, Any] = {
    "notes.commented": Query("-- why\nselect length($1)", int, tuple[str]),
    "notes.parentheses": Query("(select upper($1))", str, tuple[str]),
    "notes.table": Query("table notes", str),
    "notes.utility": Query("analyze   notes", str),
}
for number, statement in enumerate(STATEMENTS.values(), start=15):
    statement.module, statement.line = __name__, number  # as `find_queries` does


@pytest.fixture
def url_that_counts() -> Generator[str]:
    with postgres_server.run("shared_preload_libraries = 'pg_stat_statements'\n") as server:
        yield server.url


async def ask(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("create extension pg_stat_statements; create table notes (body text)")
    for statement in STATEMENTS.values():
        await connection.fetch(statement.sql, *(["a"] if statement.params else []))
    await connection.fetch("select 3.5")
    await connection.close()


def test_statements_are_named_however_they_begin_and_with_their_place(
    url_that_counts: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(query, "find_queries", lambda package: iter(STATEMENTS.items()))
    monkeypatch.chdir(Path(__file__).parents[1])
    asyncio.run(ask(url_that_counts))
    for _ in range(2):  # the second time it sees the first
        read = queries.read_slowest_statements(read_database_url(url_that_counts), 100, create=True)
        statements, known = asyncio.run(read)
    rows = [queries.describe_statement(it, known) for it in statements]
    named = {row["name"]: row["place"] for row in rows if row["name"]}
    assert named.keys() == STATEMENTS.keys()
    assert all(place.startswith("commands/test_queries.py:") for place in named.values()), named
    others = [row["query"] for row in rows if not row["name"]]
    assert "select $1" in others
    assert not [text for text in others if "explain" in text or "pg_stat_statements" in text]
