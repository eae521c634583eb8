"""Ctrl-C, as a terminal sends it to all of a command's process group, ends `service perf` with what was measured."""

import os
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import nullcontext
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from inside import reports
from service_tools.pages import CUT_SHORT, Page
from service_tools.perf import load, scenario

from tests.kit.processes import start

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def default_interrupt() -> Generator[None]:
    """Let Ctrl-C end what is started: a shell that runs the tests in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one scenario."""
    (tmp_path / scenario.FOLDER).mkdir(parents=True)
    add(tmp_path, "ping")
    return tmp_path


def add(folder: Path, name: str) -> None:
    """Add a scenario."""
    (folder / scenario.FOLDER / f"{name}.toml").write_text(f'[[steps]]\nname = "{name}"\nrequest = "GET /livez"\n')


def interrupt(process: subprocess.Popen[bytes], output: Path, text: str, times: int = 1) -> str:
    """Press Ctrl-C when a command has said something some times, and return all that it said in the end."""
    deadline = time.monotonic() + 120
    while output.read_text().count(text) < times:
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.05)
    service = psutil.Process(process.pid).children(recursive=True)
    assert process.pid not in {os.getpgid(it.pid) for it in service}, "Ctrl-C would end the service as well"
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(60) == 0, output.read_text()
    return output.read_text()


@pytest.mark.parametrize(
    ("command", "text", "result"),
    [
        ("load --seconds 2", "requests a second: all but 1 %", "ping: it carried "),
        ("cpu --seconds 20", " samples are taken", " samples of worker "),
        ("memory --seconds 20", "2 of 6 parts", "Its memory went from"),
    ],
)
def test_what_was_measured_is_reported_and_the_page_says_that_it_was_cut_short(
    folder: Path, database_url: str, command: str, text: str, result: str
):
    with start("perf", *command.split(), "--rows=10", cwd=folder, DATABASE_URL=database_url) as process:
        said = interrupt(process, folder / "output", text)
    assert result in said
    assert CUT_SHORT in said
    assert CUT_SHORT in reports.read_page(folder, command.split()[0])


def test_a_budget_reports_the_scenarios_that_were_finished(folder: Path, database_url: str):
    add(folder, "pong")
    with start("perf", "budget", "--seconds=2", "--rows=10", cwd=folder, DATABASE_URL=database_url) as process:
        said = interrupt(process, folder / "output", "ping: 50 requests a second")
    assert "pong: 50 requests a second" not in said
    assert CUT_SHORT in said
    assert CUT_SHORT in reports.read_page(folder, "budget")


def test_a_live_table_of_tasks_is_drawn_anew_until_then(folder: Path, database_url: str):
    with start("perf", "tasks", "--live", "--rows=10", cwd=folder, DATABASE_URL=database_url) as process:
        said = interrupt(process, folder / "output", " tasks, ", times=2)
    assert "Traceback" not in said
    assert "await self.stop_requested.wait()" in said


def test_a_search_that_ends_before_its_first_rate_reports_nothing(monkeypatch: pytest.MonkeyPatch):
    def interrupt_probe(*_: object) -> float:
        raise KeyboardInterrupt

    monkeypatch.setattr(load, "provide_target", lambda *_, **__: nullcontext())
    monkeypatch.setattr(load, "find_full_speed", interrupt_probe)
    done = CliRunner().invoke(load.show_load, [], obj=())
    assert done.exit_code == 1
    assert "Aborted!" in done.output


def test_where_nothing_was_measured_nothing_is_reported():
    page = Page("load", "Load")
    with pytest.raises(KeyboardInterrupt), page.until_interrupted([]):
        raise KeyboardInterrupt
    assert page.parts == []
