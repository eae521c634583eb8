# kit: updated by the template; extend it from app.py
"""`service perf tasks`: a table of a worker's tasks, those that stand on the same line together."""

import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service_tools.perf import stacks
from service_tools.perf.commands import WORKERS, apply, last
from service_tools.perf.running import Running, observe

type Task = dict[str, Any]

CLEAR = "\033[H\033[J"


@click.command(name="tasks")
@apply(WORKERS, last(5.0))
@click.option(
    "--live/--plain",
    default=None,
    help="Refresh a table until Ctrl-C, or print one. [default: by terminal]",
)
@click.pass_obj
def command(
    definition: ServiceDefinition, /, seconds: float, live: bool | None, **subject: Any
) -> None:
    """Show which tasks run and which wait, where, for how long, and for which request they were
    started.

    Workers answer while their loops are blocked. Asking takes less than a millisecond of a worker:
    that is safe in production. With `--pid`, the service needs WATCHDOG_CONSOLE=true; `service dev`
    sets it. Without, tasks are shown when the load has run for `--seconds`.
    """
    shows_live = sys.stdout.isatty() if live is None else live
    with observe(definition, **subject) as running:
        if running.sending and not shows_live:
            time.sleep(seconds)
        with suppress(KeyboardInterrupt):
            show(running, shows_live)


def show(running: Running, live: bool) -> None:
    """Print a table of the tasks of each worker: once, or each second anew."""
    while True:
        lines = [
            line
            for worker in running.workers
            for line in draw(worker.process.pid, worker.ask("tasks"))
        ]
        click.echo((CLEAR if live else "") + "\n".join(lines))
        running.note()
        if not live:
            return
        time.sleep(1)


def draw(pid: int, tasks: Sequence[Task]) -> Iterator[str]:
    """Yield the lines of a table: a row for each place where tasks stand, the most crowded
    first.
    """
    states = Counter(task["state"] for task in tasks)
    yield f"Worker {pid}: {len(tasks)} tasks, {states['running']} running"
    yield f"  {'tasks':>5} {'oldest':>9}  {'state':8} what, for which request, and where"
    places: defaultdict[tuple[str, str, str, str], list[Task]] = defaultdict(list)
    for task in tasks:
        where = stacks.find_line(task["stack"]) if task["stack"] else ""
        places[task["state"], task["coroutine"], task["request"], where].append(task)
    for (state, coroutine, request, where), found in sorted(
        places.items(), key=lambda item: -len(item[1])
    ):
        age = max(task["age"] for task in found)
        named = {task["name"] for task in found if not re.match(r"Task-\d", task["name"])}
        what = (
            f"{named.pop() if len(named) == 1 else coroutine}{f', of {request}' if request else ''}"
        )
        yield f"  {len(found):>5} {age:>7.1f} s  {state:8} {what}"
        if where:
            inner = found[0]["stack"][-1]
            yield f"  {'':26}{stacks.quote(where)}"
            if inner != where:
                yield f"  {'':26}waits in {stacks.shorten(inner)}"
