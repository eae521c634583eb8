"""A debugger stops the service, for longer than its deadlines, and the request still gets its response.

The commands are those of docs/debugging.md and of .vscode/launch.json.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import shell
from tests.harness.editor import Editor, connect
from tests.harness.service import replace
from tests.harness.terminal import CTRL_C, type_in_terminal, wait_for

PROMPT = "(Pdb) "
STOP = "breakpoint()\n"
NEW = {"customer_email": "ada@example.com", "currency": "EUR", "total_minor": 1, "item_count": 1}

SHORT = {
    "DATABASE_ACQUIRE_TIMEOUT": "0.1",
    "DATABASE_LOCK_TIMEOUT": "0.2",
    "DATABASE_STATEMENT_TIMEOUT": "0.4",
    "DATABASE_COMMAND_TIMEOUT": "0.5",
    "EDGE_REQUEST_TIMEOUT": "0.6",
    "JOBS_TIMEOUT": "0.5",
    "WATCHDOG_STUCK": "0.7",
}
"""Deadlines that a person at a prompt misses at once."""

pytestmark = pytest.mark.slow


@pytest.fixture
def project(folder: Path) -> Generator[Path]:
    """A service without a database, before and after."""
    yield folder
    shutil.rmtree(folder / ".postgres", ignore_errors=True)


@pytest.fixture
def stopping(project: Path) -> Path:
    """A service that stops in a request, within its transaction, and in the job which that enqueues."""
    request = "        await enqueue(connection, confirm_order"
    replace(project / "src/service/orders/http.py", (request, f"        {STOP}{request}"))
    job = "        subject = f"
    replace(project / "src/service/orders/confirm.py", (job, f"        {STOP}{job}"))
    return project


@contextmanager
def debug(command: str, folder: Path, log: Path, **variables: str) -> Generator[int]:
    """Run a command in a terminal, and yield its keyboard. It has to end by itself, or by Ctrl-C, with 0."""
    with type_in_terminal(command.split(), shell.environment(**variables), folder, log) as (started, keyboard):
        try:
            yield keyboard
            assert started.wait(60) == 0, log.read_text()
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)


def wait_for_text(text: str, log: Path, count: int = 1) -> None:
    wait_for(lambda: log.read_text().count(text) >= count, 90, log.read_text)


def send_order(command: str, reference: str = "SO-1") -> tuple[str, Any]:
    """Return the status and the body that a POST gets, made of the command that `service dev` says to try."""
    order = json.dumps(NEW | {"reference": reference})
    post = f"{command} -w '\\n%{{http_code}}' -H 'Content-Type: application/json' -d '{order}'"
    printed = subprocess.run(post, shell=True, capture_output=True, text=True, check=True).stdout
    body, _, status = printed.rpartition("\n")
    return status, json.loads(body)


def find_command(log: Path) -> str:
    """Return the command to try, once it is printed."""
    wait_for_text("  Stop ", log)
    found = re.search(r"Try it\s+(curl .+)", log.read_text())
    assert found
    return found[1]


def test_a_request_and_its_job_stop_at_the_terminal_and_end_as_if_nothing_were(
    stopping: Path, port: int, workshop: Path
):
    log = workshop / "debug.log"
    command = "uv run service dev --debug"
    with debug(command, stopping, log, SERVER_PORT=str(port), **SHORT) as keyboard, ThreadPoolExecutor() as clients:
        sent = clients.submit(send_order, find_command(log))
        wait_for_text(PROMPT, log)
        time.sleep(1.5)  # a person looks, for longer than the deadlines
        os.write(keyboard, b"p order.reference\n")
        wait_for_text(PROMPT, log, 2)
        assert "'SO-1'" in log.read_text()
        os.write(keyboard, b"c\n")
        status, order = sent.result(30)
        assert (status, order["reference"]) == ("201", "SO-1")

        wait_for_text(PROMPT, log, 3)
        time.sleep(1.5)
        os.write(keyboard, b"p order.reference\nc\n")
        wait_for_text("outcome", log)
        assert "succeeded" in log.read_text()
        assert "event loop blocked" not in log.read_text()
        assert "Traceback" not in log.read_text()

        sent = clients.submit(send_order, find_command(log), "SO-2")
        wait_for_text(PROMPT, log, 5)
        os.write(keyboard, b"q\n")
        assert sent.result(30)[0] == "500", "who quits the debugger ends the request"
        assert shell.run("sh", "-c", f"{find_command(log)} --fail", cwd=stopping)
        os.write(keyboard, CTRL_C)


def test_a_test_stops_for_longer_than_a_transaction_may_be_idle_and_passes(stopping: Path, workshop: Path):
    log = workshop / "test.log"
    command = "uv run pytest -s -k an_order_is_confirmed_to_the_customer"
    with debug(command, stopping, log, **SHORT) as keyboard:
        wait_for_text(PROMPT, log)
        time.sleep(5.5)  # the default of DATABASE_COMMAND_TIMEOUT is 5
        os.write(keyboard, b"p data.reference\nc\n")
        wait_for_text(PROMPT, log, 3)
        time.sleep(1)
        os.write(keyboard, b"p order.reference\nc\n")
        wait_for_text(" passed", log)
    assert log.read_text().count("'SO-1'") == 2
    assert " 1 passed" in log.read_text()


DEBUGPY = "uv run --with debugpy python -m debugpy --listen {} --wait-for-client"
LINE = '        return created(order, f"/v1/orders/{order.id}")\n'


@pytest.fixture
def debugpy(ports: list[int]) -> tuple[str, int]:
    """How debugpy is started to wait for an editor, and on which port: another one than the service's."""
    return DEBUGPY.format(ports[1]), ports[1]


