"""A small application on the kit's server, in a process of its own, which writes down what reached it."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import psutil
from inside.shown import read_metrics
from service.kit.edge.edge import Edge
from service.kit.server.http_server import ServerOptions, serve
from service.kit.server.logs import LogOptions, configure_logs
from service.kit.server.metrics_endpoint import MetricsOptions
from service.kit.server.watchdog import WatchdogOptions
from service.kit.work import asgi, limits, responses

from tests.kit.processes import ROOT, find_port, start, wait_until_live

LOGS = LogOptions(buffer_bytes=65_536)
"""Less than the default, so that a test can fill it."""

LARGE = bytes(30_000_000)
"""A body that no buffer of a connection holds."""


def note(line: str) -> None:
    """Write a line to the ledger, whole even if several workers do so at once."""
    ledger = os.open(os.environ["LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(ledger, f"{line}\n".encode())
    os.close(ledger)


async def application(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    if scope["type"] == "lifespan":
        await send({"type": f"{(await receive())['type']}.complete"})
        message = await receive()
        note("closed")
        return await send({"type": f"{message['type']}.complete"})
    note(f"{scope['path']} {scope['query_string'].decode()}")
    scope["path_template"] = scope["path"]
    match scope["path"]:
        case "/work":
            with limits.Span("pool"):
                await asyncio.sleep(0.02)
        case "/long":
            await asyncio.sleep(1)
        case "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            while True:
                await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        case "/large":
            return await responses.respond(send, 200, LARGE, b"text/plain")
        case "/upload":
            while (await receive()).get("more_body"):
                pass
        case "/block":
            time.sleep(60)  # noqa: ASYNC251 - the fault
    await responses.respond(send, 200, b"done", b"text/plain")


def create() -> asgi.App:
    if "BROKEN" in os.environ:
        raise RuntimeError("it cannot start")
    configure_logs(LOGS)
    return Edge(application)


@dataclass
class Server:
    """A running stand-in."""

    process: Popen[bytes]
    folder: Path
    port: int
    metrics_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ledger(self) -> list[str]:
        path = self.folder / "ledger"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()

    def find_workers(self) -> list[int]:
        """Return the ids of the worker processes."""
        children = psutil.Process(self.process.pid).children()
        return [child.pid for child in children if "--multiprocessing-fork" in child.cmdline()]

    def read_metric(self, sample: str) -> float:
        """Return the value of a sample, written as Prometheus writes it; 0 if it is not there."""
        text = read_metrics(self.metrics_port)
        found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Return when a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)


@contextmanager
def run(folder: Path, **options: float) -> Generator[Server]:
    """Serve the stand-in until the block ends."""
    port, metrics_port = find_port(), find_port()
    given = ServerOptions.model_validate({"port": port, **options}).model_dump_json()
    command = [sys.executable, "-m", "inside.stand_in", given, str(metrics_port)]
    paths = {"PYTHONPATH": str(ROOT), "LEDGER": str(folder / "ledger")}
    with start(cwd=folder, command=command, **paths) as process:
        made = Server(process, folder, port, metrics_port)
        wait_until_live(process, made.url)
        yield made


if __name__ == "__main__":
    serving, at = ServerOptions.model_validate_json(sys.argv[1]), MetricsOptions(port=int(sys.argv[2]))
    configure_logs(LOGS)
    serve(
        "inside.stand_in:create",
        serving,
        metrics=at,
        watchdog=WatchdogOptions(stuck=float(os.environ.get("STUCK", 10))),
    )
