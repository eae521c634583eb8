# kit: updated by the template; extend it from app.py
"""Runs the functions `bench_…` of a file by pyperf, in CPU time. `service perf bench` starts this.

It imports nothing of the service, so that it runs with whichever tree is first on PYTHONPATH.
"""

import asyncio
import inspect
import runpy
from collections.abc import Callable
from itertools import repeat
from time import perf_counter, process_time
from typing import Any

import pyperf

PREFIX = "bench_"
MIN_SECONDS = 0.1


def main() -> None:
    runner = pyperf.Runner(
        program_args=("-P", __file__),
        add_cmdline_args=lambda command, args: command.append(args.file),
    )
    runner.argparser.add_argument("file")
    args = runner.parse_args()
    for name, function in runpy.run_path(args.file).items():
        if name.startswith(PREFIX) and callable(function):
            if not args.worker:
                args.loops = choose_loops(function)
            runner.bench_time_func(name.removeprefix(PREFIX), time_calls, function)


def choose_loops(function: Callable[[], Any]) -> int:
    """Return how many calls take MIN_SECONDS by the clock.

    pyperf would go by CPU time, of which a function that waits takes hardly any.
    """
    loops = 1
    while True:
        began = perf_counter()
        time_calls(loops, function)
        if perf_counter() - began >= MIN_SECONDS:
            return loops
        loops *= 2


def time_calls(loops: int, function: Callable[[], Any]) -> float:
    """Return the seconds of CPU, in all threads, that some calls take, one after the other."""
    if inspect.iscoroutinefunction(function):
        return asyncio.run(time_awaits(loops, function))
    began = process_time()
    for _ in repeat(None, loops):
        function()
    return process_time() - began


async def time_awaits(loops: int, function: Callable[[], Any]) -> float:
    began = process_time()
    for _ in repeat(None, loops):
        await function()
    return process_time() - began


if __name__ == "__main__":
    main()
