# kit: updated by the template
"""SQL under contract: every statement of the slices, against the migrated schema at the sizes of production."""

import ast
import inspect
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import asyncpg
import pytest_asyncio

import service
from service.kit.db import query
from service.kit.db.query import Query
from service_tools.sql import budgets, catalog, contract, plans, records, statistics, survey
from tests.kit.statements import BUDGETS

PACKAGE = Path(service.__file__).parent
STATEMENTS = dict(query.find(service))


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    """A connection to a database that PostgreSQL believes to be as large as production."""
    connection = await asyncpg.connect(database_url)
    await statistics.pretend(connection, BUDGETS.rows, budgets.DEFAULT_ROWS)
    await connection.execute(plans.SETTINGS)
    yield connection
    await connection.close()


def locate(name: str, query: Query) -> str:
    part = name
    while f"service.{part}.queries" not in sys.modules:  # orders.orders.newest is one of the listing `orders`
        part = part.rpartition(".")[0]
    path = Path(inspect.getfile(sys.modules[f"service.{part}.queries"])).relative_to(PACKAGE.parents[1])
    return f"{path}:{query.line} {name.removeprefix(part).lstrip('.')}"


async def test_every_statement_keeps_the_contract(connection: asyncpg.Connection):
    schema = await catalog.read_schema(connection, BUDGETS.rows)
    broken = []
    for name, statement in STATEMENTS.items():
        findings, _ = await contract.check(connection, statement, schema)
        broken += [f"{locate(name, statement)} [{found.rule}] {found.detail}. {found.fix}" for found in findings]
    assert not broken, "\n" + "\n".join(broken)


async def test_every_foreign_key_has_an_index(connection: asyncpg.Connection):
    findings = await catalog.check_foreign_keys(connection)
    assert not findings, "\n" + "\n".join(findings)


async def test_every_index_is_used(connection: asyncpg.Connection):
    planned = [query for query in STATEMENTS.values() if plans.can_plan(query.sql)]
    trees = [await plans.explain(connection, query.sql) for query in planned]
    used = {node.get("Index Name") for tree in trees for node, _ in tree.walk()}
    findings = await catalog.check_indexes(connection, used, BUDGETS.unused_indexes)
    assert not findings, "\n" + "\n".join(findings)


def test_no_statement_is_made_from_input():
    """A `Query` is made when its module is imported, of text that stands there: no identifier comes from a request."""
    strays = []
    for path in sorted(PACKAGE.glob("*/**/*.py")):
        if path.is_relative_to(PACKAGE / "kit"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        constants = {call for node in tree.body if isinstance(node, ast.Assign) for call in ast.walk(node)}
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Query":
                text = call.args[0] if call.args else None
                if path.name != "queries.py" or call not in constants or not is_fixed(text):
                    strays.append(f"{path}:{call.lineno}: write this statement out, as a constant of query.py")
            if isinstance(call, ast.Attribute) and call.attr == "raw":
                strays.append(f"{path}:{call.lineno}: run a Query instead of text on the raw connection")
    assert not strays, "\n" + "\n".join(strays)


def is_fixed(text: ast.expr | None) -> bool:
    """Return whether an expression is a string, perhaps with constants of the module in capitals put into it."""
    if isinstance(text, ast.JoinedStr):
        inserted = [part.value for part in text.values if isinstance(part, ast.FormattedValue)]
        return all(isinstance(value, ast.Name) and value.id.isupper() for value in inserted)
    return isinstance(text, ast.Constant)


async def test_every_plan_is_as_it_is_recorded(connection: asyncpg.Connection):
    """A slice without a file in perf/plans/ has nothing to compare with; `service plans --record` makes one."""
    folder = PACKAGE.parents[1] / records.FOLDER
    recorded = {path.stem for path in folder.glob("*.txt")}
    entries = await survey.plan_all(connection, STATEMENTS.items(), BUDGETS)
    difference = records.compare([entry for entry in entries if entry.name.partition(".")[0] in recorded], folder)
    assert not difference, "\n" + "\n".join([*difference, "If that is meant: uv run service plans --record"])
