"""A service with jobs works in development as it is rendered, and one without them takes them up later."""

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests import service, shell
from tests.snapshot import CURRENT


@pytest.fixture
def folder(render, workshop):
    """A service with its packages."""
    folder = service.adopt(render(), workshop / "with-jobs")
    shell.run("uv", "sync", "--quiet", cwd=folder)
    return folder


def wait_for(count, text, path, process):
    """Return when a text has been printed so often."""
    deadline = time.monotonic() + 60
    while (printed := path.read_text()).count(text) < count:
        assert process.poll() is None, printed
        assert time.monotonic() < deadline, printed
        time.sleep(0.1)


def test_development_runs_a_worker_too_which_takes_up_a_change(folder, workshop, port):
    path = workshop / "printed"
    command = ["uv", "run", "service", "dev", "--port", str(port), "--seed", "0"]
    with path.open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=shell.environment(), stdout=output, stderr=output)
    try:
        wait_for(1, "worker started", path, process)
        wait_for(1, "Started worker", path, process)
        app = folder / "src/service/app.py"
        app.write_text(app.read_text() + "# changed\n")
        wait_for(2, "worker started", path, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)
    assert [command for command in list_commands() if str(folder) in command] == []


def list_commands():
    """Return the command lines of all processes."""
    commands = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            commands.append(path.read_bytes().replace(b"\0", b" ").decode())
    return commands


def test_a_service_that_takes_jobs_up_later_is_told_which_lines_it_needs(render, workshop):
    folder = service.adopt(render(jobs=False), workshop / "later")
    service.update(folder, CURRENT, {"jobs": True})
    shell.run("uv", "sync", "--quiet", cwd=folder)
    url = "postgresql://localhost:1/nowhere"
    code, output = shell.attempt("uv", "run", "--quiet", "service", "worker", cwd=folder, DATABASE_URL=url)
    assert code == 1
    assert "jobs: JobOptions = JobOptions()" in output
    assert 'worker="service.app:create_worker"' in output
