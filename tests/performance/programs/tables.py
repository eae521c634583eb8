"""A PostgreSQL with a database for each number of orders, filled by PostgreSQL itself: `python tables.py ROWS…`.

It runs in the environment of a generated service, prints one line of JSON that says where the databases are, and runs
until its input is closed. Other settings of PostgreSQL than its own keep what it does by itself out of the figures.
"""

import sys
from functools import partial

import asyncpg
from database import serve
from pydantic import SecretStr
from service.kit.commands.migrate import apply_migrations
from service.kit.db import DEVELOPER
from service.kit.rows.cursor import CursorCodec
from service.kit.server.settings import read_settings
from service.orders.model import OrderFilter
from service.orders.queries import orders
from service.settings import Settings
from service_tools.dev import database

BATCH = 1_000_000
KEYS = 1000
PAGE = 20
DEPTHS = 1, 10, 100, 1_000, 10_000
"""Pages whose cursors are made."""

FILL = """
insert into orders (account, reference, customer_email, status, currency, total_minor, item_count, tags, gift, note,
                    created_at, updated_at)
select $1, 'ROW-' || lpad(n::text, 9, '0'), 'ada' || n % 5000 || '@example.com',
       (array['shipped', 'shipped', 'shipped', 'shipped', 'shipped', 'shipped', 'shipped', 'paid', 'pending',
              'cancelled'])[1 + n % 10],
       (array['EUR', 'USD', 'GBP'])[1 + n % 3], n % 100000, 1 + n % 50, array['priority'], n % 20 = 0,
       case when n % 5 = 0 then 'Leave it with the neighbours' end, moment, moment
  from (
      select n, timestamptz '2026-01-01' - ($3::bigint - n) * interval '10 seconds' as moment
        from generate_series($2::bigint, least($2::bigint + $4, $3::bigint + 1) - 1) as n
  ) as numbered
"""

QUIET = """
alter table orders set (autovacuum_enabled = false);
vacuum (analyze);
checkpoint;
"""
"""So that no vacuum and no checkpoint is due while something is measured."""


async def prepare(sizes: list[int]) -> dict[str, object]:
    """Return for each number of orders where they are, with some of their keys, and cursors of pages that are deep."""
    settings = read_settings(Settings)
    server = settings.database.url.get_secret_value()
    return {"databases": {size: await make(settings, server, size) for size in sizes}}


async def make(settings: Settings, server: str, size: int) -> dict[str, object]:
    """Make a database with so many orders."""
    url = await database.create_database(server, f"orders_{size}")
    options = settings.database.model_copy(update={"url": SecretStr(url)})
    await apply_migrations(settings.model_copy(update={"database": options}))
    connection = await asyncpg.connect(url)
    try:
        for first in range(1, size + 1, BATCH):
            await connection.execute(FILL, DEVELOPER, first, size, BATCH)
            print(f"{min(first + BATCH - 1, size):,} of {size:,} orders", flush=True)
        for statement in QUIET.strip().splitlines():
            await connection.execute(statement)
        drawn = await connection.fetch("select id::text from orders order by hashtext(reference) limit $1", KEYS)
        cursors = {page: await make_cursor(connection, page) for page in DEPTHS if PAGE * page < size}
    finally:
        await connection.close()
    return {"url": url, "keys": [record["id"] for record in drawn], "cursors": cursors}


async def make_cursor(connection: asyncpg.Connection, page: int) -> str:
    """Return the cursor of a page of the list of all orders; that of the first is empty."""
    if page == 1:
        return ""
    [last] = await connection.fetch(
        "select created_at, id from orders where account = $1 order by created_at desc, id desc offset $2 limit 1",
        DEVELOPER,
        PAGE * (page - 1) - 1,
    )
    sort, _, _, identity = orders.ask(OrderFilter(), [DEVELOPER])
    return CursorCodec(sort.cursor_type, *identity).encode(tuple(last))


if __name__ == "__main__":
    serve(partial(prepare, [int(size) for size in sys.argv[1:]]))
