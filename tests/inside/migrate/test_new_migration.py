from pathlib import Path

import pytest
from service.kit.migrate import files
from service.kit.migrate.files import MigrationError

from tests.kit.processes import run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0007_notes.sql").write_text("create table notes (id int);\n")
    return tmp_path


def test_new_writes_the_next_file_and_prints_its_path_without_any_setting(folder: Path):
    result = run("migrate", "new", "add_customers", MIGRATIONS_FOLDER=str(folder))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == str(folder / "0008_add_customers.sql")
    text = (folder / "0008_add_customers.sql").read_text()
    assert "create index concurrently if not exists" in text
    assert all(line.startswith("--") for line in text.splitlines() if line)


def test_the_first_file_has_number_one(tmp_path: Path):
    assert files.write_draft(tmp_path, "notes").name == "0001_notes.sql"


@pytest.mark.parametrize("name", ["add-customers", "Add Customers", "../add/customers", "add__customers"])
def test_the_words_of_a_name_make_that_of_the_file(folder: Path, name: str):
    assert files.write_draft(folder, name) == folder / "0008_add_customers.sql"


def test_a_name_may_be_several_arguments(folder: Path):
    result = run("migrate", "new", "add", "customers", MIGRATIONS_FOLDER=str(folder))
    assert result.stdout == f"{folder / '0008_add_customers.sql'}\n"


def test_a_name_without_words_is_refused_with_what_to_type(folder: Path):
    with pytest.raises(MigrationError, match=r"'../': say in words what the migration does, like add_customers"):
        files.write_draft(folder, "../")
    assert [path.name for path in folder.iterdir()] == ["0007_notes.sql"]
