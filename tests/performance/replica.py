"""What a replica and PgBouncer cost, and what a failover takes: `uv run python -m tests.performance.replica`.

Runs two instances, a job worker and both servers of PostgreSQL on this machine, each server behind a PgBouncer. Orders
are created while the replica follows, and while it waits; rows are read through PgBouncer at full speed; then the
primary is killed under writes, and the replica promoted.
"""

import argparse
import shutil
from pathlib import Path

from tests.performance import rendered


def main() -> None:
    """Measure in a rendered service, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15, help="how long each load lasts")
    parser.add_argument("--rate", type=int, default=100, help="requests a second")
    options = parser.parse_args()
    with rendered.make() as folder:
        shutil.copytree(Path(__file__).parents[1] / "inside", folder / "inside")
        arguments = [folder.parent / "site", options.seconds, options.rate]
        rendered.run_inside(folder, "replica.py", *arguments, PYTHONPATH=str(folder))


if __name__ == "__main__":
    main()
