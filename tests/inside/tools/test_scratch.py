import asyncpg
import pytest
from service.kit.db.query import Query
from service_tools.sql import contract, plans, scratch
from service_tools.sql.budgets import Budgets

SCHEMA = """
create table "Owners" (id int generated always as identity constraint owners_pkey primary key, name text not null);
create table cars (
    id uuid constraint cars_pkey primary key,
    owner_id int not null constraint cars_owner_id_fkey references "Owners",
    plate text not null constraint cars_plate_check check (plate <> ''),
    wheels int generated always as (4) stored not null
);
create function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$;
create trigger cars_refuse before insert on cars for each row execute function refuse();
"""


async def expect_rows(connection: asyncpg.Connection, sql: str) -> int | None:
    plan = (await plans.explain_statement(connection, sql))[0]
    return plan.plan_rows if plan else None


async def test_tables_seem_as_large_as_declared_and_stay_empty_and_whole(empty_database_url: str):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(SCHEMA)
    before = await connection.fetch("select conname, pg_get_constraintdef(oid) from pg_constraint order by conname")
    await scratch.restore_statistics(connection, Budgets(rows={"cars": 5_000_000, "Owners": 1_000}))
    assert await expect_rows(connection, "select id from cars") == 5_000_000
    assert await expect_rows(connection, 'select id from "Owners"') == 1_000
    assert await connection.fetchval("select count(*) from cars") == 0
    after = await connection.fetch("select conname, pg_get_constraintdef(oid) from pg_constraint order by conname")
    assert after == before
    await connection.close()


UNWILLING = """
create domain named as text not null check (value <> '');
create function refuse(int) returns int language plpgsql as $$ begin raise 'refused'; end $$;
create table plain (id int constraint plain_pkey primary key, name named);
create table parent (id int constraint parent_pkey primary key, name text not null check (name <> ''));
create table child (more int not null, constraint child_pkey primary key (id)) inherits (parent);
create table raising (id int not null default refuse(1), twice int generated always as (10 / id) stored);
create type pair as (a int, b text);
create table typed of pair;
create table ruled (id int);
create rule ruled_quietly as on insert to ruled do instead nothing;
create table guarded (id int);
alter table guarded enable row level security;
alter table guarded force row level security;
create table parts (id int not null, name named) partition by range (id);
create table parts_low partition of parts for values from (0) to (10);
create view names as select name from plain;
"""


async def test_no_domain_parent_default_stored_column_or_rule_keeps_a_table_empty(empty_database_url: str):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(UNWILLING)
    await scratch.restore_statistics(connection, Budgets(rows={"child": 7_000}))
    sizes = await connection.fetch(
        "select relname, pg_relation_size(oid) from pg_class"
        " where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    assert {name: size for name, size in sizes if size != 8192} == {}
    assert await expect_rows(connection, "select more from child") == 7_000
    queries = [
        ("plain.add", Query("insert into plain (id, name) values ($1, $2)", int, tuple[int, str])),
        ("plain.cast", Query("select $1::named", str, tuple[str])),
    ]
    checked = await contract.check_statements(connection, queries, Budgets())
    assert [str(finding) for it in checked for finding in it.findings] == []
    await connection.close()


FROZEN = """
create table frozen_rows (id int);
create function refuse() returns event_trigger language plpgsql as $$ begin raise 'not today'; end $$;
create event trigger keep on ddl_command_start when tag in ('ALTER TABLE') execute function refuse();
"""


async def test_a_table_that_takes_no_row_is_named(empty_database_url: str):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(FROZEN)
    with pytest.raises(asyncpg.RaiseError, match=r"^frozen_rows takes no row: not today"):
        await scratch.restore_statistics(connection, Budgets())
    await connection.close()


LARGE = """
create schema billing;
create table customers (id int constraint customers_pkey primary key);
create table orders (
    id int constraint orders_pkey primary key,
    account text not null,
    customer_id int not null constraint orders_customer_id_fkey references customers,
    state text not null constraint orders_state_check check (state in ('open', 'paid'))
);
create table billing.payments (id int constraint payments_pkey primary key, account text not null);
create table events (at date not null, account text not null) partition by range (at);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
create table events_2027 partition of events for values from ('2027-01-01') to ('2028-01-01');
create materialized view totals as select account, count(*) as orders from orders group by account;
"""


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select 1 from orders where account = $1", 100_000),
        ("select 1 from orders where account = $1 and state = $2", 50_000),
        ("select 1 from orders where customer_id = $1", 1_000),
        ("select 1 from billing.payments where account = $1", 50),
        ("select 1 from events where account = $1", 400_000),
        ("select 1 from events where at = $1", 20_000),
        ("select 1 from totals where account = $1", 3_000),
    ],
)
async def test_the_largest_account_and_all_partitions_decide_how_many_rows_are_expected(
    empty_database_url: str, sql: str, rows: int
):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(LARGE)
    declared = {"customers": 100_000, "events": 4_000_000, "totals": 30_000}
    await scratch.restore_statistics(connection, Budgets(rows=declared, largest_account={"payments": 50}))
    assert await expect_rows(connection, sql) == rows
    await connection.close()


async def test_an_account_with_few_rows_may_be_read_as_a_whole(empty_database_url: str):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(LARGE)
    await connection.execute("create index payments_account_idx on billing.payments (account)")
    query = Query("select id from billing.payments where account = $1", int, tuple[str])
    found = []
    for largest in (50, 50_000):
        budgets = Budgets(largest_account={"payments": largest})
        await scratch.restore_statistics(connection, budgets)
        [statement] = await contract.check_statements(connection, [("payments.all", query)], budgets)
        found.append([finding.rule for finding in statement.findings])
    assert found == [[], ["unbounded"]]
    await connection.close()
