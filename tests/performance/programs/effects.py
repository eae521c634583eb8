"""What requests have left in the database: `python effects.py URL` prints how much there is of each, as JSON.

It runs in the environment of a generated service.
"""

import asyncio
import json
import sys

import asyncpg

COUNT = """
select (select count(*) from orders) as orders,
       (select count(*) from kit.idempotency_keys) as keys,
       (select count(*) from kit.pgqueuer) as jobs,
       (select sum(version - 1) from orders) as changes
"""


async def count(url: str) -> dict[str, int]:
    """Return the number of orders, of stored replies, of jobs, and of changes of orders."""
    connection = await asyncpg.connect(url)
    try:
        return {name: int(value) for name, value in (await connection.fetchrow(COUNT)).items()}
    finally:
        await connection.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(count(sys.argv[1]))))
