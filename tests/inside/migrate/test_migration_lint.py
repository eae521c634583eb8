import re
from pathlib import Path

import pytest
from service.kit.migrate.files import STANDALONE

from tests.kit import lint


def check(folder: Path, sql: str) -> list[tuple[int, str]]:
    """Return the line and the rule of each finding in a file with this content."""
    (folder / "0002_it.sql").write_text(sql)
    return [(finding.line, finding.rule) for finding in lint.check(folder)]


def test_a_finding_names_file_line_rule_and_what_to_write(tmp_path: Path):
    check(tmp_path, "-- why\ncreate index orders_note_idx on orders (note);\n")
    assert re.fullmatch(
        r"0002_it\.sql:2: require-concurrent-index-creation: .*first line.*`create index concurrently if not exists .*",
        str(lint.check(tmp_path)[0]),
    )


def test_what_a_file_does_with_its_own_new_table_is_fine(tmp_path: Path):
    table = "create table a (id bigint primary key, b text not null unique, c int, check (c > 0));"
    assert check(tmp_path, f"{table} create index a_c_idx on a (c); alter table a add unique (c);") == []


def test_a_transaction_is_assumed_unless_the_file_says_otherwise(tmp_path: Path):
    statements = "select 1;\ncreate index concurrently if not exists a_b_idx on a (b);\n"
    assert check(tmp_path, statements) == [(2, "ban-concurrent-index-creation-in-transaction")]
    assert check(tmp_path, f"{STANDALONE}\n{statements}") == []


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("truncate a", "ban-truncate"),
        ("lock table a", "ban-lock-table"),
        ("vacuum (full) a", "ban-rewrite"),
        ("CLUSTER a using b", "ban-rewrite"),
        ("refresh materialized view a", "require-concurrent-refresh"),
    ],
)
def test_what_squawk_lets_pass_is_found_and_can_be_excused(tmp_path: Path, statement: str, rule: str):
    assert check(tmp_path, f"select 1; -- {statement}\n{statement};\n") == [(2, rule)]
    assert check(tmp_path, f"-- squawk-ignore {rule} -- an empty table\n{statement};\n") == []
    assert check(tmp_path, f"-- squawk-ignore {rule}\n{statement};\n") == [(1, "unexplained-ignore")]


def test_an_ignore_needs_a_reason(tmp_path: Path):
    drop = "alter table a drop column b;\n"
    assert check(tmp_path, f"-- squawk-ignore ban-drop-column -- no release since 1.4 reads it\n{drop}") == []
    assert check(tmp_path, f"-- squawk-ignore-file ban-drop-column -- no release since 1.4 reads it\n\n{drop}") == []
    for excuse in ("-- squawk-ignore ban-drop-column", "-- squawk-ignore ban-drop-column -- fine"):
        assert check(tmp_path, f"{excuse}\n{drop}") == [(1, "unexplained-ignore")]
    for excuse in ("-- squawk-ignore-file", "/* squawk-ignore ban-drop-column */"):
        assert (1, "unexplained-ignore") in check(tmp_path, f"{excuse}\n{drop}")
    assert check(tmp_path, "-- squawk-disable-assume-in-transaction\nselect 1;\n") == [(1, "unexplained-ignore")]


def test_a_misspelt_rule_is_told(tmp_path: Path):
    assert check(tmp_path, "-- squawk-ignore ban-drop-colum -- no reader left\nselect 1;\n") == [(1, "unused-ignore")]


def test_files_before_the_chosen_one_are_left_alone(tmp_path: Path):
    (tmp_path / "0001_old.sql").write_text("drop table a;")
    assert check(tmp_path, "drop table b;") == [(1, "ban-drop-table")] * 2
    (tmp_path / "linted-from").write_text("0002 and later")
    assert check(tmp_path, "drop table b;") == [(1, "ban-drop-table")]
