"""A service with jobs works in development as it is rendered, and one without them takes them up later."""

import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.harness import service, shell
from tests.harness.service import PASSED
from tests.harness.snapshot import CURRENT

TAKEN_OUT = {
    "src/service/app.py": (
        ("from service.kit.jobs import Worker\n", ""),
        ("from service.mail import Mailer\nfrom service.orders import confirm\n", ""),
        ("\nJOBS = (confirm.confirm_order,)\n", ""),
        ('"""What the worker runs: the jobs of the slices, and schedules."""\n', ""),
    ),
    "src/service/settings.py": (
        ("from service.kit.jobs import JobOptions\n", ""),
        ("    jobs: JobOptions = JobOptions()\n", ""),
    ),
    "src/service/orders/http.py": (
        ("from service.kit.jobs import enqueue\n", ""),
        ("from service.orders.confirm import Confirmation, confirm_order\n", ""),
        ("        await enqueue(connection, confirm_order, Confirmation(caller.id, order.id))\n", ""),
    ),
}
"""What a team takes out of its files, beside `create_worker` and the modules that are of no use without jobs."""

USELESS = (
    "src/service/mail.py",
    "src/service/orders/confirm.py",
    "tests/orders/test_confirm.py",
    "tests/test_worker.py",
)


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
    assert "def create_worker() -> Worker:" in output


@pytest.fixture(scope="module")
def given_up(render, workshop):
    """A service that was updated after its answer became no, with the folders that its compiled modules leave."""
    folder = service.adopt(render(), workshop / "given-up")
    service.update(folder, CURRENT, {"jobs": False})
    (folder / "src/service/kit/jobs/__pycache__").mkdir(parents=True)
    shell.run("uv", "sync", "--quiet", cwd=folder)
    return folder


@pytest.mark.parametrize("command", ["--help", "serve"])
def test_a_service_that_gives_jobs_up_is_told_which_lines_to_take_out(given_up, command):
    code, output = shell.attempt("uv", "run", "--quiet", "service", command, cwd=given_up)
    assert code == 1
    sentence, *lines = output.splitlines()
    assert sentence.startswith("Error: service.kit.jobs is not part of this service.")
    told = [line.split(": ", 1)[1] for line in lines]
    assert {line.split(":")[0].strip() for line in lines} == {*TAKEN_OUT, *USELESS} - {"src/service/mail.py"}
    wanted = [line for pairs in TAKEN_OUT.values() for old, _ in pairs for line in old.splitlines()]
    assert {line for line in wanted if ".kit.jobs import" in line} <= {*told}
    assert all("import" in line for line in told)


@pytest.mark.slow
def test_a_service_that_took_those_lines_out_passes_its_suite(given_up):
    for name, pairs in TAKEN_OUT.items():
        service.replace(given_up / name, *pairs)
    app = given_up / "src/service/app.py"
    app.write_text(app.read_text().partition("\n\n\ndef create_worker")[0] + "\n")
    shell.run("git", "rm", "--quiet", *USELESS, cwd=given_up)
    shell.run("uv", "run", "--quiet", "ruff", "check", "--no-cache", cwd=given_up)
    assert PASSED.search(shell.run("uv", "run", "--quiet", "pytest", "-q", cwd=given_up))
