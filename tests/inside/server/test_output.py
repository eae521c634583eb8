import fcntl
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest
from inside import unread
from inside.jobs.queue import COMMAND, QUICK, began, make_tables, put, wait_until
from inside.jobs.working import WRITE, Task
from inside.stand_in import Server, wait_for
from inside.unread import Log
from service.kit.server.http_server import ServerOptions

from tests.kit.processes import ROOT, find_port, make_environment, wait_until_live

DROPPED = 'log_lines_dropped_total{stream="stdout"}'
CONFIGURED = """
import os, resource, signal, sys, time, structlog
from service.kit.server.logs import LogOptions, configure_logs
configure_logs(LogOptions(buffer_bytes=65_536))
log = structlog.get_logger()
"""


@contextmanager
def serve_unread(folder: Path, **settings: str) -> Generator[tuple[Server, Log]]:
    """Serve the stand-in, whose log nobody reads."""
    port, metrics_port = find_port(), find_port()
    options = ServerOptions(port=port, drain_timeout=1, kill_timeout=5).model_dump_json()
    paths = {"PYTHONPATH": str(ROOT), "LEDGER": str(folder / "ledger")}
    command = ["-m", "inside.stand_in", options, str(metrics_port)]
    with unread.start(command, folder, **paths, **settings) as (process, log):
        server = Server(process, folder, port, metrics_port)
        wait_until_live(process, server.url)
        yield server, log


def send_requests(server: Server, count: int) -> None:
    with httpx2.Client(base_url=server.url) as client:
        for _ in range(count):
            assert client.get("/upload").status_code == 200


@pytest.mark.faults
def test_a_log_that_nobody_reads_stops_no_answer_no_replacement_and_no_end(tmp_path: Path):
    with serve_unread(tmp_path, STUCK="1.5") as (server, _):
        send_requests(server, 400)
        assert httpx2.get(f"{server.url}/livez").status_code == 200
        wait_for(lambda: server.read_metric(DROPPED) > 0)
        with pytest.raises(httpx2.TransportError):
            httpx2.get(f"{server.url}/block", timeout=30)
        wait_for(lambda: server.read_metric('service_worker_deaths_total{cause="stuck"}') == 1)
        wait_until_live(server.process, server.url)
        send_requests(server, 1)
        server.stop()
        assert server.process.wait(60) == 0


@pytest.mark.faults
def test_a_log_that_is_read_again_goes_on_and_says_what_is_missing(tmp_path: Path):
    with serve_unread(tmp_path) as (server, log):
        send_requests(server, 1000)
        wait_for(lambda: server.read_metric(DROPPED) > 0)
        log.read_on()
        wait_for(lambda: bool(log.find("log lines dropped")))
        send_requests(server, 1)
        wait_for(lambda: count_requests(log) == 1001)
        (told,) = log.find("log lines dropped")
        assert told["lines"] == server.read_metric(DROPPED)
        assert (told["stream"], told["level"]) == ("stdout", "error")
        assert "request_id" not in told


def count_requests(log: Log) -> int:
    return len(log.find("request")) + sum(told["lines"] for told in log.find("log lines dropped"))


@pytest.mark.faults
def test_a_log_whose_reader_is_gone_stops_neither_answers_nor_the_end(tmp_path: Path):
    with serve_unread(tmp_path) as (server, log):
        os.close(log.reader)
        send_requests(server, 10)
        server.stop()
        assert server.process.wait(60) == 0


@pytest.mark.faults
def test_a_service_that_cannot_start_ends_although_nobody_reads_why(tmp_path: Path):
    command = ["-m", "inside.stand_in", "{}", "0"]
    with unread.start(command, tmp_path, PYTHONPATH=str(ROOT), BROKEN="1") as (process, _):
        assert process.wait(60) == 1


@pytest.mark.faults
async def test_a_worker_whose_log_nobody_reads_runs_jobs_and_ends_in_time(database_url: str, tmp_path: Path):
    await make_tables(database_url)
    await put(database_url, WRITE, *(Task(number) for number in range(10)))
    settings = QUICK | {"DATABASE_URL": database_url}
    with unread.start([*COMMAND[1:], "worker"], tmp_path, **settings) as (process, _):
        await wait_until(lambda: began(database_url, 10))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


SLOW_READER = """
from service.kit.server import output
output.END_SECONDS = 60.0
"""
"""For a reader that may be slow on a busy machine, and is there."""


