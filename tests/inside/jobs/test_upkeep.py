"""Old records go, and those that are still needed stay."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from inside.jobs.queue import ask, wait_until
from inside.jobs.working import WRITE, Settings
from service.kit.db.database import Database
from service.kit.jobs import upkeep
from service.kit.jobs.job import Worker
from service.kit.jobs.statements import make_statements
from service.kit.jobs.upkeep import Upkeep

RECORDS = """
insert into kit.pgqueuer (id, priority, status, entrypoint) values (3, 0, 'failed', 'tests.write');
insert into kit.pgqueuer_log (job_id, status, priority, entrypoint, created) values
    (1, 'successful', 0, 'tests.write', now() - interval '8 days'),
    (2, 'successful', 0, 'tests.write', now() - interval '6 days'),
    (3, 'failed', 0, 'tests.write', now() - interval '8 days');
insert into kit.jobs_done (job_id, done_at) values
    (1, now() - interval '8 days'), (2, now() - interval '6 days'), (3, now() - interval '8 days');
"""
MANY = """
insert into kit.pgqueuer_log (job_id, status, priority, entrypoint, created)
select i, 'successful', 0, 'tests.write', now() - interval '8 days' from generate_series(1, 12000) i
"""

PICKED = """
insert into kit.pgqueuer (id, priority, status, entrypoint, queue_manager_id, heartbeat, headers, attempts)
select id, 0, 'picked', $5, '8e8a2f4c-0000-4000-8000-000000000000', now() - silent * interval '1 s',
       headers, attempts
  from unnest($1::int[], $2::int[], $3::jsonb[], $4::int[]) as job (id, silent, headers, attempts)
"""
"""Jobs of one worker. By default, a worker is dead after 30 s of silence."""

FOUND = """
select status::text, attempts, coalesce(headers, '{}')::text as headers,
       round(extract(epoch from execute_after - now()))::int as pause
  from kit.pgqueuer
 order by id
"""


async def recover(url: str, *jobs: tuple[int, str, int], name: str = WRITE.name) -> list[tuple]:
    """Return what becomes of the jobs of one worker: how long each was silent, its headers, and its attempts."""
    connection = await asyncpg.connect(url)
    try:
        columns = [list(column) for column in zip(*jobs, strict=True)]
        await connection.execute(PICKED, list(range(len(jobs))), *columns, name)
        await make_upkeep(connection, url).recover()
        return [tuple(row) for row in await connection.fetch(FOUND)]
    finally:
        await connection.close()


async def test_jobs_of_a_lost_machine_are_judged_together_though_they_beat_at_different_times(database_url: str):
    rows = await recover(database_url, (40, "{}", 0), (20, "{}", 0))
    assert [row[0] for row in rows] == ["picked", "picked"]


async def test_a_death_in_company_counts_but_holds_nobody(database_url: str):
    rows = await recover(database_url, (40, "{}", 0), (31, '{"deaths": 9}', 4))
    assert [row[:3] for row in rows] == [("queued", 0, '{"deaths": 1}'), ("queued", 4, '{"deaths": 10}')]


async def test_a_death_alone_counts_for_that_job_only_which_runs_again_after_a_pause(database_url: str):
    rows = await recover(database_url, (40, '{"deaths": 2}', 0), (40, '{"deaths": 2, "alone": true}', 1))
    assert rows[0][:3] == ("queued", 0, '{"deaths": 2}')
    assert rows[1] == ("queued", 2, '{"deaths": 2}', 4)


async def test_the_pause_after_a_death_is_doubled_up_to_its_bound(database_url: str):
    assert await recover(database_url, (40, "{}", 1)) == [("queued", 2, "{}", 4)]


async def test_a_job_that_this_release_does_not_declare_is_not_held_by_it(database_url: str):
    assert await recover(database_url, (40, "{}", 60), name="tests.gone") == [("queued", 61, "{}", 300)]


@pytest.mark.parametrize(("shared", "own", "held"), [(0, 4, True), (2, 2, True), (2, 1, False), (9, 0, False)])
async def test_a_job_is_held_for_its_attempts_of_which_two_are_its_own(
    shared: int, own: int, held: bool, database_url: str
):
    ((status, attempts, headers, _),) = await recover(database_url, (40, f'{{"deaths": {shared}}}', own))
    assert status == ("failed" if held else "queued")
    assert attempts + 1 == (shared + own + 1 if held else own + 2)
    assert headers == ("{}" if held else f'{{"deaths": {shared}}}')


def make_upkeep(connection: asyncpg.Connection, url: str) -> Upkeep:
    settings = Settings.model_validate({"database": {"url": url}})
    worker = Worker([WRITE], settings.jobs, settings, provide=[Database(settings.database)])
    return Upkeep(make_statements(connection).driver, uuid4(), worker)


async def test_records_of_jobs_that_are_gone_are_forgotten_after_their_days(database_url: str):
    connection = await asyncpg.connect(database_url)
    await connection.execute(RECORDS)
    await make_upkeep(connection, database_url).delete_old_records()
    assert await connection.fetchval("select array_agg(job_id order by job_id) from kit.pgqueuer_log") == [2, 3]
    assert await connection.fetchval("select array_agg(job_id order by job_id) from kit.jobs_done") == [2, 3]
    await connection.close()


async def test_they_are_forgotten_also_while_the_queue_cannot_be_counted(
    database_url: str, monkeypatch: pytest.MonkeyPatch
):
    async def is_forgotten() -> bool:
        return await ask(database_url, "select count(*) from kit.pgqueuer_log where job_id = 1") == 0

    monkeypatch.setattr(upkeep, "COUNT_JOBS", "select 1 / 0")
    connection = await asyncpg.connect(database_url)
    await connection.execute(RECORDS)
    running = asyncio.create_task(make_upkeep(connection, database_url).run())
    try:
        await wait_until(is_forgotten, 30)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await connection.close()


async def test_however_many_there_are(database_url: str):
    connection = await asyncpg.connect(database_url)
    await connection.execute(MANY)
    await make_upkeep(connection, database_url).delete_old_records()
    assert await connection.fetchval("select count(*) from kit.pgqueuer_log") == 0
    await connection.close()


async def test_the_records_are_found_by_an_index_when_there_are_many(database_url: str):
    connection = await asyncpg.connect(database_url)
    await connection.execute("set enable_seqscan = off")
    for statement in (upkeep.DELETE_OLD_LOG, upkeep.DELETE_OLD_DONE):
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain {statement.replace('$1', '7')}"))
        assert "_created" in plan or "_done_at_idx" in plan, plan
    await connection.close()
