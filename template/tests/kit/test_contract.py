# kit: updated by the template
"""SQL under contract: every statement of the slices, against the migrated schema at the sizes of production."""

import ast
import inspect
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import asyncpg
import pytest_asyncio

import service
from service.kit.db import query
from service_tools.sql import contract, records, schema, scratch
from service_tools.sql.contract import Statement
from tests.kit.statements import BUDGETS

PACKAGE = Path(service.__file__).parent
STATEMENTS = dict(query.find(service))


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


def locate(statement: Statement) -> str:
    path = Path(inspect.getfile(sys.modules[statement.query.module])).relative_to(PACKAGE.parents[1])
    return f"{path}:{statement.query.line} {statement.name.rpartition('.')[2]}"


async def test_every_statement_keeps_the_contract(statements: list[Statement]):
    broken = [f"{locate(it)} [{found.rule}] {found}" for it in statements for found in it.findings]
    assert not broken, "\n" + "\n".join(broken)


async def test_every_foreign_key_has_an_index(connection: asyncpg.Connection):
    findings = await schema.check_foreign_keys(connection)
    assert not findings, "\n" + "\n".join(findings)


async def test_every_index_is_used(connection: asyncpg.Connection, statements: list[Statement]):
    used = {index for statement in statements for index in statement.indexes}
    findings = await schema.check_indexes(connection, used, BUDGETS.unused_indexes)
    assert not findings, "\n" + "\n".join(findings)


async def test_every_plan_is_as_recorded(statements: list[Statement]):
    """A slice without a file in perf/plans/ has nothing to compare with; `service plans --record` makes one."""
    folder = PACKAGE.parents[1] / records.FOLDER
    recorded = {path.stem for path in folder.glob("*.txt")}
    difference = records.compare([statement for statement in statements if statement.part in recorded], folder)
    assert not difference, "\n" + "\n".join([*difference, "If this is meant: uv run service plans --record"])


def test_every_statement_is_a_constant_with_a_name():
    """So the contract sees all of them, and no part of one comes from a request."""
    strays = []
    for path in sorted(PACKAGE.glob("**/*.py")):
        if not path.is_relative_to(PACKAGE / "kit"):
            strays += [f"{path}:{line}: {advice}" for line, advice in find_strays(path)]
    assert not strays, "\n" + "\n".join(strays)


def find_strays(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines of statements that the contract cannot see, or that are not constant, and what to do."""
    tree = ast.parse(path.read_text("utf-8"))
    aliases = [alias for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    names = {"Query", *(alias.asname or alias.name for alias in aliases if alias.name == "Query")}
    constants = {node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)}
    is_slices = path.name == "queries.py" and path.parent != PACKAGE
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr == "raw":
            yield node.lineno, "run a Query instead of text on the raw connection"
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in names and not (is_slices and node in constants and is_fixed(node.args[0] if node.args else None)):
            yield node.lineno, "write this statement out, as a constant of its slice's queries.py"


def is_fixed(text: ast.expr | None) -> bool:
    """Return whether an expression is a string, perhaps with constants of the module in capitals put into it."""
    if isinstance(text, ast.JoinedStr):
        inserted = [part.value for part in text.values if isinstance(part, ast.FormattedValue)]
        return all(isinstance(value, ast.Name) and value.id.isupper() for value in inserted)
    return isinstance(text, ast.Constant)
