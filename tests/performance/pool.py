"""What a pool costs for each statement, against a bare connection: `uv run python -m tests.performance.pool`.

Reads one row by its key over the service's own pool, over asyncpg's pool as it comes and without its reset query, and
over a bare connection, in turn and in one process. The cost is that process's processor time for one statement.
"""

import argparse

from tests.performance import rendered


def main() -> None:
    """Measure in a rendered service, which has all that is compared, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--statements", type=int, default=3000, help="statements for each way in a round")
    options = parser.parse_args()
    with rendered.make() as folder:
        rendered.run_inside(folder, "pool.py", folder.parent / "data", options.rounds, options.statements)


if __name__ == "__main__":
    main()
