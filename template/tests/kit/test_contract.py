# kit: updated by the template
"""SQL under contract: every statement of the slices, against the migrated schema at the sizes of production."""

import inspect
import sys
from collections.abc import AsyncGenerator

import asyncpg
import pytest_asyncio
from msgspec import Struct

import service
from service import app
from service.kit.db import query
from service.settings import Settings
from service_tools.dev import database
from service_tools.sql import checks, contract, records, result, schema, scratch, tree
from service_tools.sql.contract import Statement
from tests.kit import source
from tests.kit.source import PACKAGE
from tests.kit.statements import BUDGETS

STATEMENTS = dict(query.find_queries(service))

ROWS = 600
"""Sample rows of each table: the samples of lists skip some hundred."""


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection to a database that PostgreSQL believes to be as large as production."""
    connection = await asyncpg.connect(database_url)
    await scratch.pretend(connection, BUDGETS)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def statements(connection: asyncpg.Connection) -> list[Statement]:
    return await contract.check_all(connection, STATEMENTS.items(), BUDGETS)


def locate(made: query.Query) -> str:
    path = inspect.getfile(sys.modules[made.module])
    return f"{path.removeprefix(f'{PACKAGE.parents[1]}/')}:{made.line}"


def tell(findings: list[str]) -> str:
    return "\n".join(["", *findings])


async def test_every_statement_keeps_the_contract(statements: list[Statement]):
    broken = [
        f"{locate(it.query)} {it.name.rpartition('.')[2]} [{found.rule}] {found}"
        for it in statements
        for found in it.findings
    ]
    assert not broken, tell(broken)


async def test_no_sample_finds_a_null_where_the_row_type_has_none(database_url: str, settings: Settings):
    await database.fill_all(settings, app.SLICES, ROWS)
    connection = await asyncpg.connect(database_url)
    found = [
        f"{locate(it)} {name} [sample] {reason}"
        for name, it in STATEMENTS.items()
        for reason in await result.run_sample(connection, it)
    ]
    await connection.close()
    assert not found, tell(found)


async def test_what_a_type_lets_through_its_table_lets_in(connection: asyncpg.Connection, statements: list[Statement]):
    rules, found = await checks.read(connection), set()
    for part in {it.part for it in statements}:
        nodes = [node for it in statements if it.part == part for node in tree.walk(it.tree)]
        written = [node for node in nodes if node.get("resultRelation")]
        tables = {node["rtable"][node["resultRelation"] - 1]["relid"] for node in written}
        here = [rule for rule in rules if rule.table in tables]
        modules = [module for name, module in sys.modules.items() if name.startswith(f"{service.__name__}.{part}.")]
        structs = {it for module in modules for it in vars(module).values() if inspect.isclass(it)}
        for struct in (it for it in structs if issubclass(it, Struct) and it.__module__.startswith("service.")):
            found |= set(checks.compare(struct, here))
    assert not found, tell(sorted(found))


async def test_every_foreign_key_has_an_index(connection: asyncpg.Connection):
    findings = await schema.check_foreign_keys(connection)
    assert not findings, tell(findings)


async def test_every_index_is_used(connection: asyncpg.Connection, statements: list[Statement]):
    used = {index for statement in statements for index in statement.indexes}
    findings = await schema.check_indexes(connection, used, BUDGETS.unused_indexes)
    assert not findings, tell(findings)


async def test_every_plan_is_as_recorded(statements: list[Statement]):
    """A slice without a file in perf/plans/ has nothing to compare with; `service plans --record` makes one."""
    folder = PACKAGE.parents[1] / records.FOLDER
    recorded = {path.stem for path in folder.glob("*.txt")}
    difference = records.compare([statement for statement in statements if statement.part in recorded], folder)
    assert not difference, tell([*difference, "If this is meant: uv run service plans --record"])


def test_every_statement_is_a_constant_with_a_name():
    """So the contract sees all of them, and no part of one comes from a request."""
    strays = [f"{path}:{line}: {advice}" for path in source.FILES for line, advice in source.find_strays(path)]
    assert not strays, tell(strays)


def test_every_statement_is_found_by_its_name():
    known = {id(it) for it in STATEMENTS.values()}
    lost = [f"{name}: {it.sql}" for name, it in source.find_statements() if id(it) not in known]
    assert not lost, tell([*lost, "Give it a name in its slice's queries.py, or a place in a list or dict there."])


def test_every_statement_is_used():
    used = source.list_names()
    idle = []
    for name, it in STATEMENTS.items():
        own = name.removeprefix(it.module.removeprefix("service.").removesuffix("queries"))
        if own.partition(".")[0] not in used:
            idle.append(f"{locate(it)} {own}: no code uses it; delete it")
    assert not idle, tell(idle)
