# kit: updated by the template; extend it from app.py
"""`service perf tasks`: a table of a worker's tasks, grouped by the line that they wait on."""

import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service_tools.perf.commands import WORKERS, add_options, add_seconds
from service_tools.perf.stacks import find_line, quote, shorten
from service_tools.perf.workers import WorkerProcess, observe_workers
from service_tools.tables import TEXT, align_rows

type Task = dict[str, Any]

CLEAR_SCREEN = "\033[H\033[J"
COLUMNS = {
    "tasks": "",
    "oldest": "",
    "state": TEXT,
    "what, for which request, and where": TEXT,
}


@click.command(name="tasks")
@add_options(WORKERS, add_seconds(5.0))
@click.option(
    "--live/--plain",
    default=None,
    help="Refresh a table until Ctrl-C, or print one. [default: by terminal]",
)
@click.pass_obj
def show_tasks(
    definition: ServiceDefinition, /, seconds: float, live: bool | None, **subject: Any
) -> None:
    """Show which tasks run and which wait, where, for how long, and for which request.

    Workers answer while their loops are blocked. Asking takes less than a millisecond of a worker:
    that is safe in production. With `--pid`, the service needs WATCHDOG_CONSOLE=true; `service dev`
    sets it. Without, tasks are shown when the load has run for `--seconds`.
    """
    if live is None:
        live = sys.stdout.isatty()
    with observe_workers(definition, **subject) as observed, suppress(KeyboardInterrupt):
        observed.note(0 if live else seconds)
        while True:
            tables = map(draw_tasks, observed.workers)
            click.echo((CLEAR_SCREEN if live else "") + "\n".join(tables))
            if not live:
                return
            time.sleep(1)
            observed.note()


def draw_tasks(worker: WorkerProcess) -> str:
    """Return a table with a row for each group of tasks, the largest first."""
    tasks: Sequence[Task] = worker.ask("tasks")
    states = Counter(task["state"] for task in tasks)
    groups: defaultdict[tuple[str, ...], list[Task]] = defaultdict(list)
    for task in tasks:
        group = (
            task["state"],
            task["coroutine"],
            task["request"],
            find_line(task["stack"]),
        )
        groups[group].append(task)

    rows: list[list[str]] = []
    for found in sorted(groups.values(), key=len, reverse=True):
        task = found[0]
        oldest = max(task["age"] for task in found)
        row = [
            str(len(found)),
            f"{oldest:.1f} s",
            task["state"],
            name_tasks(found),
        ]
        rows.append(row)
        rows += [["", "", "", line] for line in locate_task(task)]
    heading = f"Worker {worker.process.pid}: {len(tasks)} tasks, {states['running']} running"
    return "\n".join([heading, *align_rows(COLUMNS, rows)])


def name_tasks(tasks: Sequence[Task]) -> str:
    """Return the name that was given to all these tasks, or else their coroutine."""
    names = {task["name"] for task in tasks if not re.match(r"Task-\d", task["name"])}
    name = names.pop() if len(names) == 1 else tasks[0]["coroutine"]
    request = tasks[0]["request"]
    return f"{name}, of {request}" if request else name


def locate_task(task: Task) -> Iterator[str]:
    """Yield the line of the service that a task is at, and what it waits in."""
    stack = task["stack"]
    if stack:
        line = find_line(stack)
        yield quote(line)
        if line != stack[-1]:
            yield f"waits in {shorten(stack[-1])}"
