"""What is refused in a migration because it could be applied half-way."""

from pathlib import Path

import pytest
from inside.schema import apply, ask
from service.kit.migrate.files import STANDALONE, MigrationError, write_draft

BUILD = "create index concurrently if not exists notes_text_idx on notes (text);"
COUNT = "select count(*) from notes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_notes.sql").write_text(
        "create table notes (text text);\ninsert into notes values ('a'), ('a');\n"
    )
    return tmp_path


@pytest.mark.parametrize("ending", ["commit", "rollback", "commit and chain", "begin; commit", "savepoint before"])
async def test_a_file_that_ends_its_transaction_is_refused_as_a_whole(
    empty_database_url: str, folder: Path, ending: str
):
    (folder / "0002_more.sql").write_text(
        f"insert into notes values ('b');\n{ending};\ninsert into notes values ('b');\n"
    )
    with pytest.raises(MigrationError, match=r"0002_more.sql.*remove begin, commit.*Nothing of this file"):
        await apply(empty_database_url, folder)
    assert await ask(empty_database_url, COUNT) == 2


async def test_a_block_that_ends_the_transaction_is_refused_as_a_whole(empty_database_url: str, folder: Path):
    (folder / "0002_more.sql").write_text("insert into notes values ('b'); do $$ begin commit; end $$;")
    with pytest.raises(MigrationError, match=r"0002_more.sql.*invalid transaction termination"):
        await apply(empty_database_url, folder)
    assert await ask(empty_database_url, COUNT) == 2


async def test_a_statement_that_needs_to_be_outside_a_transaction_is_told_how(empty_database_url: str, folder: Path):
    (folder / "0002_more.sql").write_text("create index concurrently if not exists notes_text_idx on notes (text);")
    with pytest.raises(MigrationError, match="first line is exactly `-- migrate: without a transaction`"):
        await apply(empty_database_url, folder)


async def test_a_file_may_end_with_select_into(empty_database_url: str, folder: Path):
    (folder / "0002_more.sql").write_text("select text into copied from notes -- all of them")
    assert await apply(empty_database_url, folder) == ["0001_notes.sql", "0002_more.sql"]


@pytest.mark.parametrize(
    "statements", [f"{BUILD} select 1;", "insert into notes values ('b'); insert into notes values ('c')"]
)
async def test_several_statements_are_refused_before_any_of_them_is_run(
    empty_database_url: str, folder: Path, statements: str
):
    (folder / "0002_more.sql").write_text(f"{STANDALONE}\n-- why\n{statements}\n")
    with pytest.raises(MigrationError, match=r"0002_more.sql: .*a file holds one statement"):
        await apply(empty_database_url, folder)
    assert await ask(empty_database_url, COUNT) == 2
    assert await ask(empty_database_url, "select to_regclass('notes_text_idx')") is None


@pytest.mark.parametrize(
    ("statement", "advice"),
    [
        ("create index concurrently notes_text_idx on notes (text)", "if not exists notes_text_idx on notes"),
        ('create unique index concurrently on "notes" (text)', 'if not exists a_name on "notes"'),
        ("drop index concurrently notes_text_idx", "drop index concurrently if exists"),
        ("begin", "Remove `begin`"),
        ("", "holds no statement"),
    ],
)
async def test_a_statement_that_cannot_be_repeated_is_refused(
    empty_database_url: str, folder: Path, statement: str, advice: str
):
    (folder / "0002_more.sql").write_text(f"{STANDALONE}\n-- why\n{statement}\n")
    with pytest.raises(MigrationError, match=advice):
        await apply(empty_database_url, folder)
    assert await ask(empty_database_url, "select to_regclass('notes')") in (None, "notes")
    assert await ask(empty_database_url, "select count(*) from pg_index where indrelid = to_regclass('notes')") == 0


async def test_a_file_that_is_only_begun_is_refused(empty_database_url: str, folder: Path):
    path = write_draft(folder, "more")
    with pytest.raises(MigrationError, match=r"0002_more.sql holds no statement yet"):
        await apply(empty_database_url, folder)
    path.write_text(f"{path.read_text()}alter table notes add more text;\n")
    assert await apply(empty_database_url, folder) == ["0001_notes.sql", "0002_more.sql"]
