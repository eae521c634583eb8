"""The contract's verdicts are those that are wanted, but for the known wrong ones; and what is wanted is right."""

import difflib
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any, get_args, get_origin
from uuid import UUID

import asyncpg
import msgspec
import pytest
import pytest_asyncio
from inside.tools.corpus import runner
from inside.tools.corpus.case import Case
from service.kit.db.nested import list_alternatives
from service_tools.sql import samples, types

from tests.kit.fixtures import make_database

ALL = runner.list_cases()
CASES = runner.list_statements(ALL)

OWNED = (
    "select attrelid::regclass::text from pg_attribute join pg_class c on c.oid = attrelid where attname = 'account'"
)


@pytest_asyncio.fixture
async def connection() -> AsyncGenerator[asyncpg.Connection]:
    async with make_database("template0") as url:
        connection = await asyncpg.connect(url)
        yield connection
        await connection.close()


async def test_the_verdicts_are_those_that_are_wanted_but_for_the_known_wrong_ones(connection: asyncpg.Connection):
    unusable = await runner.build(connection)
    verdicts = runner.compare(ALL, await runner.judge(connection, ALL), unusable)
    print(verdicts.describe())
    known = runner.KNOWN.read_text("utf-8")
    lines = difflib.ndiff(known.splitlines(), verdicts.write().splitlines())
    changes = [line for line in lines if line.startswith(("-", "+"))]
    advice = "`+` is wrong now. `-` was wrong, and is right now: python -m inside.tools.corpus --write"
    assert not changes, "\n".join([*changes, advice])


def test_every_rule_has_enough_faults():
    rules = Counter(rule for case in ALL.values() for rule in case.wants)
    assert {rule: count for rule, count in rules.items() if count < 5} == {}


@pytest_asyncio.fixture
async def filled(connection: asyncpg.Connection) -> asyncpg.Connection:
    """A database with all tables and their rows, as PostgreSQL itself plans on it."""
    for path in sorted(runner.SCHEMA.glob("*.sql")):
        await connection.execute(path.read_text("utf-8"))
    return connection


async def run(connection: asyncpg.Connection, case: Case) -> list[asyncpg.Record]:
    """Return the rows of a statement, run as its case says."""
    async with samples.rolled_back(connection):
        arguments = case.args
        if arguments is None:
            arguments = await samples.fetch_arguments(connection, case.query) or ()
        return await connection.fetch(case.query.sql, *arguments)


def find_wrong(case: Case, rows: Iterable[Mapping[int, Any]], *, is_null: bool) -> list[str]:
    """Return the values that do not belong into their fields: nulls, or those of another type."""
    wrong = []
    for index, field in enumerate(types.list_fields(case.query)):
        for row in rows:
            is_there = field.present is None or row[field.present] is not None
            if is_there and not fits(row[index], field.type, is_null=is_null):
                wrong.append(f"{field.path or index}: {row[index]!r}")
    return wrong


def fits(value: Any, annotation: Any, *, is_null: bool) -> bool:
    """Return whether a value, with the items of an array, may fill a field: as to null, or to its type."""
    alternatives = list_alternatives(annotation)
    if value is None:
        return not is_null or types.allows_none(annotation)
    classes = tuple(get_origin(it) or it for it in alternatives)
    for alternative in alternatives:
        if get_origin(alternative) is list and isinstance(value, list):
            return all(fits(item, get_args(alternative)[0], is_null=is_null) for item in value)
    return (
        is_null
        or Any in classes
        or msgspec.Raw in classes
        or type(value) in classes
        or (isinstance(value, UUID) and UUID in classes)
    )


async def test_every_valid_statement_returns_what_its_row_type_says(filled: asyncpg.Connection):
    wrong = {}
    for name, case in CASES.items():
        if case.wants:
            continue
        try:
            rows = await run(filled, case)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            wrong[name] = [str(error)]
            continue
        wrong[name] = find_wrong(case, rows, is_null=True)
        if not case.query.sample:  # JSON is decoded by the contract itself
            wrong[name] += find_wrong(case, rows, is_null=False)
        if not rows and not case.empty and types.list_fields(case.query) and returns_rows(case):
            wrong[name].append("it finds no row")
    assert {name: reasons for name, reasons in wrong.items() if reasons} == {}


