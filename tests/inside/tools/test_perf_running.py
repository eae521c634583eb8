"""The commands that look at a running service, by its process, and what they say where they cannot."""

import subprocess
import threading
import urllib.request
from pathlib import Path

import psutil
import pytest
from inside import reports
from inside.tools.test_perf_faults import run_perf
from service.kit.work.command_error import CommandError
from service_tools.perf.workers import WorkerProcess, identify_worker

from tests.kit.processes import find_port, start, wait_until_live

pytestmark = pytest.mark.faults


def test_a_running_service_is_looked_at_and_sent_nothing(tmp_path: Path, database_url: str):
    port = str(find_port())
    settings = {"DATABASE_URL": database_url, "SERVER_PORT": port, "WATCHDOG_CONSOLE": "true"}
    with start("serve", cwd=tmp_path, **settings) as process:
        wait_until_live(process, f"http://127.0.0.1:{port}", seconds=120)
        pid = ["--pid", str(process.pid)]
        tasks = run_perf(tmp_path, "tasks", "--plain", *pid)
        blocking = run_perf(tmp_path, "blocking", *pid)
        memory = run_perf(tmp_path, "memory", "--seconds", "1", *pid)
    assert tasks.returncode == 0, tasks.stderr
    assert "WorkerApplication.forward_messages" in tasks.stdout
    assert blocking.returncode == 0, blocking.stderr
    assert "s, under whatever load it has" in blocking.stdout
    assert memory.returncode == 0, memory.stderr
    assert "what the instrument cost is not known" in memory.stdout
    assert "GET" not in (tmp_path / "output").read_text()


def test_a_service_without_a_console_and_a_process_that_is_none_are_said_with_what_to_do(
    tmp_path: Path, database_url: str
):
    port = str(find_port())
    with start("serve", cwd=tmp_path, DATABASE_URL=database_url, SERVER_PORT=port) as process:
        wait_until_live(process, f"http://127.0.0.1:{port}", seconds=120)
        refused = run_perf(tmp_path, "tasks", "--pid", str(process.pid))
    assert refused.returncode == 1
    assert "start it with WATCHDOG_CONSOLE=true" in refused.stderr
    gone = run_perf(tmp_path, "tasks", "--pid", str(process.pid))
    assert "There is no process" in gone.stderr
    strange = run_perf(tmp_path, "tasks", "--pid", "1")
    assert "is not a service" in strange.stderr or "belongs to another user" in strange.stderr
    none = run_perf(tmp_path, "tasks", "--pid", "0")
    assert "0 is not in the range x>=1" in none.stderr


def test_a_worker_that_has_ended_is_said_to_have(tmp_path: Path):
    process = subprocess.Popen(["sleep", "60"])
    worker = WorkerProcess(psutil.Process(process.pid), tmp_path / "console")
    process.kill()
    process.wait()
    for ask in (worker.read_cpu, lambda: worker.ask("tasks")):
        with pytest.raises(CommandError, match=f"Worker {process.pid} has ended, or was replaced: its log says why"):
            ask()
    assert identify_worker(worker.process) is None


def test_the_cpu_of_a_running_service_is_sampled(tmp_path: Path, database_url: str):
    port, over = str(find_port()), threading.Event()

    def send() -> None:
        while not over.is_set():
            urllib.request.urlopen(f"http://127.0.0.1:{port}/livez").read()

    with start("serve", cwd=tmp_path, DATABASE_URL=database_url, SERVER_PORT=port, WATCHDOG_CONSOLE="true") as process:
        wait_until_live(process, f"http://127.0.0.1:{port}", seconds=120)
        sender = threading.Thread(target=send)
        sender.start()
        try:
            done = run_perf(tmp_path, "cpu", "--seconds", "3", "--pid", str(process.pid))
        finally:
            over.set()
            sender.join()
        assert process.poll() is None, "sampling did not end the service"
    assert done.returncode == 0, done.stderr
    assert "under whatever load it has" in done.stdout
    assert "what the instrument cost is not known" in done.stdout
    assert "src/service/kit/edge/" in done.stdout
    assert "src/service/kit/edge/" in reports.read_page(tmp_path, "cpu").partition("Flame graph")[2]
