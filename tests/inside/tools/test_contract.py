import pytest
from service.kit.db.query import Query
from service_tools.sql import contract


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