def returns_rows(case: Case) -> bool:
    return case.query.sql.startswith("select") or "returning" in case.query.sql


def list_faults(*rules: str) -> dict[str, Case]:
    """Return the cases that break one of some rules, and show it."""
    return {name: it for name, it in CASES.items() if it.wants and it.wants <= {*rules} and not it.unshown}


async def test_every_fault_of_nulls_shows_a_null(filled: asyncpg.Connection):
    hidden = []
    for name, case in list_faults("nulls").items():
        rows = await run(filled, case)
        if name.startswith("comparisons."):
            shows = not rows
        else:
            shows = bool(find_wrong(case, rows, is_null=True) or case.query.sample)
        if not shows:
            hidden.append(name)
    assert hidden == []


async def test_every_fault_of_types_shows_another_type(filled: asyncpg.Connection):
    hidden = []
    for name, case in list_faults("types", "columns", "star").items():
        rows = await run(filled, case) if case.args else []
        count = len(types.list_fields(case.query))
        if rows and len(rows[0]) == count and not find_wrong(case, rows, is_null=False) and "star" not in case.wants:
            hidden.append(name)
    assert hidden == []


async def test_every_refused_statement_fails(filled: asyncpg.Connection):
    for case in list_faults("prepare").values():
        with pytest.raises(asyncpg.PostgresError):
            await filled.prepare(case.query.sql)


async def test_every_fault_of_arguments_fails(filled: asyncpg.Connection):
    passing = []
    for name, case in list_faults("params").items():
        try:
            await run(filled, case)
        except (asyncpg.PostgresError, asyncpg.InterfaceError):
            continue
        passing.append(name)
    assert passing == []


async def read_owned(connection: asyncpg.Connection) -> dict[str, list[asyncpg.Record]]:
    """Return the rows of other accounts."""
    found = {}
    for table, column in await list_owned(connection):
        sql = f"select t.* from {table} as t where {column} <> 'ada' order by t::text"
        found[table] = await connection.fetch(sql)
    return found


async def list_owned(connection: asyncpg.Connection) -> list[tuple[str, str]]:
    """Return the tables that have rows of accounts, each with its column."""
    tables = await connection.fetch(
        f"{OWNED} and c.relkind in ('r', 'm') and c.relnamespace::regnamespace::text !~ '^pg'"
    )
    owned = [(name, "account") for (name,) in tables if name != "transfers"]
    return [*owned, ("sites", "owner")]


async def leaks(connection: asyncpg.Connection, case: Case) -> bool:
    """Return whether a statement depends on rows of other accounts, or changes them."""
    arguments = case.args
    if arguments is None:
        arguments = await samples.fetch_arguments(connection, case.query) or ()
    before = await read_owned(connection)
    async with samples.rolled_back(connection):
        rows = await connection.fetch(case.query.sql, *arguments)
        if await read_owned(connection) != before:
            return True
    async with samples.rolled_back(connection):
        await connection.execute("set local session_replication_role = replica")
        for table, column in await list_owned(connection):
            if table != "daily_sales":
                await connection.execute(f"delete from {table} where {column} <> 'ada'")
        await connection.execute("refresh materialized view daily_sales")
        alone = await connection.fetch(case.query.sql, *arguments)
    return [tuple(row) for row in alone] != [tuple(row) for row in rows]


async def test_every_fault_of_scope_shows_or_changes_rows_of_others(filled: asyncpg.Connection):
    sound = [name for name, case in list_faults("scope").items() if not await leaks(filled, case)]
    assert sound == []


async def test_no_valid_statement_of_scope_shows_or_changes_rows_of_others(filled: asyncpg.Connection):
    named = {name: case for name, case in CASES.items() if name.startswith("scope.") and not case.wants}
    asked = {name: case for name, case in named.items() if "scope" not in case.query.excused}
    assert [name for name, case in asked.items() if await leaks(filled, case)] == []
