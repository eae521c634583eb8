"""Load on a service, and what a request of it costs the service and its PostgreSQL."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.performance import rendered, servers
from tests.performance.servers import Server
from tests.performance.slices import find_answers
from tests.performance.start import find_workers, read_resident

KEY, PAGE = "/v1/orders/{}", "/v1/orders?limit={}"
ORDER = (
    '{"reference": "G-%(number)010d", "customer_email": "ada@example.com", "currency": "EUR", "total_minor": 1999, '
    '"item_count": 3, "tags": ["priority"]}'
)
"""The body of a create: `programs/load.py` puts a number of its own into each."""


def find_number() -> int:
    """Return a number above those of all earlier requests, of which there were fewer than 10,000 a second."""
    return time.time_ns() // 100_000 % 10**10


PATIENT: dict[str, Any] = {
    "DATABASE_IDLE_LIFETIME": "86400",
    "DATABASE_MAX_LIFETIME": "86400",
    "DATABASE_ACQUIRE_TIMEOUT": "20",
    "DATABASE_LOCK_TIMEOUT": "21",
    "DATABASE_STATEMENT_TIMEOUT": "22",
    "DATABASE_COMMAND_TIMEOUT": "23",
    "EDGE_REQUEST_TIMEOUT": "30",
    "SERVER_DRAIN_TIMEOUT": "31",
    "SERVER_KILL_TIMEOUT": "35",
}
"""Settings that keep connections, for a process of PostgreSQL takes the account of its time with it when it ends, and
that let requests wait, for an answer costs something else than a refusal."""


@dataclass(frozen=True)
class Cost:
    """What a request cost in µs of processor time, in the service and in PostgreSQL; latencies in milliseconds.

    `megabytes` is the resident memory of the largest worker, while all connections were open.
    """

    service: float
    database: float
    rate: float
    p50: float
    p99: float
    megabytes: float

    @property
    def both(self) -> float:
        """The cost in the service and in PostgreSQL."""
        return self.service + self.database


def measure_load(folder: Path, server: Server, seconds: float, **specification: Any) -> Cost:
    """Put load on a server, and return what a request cost while nothing connected or left."""
    postmaster = int((folder / ".postgres/postmaster.pid").read_text().splitlines()[0])
    readings: list[tuple[dict[int, float], dict[int, float]]] = []
    sizes: list[float] = []

    def look() -> None:
        readings.append((read_family(server.process.pid), read_family(postmaster)))
        sizes.append(max(map(read_resident, find_workers(server.process.pid))))

    usual = {"clients": 32, "rate": 0, "seconds": seconds, "port": server.port}
    done = servers.drive(folder, look, **usual | specification)
    answer = find_answers(specification["paths"][0], server.name, done)
    (before, database_before), (after, database_after) = readings
    return Cost(
        service=subtract(after, before) / done["count"] * 1e6,
        database=subtract(database_after, database_before) / done["count"] * 1e6,
        rate=done["count"] / done["seconds"],
        p50=answer["p50"],
        p99=answer["p99"],
        megabytes=sizes[-1],
    )


def read_family(pid: int) -> dict[int, float]:
    """Return the processor time of a process, and of each that descends from it, in seconds."""
    return {member: rendered.read_cpu_seconds([member]) for member in servers.list_family(pid)}


def subtract(after: dict[int, float], before: dict[int, float]) -> float:
    """Return what was used between two readings. A process that has ended meanwhile does not count."""
    return sum(seconds - before.get(pid, 0) for pid, seconds in after.items())
