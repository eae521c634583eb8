import asyncpg
import pytest
from service.kit.db import Query
from service_tools.sql import contract, scratch
from service_tools.sql.budgets import Budgets


@pytest.mark.parametrize(
    "sql",
    [
        "set statement_timeout = 0",
        "SET SESSION search_path to other",
        "/* quickly */ set role admin",
        "reset all",
        "select set_config('app.user', $1, false)",
        "select set_config($1, $2, $3)",
        "listen orders",
        "unlisten *",
        "select pg_advisory_lock($1)",
        "select pg_try_advisory_lock_shared(1, 2)",
        "create temp table scratch (id int)",
        "create local temporary table scratch (id int)",
        "prepare one as select 1",
        "discard all",
        "declare rows cursor with hold for select 1",
    ],
)
def test_a_statement_that_changes_its_session_breaks_the_contract(sql: str):
    findings = [finding for finding in contract.check_text(Query(sql, int)) if finding.rule == "session"]
    assert findings
    assert all(finding.fix for finding in findings)


@pytest.mark.parametrize(
    "sql",
    [
        "update orders set status = $1 where id = $2",
        "set local statement_timeout = '9s'",
        "select set_config('app.user', $1, true)",
        "select pg_advisory_xact_lock($1)",
        "select 'reset all', id from listeners",
        "notify orders",
        "create table temporary_things (id int)",
    ],
)
def test_what_ends_with_its_transaction_does_not(sql: str):
    assert not list(contract.check_text(Query(sql, int)))


SCHEMA = """
create table notes (id uuid constraint notes_pkey primary key, body text not null, author text);
create table events (id int not null, at date not null, constraint events_pkey primary key (id, at))
    partition by range (at);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
create schema other;
create table other.things (id int constraint things_pkey primary key, name text not null);
"""

STATEMENTS = {
    "notes.commented": ("-- why\nselect body from notes where author = $1 limit 1", "scan"),
    "notes.in_parentheses": ("(select body from notes where author = $1 limit 1)", "scan"),
    "notes.both": ("select body from notes where id = $1 union all select author from notes where id = $1", "nulls"),
    "notes.union": ("select body from notes where id = $1 union all select body from notes where id = $1", None),
    "notes.whole": ("table notes", "columns scan unbounded"),
    "notes.no_plan": ("analyze notes", None),
    "notes.refused": ("select nothing from notes", "prepare"),
    "notes.event": ("select id::text as body from events where at = $1 and id = $2", "nulls"),
    "notes.thing": ("select name from other.things where id = $1", None),
}


async def test_every_statement_that_postgresql_plans_is_checked_and_none_stops_the_others(empty_database_url: str):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(SCHEMA)
    await scratch.pretend(connection, Budgets())
    queries = [(name, Query(sql, str)) for name, (sql, _) in STATEMENTS.items()]
    checked = await contract.check_all(connection, queries, Budgets())
    await connection.close()
    rules = {it.name: " ".join(sorted({found.rule for found in it.findings})) or None for it in checked}
    assert rules == {name: rule for name, (_, rule) in STATEMENTS.items()}
    assert [it.name for it in checked if it.plan is None] == ["notes.no_plan", "notes.refused"]
