"""A job worker that loses its sessions while the password changes runs jobs again with the password of its file."""

import asyncio
from pathlib import Path

import pytest
from inside.jobs import queue
from inside.jobs.working import WRITE, Task
from inside.secrets.postgres import Server

END_SESSIONS = (
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app' and pid <> pg_backend_pid()"
)


@pytest.mark.faults
async def test_a_worker_takes_the_new_password_from_its_file(server: Server, tmp_path: Path):
    await server.execute("alter role app password 'before'")
    before, after = (server.make_url(password, sslmode="require") for password in ("before", "after"))
    await queue.migrate(before)
    await queue.make_tables(before)
    file = tmp_path / "url"
    file.write_text(f"{before}\n")
    with queue.work("", tmp_path / "worker", DATABASE_URL_FILE=str(file)):
        await queue.put(before, WRITE, Task(0))
        await queue.wait_until(lambda: queue.is_empty(before))
        await server.execute("alter role app password 'after'")
        await server.execute(END_SESSIONS)
        await queue.put(after, WRITE, Task(1))
        await queue.wait_until(lambda: asyncio.to_thread(is_refused, tmp_path / "worker"))
        file.write_text(f"{after}\n")
        await queue.wait_until(lambda: queue.is_empty(after))
    await queue.check_effects(after, 2)
    output = (tmp_path / "worker/output").read_text()
    assert not any(f":{password}@" in output for password in ("before", "after"))


def is_refused(folder: Path) -> bool:
    return "password authentication failed" in (folder / "output").read_text()
