"""A statement that asks for the account everywhere passes; one that forgets it once does not."""

from collections.abc import AsyncGenerator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio
from service.kit.db.query import Query
from service.kit.work.command_error import CommandError
from service_tools.sql import contract, scratch, text
from service_tools.sql.budgets import Budgets

FOLDER = Path(__file__).parent / "ownership"
BUDGETS = Budgets(accounts={"sites": "owner", "transfers": ""})


def read(name: str) -> list[str]:
    """Return the statements of a file."""
    lines = (FOLDER / f"{name}.sql").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("--")]


@pytest_asyncio.fixture
async def connection(empty_database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute((FOLDER / "schema.sql").read_text("utf-8"))
    await scratch.restore_statistics(connection, BUDGETS)
    yield connection
    await connection.close()


async def find(connection: asyncpg.Connection, name: str, rule: str) -> dict[str, list[str]]:
    """Return what the contract says of a file's statements by one rule. All have to be valid."""
    sqls = read(name)
    queries = [(f"slice_{number}.it", Query(sql, int)) for number, sql in enumerate(sqls)]
    checked = await contract.check_statements(connection, queries, BUDGETS)
    assert len(checked) == len(sqls) > 4
    found: dict[str, list[str]] = {}
    for it in checked:
        refused = [str(it) for it in it.findings if it.rule in ("prepare", "unread")]
        assert not refused, it.query.sql
        found[it.query.sql] = [str(it) for it in it.findings if it.rule == rule]
    return found


async def test_a_statement_that_does_not_ask_for_the_account_in_each_part_is_named(
    connection: asyncpg.Connection,
):
    found = await find(connection, "forgetful", "scope")
    assert [sql for sql, said in found.items() if not said] == []


async def test_a_statement_that_asks_for_the_account_in_each_part_is_not(
    connection: asyncpg.Connection,
):
    found = await find(connection, "mindful", "scope")
    assert {sql: said for sql, said in found.items() if said} == {}


async def test_whole_rows_count_as_a_star(connection: asyncpg.Connection):
    found = await find(connection, "whole", "star")
    assert [sql for sql, said in found.items() if not said] == []


async def test_columns_that_are_listed_do_not(connection: asyncpg.Connection):
    found = await find(connection, "listed", "star")
    assert {sql: said for sql, said in found.items() if said} == {}


@pytest.mark.parametrize("sql", read("unplanned"))
def test_what_cannot_be_planned_is_refused(sql: str):
    assert [found.rule for found in text.check_unplanned(Query(sql, int))] == ["plan"]


@pytest.mark.parametrize("sql", read("planless"))
def test_what_needs_no_plan_is_not(sql: str):
    assert not list(text.check_unplanned(Query(sql, int)))


TENANTS = """
create table rooms (
    id uuid not null default uuidv7() constraint rooms_pkey primary key,
    tenant text not null,
    name text not null
);
create index rooms_tenant_idx on rooms (tenant, id);
"""


async def test_where_the_column_has_another_name_the_others_of_a_slice_tell(
    connection: asyncpg.Connection,
):
    await connection.execute(TENANTS)
    asked, bare = "where id = $1 and tenant = $2", "where id = $1"
    queries = [
        ("rooms.read", Query(f"select name from rooms {asked}", str, tuple[UUID, str])),
        ("rooms.rename", Query(f"update rooms set name = 'a' {asked}", int, tuple[UUID, str])),
        ("rooms.remove", Query(f"delete from rooms {bare}", int, tuple[UUID])),
    ]
    checked = await contract.check_statements(connection, queries, Budgets())
    found = {it.name: [str(said) for said in it.findings if said.rule == "scope"] for it in checked}
    said = "it finds a row of anybody's: the others of its slice ask for rooms.tenant"
    assert [text.partition(". ")[0] for text in found.pop("rooms.remove")] == [said]
    assert found == {"rooms.read": [], "rooms.rename": []}


async def test_a_column_of_accounts_that_is_not_there_is_named(connection: asyncpg.Connection):
    budgets = Budgets(accounts={"sites": "owner_id", "transfers": ""})
    with pytest.raises(CommandError, match=r"\[accounts\]: there is no sites.owner_id: write sites.owner, or"):
        await contract.check_statements(connection, [], budgets)


async def test_an_excuse_is_believed(connection: asyncpg.Connection):
    excused = {"scope": "a figure of all accounts"}
    count = Query("select count(*) from branches", int, excused=excused)
    checked = await contract.check_statements(connection, [("branches.count", count)], BUDGETS)
    assert [found.rule for it in checked for found in it.findings] == ["aggregate", "scan"]
