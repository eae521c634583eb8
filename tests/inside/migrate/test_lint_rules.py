import re
import shutil
import subprocess
from pathlib import Path

import pytest
from _pytest.outcomes import OutcomeException
from service.kit.migrate.files import STANDALONE

from tests.kit import lint, test_migration_lint
from tests.kit.migration_rules import COLUMNS, STATEMENTS


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
        ("create or replace rule r as on update to a do also notify x", "ban-rule"),
        ("alter table all in tablespace x set tablespace y", "ban-rewrite"),
        ("alter materialized view a set tablespace x", "ban-rewrite"),
        ("alter table a set access method heap", "ban-rewrite"),
        ('alter table only "s"."a" enable row level security', "ban-row-level-security"),
        ("alter table if exists a force row level security", "ban-row-level-security"),
        ("alter table a disable row level security", "ban-row-level-security"),
        ("ALTER TABLE a ATTACH PARTITION b DEFAULT", "ban-attach-partition"),
        ("create constraint trigger t after insert on a for each row execute function f()", "ban-trigger"),
        ("create or replace trigger t before update of b or delete on s.a execute function f()", "ban-trigger"),
        ("create event trigger t on ddl_command_end execute function f()", "ban-trigger"),
        ("create table b as table a", "ban-copied-table"),
        (
            "create unlogged table if not exists b (x, y) with (fillfactor = 70) as select x, y from a",
            "ban-copied-table",
        ),
        ("create table b as with c as (select 1) select * from c", "ban-copied-table"),
        ("insert into b select * from a", "ban-mass-insert"),
        ('insert into s."b" (x, y) overriding system value select x, y from only a where z > 1', "ban-mass-insert"),
        ("insert into b table a", "ban-mass-insert"),
        (
            "with c as (select 1) insert into b select x from generate_series(1, 9) as x join a using (x)",
            "ban-mass-insert",
        ),
        ("insert into b (select x from a) on conflict do nothing", "ban-mass-insert"),
        ("do $$ begin insert into b select * from a; end $$", "ban-mass-insert"),
        ("create table b (x double precision)", "ban-float"),
        ("create table if not exists b (id bigint primary key, x real[] not null)", "ban-float"),
        ('alter table a add column if not exists "x" float(24)', "ban-float"),
        ("alter table a add b int, add x float8", "ban-float"),
        ("create type b as (x int, y float4)", "ban-float"),
        ("create domain b as double precision check (value > 0)", "ban-float"),
        ("create table b (amount numeric(10, 2), x money)", "ban-money"),
        ("create domain b money", "ban-money"),
        ("alter table a add b int constraint a_b_check check (b > 0)", "ban-validated-column"),
        ("alter table a add column b numeric(9, 2) default 1 check (b > 0)", "ban-validated-column"),
        ("alter table a replica identity nothing", "ban-replica-identity"),
        ("alter table a alter column b set expression as (c + 1)", "ban-set-expression"),
        ("do $x$ begin execute 'drop table a'; end $x$", "ban-dynamic-sql"),
        ("do 'begin delete from a; end'", "ban-mass-change"),
        ("insert into b (x) select x from a where exists (select from c where c.x = a.x)", "ban-mass-insert"),
        ("insert into b (x) select 'a; b' from a", "ban-mass-insert"),
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
        "drop rule r on a",
        "create table b (id bigint primary key) tablespace x",
        "alter table a set (fillfactor = 70)",
        "create table a (id bigint primary key); alter table a enable row level security",
        "create table if not exists s.a (b int); alter table only s.a force row level security",
        'create table public.a (b int); alter table "a" enable row level security',
        "create policy p on a using (true)",
        "create table b (like a including all); alter table a attach partition b for values in (1)",
        "alter index a_b_idx attach partition b_b_idx",
        "create table b partition of a for values in (1)",
        "create table a (b int); create trigger t before update on a for each row execute function f()",
        "drop table if exists a",
        "create table b (x int, y int generated always as (x + 1) stored)",
        "create temporary table b as select * from a",
        "create materialized view b as select * from a with no data",
        "insert into b (x) values ((select x from a where y = 1))",
        "insert into b (x) select v.x from (values (1), (2)) as v (x)",
        "insert into b (x) select x from generate_series(1, 9) as x",
        "insert into b (x) select 1 where 1 is distinct from 2",
        "insert into b (x) values ('insert into b select * from a')",
        "create table b (price_minor bigint, double_precision text, real_name text, money_back boolean)",
        "create table b (x numeric(10, 2) default (1.5::real))",
        "select x::float, cast(x as double precision) from a",
        "create function f(x double precision, y money) returns int language sql as $$ select 1 $$",
        "create view b as select x, y from a",
        "alter table a add constraint a_b_check check (b > 0) not valid",
        "alter table a add column b int, add constraint a_b_check check (b > 0) not valid",
        "create table b (x int check (x > 0))",
        "alter table a replica identity using index a_key",
        "alter table a alter column b set statistics 500",
        "create function f() returns trigger language plpgsql as $f$ begin update b set x = 1; "
        "insert into c select * from a; execute 'x'; return new; end $f$",
        "create procedure p() begin atomic delete from a; insert into b select * from a; end",
        "insert into b (id) values (1) on conflict do nothing",
        "do $$ begin if to_regnamespace('x') is null then create schema x; end if; end $$",
        "create function f() returns trigger language plpgsql as 'begin new.updated_at = now(); return new; end'",
        "alter table a add constraint a_b_fkey foreign key (b) references b (id) on delete set null not valid",
        "comment on column a.b is 'x; update a set b = 1; -- truncate a'",
        "insert into b (x) values ('x -- y; truncate b')",
        "create table b (kind text check (kind in ('cash', 'a, x real', 'b money')))",
        "create function f() returns void language plpgsql as 'begin update a set b = 1; delete from b; end'",
        "insert into b (x, y) select 'x', 1 where not exists (select 1 from b where x = 'x')",
    ],
)
def test_what_does_no_harm_passes(tmp_path: Path, statement: str):
    assert [rule for _, rule in check(tmp_path, f"{statement};\n") if rule in {**STATEMENTS, **COLUMNS}] == []


