"""`service doctor` finds what differs between a database and its migrations."""

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from inside.schema import apply, ask
from pydantic import SecretStr
from service.app import SLICES
from service.kit.commands.definition import ServiceDefinition
from service.kit.db.sessions import DatabaseOptions
from service.kit.migrate.files import MigrationOptions
from service.settings import Settings
from service_tools.dev import drift, environment
from service_tools.dev.results import CheckResult

FILES = {
    "0001_carts.sql": """
create schema shop;
create table carts (
    id bigint generated always as identity,
    code text not null default 'none',
    price numeric(12, 2) not null,
    doubled numeric generated always as (price * 2) stored,
    parent_id bigint,
    weight numeric(9, 2),
    constraint carts_pkey primary key (id),
    constraint carts_code_key unique (code),
    constraint carts_price_check check (price > 0),
    constraint carts_parent_id_fkey foreign key (parent_id) references carts (id)
);
create index carts_parent_id_idx on carts (parent_id) where price > 1;
create table shop."Odd ones" (id bigint primary key, "Size" text);
create view cheap_carts as select id, code from carts where price < 5;
create function refuse() returns trigger language plpgsql as $$ begin return new; end $$;
create trigger carts_refuse before update on carts for each row execute function refuse();
create table visits (id bigint, made_at date, primary key (id, made_at)) partition by range (made_at);
create table visits_2026 partition of visits for values from ('2026-01-01') to ('2027-01-01');
create table stamps (id bigint primary key, visit_id bigint, made_at date);
alter table stamps add constraint stamps_visit_fkey foreign key (visit_id, made_at) references visits;
create table cards (id bigint primary key, account text);
create policy cards_of_account on cards using (account = 'a');
""",
    "0002_positive.sql": "alter table carts add constraint carts_id_check check (id > 0) not valid;\n",
}

QUIET = [
    "create table visits_2027 partition of visits for values from ('2027-01-01') to ('2028-01-01')",
    "create table words (word text); alter extension plpgsql add table words",
    "create index on visits_2026 (id)",
    "insert into carts (price) values (1)",
    "analyze carts",
    "comment on table carts is 'carts'",
]
"""What changes nothing that the migrations make."""

DRIFT = {
    "alter table carts drop constraint carts_price_check": "constraint carts.carts_price_check is in the migrations",
    "alter table carts drop constraint carts_code_key": "constraint carts.carts_code_key is in the migrations",
    "alter table carts drop constraint carts_parent_id_fkey": "carts.carts_parent_id_fkey is in the migrations",
    "drop index carts_parent_id_idx": "index carts_parent_id_idx is in the migrations, and not in the database",
    "drop table cards": "The table cards is in the migrations, and not in the database.",
    "drop trigger carts_refuse on carts": "The trigger carts.carts_refuse is in the migrations",
    "drop policy cards_of_account on cards": "The policy cards.cards_of_account is in the migrations",
    "drop view cheap_carts": "The view cheap_carts is in the migrations",
    "alter table stamps drop constraint stamps_visit_fkey": "constraint stamps.stamps_visit_fkey is in the migrations",
    "alter table carts drop column doubled": "The column carts.doubled is in the migrations",
    "alter table carts add column note text": "The column carts.note is in the database, and in no migration: text.",
    "create index carts_price_idx on carts (price)": "The index carts_price_idx is in the database, and in no",
    'alter table shop."Odd ones" add constraint odd check (id > 1)': 'shop."Odd ones".odd is in the database',
    "create table strays (id int primary key)": "The table strays is in the database, and in no migration.",
    "alter table carts alter column code drop not null": "is text default 'none'::text in the database, and text",
    "alter table carts alter column code set default 'x'": "is text not null default 'x'::text in the database",
    "alter table carts alter column code drop default": "The column carts.code is text not null in the database",
    "alter table carts alter column weight type numeric(12, 2)": "is numeric(12,2) in the database, and numeric(9,2)",
    "alter table carts alter column id drop identity": "The column carts.id is bigint not null in the database",
    "alter table carts disable trigger carts_refuse": "The trigger carts.carts_refuse is disabled CREATE TRIGGER",
    "alter table cards enable row level security": "The table cards is logged, with row level security in the database",
    "alter table cards set unlogged": "The table cards is unlogged in the database",
    "drop index carts_parent_id_idx; create index carts_parent_id_idx on carts (parent_id)": "carts_parent_id_idx is",
    "alter table carts drop constraint carts_price_check;"
    "alter table carts add constraint carts_price_check check (price > 0) not valid": (
        "is CHECK ((price > (0)::numeric)) NOT VALID in the database, and CHECK ((price > (0)::numeric)) by the"
    ),
}
"""By statement: a part of what is found, and nothing else is."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, sql in FILES.items():
        (tmp_path / name).write_text(sql)
    return tmp_path


@pytest.fixture
def database(empty_database_url: str, monkeypatch: pytest.MonkeyPatch, folder: Path) -> str:
    """The database of DATABASE_URL, with the folder's migrations."""
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    monkeypatch.setenv("MIGRATIONS_FOLDER", str(folder))
    asyncio.run(apply(empty_database_url, folder))
    return empty_database_url


