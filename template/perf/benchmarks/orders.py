"""What the report of orders costs beside its statement: `uv run service perf bench`.

A function `bench_…` without parameters is a benchmark. What it needs is made here, when the file is imported.
"""

import random

from service.orders import report
from service.orders.model import Amounts

DRAW = random.Random(0)
GROUPS = [Amounts(currency, [DRAW.randrange(100, 50_000) for _ in range(1_000)]) for currency in ("EUR", "USD")]


def bench_report() -> object:
    return report.summarize(GROUPS)
