"""What a pool costs for each statement, against a bare connection: `uv run python -m tests.performance.pool`.

Reads one row by its key over the service's own pool, over asyncpg's pool as it comes and without its reset query, and
over a bare connection, in turn and in one process. The cost is that process's processor time for one statement.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from tests import service, shell, snapshot

PROGRAM = """
import asyncio, statistics, sys, time
from pathlib import Path

import asyncpg, uvloop
from pydantic import SecretStr
from service.kit import embedded
from service.kit.db import Database
from service.kit.postgres import DatabaseOptions
from service.kit.queries import Query

ROW = Query("select id, name from things where id = $1", lambda number, name: (number, name))
SETUP = '''
create table things as select i as id, 'thing ' || i as name from generate_series(1, 10000) i;
create unique index on things (id);
analyze things;
'''


async def keep(_):
    pass


async def measure(url, rounds, statements):
    bare = await asyncpg.connect(url, command_timeout=5)
    await bare.execute(SETUP)
    async with (
        Database(DatabaseOptions(url=SecretStr(url))) as db,
        asyncpg.create_pool(url, min_size=1, command_timeout=5) as pool,
        asyncpg.create_pool(url, min_size=1, command_timeout=5, reset=keep) as lean,
    ):

        async def borrow(pool):
            async with pool.acquire(timeout=1) as connection:
                return await connection.fetchrow(ROW.sql, 5)

        ways = {
            "a bare connection": lambda: bare.fetchrow(ROW.sql, 5),
            "this pool": lambda: db.find(ROW, 5),
            "asyncpg's pool": lambda: borrow(pool),
            "asyncpg's pool without reset": lambda: borrow(lean),
        }
        costs = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                began = time.process_time()
                for _ in range(statements):
                    await way()
                costs[name].append((time.process_time() - began) / statements * 1e6)
        for name, values in costs.items():
            ratios = sorted(value / base for value, base in zip(values, costs["a bare connection"], strict=True))
            spread = f"{statistics.median(ratios):.2f} times, from {ratios[0]:.2f} to {ratios[-1]:.2f}"
            print(f"{name:30}{statistics.median(values):6.1f} us  {spread}")
    await bare.close()


with embedded.run(Path(sys.argv[1])) as url:
    uvloop.run(measure(url, int(sys.argv[2]), int(sys.argv[3])))
"""


def main() -> None:
    """Measure in a rendered service, which has all that is compared, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--statements", type=int, default=3000, help="statements for each way in a round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="measure-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when this one is root
        rendered = service.render(snapshot.take(folder / "template"), folder / "service", {})
        shell.run("uv", "sync", "--quiet", cwd=rendered)
        command = ["uv", "run", "python", "-c", PROGRAM, str(folder / "data")]
        subprocess.run(
            [*command, str(options.rounds), str(options.statements)],
            cwd=rendered,
            env=shell.environment(),
            check=True,
        )


if __name__ == "__main__":
    main()
