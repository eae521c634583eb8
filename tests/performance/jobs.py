"""How fast jobs are enqueued and run, and what a kill costs: `uv run python -m tests.performance.jobs`.

Enqueues in transactions that write a row too, as a service does, over its own pool and with a PostgreSQL that keeps
what it acknowledges; lets one worker run jobs that do nothing; and kills a worker process while it holds many jobs.
"""

import argparse
import shutil
from pathlib import Path

from tests.performance import rendered


def main() -> None:
    """Measure in a rendered service, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="how long each way to enqueue is measured in a round")
    parser.add_argument("--jobs", type=int, default=5000, help="jobs that do nothing")
    parser.add_argument("--held", type=int, default=500, help="jobs that the killed worker holds")
    options = parser.parse_args()
    with rendered.make() as folder:
        shutil.copytree(Path(__file__).parents[1] / "inside", folder / "inside")
        arguments = [folder.parent / "data", options.rounds, options.seconds, options.jobs, options.held]
        rendered.run_inside(folder, "jobs.py", *arguments, PYTHONPATH=str(folder))


if __name__ == "__main__":
    main()
