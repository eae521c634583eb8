"""The cost of a job by how many others wait in the queue."""

import json
import subprocess
from argparse import Namespace
from pathlib import Path

from tests.harness import shell
from tests.performance import rendered
from tests.performance.curves.curve import Column, Curve, Points

PROGRAM = rendered.INSIDE / "waiting.py"
SIZES = 0, 1_000, 10_000, 100_000, 1_000_000


def measure(folder: Path, options: Namespace) -> Points:
    """Enqueue, take and count jobs, in queues of each length in turn."""
    jobs = max(int(500 * options.seconds) // 5 * 5, 5)  # they are taken by fives
    command = [str(folder / ".venv/bin/python"), str(PROGRAM), str(jobs), str(options.rounds)]
    command += map(str, options.choose(SIZES))
    done = subprocess.run(command, cwd=folder, env=shell.environment(), stdout=subprocess.PIPE, check=True)
    return {int(size): values for size, values in json.loads(done.stdout).items()}


COLUMNS = {"enqueue a job": Column("µs"), "take and finish a job": Column("µs"), "count all jobs": Column("µs")}
CURVE = Curve("Waiting jobs", "jobs", COLUMNS, measure)
