"""Short slices of load on several programs in turn, so that whatever else the machine does affects all of them."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.performance import servers
from tests.performance.servers import Server

WARM_UP = 3.0
"""Seconds of load on everything before the first round: Node.js compiles what has run some thousand times."""

SUCCESS = "200", "201"


class Measurement:
    """The started programs, and a load for each work."""

    def __init__(self, folder: Path, started: dict[str, Server], options: argparse.Namespace) -> None:
        self.folder, self.started, self.options = folder, started, options

    def specify(self, work: str) -> dict[str, Any]:
        """Return what `programs/load.py` has to know of a work."""
        raise NotImplementedError

    def find_server(self, work: str, name: str) -> Server:
        """Return what does a work for a program. One may need several, each with its own settings."""
        return self.started[name]

    def run_rounds(self, slices: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        """Warm everything up, then yield a slice of each work on its program in turn, in each round."""
        for work, name in slices:
            self.drive(work, name, min(WARM_UP, self.options.seconds))
        for number in range(self.options.rounds):
            for work, name in slices if number % 2 == 0 else reversed(slices):
                yield {"round": number, "work": work, "program": name, **self.measure_slice(work, name)}
            print(f"round {number + 1} of {self.options.rounds} done", flush=True)

    def measure_slice(self, work: str, name: str) -> dict[str, Any]:
        """Return what one slice of load cost."""
        cost, done = self.measure_cost(work, name, self.options.seconds)
        answers = find_answers(work, name, done)
        rate = {"cpu": cost, "rate": done["count"] / done["seconds"]}
        return {**rate, "p50": answers["p50"], "p99": answers["p99"], "bytes": answers["bytes"]}

    def measure_cost(self, work: str, name: str, seconds: float, **more: object) -> tuple[float, dict[str, Any]]:
        """Put load on a program, and return the microseconds of processor time for each answer, with the figures."""
        server = self.find_server(work, name)
        before = server.read_cpu_seconds()
        done = self.drive(work, name, seconds, **more)
        return (server.read_cpu_seconds() - before) / done["count"] * 1e6, done

    def drive(self, work: str, name: str, seconds: float, **more: object) -> dict[str, Any]:
        """Put load on a program."""
        usual = {"clients": self.options.clients, "rate": 0}
        target = {"port": self.find_server(work, name).port, "seconds": seconds, **self.specify(work)}
        return servers.drive(self.folder, **(target | usual | more))


def find_answers(work: str, name: str, done: dict[str, Any]) -> dict[str, Any]:
    """Return what a load found of its answers. Stop unless all of them are a success."""
    status, *others = done["answers"] or ("none",)
    if others or status not in SUCCESS:
        raise SystemExit(f"{name} did not answer every request for {work} with success: {done}")
    return done["answers"][status]
