"""Sample orders for development: the same every time, one for every five minutes before 2026."""

import random
from datetime import UTC, datetime, timedelta

from service.kit.db import DEVELOPER, Seed
from service.orders import queries

NEWEST = datetime(2026, 1, 1, tzinfo=UTC)
EVERY = timedelta(minutes=5)
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


def make_order(number: int) -> tuple[object, ...]:
    """Return one order: most are shipped, few are gifts, and totals have a long tail."""
    draw = random.Random(number)
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


SEED = Seed("orders", COLUMNS, make_order, queries.count_seeded_orders, (DEVELOPER,))
