# kit: updated by the template; extend it from app.py
"""`service perf cpu`: a flame graph of a worker's CPU time, recorded by py-spy from outside."""

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
from service_tools.perf.commands import WORKERS, add_options, add_seconds
from service_tools.perf.workers import observe_workers

HERTZ = 100
"""Samples a second. At 500, the service becomes slower by a fifth."""

PY_SPY = "py-spy>=0.4.3"
SPY_FRAME = re.compile(r"(.*) \((.*?)(?::(\d+))?\)$")

TRACE_ADVICE = (
    "If permission is missing, run `sudo sysctl kernel.yama.ptrace_scope=0`. A service of another "
    "user must be traced by that user or by root; one in a container needs the capability: "
    "`--cap-add SYS_PTRACE`."
)


@click.command(name="cpu")
@add_options(WORKERS, add_seconds(10.0))
@click.pass_obj
def show_cpu(definition: ServiceDefinition, /, seconds: float, **subject: Any) -> None:
    """Show which lines the CPU time goes to, as a flame graph.

    Safe on a service in production with `--pid`: the worker is paused for a moment 100 times a
    second, and nothing is loaded into it. Needs the same user, or root, and permission to trace
    processes.
    """
    spy = find_spy()
    page = Page("cpu", "Where the CPU time goes")
    with (
        observe_workers(definition, **subject) as observed,
        tempfile.TemporaryDirectory() as folder,
    ):
        pid = observed.workers[0].process.pid
        output = Path(folder, "stacks")
        observed.note()
        observed.note(seconds / 2)
        duration = max(1, round(seconds))
        options = f"-p {pid} -r {HERTZ} -d {duration} --full-filenames --gil -f raw"
        record_stacks([*spy, "record", *options.split(), "-o", str(output)], page)
        cost = observed.compare_costs()
        found = read_stacks(output)
    if not found:
        raise CommandError(
            "The worker used no CPU meanwhile: put load on it, or raise `--rate` or `--seconds`."
        )
    page.say(
        f"{found.total():,} samples of worker {pid} under {observed.load}, by line of the service:"
    )
    stacks.show_lines(page, "samples", found)
    page.say(cost)
    page.remark(
        "Leave alone what has less than 5 %: without it, a request would cost almost as much."
    )
    stacks.show_flame_graph(page, "Flame graph", found, "samples")
    page.finish()


def find_spy() -> list[str]:
    """Return the command that runs py-spy: an installed one, or one that uv fetches."""
    if shutil.which("py-spy"):
        return ["py-spy"]
    if shutil.which("uvx"):
        return ["uvx", "--from", PY_SPY, "py-spy"]
    raise CommandError("py-spy is needed: install uv, which fetches it, or `pip install py-spy`.")


def record_stacks(command: list[str], page: Page) -> None:
    """Run py-spy to its end. Ctrl-C ends it earlier, and keeps what it has seen."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)  # noqa: S603 - ours
        with page.until_interrupted():
            process.wait()
        if process.wait():  # the terminal interrupts it as well
            output.seek(0)
            said = output.read().strip()[-400:]
            raise CommandError(f"py-spy failed: {said}\n{TRACE_ADVICE}")


def read_stacks(path: Path) -> Counter[stacks.Stack]:
    """Return the samples of py-spy by stack, each frame as `file:line function`."""
    found: Counter[stacks.Stack] = Counter()
    if path.exists():
        for line in path.read_text().splitlines():
            frames, _, count = line.rpartition(" ")
            frames = frames or "no Python"
            stack = tuple(SPY_FRAME.sub(r"\2:\3 \1", frame) for frame in frames.split(";"))
            found[stack] += int(count)
    return found
