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


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("add-customers", "write lower-case words joined by _, like add_customers"),
        ("Customers", "like customers"),
        ("../add", "like add"),
        ("0002", "like add_customers"),
        ("a__b", "like a_b"),
        ("notes", "0007_notes.sql has that name already"),
    ],
)
def test_a_name_that_is_no_name_or_taken_is_refused(folder: Path, name: str, advice: str):
    with pytest.raises(MigrationError, match=advice):
        files.write_draft(folder, name)
    assert [path.name for path in folder.iterdir()] == ["0007_notes.sql"]


def test_a_name_of_several_words_is_refused_with_what_to_type(folder: Path):
    result = run("migrate", "new", "add", "customers", MIGRATIONS_FOLDER=str(folder))
    assert result.returncode == 1
    assert "Error: 'add customers': write lower-case words joined by _, like add_customers" in result.stderr
