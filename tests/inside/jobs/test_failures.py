"""Whatever a job raises is recorded, and stops neither the worker nor the jobs beside it."""

from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from inside.jobs.queue import ask, check_effects, count_held, execute, list_jobs, put, wait_until, work
from inside.jobs.working import BAD, FAILURES, WRITE, Task
from inside.logged import find_lines
from pgqueuer.domain.models import Job, TracebackRecord, utc_now
from service.kit.jobs.statements import MAX_TRACEBACK, Statements, make_statements
from service.kit.server.logs import MAX_LINE

GOOD = 30

PATIENT = {
    "DATABASE_ACQUIRE_TIMEOUT": "6",
    "DATABASE_LOCK_TIMEOUT": "7",
    "DATABASE_STATEMENT_TIMEOUT": "8",
    "DATABASE_COMMAND_TIMEOUT": "9",
}
"""To write an error of 50 MB into the log may take a busy machine longer than a job waits for a connection."""


@pytest.mark.faults
@pytest.mark.parametrize("form", ["json", "console"])
async def test_what_is_hard_to_record_is_held_like_any_other_failure(url: str, form: str, tmp_path: Path):
    await put(url, BAD, *(Task(number) for number in range(FAILURES)))
    await put(url, WRITE, *(Task(number) for number in range(GOOD)))
    with work(url, tmp_path, LOG_FORMAT=form, **PATIENT):
        await wait_until(lambda: is_settled(url), 60)
    assert await check_effects(url, GOOD) == 0, "a job that succeeds ran twice"
    held = (await list_jobs(url))["held"]
    assert [job["attempts"] for job in held] == [2] * FAILURES
    found = {job["error"]: job["message"] for job in held if job["error"] != "ValueError"}
    assert found == {
        "BaseExceptionGroup": "several (2 sub-exceptions)",
        "ExceptionGroup": "many (1000 sub-exceptions)",
        "SystemExit": "over",
        "Unreadable": "Its text cannot be read.",
    }
    nul, half, long = sorted((job["message"] for job in held if job["error"] == "ValueError"), key=len)
    assert (nul, half) == ("a\\x00b", "a\\ud800b")
    assert "49,990,000 characters left out" in long
    longest = "select max(length(traceback::text)) from kit.pgqueuer_log"
    assert await ask(url, longest) < 2 * MAX_TRACEBACK
    lines = (tmp_path / "output").read_text().splitlines()
    assert max(len(line) for line in lines) < 2 * MAX_LINE
    assert not [line for line in lines if "Flush failed" in line or "worker process ended" in line]
    if form == "json":
        assert len(find_lines(tmp_path, "job failed")) == FAILURES


async def is_settled(url: str) -> bool:
    """Return whether all that is left is held."""
    left = await ask(url, "select count(*) from kit.pgqueuer")
    return left == FAILURES == await count_held(url)


async def take(queries: Statements, count: int) -> list[Job]:
    """Pick so many jobs, as a worker does."""
    rows = await queries.driver.fetch("update kit.pgqueuer set status = 'picked' returning *")
    assert len(rows) == count
    return sorted((Job.model_validate(row) for row in rows), key=lambda job: job.id)


def make_record(job: Job, text: str) -> TracebackRecord:
    """Return a record that cannot be written as JSON."""
    return TracebackRecord(
        job_id=job.id,
        timestamp=utc_now(),
        exception_type="ValueError",
        exception_message=text,
        traceback=text,
        additional_context={"stray": object()},
    )


@pytest.fixture
async def connection(url: str):
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


async def test_an_outcome_that_cannot_be_stored_keeps_no_other_from_being_stored(
    url: str, connection: asyncpg.Connection
):
    await put(url, WRITE, *(Task(number) for number in range(3)))
    queries = make_statements(connection)
    first, second, third = await take(queries, 3)
    queries.running.unrecorded.update([first.id, second.id, third.id])
    await queries.log_jobs(
        [(first, "successful", None), (second, "failed", make_record(second, "x")), (third, "successful", None)]
    )
    assert [tuple(row) for row in await execute(url, "select id, status::text from kit.pgqueuer")] == [
        (second.id, "failed")
    ]
    (held,) = (await list_jobs(url))["held"]
    assert (held["error"], held["message"]) == ("ValueError", "Its text could not be stored: see the log.")
    assert not queries.running.unrecorded


async def test_a_retry_whose_error_cannot_be_stored_is_a_retry_all_the_same(url: str, connection: asyncpg.Connection):
    await put(url, WRITE, Task(0))
    queries = make_statements(connection)
    (job,) = await take(queries, 1)
    await queries.retry_job(job, timedelta(0), make_record(job, "x"))
    rows = await execute(url, "select status::text, attempts from kit.pgqueuer")
    assert [tuple(row) for row in rows] == [("queued", 1)]
