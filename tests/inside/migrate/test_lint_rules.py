import re
from pathlib import Path

import pytest
from service.kit.migrate.files import STANDALONE

from tests.kit import lint


def check(folder: Path, sql: str) -> list[tuple[int, str]]:
    """Return the line and the rule of each finding in a file with this content."""
    (folder / "0002_it.sql").write_text(sql)
    return [(finding.line, finding.rule) for finding in lint.check_migrations(folder)]


def test_a_finding_names_file_line_rule_and_what_to_write(tmp_path: Path):
    check(tmp_path, "-- why\ncreate index orders_note_idx on orders (note);\n")
    assert re.fullmatch(
        r"0002_it\.sql:2: require-concurrent-index-creation: .*first line.*`create index concurrently if not exists .*",
        str(lint.check_migrations(tmp_path)[0]),
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
        ("alter table a add column b bigserial", "ban-serial-column"),
        ("alter table a add b int, add c smallserial", "ban-serial-column"),
        ("alter table a set unlogged", "ban-set-unlogged"),
        ("alter table only a disable trigger all", "ban-disable-trigger"),
        ("alter table a alter column b drop default", "ban-drop-default"),
        ("update a set b = 1", "ban-mass-change"),
        ('UPDATE only public."a" as x set b = 1', "ban-mass-change"),
        ("delete from a", "ban-mass-change"),
        ("with x as (select 1) delete from a using x", "ban-mass-change"),
        ("with x as (delete from a returning 1) select * from x", "ban-mass-change"),
        ("do $$ begin if true then delete from a; end if; end $$", "ban-mass-change"),
        ("do $x$ begin execute 'drop table a'; end $x$", "ban-dynamic-sql"),
        ("do language plpgsql $$ begin perform 1; execute format('drop table %I', 'a'); end $$", "ban-dynamic-sql"),
    ],
)
def test_what_squawk_lets_pass_is_found_and_can_be_excused(tmp_path: Path, statement: str, rule: str):
    assert check(tmp_path, f"select 1; -- {statement}\n{statement};\n") == [(2, rule)]
    assert check(tmp_path, f"-- squawk-ignore {rule} -- an empty table\n{statement};\n") == []
    assert check(tmp_path, f"-- squawk-ignore {rule}\n{statement};\n") == [(1, "unexplained-ignore")]


@pytest.mark.parametrize(
    "statement",
    [
        "create table b (id bigint generated always as identity primary key, c timestamptz on update set default)",
        "alter table a alter column b set default 1",
        "alter table a enable trigger all",
        "insert into b (id) values (1) on conflict do nothing",
        "do $$ begin if to_regnamespace('x') is null then create schema x; end if; end $$",
        "create function f() returns trigger language plpgsql as 'begin new.updated_at = now(); return new; end'",
        "alter table a add constraint a_b_fkey foreign key (b) references b (id) on delete set null not valid",
    ],
)
def test_what_does_no_harm_passes(tmp_path: Path, statement: str):
    assert [rule for _, rule in check(tmp_path, f"{statement};\n") if rule in lint.OURS] == []


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
