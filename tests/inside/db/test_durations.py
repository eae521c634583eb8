"""The duration of each named statement, as Prometheus sees it."""

from uuid import UUID

import asyncpg
import pytest
from inside.pools import SLEEP, Make
from prometheus_client import REGISTRY
from service.kit.db.query import Query
from service.orders import queries


def read(statement: str, sample: str = "count") -> float:
    return REGISTRY.get_sample_value(f"db_statement_duration_seconds_{sample}", {"statement": statement}) or 0


async def test_a_statement_is_counted_by_its_name_and_any_other_as_other(make: Make):
    before = {name: read(name) for name in ("orders.read_order", "other")}
    slept = read("other", "sum")
    async with make() as db:
        for _ in range(3):
            await db.find(queries.read_order, "nobody", UUID(int=0))
        await db.fetch(SLEEP, 0.05)
    assert read("orders.read_order") - before["orders.read_order"] == 3
    assert read("other") - before["other"] == 1
    assert read("other", "sum") - slept >= 0.05


async def test_a_statement_that_fails_is_counted_as_well(make: Make):
    before = read("other")
    async with make() as db:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await db.fetch(Query("select 1 / 0", int))
    assert read("other") - before == 1


async def test_a_connection_that_is_held_for_long_keeps_few_durations(make: Make):
    before = read("other")
    async with make() as db, db.connection() as connection:
        for _ in range(250):
            await connection.fetch(Query("select 1", int))
        assert len(connection.durations) < 100
    assert read("other") - before == 250
