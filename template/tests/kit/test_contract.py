# kit: updated by the template
"""SQL under contract: the slices' statements, against the schema at the sizes of production."""

import asyncio
import inspect
import sys
from collections.abc import AsyncGenerator, Iterable

import asyncpg
import pytest
import pytest_asyncio
from msgspec import Struct

import service
from service import app
from service.kit.commands.queries import locate_query
from service.kit.db import query
from service_tools.sql import accepted, budgets, constraints, contract, indexes, recorded_plans, samples, scratch
from service_tools.sql.statement import Statement
from service_tools.sql.tree import walk_nodes
from tests.kit import lint, source
from tests.kit.source import PACKAGE
from tests.kit.statements import BUDGETS

STATEMENTS = dict(query.find_queries(service))

ROOT = PACKAGE.parents[1]


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


def list_lines(problems: Iterable[str]) -> str:
    return "\n".join(["", *problems])


def test_the_budgets_name_routes_that_are_there():
    routes = [f"{route.method} {route.template}" for part in app.SLICES for route in part.routes]
    problems = budgets.find_unknown("statements", BUDGETS.statements, routes)
    assert not problems, list_lines(problems)


@pytest_asyncio.fixture
async def tried(database_url: str) -> list[Statement]:
    """The statements, with what their samples find on sample rows."""
    statements = [Statement(*named) for named in STATEMENTS.items()]
    await samples.check_samples(database_url, app.SLICES, statements)
    return statements


def keep_contract(statements: list[Statement]) -> None:
    """Fail for what is broken. What an update finds in older statements is only told."""
    broken, new = accepted.list_broken(statements)
    assert not broken, list_lines(broken)
    if new:
        pytest.skip(list_lines(["an update brought these; write them down: uv run service plans --accept", *new]))


def test_every_statement_keeps_the_contract(statements: list[Statement]):
    keep_contract(statements)


def test_every_statement_runs_with_its_sample_and_returns_what_it_says(tried: list[Statement]):
    keep_contract(tried)


async def test_what_a_type_lets_through_its_table_lets_in(connection: asyncpg.Connection, statements: list[Statement]):
    known = await constraints.read_constraints(connection)
    differences: set[str] = set()
    for slice_name in {statement.slice_name for statement in statements}:
        tables: set[int] = set()
        for statement in statements:
            if statement.slice_name == slice_name:
                tables |= list_changed_tables(statement)
        of_slice = [constraint for constraint in known if constraint.table in tables]
        for struct in list_structs(slice_name):
            differences.update(constraints.compare_struct(struct, of_slice))
    assert not differences, list_lines(sorted(differences))


def list_changed_tables(statement: Statement) -> set[int]:
    """Return the oids of the tables that a statement writes to."""
    nodes = [node for node in walk_nodes(statement.tree) if node.tag == "QUERY"]
    changing = [node for node in nodes if node.resultRelation]
    return {node.rtable[node.resultRelation - 1].relid for node in changing}


def list_structs(slice_name: str) -> set[type[Struct]]:
    """Return the structs of the service that the modules of a slice use."""
    structs = set()
    names = [name for name in sys.modules if name.startswith(f"{service.__name__}.{slice_name}.")]
    for name in names:
        for value in vars(sys.modules[name]).values():
            is_struct = inspect.isclass(value) and issubclass(value, Struct)
            if is_struct and value.__module__.startswith("service."):
                structs.add(value)
    return structs


async def test_every_table_has_a_primary_key_and_every_foreign_key_an_index(connection: asyncpg.Connection):
    problems = [*await indexes.check_primary_keys(connection), *await indexes.check_foreign_keys(connection)]
    if problems and await asyncio.to_thread(lint.are_older_than_update):
        pytest.skip(list_lines(["an update asks for these; the suite does once you add a migration:", *problems]))
    assert not problems, list_lines(problems)


async def test_every_index_is_used(connection: asyncpg.Connection, statements: list[Statement]):
    used = set[str]().union(*[statement.indexes for statement in statements])
    problems = await indexes.check_indexes(connection, used, BUDGETS.unused_indexes)
    assert not problems, list_lines(problems)


async def test_every_plan_is_as_recorded(statements: list[Statement]):
    """A slice without a file in perf/plans/, which `service plans --record` makes, has nothing to compare with."""
    folder = ROOT / recorded_plans.PLANS_FOLDER
    recorded = {path.stem for path in folder.glob("*.txt")}
    compared = [statement for statement in statements if statement.slice_name in recorded]
    difference = recorded_plans.compare_plans(compared, folder)
    assert not difference, list_lines([*difference, "If this is meant: uv run service plans --record"])


def test_every_statement_is_a_constant_with_a_name():
    """Then the contract sees all of them, and no part of one comes from a request."""
    strays = []
    for path in source.FILES:
        strays += [f"{path}:{line}: {advice}" for line, advice in source.find_strays(path)]
    assert not strays, list_lines(strays)


def test_every_statement_is_found_by_its_name():
    known = {id(query) for query in STATEMENTS.values()}
    lost = [f"{name}: {query.sql}" for name, query in source.find_statements() if id(query) not in known]
    advice = "Give it a name in its slice's queries.py, or add it to a list or dict there."
    assert not lost, list_lines([*lost, advice])


def test_every_statement_is_used():
    used = source.list_names()
    idle = []
    for name, made in STATEMENTS.items():
        slice_name = made.module.removeprefix("service.").removesuffix("queries")
        own = name.removeprefix(slice_name)
        if own.partition(".")[0] not in used:
            idle.append(f"{locate_query(made)} {own}: no code uses it; delete it")
    assert not idle, list_lines(idle)
