"""What a rate costs for each request, in a worker and over all: `uv run python -m tests.performance.rates`.

Counts requests in the worker's memory, over all workers in PostgreSQL, and there in a table that is logged, in turn
and one after the other. Prints the time of each request, and of that the processor time of the worker.
"""

import argparse

from tests.performance import rendered


def main() -> None:
    """Measure in a rendered service, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=500, help="requests of each kind in a round")
    options = parser.parse_args()
    with rendered.make() as folder:
        rendered.run_inside(folder, "rates.py", folder.parent / "data", options.rounds, options.requests)


if __name__ == "__main__":
    main()
