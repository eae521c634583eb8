# kit: updated by the template; extend it from app.py
"""`service perf`: each question about speed has a command, which is imported when it is called."""

import signal
import sys

import click

from service.kit.server import cli

COMMANDS = {
    name: f"service_tools.perf.{name}" for name in ("bench", "blocking", "budget", "compare", "cpu", "memory", "tasks")
} | {"load": "service_tools.perf.ramp"}


@click.group(cls=cli.LazyGroup, modules=COMMANDS)
def perf() -> None:
    """Measure the service: what it carries, where its time, CPU and memory go, and what blocks it.

    Each command starts the service as in production, on a database of its own in the PostgreSQL of `service dev`, and
    sends it the requests in perf/scenarios/. With DATABASE_URL set, it uses that database, and adds rows only if you
    pass `--rows`. Reports are written to perf/reports/.
    """
    # What was started ends with the block that started it, so SIGTERM must not end this process by itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
