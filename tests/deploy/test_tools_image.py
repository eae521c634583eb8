"""The image of tools looks at a service that runs beside it, without its settings, its database, or its source."""

import json
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from threading import Event, Thread

import pytest

from tests.deploy.dockerfile import Build
from tests.harness import packages, service, shell
from tests.harness.client import wait_for_answer

pytestmark = pytest.mark.slow

COMMANDS = ("tasks --plain", "blocking --seconds 1", "memory --seconds 1", "cpu --seconds 1")


@pytest.fixture(scope="module")
def image(render, workshop):
    """What deploy/Dockerfile.tools makes."""
    context = service.adopt(render(), workshop / "tools-context")
    packages.lock(context)
    (context / ".env").write_text("DATABASE_URL=secret")
    return Build(context, workshop / "tools", "deploy/Dockerfile.tools").run()


@pytest.fixture
def process(image, tmp_path, port):
    """A service that answers questions, and has no database."""
    program = image.root / "opt/tools/bin/service"
    own = {
        "AUTH_SIGNING_KEY": shell.run(program, "key", cwd=tmp_path).split()[0].partition("=")[2],
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "METRICS_PORT": "0",
        "SERVER_PORT": str(port),
        "WATCHDOG_CONSOLE": "true",
    }
    with subprocess.Popen([program, "serve"], cwd=tmp_path, env=shell.environment(**own), process_group=0) as running:
        try:
            wait_for_answer(f"http://127.0.0.1:{port}/livez", "")
            yield running
        finally:
            running.terminate()


@contextmanager
def send_requests(url: str) -> Generator[None]:
    """Give the service at a URL something to do: one that is idle has no CPU time to show."""
    ended = Event()

    def send() -> None:
        while not ended.is_set():
            wait_for_answer(url, "")

    sender = Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()


def test_its_commands_need_nothing_but_the_number_of_a_process(image, process, port, tmp_path):
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for command in COMMANDS:
        arguments = [*command.split(), "--pid", str(process.pid)]
        with send_requests(f"http://127.0.0.1:{port}/livez"):
            shell.run(image.root / "opt/tools/bin/service", "perf", *arguments, cwd=folder)
        (report,) = folder.glob(f"perf/reports/{command.partition(' ')[0]}-*.json")
        assert json.loads(report.read_text())["commit"] == "no commit"


def test_py_spy_reads_the_stacks_of_a_process_that_does_not_answer(image, process, tmp_path):
    printed = shell.run(image.root / "opt/tools/bin/py-spy", "dump", "--pid", str(process.pid), cwd=tmp_path)
    assert "MainThread" in printed


def test_it_holds_the_source_and_no_secret_and_runs_as_the_user_of_the_service(image):
    assert (image.root / "opt/source/src/service_tools/perf/cpu.py").is_file()
    assert not [*image.root.rglob(".env")]
    text = (image.context / "deploy/Dockerfile").read_text()
    assert f"\nUSER {image.user}\n" in text
