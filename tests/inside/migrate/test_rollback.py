"""The example of docs/rollback.md: two releases share the schema at every step, and the lint has nothing to say."""

import shutil
from pathlib import Path

import asyncpg
from inside.schema import apply

from tests.kit import lint
from tests.kit.processes import ROOT

STEPS = Path(__file__).parent / "rollback"
OLD, NEW = "note", "remark"


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

    fill = (STEPS / "fill.sql").read_text("utf-8")
    assert [await connection.execute(fill) for _ in range(3)] == ["UPDATE 1000", "UPDATE 499", "UPDATE 0"]
    assert await read(connection, NEW) == await read(connection, OLD)
    assert len(await read(connection, NEW)) == 1502

    shutil.copy(STEPS / "0004_drop_order_note.sql", tmp_path)
    await apply(empty_database_url, tmp_path)
    await insert(connection, NEW, "after")
    assert len(await read(connection, NEW)) == 1503
    await connection.close()


def test_the_lint_lets_it_pass(tmp_path: Path):
    for path in STEPS.glob("0*.sql"):
        shutil.copy(path, tmp_path)
    (tmp_path / "linted-from").write_text("0003")
    assert lint.check_migrations(tmp_path) == []
