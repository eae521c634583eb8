"""What a worker process does with jobs that succeed, fail, hang, cannot be read, or are nobody's."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from inside.jobs import queue
from inside.jobs.queue import ask, count_held, count_picked, execute, is_empty, list_jobs, put, wait_until, work
from inside.jobs.working import (
    CANCELLED,
    CANCELLING,
    DAILY,
    FAIL,
    NARROW,
    NOTHING,
    PERSON,
    REFUSE,
    SHORT,
    WRITE,
    Task,
    write,
)
from inside.logged import find_lines, read_log
from inside.shown import read_metrics
from service.kit.jobs.job import Job
from service.kit.jobs.queue import enqueue

from tests.kit import processes

pytestmark = pytest.mark.faults


async def test_jobs_run_and_the_log_names_them_and_their_request(url: str, tmp_path: Path):
    ids = await put(url, WRITE, *(Task(number) for number in range(50)))
    with work(url, tmp_path):
        await wait_until(lambda: is_empty(url))
    assert await ask(url, "select array_agg(number order by number) from effects") == list(range(50))
    lines = find_lines(tmp_path, "job run")
    assert sorted(line["job_id"] for line in lines) == ids
    assert {(line["job"], line["outcome"]) for line in lines} == {("tests.write", "succeeded")}


async def test_a_failing_job_is_tried_again_held_listed_retried_and_dropped(url: str, tmp_path: Path):
    failing, other = await put(url, FAIL, Task(3), Task(4))
    with work(url, tmp_path):
        await wait_until(lambda: count_held_is(url, 2))
        runs = await execute(url, "select attempt, since from runs where number = 3 order by since")
        assert [run["attempt"] for run in runs] == [1, 2, 3]
        first, second, third = (run["since"] for run in runs)
        assert (second - first).total_seconds() >= 0.1
        assert (third - second).total_seconds() >= 0.2

        listed = await list_jobs(url)
        assert listed["counts"] == [{"name": "tests.fail", "queued": 0, "running": 0, "held": 2, "oldest": None}]
        shown = next(job for job in listed["held"] if job["id"] == failing)
        assert (shown["error"], shown["message"], shown["attempts"]) == ("RuntimeError", "number 3 is broken", 3)
        assert "number" in shown["payload"]

        await execute(url, "insert into effects (number) values (3)")
        assert queue.run("jobs", "retry", str(failing), url=url).stdout == f"Retried 1: {failing}\n"
        await wait_until(lambda: count_held_is(url, 1))
    people = queue.run("jobs", "list", url=url).stdout
    assert f"{other}  tests.fail  held" in people
    assert "RuntimeError: number 4 is broken" in people
    assert queue.run("jobs", "drop", str(other), url=url).returncode == 0
    assert (await list_jobs(url))["held"] == []


async def test_the_pause_before_a_retry_is_doubled_up_to_its_bound(url: str, tmp_path: Path):
    await put(url, FAIL, Task(3))
    with work(url, tmp_path, JOBS_BACKOFF="0.1", JOBS_MAX_BACKOFF="0.15"):
        await wait_until(lambda: count_held_is(url, 1))
    pauses = [line["again_in"] for line in find_lines(tmp_path, "job failed")]
    assert pauses == [0.1, 0.15]


async def count_held_is(url: str, count: int) -> bool:
    return await count_held(url) == count and await ask(url, "select count(*) from kit.pgqueuer") == count


async def test_what_cannot_succeed_is_held_at_the_first_attempt(url: str, tmp_path: Path):
    await put(url, REFUSE, Task(9))
    await put(url, SHORT, Task(8, seconds=30))
    await put(url, CANCELLED, Task(7))
    await put(url, CANCELLING, Task(6))
    await put(url, WRITE, Task(1), Task(2))
    await execute(
        url, """update kit.pgqueuer set payload = '{"number": "x"}' where payload = '{"number":1,"seconds":0}'"""
    )
    await execute(url, 'update kit.pgqueuer set payload = null where payload = \'{"number":2,"seconds":0}\'')
    with work(url, tmp_path):
        await wait_until(lambda: count_held_is(url, 6))
    held = (await list_jobs(url))["held"]
    assert [job["attempts"] for job in held] == [1] * 6
    assert {(job["name"], job["message"]) for job in held} == {
        ("tests.refuse", "number 9 is not acceptable"),
        ("tests.cancelled", "It was cancelled, or waited for something that was cancelled."),
        ("tests.cancelling", "It was cancelled, or waited for something that was cancelled."),
        ("tests.short", "It took longer than 0.2 s, the timeout of this job."),
        ("tests.write", "Its argument is not a valid Task: Expected `int`, got `str` - at `$.number`"),
        ("tests.write", "Its argument is not a valid Task: Input data was truncated"),
    }


async def test_no_more_of_a_job_run_at_once_than_its_bound_over_two_workers(url: str, tmp_path: Path):
    await put(url, NARROW, *(Task(number, seconds=0.1) for number in range(40)))
    with work(url, tmp_path / "one"), work(url, tmp_path / "two"):
        await wait_until(lambda: is_empty(url))
    beside = "select max((select count(*) from runs b where b.since <= a.since and b.until > a.since)) from runs a"
    assert await ask(url, beside) == 3
    assert await ask(url, "select count(*) from effects") == 40


async def test_a_worker_takes_no_more_than_it_may_run(url: str, tmp_path: Path):
    await put(url, WRITE, *(Task(number, seconds=0.2) for number in range(60)))
    with work(url, tmp_path, JOBS_CONCURRENCY="4"):
        most = 0
        while not await is_empty(url):
            most = max(most, await count_picked(url))
    assert most == 4


async def test_jobs_that_nobody_declares_stay_and_are_named(url: str, tmp_path: Path):
    await put(url, Job("tests.gone", Task, write), Task(1))
    with work(url, tmp_path):
        await wait_until(lambda: asyncio.to_thread(is_warned, tmp_path))
    assert (await list_jobs(url))["counts"][0]["queued"] == 1


def is_warned(folder: Path) -> bool:
    return any(line["names"] == ["tests.gone"] for line in find_lines(folder, "unknown jobs"))


async def test_a_schedule_fires_once_for_two_workers_and_catches_up_by_one_run(url: str, tmp_path: Path):
    missed = (
        "insert into kit.pgqueuer_schedules (expression, entrypoint, next_run) values ($1, $2, now() - $3::interval)"
    )
    await execute(url, missed, DAILY, NOTHING.name, timedelta(days=3))
    with work(url, tmp_path / "one", FACTORY="create_clock"), work(url, tmp_path / "two", FACTORY="create_clock"):
        await wait_until(lambda: ran(url, 4))
    queued = "from kit.pgqueuer_log where status = 'queued' and entrypoint"
    # Every two seconds; a busy machine may let the first be late.
    most = "extract(epoch from max(created) - min(created)) / 2 + 2"
    assert await ask(url, f"select count(*) <= {most} {queued} = 'tests.write'")
    assert await ask(url, f"select count(*) {queued} = 'tests.nothing'") == 1


async def ran(url: str, count: int) -> bool:
    return await ask(url, "select count(*) from effects") >= count


async def test_an_error_of_the_database_quotes_no_row_where_it_is_logged_or_listed(url: str, tmp_path: Path):
    await put(url, PERSON, Task(1))
    with work(url, tmp_path):
        await wait_until(lambda: count_held_is(url, 1))
    (held,) = (await list_jobs(url))["held"]
    assert (held["error"], "people_email_check" in held["message"]) == ("CheckViolationError", True)
    stored = await ask(url, "select string_agg(traceback::text, ' ') from kit.pgqueuer_log")
    printed = (tmp_path / "output").read_text()
    assert "people_email_check" in stored
    assert "people_email_check" in printed
    for text in (held["message"], stored, printed):
        assert "DETAIL" not in text
        assert "ada1 at example.com" not in text


async def test_prometheus_sees_each_declared_job_before_it_has_run(url: str, tmp_path: Path):
    port = processes.find_port()
    with work(url, tmp_path, METRICS_PORT=str(port)):
        await wait_until(lambda: asyncio.to_thread(shows, port, 'jobs_running{name="tests.write"} 0.0'))
        text = read_metrics(port)
    for line in (
        'jobs_enqueued_total{name="tests.write"} 0.0',
        'job_runs_total{name="tests.write",outcome="held"} 0.0',
        'job_wait_seconds_count{name="tests.write"} 0.0',
        'job_run_seconds_count{name="tests.write"} 0.0',
        'jobs_in_queue{name="tests.write",status="failed"} 0.0',
    ):
        assert line in text


async def test_prometheus_sees_the_jobs(url: str, tmp_path: Path):
    await put(url, WRITE, *(Task(number) for number in range(20)))
    await put(url, REFUSE, Task(9))
    port = processes.find_port()
    with work(url, tmp_path, METRICS_PORT=str(port)) as process:
        await wait_until(lambda: count_held_is(url, 1))
        queue.find_child(process).kill()
        await wait_until(
            lambda: asyncio.to_thread(shows, port, 'jobs_in_queue{name="tests.refuse",status="failed"} 1.0')
        )
        text = read_metrics(port)
    assert 'job_runs_total{name="tests.write",outcome="succeeded"} 20.0' in text, "what a killed process counted stays"
    assert 'job_runs_total{name="tests.refuse",outcome="held"} 1.0' in text
    assert 'job_run_seconds_count{name="tests.write"} 20.0' in text
    assert 'job_wait_seconds_count{name="tests.write"} 20.0' in text
    assert "service_worker_starts_total 2.0" in text
    assert "event_loop_lag_seconds_count" in text


def shows(port: int, line: str) -> bool:
    try:
        return line in read_metrics(port)
    except httpx2.ConnectError:  # the worker has just begun
        return False


async def test_the_request_that_enqueued_a_job_is_in_its_log(url: str, tmp_path: Path):
    async with queue.open_database(url) as db, db.connection() as connection:
        await enqueue(connection, WRITE, Task(1))
    await execute(url, """update kit.pgqueuer set headers = '{"request_id": "r-77"}'""")
    with work(url, tmp_path):
        await wait_until(lambda: is_empty(url))
    assert any(line.get("request_id") == "r-77" for line in read_log(tmp_path))
