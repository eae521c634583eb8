# kit: updated by the template; extend it from app.py
"""`service perf tasks`: a table of a worker's tasks, grouped by the line that they wait on."""

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service_tools.pages import Page
from service_tools.perf.commands import PID, measure_options
from service_tools.perf.stacks import LINE, describe_line, find_line
from service_tools.perf.workers import WorkerProcess, observe_workers
from service_tools.tables import TEXT

type Task = dict[str, Any]
type Group = tuple[str, str]
"""A coroutine, and the request for which it runs."""

CLEAR_SCREEN = "\033[H\033[J"
COLUMNS = {
    "tasks": "",
    "oldest, s": ".3f",
    "busy": ".1%",
    "ready": ".1%",
    "idle": ".1%",
    "what, for which request": TEXT,
    **LINE,
    "in": TEXT,
}


@click.command(name="tasks")
@measure_options(PID, 5.0)
@click.option(
    "--live/--plain",
    default=None,
    help="Refresh a table until Ctrl-C, or print one. [default: by terminal]",
)
@click.pass_obj
def show_tasks(
    definition: ServiceDefinition,
    /,
    seconds: float,
    live: bool | None,
    as_json: bool,
    **subject: Any,
) -> None:
    """Show which tasks run and which wait, where, for how long, and for which request.

    Ages are in seconds. In the second before, a task was busy while it ran, ready while it waited
    for the event loop alone, and otherwise idle. `service perf waiting` adds up waiting by line.

    Workers answer while their loops are blocked. Asking takes up to a tenth of a worker's time:
    that is safe in production. With `--pid`, the service needs WATCHDOG_CONSOLE=true; `service dev`
    sets it. Without `--pid`, tasks are shown when the load has run for `--seconds`.
    """
    if live is None:
        live = sys.stdout.isatty() and not as_json
    page = Page("tasks", "Tasks", as_json)
    with observe_workers(definition, **subject) as observed, suppress(KeyboardInterrupt):
        observed.note(0 if live else seconds)
        while True:
            tables = [describe_tasks(worker) for worker in observed.workers]
            if live:
                click.echo(CLEAR_SCREEN, nl=False)
            page = Page("tasks", "Tasks", as_json)
            for heading, rows in tables:
                page.say(heading)
                page.tabulate(COLUMNS, rows)
            if not live:
                break
            observed.note()
    page.suggest("service perf waiting", "adds up where requests wait, by line")
    page.finish()


def describe_tasks(worker: WorkerProcess) -> tuple[str, list[list[object]]]:
    """Return a heading, and a row for each group of tasks, the largest first.

    The answer of the worker takes a second.
    """
    shares = sample_shares(worker)
    tasks: Sequence[Task] = worker.ask("tasks")
    states = Counter(task["state"] for task in tasks)
    groups: defaultdict[tuple[str, str, str], list[Task]] = defaultdict(list)
    for task in tasks:
        group = task["coroutine"], task["request"], find_line(task["stack"])
        groups[group].append(task)

    rows: list[list[object]] = []
    largest = sorted(groups.items(), key=lambda item: -len(item[1]))
    for (coroutine, request, line), found in largest:
        oldest = max(task["age"] for task in found)
        spent = shares.get((coroutine, request), Counter())
        total = spent.total() or 1
        times = [spent[state] / total for state in ("running", "ready", "waiting")]
        stack = found[0]["stack"] or [""]
        _, _, innermost = stack[-1].partition(" ")
        work = [name_tasks(found), *describe_line(line), innermost]
        rows.append([len(found), oldest, *times, *work])
    heading = (
        f"Worker {worker.process.pid}: {len(tasks)} tasks, "
        f"{states['running']} running, {states['ready']} ready"
    )
    return heading, rows


def sample_shares(worker: WorkerProcess) -> dict[Group, Counter[str]]:
    """Return the milliseconds that tasks were in each state, by group."""
    shares: defaultdict[Group, Counter[str]] = defaultdict(Counter)
    for state, coroutine, request, _, milliseconds in worker.ask("sample"):
        shares[coroutine, request][state] += milliseconds
    return shares


def name_tasks(tasks: Sequence[Task]) -> str:
    """Return the name that was given to all these tasks, or else their coroutine."""
    names = {task["name"] for task in tasks}
    given = [name for name in names if not re.match(r"Task-\d", name)]
    name = given[0] if len(given) == 1 else tasks[0]["coroutine"]
    request = tasks[0]["request"]
    return f"{name}, of {request}" if request else name
