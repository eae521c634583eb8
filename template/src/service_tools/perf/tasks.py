# kit: updated by the template; extend it from app.py
"""`service perf tasks`: a table of the workers' tasks, those that stand on the same line together."""

import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import click

from service.kit.server import Wiring
from service_tools.pages import Page
from service_tools.perf import stacks
from service_tools.perf.commands import WORKERS, apply, last
from service_tools.perf.running import observe

type Task = dict[str, Any]


@click.command(name="tasks")
@apply(WORKERS, last(5.0))
@click.pass_obj
def command(wiring: Wiring, seconds: float, **subject: Any) -> None:
    """Show which tasks run and which wait, where, for how long, and for which request they were started.

    Workers answer while their loops are blocked. Asking takes less than a millisecond of a worker: that is safe in
    production. With `--pid`, the service needs WATCHDOG_CONSOLE=true; `service dev` sets it. Without, tasks are shown
    when the load has run for `--seconds`.
    """
    with observe(wiring, **subject) as running:
        if running.sending:
            time.sleep(seconds)
        found = {worker.process.pid: worker.ask("tasks") for worker in running.workers}
        running.note()
    page = Page("tasks", "Which tasks run and wait")
    for pid, tasks in found.items():
        states = Counter(task["state"] for task in tasks)
        page.say(f"Worker {pid}: {len(tasks)} tasks, {states['running']} running, under {running.load}.")
        titles = ["tasks", "oldest", "state", "what, for which request", "where", "waits in"]
        page.tabulate(titles, list(list_places(tasks)), texts=[2, 3, 4, 5])
    page.remark(
        "Look again: a row that grows has tasks that never end. One whose request was answered long ago was forgotten, "
        "or is meant to outlive it and belongs in a job. Leave alone what waits for the next request."
    )
    page.finish()


def list_places(tasks: Sequence[Task]) -> Iterator[list[str]]:
    """Yield a row for each place where tasks stand, the most crowded first."""
    places: defaultdict[tuple[str, str, str, str], list[Task]] = defaultdict(list)
    for task in tasks:
        where = stacks.find_line(task["stack"]) if task["stack"] else ""
        places[task["state"], task["coroutine"], task["request"], where].append(task)
    for (state, coroutine, request, where), found in sorted(places.items(), key=lambda item: -len(item[1])):
        age = max(task["age"] for task in found)
        named = {task["name"] for task in found if not re.match(r"Task-\d", task["name"])}
        what = f"{named.pop() if len(named) == 1 else coroutine}{f', of {request}' if request else ''}"
        inner = found[0]["stack"][-1] if where else ""
        waits_in = stacks.shorten(inner) if inner != where else ""
        yield [str(len(found)), f"{age:.1f} s", state, what, stacks.quote(where) if where else "", waits_in]
