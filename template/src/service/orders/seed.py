"""Made-up orders for development, of its own account: the same every time, one every five minutes back from 2026."""

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

from service.kit.db import Database
from service.orders import queries
from service_tools.dev.credentials import DEVELOPER

NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(minutes=5)
BATCH = 20_000
"""Rows copied at once: well within the statement timeout, so that a slow disk only makes it slower."""

COLUMNS = (
    "account",
    "reference",
    "customer_email",
    "status",
    "currency",
    "total_minor",
    "item_count",
    "tags",
    "gift",
    "note",
    "created_at",
    "updated_at",
)
NAMES = ("ada", "grace", "alan", "edsger", "barbara", "donald", "margaret", "tony", "frances", "leslie")
TAGS = ("priority", "fragile", "wholesale", "returned", "loyalty", "preorder")
NOTES = ("Leave it with the neighbours", "Ring twice", "Call before delivery", "Back entrance")


async def write_orders(db: Database, wanted: int) -> AsyncIterator[int]:
    """Add made-up orders until there are `wanted`, and yield how many there are after each batch."""
    present = await db.fetch_one(queries.count_seeded_orders, DEVELOPER)
    while present < wanted:
        batch = range(present + 1, min(present + BATCH, wanted) + 1)
        async with db.transaction() as connection:
            await connection.copy("orders", COLUMNS, (make_order(number, random.Random(number)) for number in batch))
            await connection.fetch(queries.analyze_orders)
        present = batch[-1]
        yield present


def make_order(number: int, draw: random.Random) -> tuple[object, ...]:
    """Return one row: most orders are shipped, few are gifts, totals have a long tail."""
    created = NEWEST - number * EVERY + EVERY * draw.random()
    items = min(1 + int(draw.expovariate(0.5)), 50)
    return (
        DEVELOPER,
        f"SEED-{number:07}",
        f"{draw.choice(NAMES)}{draw.randrange(5000)}@example.com",
        draw.choices(("shipped", "paid", "pending", "cancelled"), (80, 10, 6, 4))[0],
        draw.choices(("EUR", "USD", "GBP"), (6, 3, 1))[0],
        items * int(draw.lognormvariate(7.5, 0.8)),
        items,
        draw.sample(TAGS, draw.randrange(3)),
        draw.random() < 0.05,
        draw.choice(NOTES) if draw.random() < 0.2 else None,
        created,
        created + timedelta(hours=draw.random() * 72),
    )
