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
from service_tools.sql import constraints, contract, indexes, recorded_plans, samples, scratch
from service_tools.sql.statement import Statement
from service_tools.sql.tree import walk_nodes
from tests.kit import source
from tests.kit.source import PACKAGE
from tests.kit.statements import BUDGETS

STATEMENTS = dict(query.find(service))

ROWS = 600
"""Sample rows of each table: the samples of lists skip some hundred."""


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection to a database that PostgreSQL believes to be as large as production."""
    connection = await asyncpg.connect(database_url)
    await scratch.restore_statistics(connection, BUDGETS)
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def statements(connection: asyncpg.Connection) -> list[Statement]:
    return await contract.check_statements(connection, STATEMENTS.items(), BUDGETS)


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
        for reason in await samples.check_sample(connection, it)
    ]
    await connection.close()
    assert not found, tell(found)


async def test_what_a_type_lets_through_its_table_lets_in(connection: asyncpg.Connection, statements: list[Statement]):
    rules, found = await constraints.read_constraints(connection), set()
    for part in {it.slice_name for it in statements}:
        nodes = [node for it in statements if it.slice_name == part for node in walk_nodes(it.tree)]
        written = [node for node in nodes if node.tag == "QUERY" and node.resultRelation]
        tables = {node.rtable[node.resultRelation - 1].relid for node in written}
        here = [rule for rule in rules if rule.table in tables]
        modules = [module for name, module in sys.modules.items() if name.startswith(f"{service.__name__}.{part}.")]
        structs = {it for module in modules for it in vars(module).values() if inspect.isclass(it)}
        for struct in (it for it in structs if issubclass(it, Struct) and it.__module__.startswith("service.")):
            found |= set(constraints.compare_struct(struct, here))
    assert not found, tell(sorted(found))


async def test_every_foreign_key_has_an_index(connection: asyncpg.Connection):
    findings = await indexes.check_foreign_keys(connection)
    assert not findings, tell(findings)


async def test_every_index_is_used(connection: asyncpg.Connection, statements: list[Statement]):
    used = {index for statement in statements for index in statement.indexes}
    findings = await indexes.check_indexes(connection, used, BUDGETS.unused_indexes)
    assert not findings, tell(findings)


async def test_every_plan_is_as_recorded(statements: list[Statement]):
    """A slice without a file in perf/plans/ has nothing to compare with; `service plans --record` makes one."""
    folder = PACKAGE.parents[1] / recorded_plans.PLANS_FOLDER
    recorded = {path.stem for path in folder.glob("*.txt")}
    difference = recorded_plans.compare_plans(
        [statement for statement in statements if statement.slice_name in recorded], folder
    )
    assert not difference, tell([*difference, "If this is meant: uv run service plans --record"])


def test_every_statement_is_a_constant_with_a_name():
    """So the contract sees all of them, and no part of one comes from a request."""
    strays = [f"{path}:{line}: {advice}" for path in source.FILES for line, advice in source.find_strays(path)]
    assert not strays, tell(strays)


def test_every_statement_is_found_by_its_name():
    source.import_all()
    known = {*STATEMENTS.values()}
    lost = [it for it in query.made if it.module.startswith("service.") and not it.module.startswith("service.kit.")]
    advice = "give it a name in its slice's queries.py, or a place in a list or dict there"
    assert not {*lost} - known, tell(sorted(f"{locate(it)}: {advice}" for it in {*lost} - known))


def test_every_statement_is_used():
    used = source.list_names()
    idle = []
    for name, it in STATEMENTS.items():
        own = name.removeprefix(it.module.removeprefix("service.").removesuffix("queries"))
        if own.partition(".")[0] not in used:
            idle.append(f"{locate(it)} {own}: no code uses it; delete it")
    assert not idle, tell(idle)
