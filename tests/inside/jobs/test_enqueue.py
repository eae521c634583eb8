"""Jobs belong to the transaction that enqueues them, and their work can be done just once."""

import asyncio
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from inside.jobs import queue
from inside.jobs.working import WRITE, Settings, Task
from service.kit.db.database import Database
from service.kit.jobs.job import Job, JobOptions, Schedule, Worker
from service.kit.jobs.queue import begin_once, enqueue, enqueue_all, insert_jobs
from service.kit.jobs.statements import make_statements

ROW = (
    "select entrypoint, payload, priority, status::text, attempts, dedupe_key, headers, execute_after from kit.pgqueuer"
)


async def test_a_committed_job_is_in_the_queue_and_a_rolled_back_one_is_not(database_url: str):
    async with queue.open_database(database_url) as db:
        async with db.transaction() as connection:
            kept = await enqueue(connection, WRITE, Task(1))
            assert await queue.ask(database_url, "select count(*) from kit.pgqueuer") == 0
        with pytest.raises(RuntimeError):
            await undo_enqueue(db)
    assert [record["id"] for record in await queue.execute(database_url, "select id from kit.pgqueuer")] == [kept]
    assert await queue.ask(database_url, "select array_agg(job_id) from kit.pgqueuer_log") == [kept]


async def test_many_are_enqueued_by_one_statement_in_order(database_url: str):
    async with queue.open_database(database_url) as db, db.transaction() as connection:
        ids = await enqueue_all(connection, WRITE, [Task(number) for number in range(1000)])
        assert await enqueue_all(connection, WRITE, []) == []
    records = await queue.execute(database_url, "select id, payload from kit.pgqueuer order by id")
    assert [record["id"] for record in records] == ids == sorted(ids)
    assert [msgspec.json.decode(record["payload"])["number"] for record in records] == list(range(1000))


async def test_a_job_is_what_pgqueuer_itself_would_have_made(database_url: str):
    connection = await asyncpg.connect(database_url)
    async with connection.transaction():
        payload = msgspec.json.encode(Task(1))
        await connection.fetch(insert_jobs.sql, "tests.write", [payload], timedelta(), '{"request_id": "r-1"}')
        await make_statements(connection).enqueue("tests.write", payload, headers={"request_id": "r-1"})
    await connection.close()
    ours, theirs = await queue.execute(database_url, f"{ROW} order by id")
    assert dict(ours) == dict(theirs)
    log = "select status::text, priority, entrypoint, traceback, aggregated from kit.pgqueuer_log order by id"
    ours, theirs = await queue.execute(database_url, log)
    assert dict(ours) == dict(theirs)


async def test_a_delayed_job_waits(database_url: str):
    async with queue.open_database(database_url) as db, db.connection() as connection:
        await enqueue(connection, WRITE, Task(1), delay=60)
    ahead = "select execute_after - now() between interval '50 s' and interval '60 s' from kit.pgqueuer"
    assert await queue.ask(database_url, ahead)


async def test_an_argument_of_another_type_is_refused(database_url: str):
    async with queue.open_database(database_url) as db, db.connection() as connection:
        with pytest.raises(TypeError, match=r"tests.write takes Task, not dict"):
            await enqueue(connection, WRITE, {"number": 1})  # ty: ignore[invalid-argument-type]


async def undo(db: Database, job_id: int) -> None:
    async with db.transaction() as connection:
        assert await begin_once(connection, job_id)
        raise RuntimeError


async def undo_enqueue(db: Database) -> None:
    async with db.transaction() as connection:
        await enqueue(connection, WRITE, Task(2))
        raise RuntimeError


async def test_the_work_of_a_job_is_done_once_and_only_if_it_is_committed(database_url: str):
    async with queue.open_database(database_url) as db:
        with pytest.raises(RuntimeError):
            await undo(db, 5)
        async with db.transaction() as connection:
            assert await begin_once(connection, 5)
        async with db.transaction() as connection:
            assert not await begin_once(connection, 5)
            assert await begin_once(connection, 6)


async def test_a_run_beside_another_waits_for_what_becomes_of_it(database_url: str):
    async def attempt(db: Database) -> bool:
        async with db.transaction() as connection:
            return await begin_once(connection, 5)

    async with queue.open_database(database_url) as db:
        async with db.transaction() as connection:
            assert await begin_once(connection, 5)
            second = asyncio.create_task(attempt(db))
            await asyncio.sleep(0.2)
            assert not second.done()
        assert not await second


async def test_once_outside_of_a_transaction_is_refused(database_url: str):
    async with queue.open_database(database_url) as db, db.connection() as connection:
        with pytest.raises(RuntimeError, match="in the transaction"):
            await begin_once(connection, 5)


class Mailer:
    """What a service might provide."""


async def refuse(task: Task, mailer: Mailer) -> None:
    """Ask for what is not there."""


@pytest.mark.parametrize("name", ["", "Orders", "orders.", "orders..x", "1", "a b"])
def test_a_misnamed_job_is_refused(name: str):
    with pytest.raises(ValueError, match="name a job in lower case"):
        Job(name, Task, refuse)


@pytest.mark.parametrize("bounds", [{"attempts": 0}, {"timeout": -1.0}, {"concurrency": -1}])
def test_a_senseless_bound_is_refused(bounds: dict):
    with pytest.raises(ValueError, match=r"tests.refuse: attempts and timeout must be more than 0"):
        Job("tests.refuse", Task, refuse, **bounds)


def test_a_worker_refuses_what_it_could_not_run(database_url: str):
    settings = Settings.model_validate({"database": {"url": database_url}})
    job = Job("tests.refuse", Task, refuse)
    asks = r"tests.refuse asks for mailer: \S*Mailer; provided are"
    for given, offered in (([], "nothing"), (["db"], "str"), ([Mailer(), Mailer()], "Mailer, Mailer")):
        with pytest.raises(TypeError, match=f"{asks} {offered}, job_id and attempt"):
            Worker([job], JobOptions(), settings, provide=given)
    with pytest.raises(ValueError, match=r"two jobs are called tests.refuse"):
        Worker([job, Job("tests.refuse", Task, refuse)], JobOptions(), settings, provide=[Mailer()])
    with pytest.raises(TypeError, match="must be an async function"):
        Worker([Job("tests.sync", Task, print)], JobOptions(), settings)  # ty: ignore[invalid-argument-type]
    daily = [Schedule("0 3 * * *", job, Task(1)), Schedule("0 4 * * *", job, Task(2))]
    assert list(Worker(daily, JobOptions(), settings, provide=[Mailer()]).jobs) == ["tests.refuse"]
