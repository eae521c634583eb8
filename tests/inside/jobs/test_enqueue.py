"""Jobs belong to the transaction that enqueues them, and their work can be done just once."""

import asyncio
from datetime import timedelta

import asyncpg
import msgspec
import pytest
from inside.jobs import queue
from inside.jobs.working import WRITE, Settings, Task
from service.kit.auth.bearer import Caller
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
    asks = r"the handler of tests.refuse, \S*refuse, parameter `mailer: \S*Mailer`"
    for given, mend in (
        ([], "nothing is of this type; add it to what app.py provides"),
        ([Mailer()] * 2, "provides 2"),
    ):
        with pytest.raises(TypeError, match=f"{asks}: .*{mend}"):
            Worker([job], JobOptions(), settings, provide=given)
    with pytest.raises(ValueError, match=r"two jobs are called tests.refuse"):
        Worker([job, Job("tests.refuse", Task, refuse)], JobOptions(), settings, provide=[Mailer()])
    with pytest.raises(TypeError, match="must be an async function"):
        Worker([Job("tests.sync", Task, print)], JobOptions(), settings)  # ty: ignore[invalid-argument-type]
    daily = [Schedule("0 3 * * *", job, Task(1)), Schedule("0 4 * * *", job, Task(2))]
    assert list(Worker(daily, JobOptions(), settings, provide=[Mailer()]).jobs) == ["tests.refuse"]


class Sender:
    """What is made for each run that asks for it."""

    def __init__(self, name: str) -> None:
        self.name = name


async def test_a_provider_makes_what_a_run_of_a_job_asks_for_once(database_url: str):
    settings = Settings.model_validate({"database": {"url": database_url}})
    made: list[int] = []

    async def make_mailer(job_id: int) -> Mailer:
        made.append(job_id)
        return Mailer()

    def make_sender(mailer: Mailer, attempt: int) -> Sender:
        return Sender(f"attempt {attempt} by {type(mailer).__name__}")

    async def send(task: Task, sender: Sender, mailer: Mailer, job_id: int) -> None:
        assert (task.number, sender.name, type(mailer), job_id) == (7, "attempt 2 by Mailer", Mailer, 5)

    async def rest(function: Task) -> None:
        """Ask for nothing. The argument may have any name, also one that the binder uses."""

    jobs = Job("tests.send", Task, send), Job("tests.rest", Task, rest)
    worker = Worker(jobs, JobOptions(), settings, provide=[make_sender, make_mailer])
    await worker.handlers["tests.rest"](Task(7), job_id=4, attempt=1)
    await worker.handlers["tests.send"](Task(7), job_id=5, attempt=2)
    await worker.handlers["tests.send"](Task(7), job_id=5, attempt=2)
    assert made == [5, 5]


async def test_a_job_has_neither_a_caller_nor_a_request(database_url: str):
    settings = Settings.model_validate({"database": {"url": database_url}})

    def find_mailer(caller: Caller | None) -> Mailer:
        raise AssertionError(caller)

    job = Job("tests.refuse", Task, refuse)
    with pytest.raises(
        TypeError, match=r"refuse, parameter `mailer: .*find_mailer, parameter `caller: .*: nothing is of"
    ):
        Worker([job], JobOptions(), settings, provide=[find_mailer])
