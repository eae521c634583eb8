# kit: updated by the template; extend it from app.py
"""`service perf waiting`: where requests wait, averaged over many samples."""

import ast
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.work.command_error import CommandError
from service_tools.pages import Page, Record
from service_tools.perf import stacks
from service_tools.perf.commands import PID, measure_options
from service_tools.perf.flame import Stack
from service_tools.perf.workers import Observed, observe_workers
from service_tools.tables import TEXT

MAX_ROWS = 15
COLUMNS = {"tasks": ".2f", "share": ".1%", "ms a request": ".2f", "wait for": TEXT}

TITLES = {
    "waits": "By what they wait for",
    "lines": "By line of the service, outside of queues",
    "holds": "Within a lock, a transaction or a loop",
    "queues": "In the queue of a lock, the pool or the event loop, which others make long",
}

POOL = "a connection of the pool"
STATES = {"ready": "the event loop", "running": "nothing: it runs"}

KINDS = {
    r"/kit/db/pool\.py:": POOL,
    r"/kit/db/database\.py:\d+ Connection\.run (.+)": "the statement ",
    r"/kit/calls/": "a call to another service",
    r"/kit/offload/": "a thread or a process",
    r"/asyncio/locks\.py:\d+ ([A-Z].+)": "",
    r"/asyncio/queues\.py:": "a queue",
    r"/asyncio/tasks\.py:\d+ sleep": "a sleep",
}
"""What tasks wait for, by the frames within the line of the service, the outermost first."""

type Block = ast.AsyncWith | ast.For | ast.AsyncFor | ast.While

BLOCKS = {
    stacks.KIT: ast.AsyncWith,
    stacks.TEAM: ast.AsyncWith | ast.For | ast.AsyncFor | ast.While,
}
"""Blocks in which a task holds something, or repeats itself. Loops of the kit say nothing."""


@click.command(name="waiting")
@measure_options(PID, 10.0)
@click.pass_obj
def show_waiting(
    definition: ServiceDefinition,
    /,
    seconds: float,
    as_json: bool,
    **subject: Any,
) -> None:
    """Show where requests wait: by line, statement, lock and pool, and what they hold meanwhile.

    Workers are asked where their tasks are 100 times a second, which uses up to a tenth of their
    time: that is safe in production. With `--pid`, the service needs WATCHDOG_CONSOLE=true. What
    uses the CPU is for `service perf cpu`, and what never ends for `service perf tasks`.
    """
    page = Page("waiting", "Where requests wait", as_json)
    with observe_workers(definition, **subject) as observed:
        observed.note()
        observed.note(seconds / 2)
        first = len(observed.samples)
        began = time.monotonic()
        spent = sample_waits(observed, seconds, page)
        passed = (time.monotonic() - began) * 1000
        answered = len(observed.samples) - first
        cost = observed.compare_costs()
    if not spent:
        raise CommandError("No request was under way: put load on the service, or raise `--rate`.")
    page.say(
        f"{spent.total() / passed:.2f} requests were under way on average, in "
        f"{observed.describe_workers()} under {observed.load}."
    )
    results = show_groups(page, spent, passed, answered)
    page.remark(
        "What a task holds while it waits, a lock or a connection, is kept from others. What it "
        "awaits in a loop, one after the other, could run at once, or be one statement."
    )
    page.say(cost)
    stacks.show_flame_graph(page, "By stack", spent, "ms")
    page.suggest("service perf load", "what is full when more requests come")
    page.finish(results)


def sample_waits(observed: Observed, seconds: float, page: Page) -> Counter[Stack]:
    """Return the milliseconds of all tasks of requests by stack, each with what it waits for."""
    spent: Counter[Stack] = Counter()
    ends_at = time.monotonic() + seconds
    with page.until_interrupted():
        while time.monotonic() < ends_at:
            for state, _, request, stack, milliseconds in observed.ask_all("sample"):
                if request and stack:
                    spent[*stack, name_thing(state, stack)] += round(milliseconds)
    return spent


def show_groups(
    page: Page,
    spent: Counter[Stack],
    passed: float,
    answered: int,
) -> dict[str, list[Record]]:
    """Show each group of waits, and return their rows. `passed` is in milliseconds."""
    total = spent.total()
    results = {}
    groups = group_stacks(spent)
    ((thing,), _) = groups["waits"].most_common(1)[0]
    order = [*groups]
    if is_kept(thing):  # who holds it comes first
        order.remove("holds")
        order.insert(1, "holds")
    for name in order:
        found = groups[name]
        rows = []
        for cells, milliseconds in found.most_common(MAX_ROWS):
            tasks = milliseconds / passed
            share = milliseconds / total
            each = milliseconds / answered if answered else None
            rows.append([tasks, share, each, *cells])
        page.show(TITLES[name])
        page.print(["", f"{TITLES[name]}:"])
        columns = COLUMNS if name == "waits" else {**COLUMNS, **stacks.LINE}
        results[name] = page.tabulate(columns, rows)
    return results


def name_thing(state: str, stack: Sequence[str]) -> str:
    """Return what a task waits for: the outermost thing within the line of the service."""
    if state in STATES:
        return STATES[state]
    line = stacks.find_line(stack)
    for frame in stack[stack.index(line) :]:
        for pattern, kind in KINDS.items():
            found = re.search(pattern, frame)
            if found:
                return kind + "".join(found.groups())
    return "the client" if "/kit/edge/" in line else "other work"


def group_stacks(spent: Counter[Stack]) -> dict[str, Counter[Stack]]:
    """Return milliseconds by what is waited for, by line, and by what is held meanwhile.

    Who waits for a lock or a connection waits for those that hold it: their lines are apart.
    """
    groups: dict[str, Counter[Stack]] = {name: Counter() for name in TITLES}
    for (*stack, thing), milliseconds in spent.items():
        line = stacks.find_line(stack)
        is_queue = thing in STATES.values() or is_kept(thing)
        groups["waits"][thing,] += milliseconds
        by_line = groups["queues" if is_queue else "lines"]
        by_line[thing, *stacks.describe_line(line)] += milliseconds
        for head in find_blocks(stack[: stack.index(line) + 1]):
            groups["holds"][thing, *stacks.describe_line(head)] += milliseconds
    return groups


def is_kept(thing: str) -> bool:
    """Return whether what is waited for is a lock or a connection, which others hold."""
    return thing == POOL or thing.endswith(".acquire")


def find_blocks(stack: Sequence[str]) -> Iterator[str]:
    """Yield the heads of the blocks around code of the service, each as `file:line`."""
    if stacks.rank_frame(stack[-1]) < stacks.TEAM:
        return
    for frame in stack:
        found = stacks.FRAME.match(frame)
        kinds = BLOCKS.get(stacks.rank_frame(frame))
        if found and kinds:
            for head, first, last in parse_blocks(found[1], kinds):
                if first <= int(found[2]) <= last:
                    yield f"{found[1]}:{head}"


@cache
def parse_blocks(path: str, kinds: type[Block]) -> list[tuple[int, int, int]]:
    """Return the line of each block's head, and the first and the last line of its body."""
    try:
        tree = ast.parse(Path(stacks.find_file(path)).read_text("utf-8"))
    except (OSError, SyntaxError):
        return []
    blocks = []
    for node in ast.walk(tree):
        if isinstance(node, kinds):
            first = node.body[0].lineno
            last = node.body[-1].end_lineno or 0
            blocks.append((node.lineno, first, last))
    return blocks
