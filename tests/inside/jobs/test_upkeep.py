"""Old records go, and those that are still needed stay."""

from uuid import uuid4

import asyncpg
from inside.jobs.working import WRITE, Settings
from service.kit.db import Database
from service.kit.jobs import Worker, upkeep
from service.kit.jobs.consumer import make_queries
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


def make_upkeep(connection: asyncpg.Connection, url: str) -> Upkeep:
    settings = Settings.model_validate({"database": {"url": url}})
    worker = Worker([WRITE], settings.jobs, settings, provide=[Database(settings.database)])
    return Upkeep(make_queries(connection).driver, uuid4(), worker)


async def test_records_of_jobs_that_are_gone_are_forgotten_after_their_days(database_url: str):
    connection = await asyncpg.connect(database_url)
    await connection.execute(RECORDS)
    await make_upkeep(connection, database_url).forget()
    assert await connection.fetchval("select array_agg(job_id order by job_id) from kit.pgqueuer_log") == [2, 3]
    assert await connection.fetchval("select array_agg(job_id order by job_id) from kit.jobs_done") == [2, 3]
    await connection.close()


async def test_however_many_there_are(database_url: str):
    connection = await asyncpg.connect(database_url)
    await connection.execute(MANY)
    await make_upkeep(connection, database_url).forget()
    assert await connection.fetchval("select count(*) from kit.pgqueuer_log") == 0
    await connection.close()


async def test_the_records_are_found_by_an_index_when_there_are_many(database_url: str):
    connection = await asyncpg.connect(database_url)
    await connection.execute("set enable_seqscan = off")
    for statement in (upkeep.FORGET_LOG, upkeep.FORGET_DONE):
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain {statement.replace('$1', '7')}"))
        assert "_created" in plan or "_done_at_idx" in plan, plan
    await connection.close()
