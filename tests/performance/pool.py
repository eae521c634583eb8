"""What a pool costs for each statement, against a bare connection: `uv run python -m tests.performance.pool`.

Reads one row by its key over the service's own pool, over asyncpg's pool as it comes and without its reset query, and
over a bare connection, in turn and in one process. The cost is that process's processor time for one statement.
"""

import argparse
import subprocess
from pathlib import Path

from tests.harness import shell
from tests.performance import rendered

INSIDE = Path(__file__).with_name("inside") / "pool.py"


def main() -> None:
    """Measure in a rendered service, which has all that is compared, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--statements", type=int, default=3000, help="statements for each way in a round")
    options = parser.parse_args()
    with rendered.make() as folder:
        command = ["uv", "run", "python", str(INSIDE), str(folder.parent / "data")]
        subprocess.run(
            [*command, str(options.rounds), str(options.statements)],
            cwd=folder,
            env=shell.environment(),
            check=True,
        )


if __name__ == "__main__":
    main()
