# kit: updated by the template; extend it from app.py
"""`service perf cpu`: a flame graph of where a worker's CPU time goes, recorded by py-spy from
outside.
"""

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.work.command_error import CommandError
from service_tools.pages import Page
from service_tools.perf import stacks
from service_tools.perf.commands import WORKERS, apply, last
from service_tools.perf.running import observe

HERTZ = 100
"""Samples a second. At 500, the service itself gets slower by a fifth."""

PY_SPY = "py-spy>=0.4.3"
FRAME = re.compile(r"(.*) \((.*?)(?::(\d+))?\)$")


@click.command(name="cpu")
@apply(WORKERS, last(10.0))
@click.pass_obj
def command(definition: ServiceDefinition, /, seconds: float, **subject: Any) -> None:
    """Show which lines the CPU time goes to, as a flame graph.

    Safe on a service in production with `--pid`: the worker is paused for a moment 100 times a
    second, and nothing is loaded into it. Needs the same user, or root, and permission to trace
    processes.
    """
    spy, page = find_spy(), Page("cpu", "Where the CPU time goes")
    with observe(definition, **subject) as running, tempfile.TemporaryDirectory() as folder:
        worker, output = running.workers[0].process.pid, Path(folder, "stacks")
        running.note()
        running.note(seconds / 2)
        watched = [
            *spy,
            "record",
            "-p",
            str(worker),
            "-r",
            str(HERTZ),
            "-d",
            str(max(1, round(seconds))),
        ]
        record([*watched, "--full-filenames", "-f", "raw", "-o", str(output), "--gil"], page)
        cost, found = running.tell_cost(), read_stacks(output)
    total = sum(found.values())
    if not total:
        raise CommandError(
            "The worker used no CPU meanwhile: put load on it, or raise `--rate` or `--seconds`."
        )
    page.say(f"{total:,} samples of worker {worker} under {running.load}, by line of the service:")
    stacks.show_lines(page, "samples", found)
    page.say(cost)
    page.remark(
        "Leave alone what has less than 5 %: without it, a request would cost almost as much."
    )
    stacks.show_flame(page, "Flame graph", found, "samples")
    page.finish()


def find_spy() -> list[str]:
    """Return the command that runs py-spy: an installed one, or one that uv fetches."""
    if shutil.which("py-spy"):
        return ["py-spy"]
    if shutil.which("uvx"):
        return ["uvx", "--from", PY_SPY, "py-spy"]
    raise CommandError(
        "py-spy is needed, and uv to fetch it: install uv, or run `pip install py-spy`."
    )


def record(spy: list[str], page: Page) -> None:
    """Run py-spy to its end. Ctrl-C ends it earlier, and keeps what it has seen."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(spy, stdout=output, stderr=output)  # noqa: S603 - ours
        with page.until_interrupted():
            process.wait()
        if process.wait():  # the terminal interrupts it as well
            output.seek(0)
            advice = (
                "If permission is missing, run `sudo sysctl kernel.yama.ptrace_scope=0`. A service of another user "
                "must be traced by that user or by root; one in a container needs the capability: `--cap-add "
                "SYS_PTRACE`."
            )
            raise CommandError(f"py-spy failed: {output.read().strip()[-400:]}\n{advice}")


def read_stacks(path: Path) -> Counter[stacks.Stack]:
    """Return the samples of py-spy by stack, each frame as `file:line function`."""
    found: Counter[stacks.Stack] = Counter()
    for text in path.read_text().splitlines() if path.exists() else ():
        frames, _, count = text.rpartition(" ")
        found[
            tuple(FRAME.sub(r"\2:\3 \1", frame) for frame in (frames or "no Python").split(";"))
        ] += int(count)
    return found
