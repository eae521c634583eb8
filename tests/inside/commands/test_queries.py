import asyncio
import re
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from typing import Any

import asyncpg
import click
import pytest
from inside import postgres_server
from service.kit.commands import queries
from service.kit.db import query
from service.kit.db.database import Database
from service.kit.db.query import Query, complete_query
from service.kit.db.sessions import read_database_url
from service.kit.rows.export import Export, Exports
from service.kit.rows.formats import CSV, NDJSON
from service.kit.work import asgi
from service.kit.work.responses import Stream

STATEMENTS: dict[str, Any] = {
    "notes.commented": Query("-- why\nselect length($1)", int, tuple[str]),
    "notes.parentheses": Query("(select upper($1))", str, tuple[str]),
    "notes.table": Query("table notes", str),
    "notes.utility": Query("analyze   notes", str),
}
for number, statement in enumerate(STATEMENTS.values(), start=15):
    complete_query(statement, module=__name__, line=number)  # as `find_queries` does


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


EXPORTS: dict[str, Any] = {
    "notes.newest": Query(
        """
        select body, at  -- in the order of an index
          from notes
         where author = $1 and (body = $2 or $3)
        """,
        tuple,
        tuple[str, str | None, bool],
    ),
    "notes.all": Query("select body, at from notes", tuple),
    "notes.by_ada": Query("select body, at from notes where author = 'ada' and length(body) < 100 limit 10", tuple),
    "notes.authors": Query("select body, at from (select body, at from notes) as result where body is not null", tuple),
}


async def export(url: str) -> None:
    """Export each statement as CSV and as NDJSON, with values and with nulls."""
    args: dict[str, tuple[object, ...]] = {"notes.newest": ("ada", None, True)}
    async with Database(read_database_url(url)) as db:
        for name, exported in EXPORTS.items():
            for form in (CSV, NDJSON):
                made = Export(Exports(db), exported, args.get(name, ()), "notes", form.name)
                await made.copy(form, Stream(discard, []))


async def discard(message: asgi.Message) -> None:
    """Take what an export sends."""


def test_exports_have_the_names_of_their_statements_once_the_extension_is_there(
    url_that_counts: str, monkeypatch: pytest.MonkeyPatch
):
    for number, exported in enumerate(EXPORTS.values(), 1):
        complete_query(exported, module=__name__, line=number)
    monkeypatch.setattr(query, "find_queries", lambda package: iter(EXPORTS.items()))

    async def prepare() -> None:
        said = await advise(url_that_counts, create=False)
        assert said.startswith("Run as a superuser: `create extension pg_stat_statements`. PostgreSQL says: ")
        connection = await asyncpg.connect(url_that_counts)
        await connection.execute("create table notes (body text, author text, at timestamptz default now())")
        await connection.execute("create extension pg_stat_statements")
        await connection.close()

    asyncio.run(prepare())
    asyncio.run(export(url_that_counts))
    statements, known = asyncio.run(
        queries.read_slowest_statements(read_database_url(url_that_counts), 100, create=False)
    )
    rows = [queries.describe_statement(it, known) for it in statements]
    copied = Counter(row["name"] for row in rows if row["query"].startswith("COPY"))
    assert copied == dict.fromkeys(EXPORTS, 2)


async def advise(url: str, *, create: bool) -> str:
    """Return what is said where statements are not counted."""
    with pytest.raises(click.ClickException) as raised:
        await queries.read_slowest_statements(read_database_url(url), 9, create=create)
    return raised.value.message


@pytest.mark.parametrize("create", [True, False])
async def test_a_server_without_the_library_needs_its_setting_and_the_extension(database_url: str, create: bool):
    setting = r"This database does not count its statements\. Set shared_preload_libraries .* restart it\."
    said = await advise(database_url, create=create)
    assert re.fullmatch(rf"{setting} {re.escape(queries.CREATE)} PostgreSQL says: .*\.", said)
