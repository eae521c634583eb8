import asyncpg
from service_tools.sql import plans, scratch
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
