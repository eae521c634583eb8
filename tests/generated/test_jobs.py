"""A service with jobs works in development as it is rendered, and one without them takes them up later."""

import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.harness import packages, service, shell
from tests.harness.service import PASSED
from tests.harness.snapshot import CURRENT

CHANGED = (
    "src/service/app.py",
    "src/service/settings.py",
    "src/service/accounts/deletion.py",
    "src/service/accounts/http.py",
    "src/service/orders/http.py",
)
"""The files of a team that import what goes with jobs."""

USELESS = (
    "src/service/accounts/recovery/http.py",
    "src/service/accounts/recovery/mails.py",
    "src/service/mail.py",
    "src/service/orders/confirm.py",
    "tests/accounts/test_deletion.py",
    "tests/accounts/test_recovery.py",
    "tests/orders/test_confirm.py",
    "tests/test_worker.py",
)
"""Its modules that are of no use without jobs."""

FOLLOWING = ("src/service/accounts/model.py", "migrations/0002_accounts.sql", "perf/plans/accounts.txt")
"""What has columns, a table and plans of the links in mails."""


@pytest.fixture
def folder(render, workshop):
    """A service with its packages."""
    folder = service.adopt(render(), workshop / "with-jobs")
    packages.install(folder)
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
    packages.install(folder)
    url = "postgresql://localhost:1/nowhere"
    code, output = shell.attempt("uv", "run", "--quiet", "service", "worker", cwd=folder, DATABASE_URL=url)
    assert code == 1
    assert "jobs: JobOptions = JobOptions()" in output
    assert "def create_worker() -> Worker:" in output


@pytest.fixture(scope="module")
def given_up(render, workshop):
    """A service that was updated after its answer became no, with the folders that its compiled modules leave."""
    folder = service.adopt(render(), workshop / "given-up")
    service.update(folder, CURRENT, {"jobs": False})
    (folder / "src/service/kit/jobs/__pycache__").mkdir(parents=True)
    packages.install(folder)
    return folder


@pytest.mark.parametrize("command", ["--help", "serve"])
def test_a_service_that_gives_jobs_up_is_told_which_lines_to_take_out(given_up, command):
    code, output = shell.attempt("uv", "run", "--quiet", "service", command, cwd=given_up)
    assert code == 1
    sentence, *lines = output.splitlines()
    assert sentence.startswith("Error: service.kit.jobs is not part of this service.")
    told = [line.split(": ", 1)[1] for line in lines]
    assert {line.split(":")[0].strip() for line in lines} == {*CHANGED, *USELESS} - {"src/service/mail.py"}
    assert all("import" in line for line in told)
    assert {"from service.kit.jobs import Worker", "from service.kit.jobs import enqueue"} <= {*told}


@pytest.mark.slow
def test_a_service_that_took_those_lines_out_passes_its_suite(given_up, render):
    shell.run("git", "rm", "--quiet", "-r", "src/service/accounts/recovery", cwd=given_up)
    shell.run("git", "rm", "--quiet", "--ignore-unmatch", *USELESS, cwd=given_up)
    for name in (*CHANGED, *FOLLOWING):
        shutil.copyfile(render(jobs=False) / name, given_up / name)
    shell.run("uv", "run", "--quiet", "ruff", "check", "--no-cache", cwd=given_up)
    assert PASSED.search(shell.run("uv", "run", "--quiet", "pytest", "-q", cwd=given_up))