def test_a_key_is_found_once(tmp_path: Path):
    """None can be `not valid`, as squawk advises for each constraint."""
    assert check(tmp_path, "alter table a add primary key (b);\n") == [(1, "adding-serial-primary-key-field")]
    assert check(tmp_path, "alter table a add unique (b);\n") == [(1, "disallowed-unique-constraint")]


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


def git(*arguments: str) -> None:
    user = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    subprocess.run(["git", *user, *arguments], check=True)


def release(tag: str) -> None:
    """Commit a release of the template, as an update brings it."""
    Path(".copier-answers.yml").write_text(f"_commit: {tag}\n")
    git("add", "--all")
    git("commit", "--quiet", "--message", "Change")


def test_what_new_rules_find_in_older_files_is_told_until_a_file_is_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copy(lint.ROOT / ".squawk.toml", tmp_path)
    monkeypatch.setattr(lint, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    folder = Path("migrations")
    folder.mkdir()
    check(folder, "create table b (x money);\n")
    git("init", "--quiet")
    release("v3.0.0")
    assert run_lint() == "Failed"
    release("v3.1.0")
    assert run_lint() == "Skipped"
    (folder / "0003_more.sql").write_text("select 1;\n")
    assert run_lint() == "Failed"
    (folder / "linted-from").write_text("0003")
    test_migration_lint.test_migrations_stop_no_traffic_and_lose_no_data_by_accident()


def run_lint() -> str:
    """Return how the lint ends that finds money, and says what to do with older files."""
    with pytest.raises(OutcomeException, match=r"ban-money[\s\S]*write the number of the next one into") as ended:
        test_migration_lint.test_migrations_stop_no_traffic_and_lose_no_data_by_accident()
    return ended.typename
