# kit: updated by the template; extend it from app.py
"""`service perf memory`: what a worker keeps of its requests, and the most it needs at once."""

import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.work.command_error import CommandError
from service_tools.dev.programs import ProgramError, run_program
from service_tools.pages import Page, Record
from service_tools.perf import stacks
from service_tools.perf.allocations import MIN_PARTS, PARTS, Uses, read_notes, read_recording
from service_tools.perf.commands import PID, measure_options
from service_tools.perf.flame import Stack
from service_tools.perf.workers import Observed, WorkerProcess, observe_workers

MEMRAY = "memray>=1.20,<2"
LOCATE = "import memray, pathlib; print(pathlib.Path(memray.__file__).parents[1])"
MAX_LINES = 10

GROWN = {
    "kB": ",.0f",
    "bytes for each request": ",.0f",
    "objects for each request": ".2f",
    **stacks.LINE,
}
LARGEST = {"MB at once": ",.2f", "MB in all": ",.1f", "kB for each request": ",.1f", **stacks.LINE}


@click.command(name="memory")
@measure_options(PID, 10.0)
@click.pass_obj
def show_memory(
    definition: ServiceDefinition,
    /,
    seconds: float,
    pid: int | None,
    as_json: bool,
    **subject: Any,
) -> None:
    """Show which lines keep memory with each request, and which need the most at once.

    memray records each allocation, at half the speed or less. What is still there when the load is
    over, from all parts of the time, may be a leak. With `--pid`, the service needs
    WATCHDOG_CONSOLE=true; without memray in its packages, only what it keeps is known, and requests
    wait while a note is taken: take a few seconds.

    If it is tasks that pile up, take `service perf tasks`; what uses the CPU, `service perf cpu`.
    """
    if not pid:
        provide_memray()
    page = Page("memory", "What a worker keeps, and the most at once", as_json)
    with observe_workers(definition, pid=pid, SERVER_WORKERS="1", **subject) as observed:
        worker = observed.workers[0]
        observed.note()
        observed.note(seconds / 4)
        before = worker.process.memory_info().rss
        recording = worker.ask("memory start")
        try:
            answered = wait_and_mark(observed, seconds, page)
            cost = observed.compare_costs()
            observed.end_load()
        finally:
            held = worker.ask("memory stop")
        after = worker.process.memory_info().rss
        uses, found = read_uses(worker, recording, held)
    page.say(
        f"Worker {worker.process.pid} under {observed.load}. Its memory went from "
        f"{before / 1e6:.0f} to {after / 1e6:.0f} MB, tracing included. {cost}"
    )
    results = {"grew": show_growth(uses, answered, page)}
    if recording:
        results["largest"] = show_largest(uses, answered, page)
    what = "was allocated" if recording else "is held"
    stacks.show_flame_graph(page, f"All that {what}", found, "bytes")
    page.remark("Leave alone what does not grow: a worker holds its modules and caches once.")
    page.suggest("service perf tasks", "whether tasks pile up, with what they keep")
    page.finish(results)


def provide_memray() -> None:
    """Let uv fetch memray for this command and what it starts, unless their packages have it."""
    if find_spec("memray"):
        return
    options = ["--quiet", "--no-project", "--python", sys.executable, "--with", MEMRAY]
    try:
        found = run_program("uv", "run", *options, "python", "-c", LOCATE).strip()
    except ProgramError as error:
        raise CommandError(
            f"memray is needed: install uv, which fetches it, or `pip install memray`. {error}"
        ) from None
    sys.path.append(found)
    paths = filter(None, [os.environ.get("PYTHONPATH"), found])
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)


def read_uses(
    worker: WorkerProcess, recording: str | None, held: Sequence[dict[str, Any]]
) -> tuple[Uses, Counter[Stack]]:
    """Return the use of each line, and bytes by stack. Deletes the recording, which is large."""
    if not recording:
        return read_notes(held)
    path = worker.console.with_name(Path(recording).name)  # a container has another root
    try:
        provide_memray()
        return read_recording(path)
    finally:
        path.unlink(missing_ok=True)


def wait_and_mark(observed: Observed, seconds: float, page: Page) -> int | None:
    """Take notes of what is held. Returns how many requests came meanwhile, if that is known."""
    worker = observed.workers[0]
    worker.ask("memory mark")
    first = len(observed.samples)
    with page.until_interrupted():
        for number in range(1, PARTS + 1):
            time.sleep(seconds / PARTS)
            worker.ask("memory mark")
            click.echo(f"{number} of {PARTS} parts of the time are over.", err=True)
    return (len(observed.samples) - first) or None


def show_growth(uses: Uses, requests: int | None, page: Page) -> list[Record]:
    """Show the lines that kept memory in each part of the time, and return them."""
    page.show("What grew with the requests")
    rows = []
    by_kept = sorted(uses.items(), key=lambda item: -sum(item[1].kept))
    for line, use in by_kept:
        if use.is_growing():
            kept = sum(use.kept)
            place = stacks.describe_line(line)
            each = divide(kept, requests)
            objects = divide(sum(use.objects), requests)
            rows.append([kept / 1e3, each, objects, *place])
    if any(len(use.objects) < MIN_PARTS for use in uses.values()):
        page.say("The time was too short to tell what grows.")
    elif not rows:
        page.say("Nothing grew with the requests.")
    return page.tabulate(GROWN, rows)


def show_largest(uses: Uses, requests: int | None, page: Page) -> list[Record]:
    """Show the lines that held the most at once, and return them."""
    page.show("The most at once")
    rows = []
    by_peak = sorted(uses.items(), key=lambda item: -item[1].peak)
    for line, use in by_peak[:MAX_LINES]:
        total = use.total / 1e6
        each = divide(use.total / 1e3, requests)
        rows.append([use.peak / 1e6, total, each, *stacks.describe_line(line)])
    return page.tabulate(LARGEST, rows)


def divide(amount: float, requests: int | None) -> float | None:
    return amount / requests if requests else None
