"""The level of the log changes at run time, in real processes, and returns by itself."""

import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
import structlog
from click.testing import CliRunner
from inside.logged import find_lines
from service.kit.commands.log_level import change_log_level
from service.kit.server import log_level, runtime_folder
from service.kit.server.log_level import read_level, set_level, write_level
from service.kit.server.logs import LogOptions, configure_logs
from service.kit.server.runtime_folder import find_runtime_folders, lock_file, open_runtime_folder

from tests.kit.fixtures import make_headers
from tests.kit.processes import find_port, run, start, wait_until_live
from tests.orders.test_orders import NEW


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    """A folder in place of /dev/shm, for processes that have it in PYTHONPATH: others of this name may run here."""
    lines = [
        "import pathlib, service.kit.server.runtime_folder as it",
        f"it.find_memory = lambda: pathlib.Path({str(tmp_path)!r})",
    ]
    (tmp_path / "sitecustomize.py").write_text("\n".join(lines))
    return tmp_path


def wait_for_lines(folder: Path, event: str, count: int) -> list[dict[str, Any]]:
    """Return the lines of an event once there are so many."""
    deadline = time.monotonic() + 60
    while len(found := find_lines(folder, event)) < count:
        assert time.monotonic() < deadline, f"{folder.name} has no {event!r}: {(folder / 'output').read_text()}"
        time.sleep(0.05)
    return found


def test_all_workers_follow_and_so_do_those_that_start_meanwhile(database_url: str, memory: Path):
    web, jobs = memory / "web", memory / "jobs"
    web.mkdir()
    jobs.mkdir()
    settings = {"DATABASE_URL": database_url, "SERVER_PORT": str(find_port()), "LOG_LEVEL": "warning"}
    settings["PYTHONPATH"] = str(memory)
    with (
        start("serve", cwd=web, SERVER_WORKERS="2", **settings) as process,
        start("worker", cwd=jobs, **settings),
        httpx2.Client(base_url=f"http://127.0.0.1:{settings['SERVER_PORT']}", headers=make_headers()) as client,
    ):
        wait_until_live(process, str(client.base_url))
        assert client.get("/v1/orders").status_code == 200
        wait_for_heartbeats(memory, 3)

        told = run("log-level", "debug", "--minutes", "5", PYTHONPATH=str(memory))
        assert told.stdout == "Log level: debug for 5 min (2 processes notified).\n", told.stderr
        assert [line["now"] for line in wait_for_lines(web, "log level changed", 2)] == ["debug"] * 2
        wait_for_lines(jobs, "log level changed", 1)
        assert not find_lines(web, "request"), "those before were not logged"
        assert client.post("/v1/orders", json=NEW).status_code == 201
        wait_for_lines(web, "request", 1)
        (mail,) = wait_for_lines(jobs, "mail sent", 1)
        assert mail["level"] == "info", "which LOG_LEVEL leaves out"

        psutil.Process(find_worker(memory, process.pid)).kill()
        wait_for_lines(web, "log level changed", 3)

        told = run("log-level", "reset", PYTHONPATH=str(memory))
        assert told.stdout == "Log level: LOG_LEVEL (2 processes notified).\n", told.stderr
        changes = wait_for_lines(web, "log level changed", 5)
        assert [change["now"] for change in changes[3:]] == ["warning"] * 2


def list_heartbeats(memory: Path) -> list[int]:
    """Return the ids of all workers."""
    return [int(path.name.rpartition("-")[2]) for path in memory.glob("service-*/heartbeat-*")]


def wait_for_heartbeats(memory: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(list_heartbeats(memory)) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def find_worker(memory: Path, main: int) -> int:
    """Return the id of a worker of a main process."""
    children = {child.pid for child in psutil.Process(main).children()}
    return next(pid for pid in list_heartbeats(memory) if pid in children)


@pytest.fixture
def restored() -> Generator[None]:
    yield
    structlog.reset_defaults()


def test_a_logger_that_was_used_before_changes_with_all_others(capsys: pytest.CaptureFixture[str], restored: None):
    configure_logs(LogOptions())
    log = structlog.get_logger()
    bound = log.bind(of="this")
    for level in ("info", "debug", "error", "info"):
        set_level(level)
        for each in (log, bound):
            each.debug("debugged")
            each.info("told")
            each.error("failed")
    events = [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()]
    expected = [["told", "failed"], ["debugged", "told", "failed"], ["failed"], ["told", "failed"]]
    assert events == [event for level in expected for event in level * 2]


def test_a_level_ends_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert read_level(tmp_path) == ""
    write_level(tmp_path, "debug", 60)
    assert read_level(tmp_path) == "debug"
    later = time.time() + 61
    monkeypatch.setattr(log_level.time, "time", lambda: later)
    assert read_level(tmp_path) == ""


@pytest.mark.parametrize("content", [None, "", "debug", "debug soon", "debug 9e99 more", b"\xff"])
def test_a_file_that_cannot_be_read_changes_no_level(tmp_path: Path, content: str | bytes | None):
    path = tmp_path / runtime_folder.LEVEL_FILE
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    assert read_level(tmp_path) == ""


def test_a_process_that_ends_just_then_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("service.kit.commands.log_level.find_runtime_folders", lambda: [tmp_path / "gone", tmp_path])
    told = CliRunner().invoke(change_log_level, ["debug"])
    assert (told.exit_code, read_level(tmp_path)) == (0, "debug")


def test_folders_of_other_users_are_neither_told_nor_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime_folder, "find_memory", lambda: tmp_path)
    dead = tmp_path / "service-dead"
    us = os.geteuid()
    with open_runtime_folder(tmp_path) as ours:
        dead.mkdir()
        (dead / "lock").write_text("another")
        assert [*find_runtime_folders()] == [ours]
        monkeypatch.setattr(runtime_folder.os, "geteuid", lambda: us + 1)
        assert [*find_runtime_folders()] == []
    with open_runtime_folder(tmp_path):
        assert dead.exists()
    monkeypatch.setattr(runtime_folder.os, "geteuid", lambda: us)
    with open_runtime_folder(tmp_path):
        assert not dead.exists()


def test_only_processes_of_this_service_that_still_run_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(runtime_folder, "find_memory", lambda: tmp_path)
    with open_runtime_folder(tmp_path) as ours:
        foreign, dead = tmp_path / "service-foreign", tmp_path / "service-dead"
        for folder, name in ((foreign, "another"), (dead, (ours / "lock").read_text())):
            folder.mkdir()
            (folder / "lock").write_text(name)
        lock = lock_file(foreign / "lock")
        assert lock
        assert [*find_runtime_folders()] == [ours]
        os.close(lock)
    assert [*find_runtime_folders()] == []


def test_where_nothing_runs_the_command_says_where_to_run_it(memory: Path):
    told = run("log-level", "debug", PYTHONPATH=str(memory))
    assert told.returncode == 1
    assert "in its container" in told.stderr
