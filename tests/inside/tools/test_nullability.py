"""What the statements of the corpus leave open about nulls: rarer forms, and columns that an author vouches for."""

from collections.abc import AsyncGenerator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import asyncpg
import pytest_asyncio
from msgspec import Struct
from service.kit.db.query import Query
from service_tools.sql import contract, samples, scratch
from service_tools.sql.budgets import Budgets

ONE = "from orders where id = uuidv7()"

NEVER_NULL: dict[str, Any] = {
    "with recursive numbers as (select 1 n union all select n + 1 from numbers where n < 9) select n from numbers": int,
    "insert into accounts (email, password_hash) select r, 'x' from unnest(array['a']) as it (r) returning email": str,
    f"select gift and not (total_minor > 3) {ONE}": bool,
    f"select status in ('paid', 'shipped') {ONE}": bool,
    f"select greatest(note, reference) {ONE}": str,
    f"select current_timestamp - created_at {ONE}": timedelta,
    f"select total_minor::numeric / 100 {ONE}": Decimal,
    f"select substring(reference from 1 for 3) {ONE}": str,
    f"delete {ONE} returning reference": str,
    "insert into accounts (email, password_hash) values ('a', 'x') on conflict do nothing returning email": str,
    f"with gone as (delete {ONE} returning reference) select reference from gone": str,
    f"select reference from (select reference, row_number() over () as n {ONE}) as numbered where n = 1": str,
    "select x.reference from orders a, lateral (select b.reference from orders b where b.id = a.id) as x limit 1": str,
    "select a.reference from orders a left join orders b on b.id = a.id where b.note is not null limit 1": str,
    "select b.note from orders a left join orders b on b.id = a.id where b.note is not null limit 1": str,
    f"select case when note is null then '' when gift then 'gift' else note end {ONE}": str,
    f"select coalesce((select array_agg(reference) {ONE}), '{{}}')": list[str],
    f"select array(select reference {ONE})": list[str],
    "merge into orders o using orders p on true when matched then do nothing returning coalesce(o.note, '')": str,
}

CAN_BE_NULL: dict[str, Any] = {
    f"with recursive names as (select reference as n {ONE} union all select null from names) select n from names": str,
    f"select max(total_minor) {ONE} group by grouping sets ((currency), ())": int,
    f"select max(currency) {ONE} having count(*) >= 0": str,
    f"select case when note is null then note else '' end {ONE}": str,
    f"select case when note is null and gift then '' else note end {ONE}": str,
    f"select note {ONE} and (note is not null or gift)": str,
    "update orders set note = null where id = uuidv7() and note is not null returning note": str,
    "select (select b.note from orders b where b.id = a.id) from orders a where a.note is not null limit 1": str,
    f"select extract(month from created_at) {ONE}": Decimal,
    f"select note in ('paid', 'shipped') {ONE}": bool,
    f"select status in ('paid', note) {ONE}": bool,
    "select ('null'::jsonb)::integer": int,
    "select a from unnest(array['a'], array[1, 2]) as pairs (a, b)": str,
    "select n from unnest(array[1, null]) as numbers (n)": int,
    "select nullif(reference, '') from orders limit 1": str,
    f"select pg_temp.unknown_to_all(currency) {ONE}": str,
    "select current_schema()::text": str,
    "select b.reference from orders a full join orders b on b.id = a.id where a.id is not null limit 1": str,
    f"select coalesce(array_agg(note), '{{}}') {ONE}": list[str],
    f"select coalesce(array_agg(note) filter (where reference is not null), '{{}}') {ONE}": list[str],
    "merge into orders o using orders p on true when matched then do nothing returning p.reference": str,
}


@pytest_asyncio.fixture
async def connection(database_url: str) -> AsyncGenerator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "create function pg_temp.unknown_to_all(text) returns text strict language sql as 'select null'"
    )
    await scratch.restore_statistics(connection, Budgets())
    yield connection
    await connection.close()


async def find(connection: asyncpg.Connection, query: Query[Any, *tuple[Any, ...]]) -> list[str]:
    """Return what the contract says of a statement's nulls. It has to be right otherwise."""
    [statement] = await contract.check_statements(connection, [("orders.it", query)], Budgets())
    wrong = [it for it in statement.findings if it.rule in ("prepare", "unread", "params", "columns", "types")]
    assert not wrong, wrong
    return [str(it) for it in statement.findings if it.rule == "nulls"]


async def test_what_cannot_be_null_is_not_suspected(connection: asyncpg.Connection):
    found = {sql: await find(connection, Query(sql, row)) for sql, row in NEVER_NULL.items()}
    assert {sql: said for sql, said in found.items() if said} == {}


async def test_what_can_be_null_is_found(connection: asyncpg.Connection):
    found = {sql: await find(connection, Query(sql, row)) for sql, row in CAN_BE_NULL.items()}
    assert [sql for sql, said in found.items() if not said] == []


class Latest(Struct):
    currency: str
    total: int
    notes: list[str]


LATEST = """
select currency, max(total_minor) as total, array_agg(note) as notes
  from orders
 where account = $1
 group by currency
 limit 200
"""
VOUCHED = {"total": "a group has rows", "notes": "this account gives each order a note"}
INSERT = """
insert into orders (account, reference, customer_email, currency, total_minor, item_count, note)
values ($1, $2, 'a@b.c', 'EUR', 1, 1, $3)
"""


async def test_an_author_vouches_for_a_column_and_its_items_by_name_with_a_sample(connection: asyncpg.Connection):
    silent = await find(connection, Query(LATEST, Latest, tuple[str]))
    assert [said.partition(":")[0] for said in silent] == [
        "total can be null",
        "notes can be null",
        "an item of notes can be null",
    ]
    assert silent[0].endswith("or say why it is not and give a sample: never_null={'total': '…'}.")
    untried = await find(connection, Query(LATEST, Latest, tuple[str], never_null=VOUCHED))
    assert untried == ["nothing tries what `never_null` says. Give it a sample, which the tests run."]
    sampled = Query(LATEST, Latest, tuple[str], never_null=VOUCHED, sample="select 'here'")
    assert await find(connection, sampled) == []
    without_reason = Query(LATEST, Latest, tuple[str], never_null={"total": ""}, sample="select 'here'")
    assert len(await find(connection, without_reason)) == 3


async def test_a_sample_that_finds_a_null_names_the_field_and_one_that_finds_no_row_is_no_proof(
    connection: asyncpg.Connection,
):
    latest = Query(LATEST, Latest, tuple[str], never_null=VOUCHED, sample="select 'here'")
    assert "so nothing tries what `never_null` says" in str(await samples.check_sample(connection, latest))
    await connection.execute(INSERT, "here", "1", "a")
    assert await samples.check_sample(connection, latest) == []
    await connection.execute(INSERT, "here", "2", None)
    [item] = await samples.check_sample(connection, latest)
    assert "an item of notes is null" in str(item)
    largest = "select max(note) from orders where account = $1"
    single = Query(largest, str, tuple[str], never_null={"max": "it has orders"}, sample="select 'elsewhere'")
    [column] = await samples.check_sample(connection, single)
    assert "max is null" in str(column)
