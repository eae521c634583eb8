# kit: updated by the template; extend it from app.py
"""`service perf tasks`: a table of a worker's tasks, those that stand on the same line together."""

import re
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from service.kit.server import Wiring
from service_tools.perf.commands import WORKERS, add_options, add_seconds
from service_tools.perf.stacks import find_line, quote, shorten
from service_tools.perf.workers import WorkerProcess, observe_workers
from service_tools.tables import TEXT, align_rows

type Task = dict[str, Any]

CLEAR_SCREEN = "\033[H\033[J"
COLUMNS = {"tasks": "", "oldest": "", "state": TEXT, "what, for which request, and where": TEXT}


@click.command(name="tasks")
@add_options(WORKERS, add_seconds(5.0))
@click.option(
    "--live/--plain",
    default=None,
    help="Refresh a table until Ctrl-C, or print one. [default: by terminal]",
)
@click.pass_obj
def show_tasks(wiring: Wiring, /, seconds: float, live: bool | None, **subject: Any) -> None:
    """Show which tasks run and which wait, where, for how long, and for which request.

    Workers answer while their loops are blocked. Asking takes less than a millisecond of a worker:
    that is safe in production. With `--pid`, the service needs WATCHDOG_CONSOLE=true; `service dev`
    sets it. Without, tasks are shown when the load has run for `--seconds`.
    """
    if live is None:
        live = sys.stdout.isatty()
    with observe_workers(wiring, **subject) as observed, suppress(KeyboardInterrupt):
        observed.note(0 if live else seconds)
        while True:
            tables = map(draw_tasks, observed.workers)
            click.echo((CLEAR_SCREEN if live else "") + "\n".join(tables))
            if not live:
                return
            time.sleep(1)
            observed.note()


def draw_tasks(worker: WorkerProcess) -> str:
    """Return a table with a row for each place where tasks stand, the most crowded first."""
    tasks: Sequence[Task] = worker.ask("tasks")
    running = sum(task["state"] == "running" for task in tasks)
    places: defaultdict[tuple[str, ...], list[Task]] = defaultdict(list)
    for task in tasks:
        where = find_line(task["stack"]) if task["stack"] else ""
        places[task["state"], task["coroutine"], task["request"], where].append(task)
    rows: list[list[str]] = []
    for (state, coroutine, request, where), found in sorted(
        places.items(), key=lambda item: -len(item[1])
    ):
        age = max(task["age"] for task in found)
        what = name_tasks(found) or coroutine
        if request:
            what += f", of {request}"
        rows.append([str(len(found)), f"{age:.1f} s", state, what])
        if where:
            inner = found[0]["stack"][-1]
            rows.append(["", "", "", quote(where)])
            if inner != where:
                rows.append(["", "", "", f"waits in {shorten(inner)}"])
    heading = f"Worker {worker.process.pid}: {len(tasks)} tasks, {running} running"
    return "\n".join([heading, *align_rows(COLUMNS, rows)])


def name_tasks(tasks: Sequence[Task]) -> str | None:
    """Return the name that somebody gave to all these tasks, if any."""
    names = {task["name"] for task in tasks if not re.match(r"Task-\d", task["name"])}
    return names.pop() if len(names) == 1 else None
