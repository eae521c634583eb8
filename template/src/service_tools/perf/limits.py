# kit: updated by the template; extend it from app.py
"""What keeps a service from carrying more: CPU, the database, a lock, the pool, or waiting."""

import os
from collections.abc import Mapping

from service_tools.perf.usage import Usage

FULL = 0.85
"""The share of a resource that is all of it: the rest is lost between requests."""

CORES = os.cpu_count() or 1
"""Of this machine, and so of PostgreSQL, as a rule: fewer statements at once leave it room."""

HALF = 0.5
"""The share of the connections that is enough to be the reason for requests that wait for one."""

MAX_STARVED = 0.2
"""The share of the time without a core that explains waiting by itself."""

MAX_LAG_MS = 100.0
"""A p99 of the event loop lag beyond which something blocks it, if it does not run all the time."""

MAX_WAIT_MS = 100.0
"""Longer waits of the slowest hundredth have a reason."""

MIN_POOL_SHARE = 0.2
"""The share of the requests' time that waiting for a connection must take to matter."""

MACHINE = (
    "An event loop of the service ran {ran:.0%} of the time, and was without a core {starved:.0%} "
    "of it: the load, PostgreSQL and others had them."
)
REASONS = {
    "cpu": "CPU: an event loop ran {ran:.0%} of the time, all that one can.",
    "machine": f"This machine. {MACHINE}",
    "lock": "A lock in the database: {lock:.0%} of the connections waited for one.",
    "database": "The database: {statement:.0%} of the connections ran statements.",
    "transaction": "The pool: {transaction:.0%} of the connections were idle in a transaction.",
    "pool": "The pool: requests waited {pool:.0%} of their time for one of {size:g} connections.",
    "blocking": "Something blocked the event loop, for {lag:,.0f} ms (p99).",
    "waiting": "Waiting, in the service: CPU, database and pool had room.",
    "nothing": "Nothing: CPU, database and pool had room.",
    "unknown": "Not known: the service was not started here.",
}
COMMANDS = {
    "cpu": "service perf cpu",
    "lock": "service perf waiting",
    "database": "service queries --perf",
    "transaction": "service perf waiting",
    "pool": "service perf waiting",
    "blocking": "service perf blocking",
    "waiting": "service perf waiting",
    "unknown": "service perf budget",
}
"""The commands that look further. A busy machine needs none."""


def find_limit(usage: Usage, pool_share: float, tail_ms: float) -> tuple[str, str]:
    """Return what was full, or made the slowest requests wait, and a sentence on how that shows.

    `pool_share` is the share of their time that requests waited for a connection.
    """
    size = usage.pool_size or 1
    facts = {
        "ran": usage.ran or 0.0,
        "starved": usage.starved or 0.0,
        "lag": usage.lag_p99_ms or 0.0,
        "size": size,
        "pool": pool_share,
    }
    running = usage.sessions.get("statement", 0.0)
    facts["database"] = min(running / size, running / CORES)
    for doing in ("lock", "statement", "transaction"):
        facts[doing] = usage.sessions.get(doing, 0) / size
    name = "unknown" if usage.ran is None else name_limit(facts, usage, tail_ms)
    reason = REASONS[name].format(**facts)
    if facts["starved"] >= MAX_STARVED and name not in ("machine", "nothing"):
        reason += " " + MACHINE.format(**facts)
    return name, reason


def name_limit(facts: Mapping[str, float], usage: Usage, tail_ms: float) -> str:
    is_late = tail_ms >= MAX_WAIT_MS or usage.refused
    signs = [
        ("cpu", facts["ran"] >= FULL),
        ("machine", facts["ran"] + facts["starved"] >= FULL),
        ("lock", facts["lock"] >= HALF),
        ("database", facts["database"] >= FULL),
        ("transaction", facts["transaction"] >= HALF),
        ("pool", usage.pool_waiting and facts["pool"] >= MIN_POOL_SHARE),
        ("nothing", not is_late),
        ("machine", facts["starved"] >= MAX_STARVED),
        ("blocking", facts["lag"] >= MAX_LAG_MS),
    ]
    return next((name for name, is_so in signs if is_so), "waiting")
