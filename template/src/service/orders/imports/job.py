"""The job of an import: it makes orders of the rows that wait, some at a time, and can go on where it stopped."""

from functools import partial

import msgspec

from service.kit import cells
from service.kit.db import Connection, Database
from service.kit.jobs import Job, Schedule
from service.kit.problems import Problem
from service.orders.imports import queries
from service.orders.imports.model import Progress, Row, Waiting
from service.orders.model import NewOrder

BATCH = 500
"""Rows of one transaction: some 50 ms of work, of which a worker that is killed loses no more."""

SWEPT = 10_000
DUPLICATE = "reference: another of your orders has it"


class Hour(msgspec.Struct, frozen=True):
    """What the job that sweeps is told: nothing."""


async def make_orders(waiting: Waiting, db: Database) -> None:
    """Make orders of all rows of an import."""
    while await db.in_transaction(partial(make_some, waiting)):
        pass


async def make_some(waiting: Waiting, connection: Connection) -> bool:
    """Make orders of some rows, and forget them. Return whether there may be more."""
    progress = await connection.find(queries.take_import, waiting.import_id)
    if progress is None:
        return False
    rows = sorted(await connection.fetch(queries.take_rows, waiting.import_id, BATCH), key=lambda row: row.line)
    if not rows:
        await connection.fetch(queries.end_import, waiting.import_id)
        return False
    orders, faults = read_rows(rows, progress)
    listed = msgspec.json.encode(list(orders.values())).decode()
    created = set(await connection.fetch(queries.create_orders, progress.account, listed))
    faults |= {line: DUPLICATE for line, order in orders.items() if order.reference not in created}
    told = [f"line {line}: {fault}" for line, fault in sorted(faults.items())]
    await connection.fetch(queries.note_progress, waiting.import_id, len(created), len(told), told[:100])
    return True


def read_rows(rows: list[Row], progress: Progress) -> tuple[dict[int, NewOrder], dict[int, str]]:
    """Return the orders by their lines, and why the other lines are none. Of equal references the first counts."""
    orders: dict[int, NewOrder] = {}
    faults: dict[int, str] = {}
    seen: set[str] = set()
    for row in rows:
        try:
            order = cells.read_row(row.text, progress.columns, NewOrder)
        except Problem as problem:
            faults[row.line] = problem.detail
            continue
        if order.reference in seen:
            faults[row.line] = DUPLICATE
        else:
            seen.add(order.reference)
            orders[row.line] = order
    return orders, faults


async def sweep(_: Hour, db: Database) -> None:
    """Delete the rows of imports that were given up."""
    while len(await db.fetch(queries.sweep_rows, SWEPT)) == SWEPT:
        pass


IMPORT = Job("orders.import", Waiting, make_orders, timeout=3600)
SWEEP = Schedule("17 * * * *", Job("orders.sweep_imports", Hour, sweep), Hour())
JOBS = (IMPORT, SWEEP)