def execute(url: str, statement: str) -> None:
    asyncio.run(ask(url, statement))


def run_check() -> list[CheckResult]:
    definition = ServiceDefinition(Settings, SLICES, create="service.app:create")
    return [result for result in environment.examine_environment(definition) if result.check == "schema"]


async def test_each_kind_of_drift_is_found_and_nothing_else_is(empty_database_url: str, folder: Path):
    await apply(empty_database_url, folder)
    wanted = await asyncio.to_thread(drift.make_database, MigrationOptions(folder=folder))
    connection = await asyncpg.connect(empty_database_url)
    wrong: list[object] = []
    for statement, says in [*DRIFT.items(), *((quiet, "") for quiet in QUIET)]:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(statement)
        catalog = await drift.read_catalog(connection)
        await transaction.rollback()
        found = [finding.says for finding in drift.compare_catalogs(catalog, wanted) if finding.fix]
        if len(found) != bool(says) or not all(says in it for it in found):
            wrong.append((statement, says, found))
    await connection.close()
    assert wrong == []


@pytest.mark.usefixtures("database")
def test_where_nothing_differs_that_is_said_with_what_is_not_validated_yet():
    assert [(it.state, it.says) for it in run_check()] == [
        ("ok", "The constraint carts.carts_id_check is not validated: older rows may violate it.")
    ]


def test_the_database_is_only_read(database: str):
    execute(database, f"alter database {urlsplit(database).path[1:]} set default_transaction_read_only = on")
    execute(database, "select 1")
    assert [it.state for it in run_check()] == ["ok"]


def test_the_doctor_says_what_differs_and_how_to_undo_it(database: str):
    execute(database, "drop index carts_parent_id_idx")
    execute(database, "insert into carts (price, code) values (1, 'a'), (2, 'b')")
    with pytest.raises(asyncpg.UniqueViolationError):
        execute(database, "create unique index concurrently carts_same_idx on carts ((id > 0))")
    found = [it for it in run_check() if it.state == "finding"]
    assert [(it.id, it.fix) for it in found] == [
        ("schema-invalid-index", "Run `reindex index concurrently public.carts_same_idx`."),
        ("schema-missing", "Create it there again; or drop it, `if exists`, in a new migration."),
        ("schema-added", "Drop it there, or create it, `if not exists`, in a new migration."),
    ]
    assert "CREATE INDEX carts_parent_id_idx ON carts USING btree (parent_id)" in found[1].says


async def test_a_schema_of_another_name_is_compared_with_public(empty_database_url: str, folder: Path):
    connection = await asyncpg.connect(empty_database_url)
    name = urlsplit(empty_database_url).path[1:]
    await connection.execute(f"create schema app; create schema webapp; alter database {name} set search_path = app")
    await connection.close()
    (folder / "0003_more.sql").write_text("create schema if not exists webapp; create table webapp.visitors (id int);")
    await apply(empty_database_url, folder)
    wanted = await asyncio.to_thread(drift.make_database, MigrationOptions(folder=folder))
    catalog, _ = await drift.read_database(DatabaseOptions(url=SecretStr(empty_database_url)))
    assert [it for it in drift.compare_catalogs(catalog, wanted) if it.fix] == []


def test_what_cannot_be_compared_is_no_finding(database: str, folder: Path, monkeypatch: pytest.MonkeyPatch):
    execute(database, "insert into schema_migrations (number, name, checksum) values (9, '0009_later.sql', '')")
    [found] = run_check()
    assert (found.state, found.says) == ("unknown", "A newer release migrated this database: compare it with that.")
    execute(database, "delete from schema_migrations where number = 9")

    monkeypatch.setenv("TEST_DATABASE_URL", "postgresql://me@127.0.0.1:1/name")
    [found] = run_check()
    assert found.state == "unknown"
    assert found.says.startswith("The schema cannot be compared: Cannot reach PostgreSQL at 127.0.0.1:1/name")
