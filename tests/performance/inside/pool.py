"""What a statement costs over each pool, in processor time of this process. Arguments: folder, rounds, statements."""

import statistics
import sys
import time
from pathlib import Path

import asyncpg
import uvloop
from msgspec import Struct
from pydantic import SecretStr
from service.kit.db.database import Database
from service.kit.db.query import Query
from service.kit.db.sessions import DatabaseOptions
from service_tools.dev import embedded


class Thing(Struct, frozen=True):
    id: int
    name: str


ROW = Query("select id, name from things where id = $1", Thing, tuple[int])
SETUP = """
create table things as select i as id, 'thing ' || i as name from generate_series(1, 10000) i;
create unique index on things (id);
analyze things;
"""


async def keep(_):
    """Leave a returned connection as it is."""


async def measure(url, rounds, statements):
    """Measure and print."""
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


if __name__ == "__main__":
    with embedded.run_postgresql(Path(sys.argv[1])) as url:
        uvloop.run(measure(url, int(sys.argv[2]), int(sys.argv[3])))
