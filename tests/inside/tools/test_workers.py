"""Worker processes beside the server in development: they start with it, restart after a change, and end with it."""

from contextlib import suppress

import psutil
import pytest
from service_tools.dev.commands import run_alongside

from tests.kit.processes import find_port, make_environment, wait_until_live


def list_workers() -> list[psutil.Process]:
    """Return the processes of `service serve` that this one has started."""
    found = []
    for process in psutil.Process().children():
        with suppress(psutil.ZombieProcess):
            if process.cmdline()[-2:] == ["service", "serve"]:
                found.append(process)
    return found


def test_a_command_runs_beside_takes_up_a_change_and_ends(database_url: str, monkeypatch: pytest.MonkeyPatch):
    first, second = find_port(), find_port()
    for name, value in make_environment({"DATABASE_URL": database_url, "SERVER_PORT": str(first)}).items():
        monkeypatch.setenv(name, value)
    with run_alongside(["serve"]) as restart:
        wait_until_live(None, f"http://127.0.0.1:{first}", 30)
        (old,) = list_workers()
        monkeypatch.setenv("SERVER_PORT", str(second))
        restart()
        wait_until_live(None, f"http://127.0.0.1:{second}", 30)
        assert any(process.pid != old.pid for process in list_workers())
    assert list_workers() == []
    assert not old.is_running()


def test_nothing_beside_is_nothing_to_do():
    with run_alongside([]) as restart:
        restart()
        assert list_workers() == []