@contextmanager
def attach(port: int, project: Path, log: Path) -> Generator[Editor]:
    """Attach as an editor that has a breakpoint where an order is created."""
    handlers = project / "src/service/orders/http.py"
    before = handlers.read_text().partition(LINE)[0]
    with closing(connect(port, log)) as editor:
        editor.ask("initialize", adapterID="test", pathFormat="path", linesStartAt1=True)
        editor.ask("attach", justMyCode=True)
        editor.wait("initialized")
        breakpoints = [{"line": before.count("\n") + 1}]
        editor.ask("setBreakpoints", source={"path": str(handlers)}, breakpoints=breakpoints)
        editor.ask("configurationDone")
        yield editor


def test_an_editor_stops_a_request_and_lets_it_go_on(
    project: Path, port: int, workshop: Path, debugpy: tuple[str, int]
):
    log = workshop / "editor.log"
    service, *_ = json.loads((project / ".vscode/launch.json").read_text())["configurations"]
    command, listening = debugpy
    command = f"{command} -m {service['module']} {' '.join(service['args'])}"
    with debug(command, project, log, SERVER_PORT=str(port), **SHORT) as keyboard, ThreadPoolExecutor() as clients:
        with attach(listening, project, log) as editor:
            sent = clients.submit(send_order, find_command(log))
            stopped = editor.wait("stopped")
            time.sleep(1.5)
            editor.ask("continue", threadId=stopped["body"]["threadId"])
            assert sent.result(30)[0] == "201"
            editor.ask("disconnect", terminateDebuggee=False)
            editor.wait("disconnect")
        os.write(keyboard, CTRL_C)


def test_an_editor_stops_a_test_and_it_passes(project: Path, workshop: Path, debugpy: tuple[str, int]):
    log = workshop / "editor_test.log"
    command, listening = debugpy
    command = f"{command} -m pytest -s -k a_created_order_can_be_read_where_its_location_says"
    with debug(command, project, log), attach(listening, project, log) as editor:
        stopped = editor.wait("stopped")
        time.sleep(0.5)  # five times what a step of a request may compute
        editor.ask("continue", threadId=stopped["body"]["threadId"])
        wait_for_text(" passed", log)
    assert " 1 passed" in log.read_text()
