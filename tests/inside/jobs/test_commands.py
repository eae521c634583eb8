"""`service jobs` and `service worker` say what to do when they cannot do what they were asked."""

from pathlib import Path

import pytest
from inside.jobs import queue
from inside.jobs.working import REFUSE, WRITE, Task


def test_a_service_that_does_not_say_how_its_worker_is_made_is_told_what_to_add(database_url: str):
    result = queue.run("worker", url=database_url, FACTORY="")
    assert result.returncode == 1
    assert "def create_worker() -> Worker:" in result.stderr


@pytest.mark.parametrize("command", [("retry", "7"), ("drop", "7")])
def test_an_unknown_id_is_named_and_nothing_is_changed(command: tuple[str, str], database_url: str):
    result = queue.run("jobs", *command, url=database_url)
    assert result.returncode == 1
    assert result.stderr == "Error: No job is held under 7. `service jobs list` shows the ids; nothing was changed.\n"


def test_a_retry_of_nothing_says_what_to_give(database_url: str):
    result = queue.run("jobs", "retry", url=database_url)
    assert result.returncode == 2
    assert "Name the jobs, or pass --all." in result.stderr


def test_a_database_without_a_queue_says_what_to_run(empty_database_url: str):
    result = queue.run("jobs", "list", url=empty_database_url)
    assert result.returncode == 1
    assert 'relation "kit.pgqueuer" does not exist: run `service migrate`.' in result.stderr


async def test_the_list_shows_how_old_the_oldest_job_is(url: str):
    await queue.put(url, REFUSE, Task(1))
    await queue.put(url, WRITE, Task(1))
    await queue.execute(url, "update kit.pgqueuer set execute_after = '2026-11-25 10:03:12.5Z'")
    await queue.execute(url, "update kit.pgqueuer set status = 'failed' where entrypoint = 'tests.refuse'")
    head, held, waiting, *_ = queue.run("jobs", "list", url=url, TZ="UTC").stdout.splitlines()
    assert head.split() == ["NAME", "QUEUED", "RUNNING", "HELD", "OLDEST"]
    assert held.split() == ["tests.refuse", "0", "0", "1", "-"]
    assert waiting.split() == ["tests.write", "1", "0", "0", "2026-11-25", "10:03:12", "UTC"]


async def test_a_retry_forgets_the_deaths_that_a_job_shared(url: str, tmp_path: Path):
    await queue.put(url, REFUSE, Task(1))
    await queue.execute(url, """update kit.pgqueuer set headers = '{"deaths": 1}'""")
    with queue.work(url, tmp_path):
        await queue.wait_until(lambda: queue.count_held(url))
    result = queue.run("jobs", "retry", "--all", url=url)
    assert result.returncode == 0, result.stderr
    assert await queue.ask(url, "select headers ? 'deaths' from kit.pgqueuer") is False
