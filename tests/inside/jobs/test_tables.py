"""The tables of the queue are those that the installed PgQueuer wants, under its own names."""

import runpy

import asyncpg
import pytest
from pgqueuer.domain import models
from service.kit.jobs import consumer
from service.kit.jobs.statements import NAMES, make_statements


async def test_pgqueuer_would_add_nothing_but_its_trigger(database_url: str):
    connection = await asyncpg.connect(database_url)
    plan = await make_statements(connection).plan_upgrade()
    await connection.close()
    missing = [statement for statement in plan.statements if NAMES.function not in statement]
    assert missing == [], "add a migration with these to kit/migrate/tables/"


async def test_pgqueuer_would_see_that_something_is_missing(database_url: str):
    connection = await asyncpg.connect(database_url)
    await connection.execute("drop index kit.pgqueuer_picked_slot_idx; alter table kit.pgqueuer drop column headers")
    plan = await make_statements(connection).plan_upgrade()
    await connection.close()
    assert len(list(plan.statements)) >= 2


@pytest.mark.parametrize("variable", ["CHANNEL", "TRIGGER", "QUEUE_TABLE", "PGQUEUER_PREFIX", "PGQUEUER_SCHEMA"])
def test_no_variable_of_the_environment_renames_them(variable: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(variable, "other")
    assert runpy.run_path(str(consumer.__file__))["NAMES"] == NAMES


async def test_a_worker_that_has_done_jobs_looks_for_others_at_once(database_url: str):
    connection = await asyncpg.connect(database_url)
    queries = make_statements(connection)
    heard: list[str | bytes | bytearray] = []
    await queries.driver.add_listener(NAMES.channel, heard.append)
    await queries.log_jobs([])
    await connection.close()
    assert [models.AnyEvent.model_validate_json(event).root.type for event in heard] == ["table_changed_event"]