def run_program(program: str, before: str = "", **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a program that logs, with its output where the options say."""
    command = make_command(program, before)
    return subprocess.run(command, cwd=ROOT, env=make_environment({}), check=False, timeout=30, **options)


def make_command(program: str, before: str = "") -> list[str]:
    return [sys.executable, "-c", before + CONFIGURED + program]


def test_what_a_program_says_of_its_streams_is_taken():
    result = run_program("sys.stdout.reconfigure(line_buffering=True)\nprint('said')", capture_output=True)
    assert (result.stdout, result.stderr) == (b"said\n", b"")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_raises_nothing(stream: str):
    with Path("/dev/full").open("w") as full:
        options: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full}
        result = run_program("log.error('lost')\nprint('lost', file=sys.stderr)", **options)
    assert result.returncode == 0
    assert b"Traceback" not in (result.stdout or b"") + (result.stderr or b"")


def test_what_found_a_full_disk_is_written_when_there_is_room(tmp_path: Path):
    program = """
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, unlimited[1]))
for number in range(100):
    log.error("line", number=number)
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
while sys.stdout.thread:
    time.sleep(0.05)
log.error("last")
"""
    with (tmp_path / "log").open("wb") as file:
        assert run_program(program, stdout=file).returncode == 0
    lines = (tmp_path / "log").read_text().splitlines()
    assert [f'"number":{number}' in line for number, line in enumerate(lines[:-1])] == [True] * 100
    assert '"event":"last"' in lines[-1]


def test_what_waits_is_written_before_the_end_and_the_last_traceback_after_it():
    program = """
configure_logs(LogOptions())
for number in range(1000):
    log.error("line", number=number, text="x" * 50)
raise RuntimeError("the last word")
"""
    result = run_program(program, before=SLOW_READER, capture_output=True)
    lines = result.stdout.splitlines()
    assert len(lines) == 1000
    assert b'"number":999' in lines[-1]
    assert result.stderr.endswith(b"RuntimeError: the last word\n")


def test_what_was_logged_survives_a_kill():
    result = run_program("log.error('last')\nos.kill(os.getpid(), signal.SIGKILL)", capture_output=True)
    assert result.returncode == -signal.SIGKILL
    assert b'"event":"last"' in result.stdout


def test_click_writes_to_it():
    program = "import click\nclick.echo('text', err=True)\nclick.echo(b'bytes')\nlog.error('logged')"
    result = run_program(program, capture_output=True)
    assert (result.returncode, result.stderr) == (0, b"text\n")
    assert result.stdout.startswith(b"bytes\n{")


def test_what_is_printed_keeps_its_order_with_what_is_logged():
    result = run_program(
        "print('one')\nlog.error('two')\nprint('three', end='')\nlog.error('four')", capture_output=True
    )
    found = [word for word in (b"one", b"two", b"three", b"four") if word in result.stdout]
    assert sorted(found, key=result.stdout.index) == [b"one", b"two", b"three", b"four"]


def test_a_socket_that_nobody_reads_does_not_wait_either():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                theirs.send(unread.FILLER)
        theirs.setblocking(True)
        assert run_program("log.error('kept')", stdout=theirs.fileno()).returncode == 0
        received = bytearray()
        reader = threading.Thread(
            target=lambda: [received.extend(part) for part in iter(lambda: ours.recv(65_536), b"")]
        )
        reader.start()
        assert run_program("log.error('read')", stdout=theirs.fileno()).returncode == 0
        theirs.close()
        reader.join(10)
    assert b'"event":"read"' in received


@pytest.mark.parametrize("can_reopen", [True, False])
def test_a_fork_leaves_to_its_parent_what_waits(can_reopen: bool):
    program = """
log.error("x" * 1_000_000)
if os.fork() == 0:
    log.error("child")
    sys.stdout.end()
    os._exit(0)
os.wait()
"""
    refused = "from service.kit.server import output\noutput.find_writer = lambda _: None\n"
    output = run_program(program, before="" if can_reopen else refused, stdout=subprocess.PIPE).stdout
    assert (output.count(b"x" * 1000 + b'"'), output.count(b"child")) == (1, 1)


def test_the_end_says_how_many_lines_are_missing():
    program = """
print("x" * 1_000_000)
for number in range(1000):
    log.error("line", number=number)
os.write(2, b"logged")
"""
    options: dict[str, Any] = {"cwd": ROOT, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(make_command(program, before=SLOW_READER), env=make_environment({}), **options) as process:
        assert process.stderr.read(6) == b"logged"  # nobody reads the log until then
        output, _ = process.communicate(timeout=30)
    (told,) = [json.loads(line) for line in output.splitlines() if b"log lines dropped" in line]
    assert told["lines"] > 0
    assert output.count(b'"event":"line"') == 1000 - told["lines"]


BATCH = """
from service.kit.server import logs, output

output.unblock_output()
logs.print_lines(["x" * 200] * 50)
output.end_output()
"""


@pytest.mark.faults
def test_a_full_pipe_takes_no_half_line_so_that_no_other_process_writes_into_one():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 2 * select.PIPE_BUF)
    with subprocess.Popen([sys.executable, "-c", BATCH], stdout=writer):
        os.close(writer)
        with open(reader, "rb", buffering=0) as pipe:
            first = pipe.read(2 * select.PIPE_BUF)
            rest = b"".join(pipe)
    assert first.endswith(b"\n")
    assert (first + rest).splitlines() == [b"x" * 200] * 50
