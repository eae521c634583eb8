"""The example of docs/rollback.md: two releases share the schema at every step, and the lint has nothing to say."""

import shutil
from pathlib import Path

import asyncpg
import pytest
from inside.schema import apply

from tests.kit import lint
from tests.kit.processes import ROOT

STEPS = Path(__file__).parent / "rollback"
FILL = (STEPS / "fill.sql").read_text("utf-8")
OLD, NEW = "note", "remark"

READ_ROWS = "select seq_tup_read + idx_tup_fetch from pg_stat_user_tables where relname = 'orders'"


async def insert(connection: asyncpg.Connection, column: str, value: str) -> None:
    columns = f"account, reference, customer_email, currency, total_minor, item_count, {column}"
    await connection.execute(f"insert into orders ({columns}) values ('ada', $1, 'a@b.c', 'EUR', 1, 1, $1)", value)


async def change(connection: asyncpg.Connection, column: str, value: str) -> None:
    await connection.execute(f"update orders set {column} = $2 where reference = $1", value, f"{value}, changed")


async def read(connection: asyncpg.Connection, column: str) -> list[str]:
    rows = await connection.fetch(f"select {column} as text from orders where {column} is not null order by reference")
    return [row["text"] for row in rows]


async def test_a_release_can_be_rolled_back_at_every_step_until_the_last(empty_database_url: str, tmp_path: Path):
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        shutil.copy(path, tmp_path)
    await apply(empty_database_url, tmp_path)
    connection = await asyncpg.connect(empty_database_url)
    for number in range(1500):
        await insert(connection, OLD, f"before {number:04}")
    before = await read(connection, OLD)

    shutil.copy(STEPS / "0003_add_order_remark.sql", tmp_path)
    await apply(empty_database_url, tmp_path)
    for column, other in ((OLD, NEW), (NEW, OLD)):
        await insert(connection, column, f"by {column}")
        await change(connection, column, f"by {column}")
        await change(connection, column, before[0])
        assert f"by {column}, changed" in await read(connection, other)

    await connection.execute(FILL)
    assert await read(connection, NEW) == await read(connection, OLD)
    assert len(await read(connection, NEW)) == 1502

    shutil.copy(STEPS / "0004_drop_order_note.sql", tmp_path)
    await apply(empty_database_url, tmp_path)
    await insert(connection, NEW, "after")
    assert len(await read(connection, NEW)) == 1503

    for path in sorted(STEPS.glob("000[567]_*.sql")):
        shutil.copy(path, tmp_path)
    await apply(empty_database_url, tmp_path)
    with pytest.raises(asyncpg.NotNullViolationError):
        await connection.execute("update orders set remark = null")
    await connection.close()


async def prepare(url: str, folder: Path, rows: int) -> asyncpg.Connection:
    """Return a connection to a database with the column and so many orders from before."""
    for path in [*sorted((ROOT / "migrations").glob("*.sql")), STEPS / "0003_add_order_remark.sql"]:
        shutil.copy(path, folder)
    await apply(url, folder)
    connection = await asyncpg.connect(url)
    await add_orders(connection, rows)
    return connection


async def add_orders(connection: asyncpg.Connection, count: int) -> None:
    """Add orders as they were before the trigger."""
    await connection.execute("alter table orders disable trigger user")
    await connection.execute(
        "insert into orders (account, reference, customer_email, currency, total_minor, item_count, note)"
        f" select 'ada', uuidv7(), 'a@b.c', 'EUR', 1, 1, n from generate_series(1, {count}) as n"
    )
    await connection.execute("alter table orders enable trigger user")
    await connection.execute("vacuum analyze orders")


async def count_rows_read(connection: asyncpg.Connection, statement: str) -> int:
    """Return how many rows of the table a statement reads."""
    before = await connection.fetchval(READ_ROWS)
    await connection.execute(statement)
    await connection.execute("select pg_stat_force_next_flush()")
    after = await connection.fetchval(READ_ROWS)
    return after - before


@pytest.mark.parametrize("rows", [2_000, 12_000])
async def test_the_fill_reads_each_row_a_few_times_however_many_there_are(
    empty_database_url: str, tmp_path: Path, rows: int
):
    """Batches that look for their rows from the start would read 12,000 rows 78,000 times."""
    connection = await prepare(empty_database_url, tmp_path, rows)
    assert await count_rows_read(connection, FILL) < 4 * rows
    assert await connection.fetchval("select count(*) from orders where remark is distinct from note") == 0
    await connection.close()


async def test_a_fill_that_was_stopped_keeps_its_batches_and_goes_on_from_there(
    empty_database_url: str, tmp_path: Path
):
    connection = await prepare(empty_database_url, tmp_path, rows=3_000)
    told: list[str] = []
    connection.add_log_listener(lambda _, message: told.append(message.message or ""))
    other = await asyncpg.connect(empty_database_url)
    await other.execute("begin; select from orders where note = '2500' for update")
    await connection.execute("set lock_timeout = '50ms'")
    with pytest.raises(asyncpg.LockNotAvailableError):
        await connection.execute(FILL)
    await other.close()
    assert await connection.fetchval("select count(*) from orders where remark is not null") == 2000

    done = told[-1].removeprefix("done up to ")
    await connection.execute(FILL.replace("00000000-0000-0000-0000-000000000000", done))
    assert await read(connection, NEW) == await read(connection, OLD)
    assert len(told) == 3
    await connection.close()


def test_the_lint_lets_it_pass(tmp_path: Path):
    for path in STEPS.glob("0*.sql"):
        shutil.copy(path, tmp_path)
    (tmp_path / "linted-from").write_text("0003")
    assert lint.check_migrations(tmp_path) == []
