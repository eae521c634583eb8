"""Sample orders for development: the same every time, one for every five minutes before 2026."""

import random
from datetime import timedelta

from service.kit.db import DEVELOPER, SAMPLE_INTERVAL, Seed, sample_time

NAMES = ("ada", "grace", "alan", "edsger", "barbara", "donald", "margaret", "tony", "frances", "leslie")
TAGS = ("priority", "fragile", "wholesale", "returned", "loyalty", "preorder")
NOTES = ("Leave it with the neighbours", "Ring twice", "Call before delivery", "Back entrance")


def make_order(number: int) -> dict[str, object]:
    """Return one order: most are shipped, few are gifts, and totals have a long tail."""
    draw = random.Random(number)
    created = sample_time(number) + SAMPLE_INTERVAL * draw.random()
    items = min(1 + int(draw.expovariate(0.5)), 50)
    return {
        "account": DEVELOPER,
        "reference": f"SEED-{number:07}",
        "customer_email": f"{draw.choice(NAMES)}{draw.randrange(5000)}@example.com",
        "status": draw.choices(("shipped", "paid", "pending", "cancelled"), (80, 10, 6, 4))[0],
        "currency": draw.choices(("EUR", "USD", "GBP"), (6, 3, 1))[0],
        "total_minor": items * int(draw.lognormvariate(7.5, 0.8)),
        "item_count": items,
        "tags": draw.sample(TAGS, draw.randrange(3)),
        "gift": draw.random() < 0.05,
        "note": draw.choice(NOTES) if draw.random() < 0.2 else None,
        "created_at": created,
        "updated_at": created + timedelta(hours=draw.random() * 72),
    }


SEED = Seed("orders", make_order)
