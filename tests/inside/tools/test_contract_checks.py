from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import pytest
from msgspec import Meta, Struct
from service.kit.db.query import Query
from service_tools.sql import constraints, contract, cost, samples, scratch, text, types
from service_tools.sql.budgets import Budgets


@pytest.mark.parametrize(
    "sql",
    [
        "set statement_timeout = 0",
        "SET SESSION search_path to other",
        "/* quickly */ set role admin",
        "reset all",
        "select set_config('app.user', $1, false)",
        "select set_config($1, $2, $3)",
        "listen orders",
        "unlisten *",
        "select pg_advisory_lock($1)",
        "select pg_try_advisory_lock_shared(1, 2)",
        "create temp table scratch (id int)",
        "create local temporary table scratch (id int)",
        "prepare one as select 1",
        "discard all",
        "declare rows cursor with hold for select 1",
    ],
)
def test_a_statement_that_changes_its_session_breaks_the_contract(sql: str):
    findings = [finding for finding in text.check_text(Query(sql, int)) if finding.rule == "session"]
    assert findings
    assert all(finding.fix for finding in findings)


@pytest.mark.parametrize(
    "sql",
    [
        "update orders set status = $1 where id = $2",
        "set local statement_timeout = '9s'",
        "select set_config('app.user', $1, true)",
        "select pg_advisory_xact_lock($1)",
        "select 'reset all', id from listeners",
        "notify orders",
        "create table temporary_things (id int)",
    ],
)
def test_what_ends_with_its_transaction_does_not(sql: str):
    assert not list(text.check_text(Query(sql, int)))


SCHEMA = """
create table notes (id uuid constraint notes_pkey primary key, body text not null, author text);
create table events (id int not null, at date not null, constraint events_pkey primary key (id, at))
    partition by range (at);
create table events_2026 partition of events for values from ('2026-01-01') to ('2027-01-01');
create table likes (note uuid constraint likes_note_fkey references notes, reader uuid,
    constraint likes_pkey primary key (note, reader));
create index likes_reader_idx on likes (reader);
create schema other;
create table other.things (id int constraint things_pkey primary key, name text not null);
"""

STATEMENTS: dict[str, tuple[str, Any, str | None]] = {
    "notes.commented": ("-- why\nselect body from notes where author = $1 limit 1", tuple[str], "scan"),
    "notes.in_parentheses": ("(select body from notes where author = $1 limit 1)", tuple[str], "scan twin"),
    "notes.no_tree": ("select body from notes where author = $1::cstring::text limit 1", tuple[str], "nulls scan"),
    "notes.both": (
        "select body from notes where id = $1 union all select author from notes where id = $1",
        tuple[UUID],
        "nulls",
    ),
    "notes.union": (
        "select body from notes where id = $1 union all select body from notes where id = $1",
        tuple[UUID],
        None,
    ),
    "notes.whole": ("table notes", tuple[()], "columns scan star unbounded"),
    "notes.no_plan": ("analyze notes", tuple[()], "plan"),
    "notes.refused": ("select nothing from notes", tuple[()], "prepare"),
    "notes.two": ("select body from notes where id = $1; select 1", tuple[UUID], "prepare"),
    "notes.open": ("select body from notes where id = $1 --", tuple[UUID], None),
    "notes.event": ("select id::text as body from events where at = $1 and id = $2", tuple[date, int], None),
    "notes.sent": (
        "with sent as (select $1::text as body), made as (insert into notes (id, body) select uuidv7(), body from sent "
        "returning body) select body from made",
        tuple[str],
        None,
    ),
    "likes.by_a_subquery": (
        "delete from likes where note = (select id from notes where id = $1) and reader = $2 returning reader",
        tuple[UUID, UUID],
        None,
    ),
    "likes.counted": (
        "with gone as (delete from likes where note = $1 and reader = $2 returning note) "
        "update notes set body = body || '-' from gone where notes.id = gone.note returning notes.id",
        tuple[UUID, UUID],
        None,
    ),
    "likes.many": (
        "with gone as (delete from likes where reader = $1 returning note) "
        "update notes set body = body || '-' from gone where notes.id = gone.note returning notes.id",
        tuple[UUID],
        "unbounded",
    ),
    "likes.given": (
        "insert into likes (note, reader) select note, $1 from unnest($2::uuid[]) as given (note) returning note",
        tuple[UUID, list[UUID]],
        None,
    ),
    "notes.thing": ("select name from other.things where id = $1", tuple[int], None),
}


async def test_every_statement_that_postgresql_plans_is_checked_and_none_stops_the_others(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(SCHEMA)
    await scratch.restore_statistics(connection, Budgets())
    rows: dict[str, Any] = {"likes": UUID, "notes": str}
    queries = [
        (name, Query(sql, rows[name.partition(".")[0]], params)) for name, (sql, params, _) in STATEMENTS.items()
    ]
    checked = await contract.check_statements(connection, queries, Budgets())
    rules = {it.name: " ".join(sorted({found.rule for found in it.findings})) or None for it in checked}
    assert rules == {name: rule for name, (_, _, rule) in STATEMENTS.items()}
    assert [it.name for it in checked if it.plan is None] == ["notes.no_plan", "notes.refused", "notes.two"]
    monkeypatch.setattr(cost, "check_plan", lambda *_: 1 / 0)
    unread = await contract.check_statements(connection, queries[-2:], Budgets())
    await connection.close()
    assert [found.rule for it in unread for found in it.findings] == ["unread", "unread"]


async def test_a_null_is_excused_by_a_sample_that_finds_none(empty_database_url: str):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(SCHEMA)
    await connection.execute("insert into notes values (uuidv7(), 'a', 'a'), (uuidv7(), 'b', null)")
    await scratch.restore_statistics(connection, Budgets())
    excused = {"nulls": "its author is always there"}
    sql, sample = "select author from notes where id = $1", "select id from notes where body = '{}'"
    queries = [
        ("notes.silent", Query(sql, str, tuple[UUID], excused=excused)),
        ("notes.right", Query(sql, str, tuple[UUID], excused=excused, sample=sample.format("a"))),
        ("notes.wrong", Query(sql, str, tuple[UUID], excused=excused, sample=sample.format("b"))),
        ("notes.empty", Query(sql, str, tuple[UUID], excused=excused, sample=sample.format("c"))),
    ]
    checked = {
        it.name: [found.rule for found in it.findings]
        for it in await contract.check_statements(connection, queries, Budgets())
    }
    assert "nulls" in checked["notes.silent"]
    assert "nulls" not in checked["notes.right"] + checked["notes.wrong"]
    said = ["author is null when it runs with its sample"]
    assert [await samples.check_sample(connection, it) for _, it in queries] == [[], [], said, []]
    twice = Query(
        "insert into notes (id, body) values ($1, 'c')", int, tuple[UUID], sample="select id from notes limit 1"
    )
    assert await samples.check_sample(connection, twice) == []
    broken = Query("select 1 where $1::bool", int, tuple[bool], sample="select nothing")
    assert await samples.check_sample(connection, broken) == ['its sample fails: column "nothing" does not exist']
    await connection.close()


@pytest.mark.parametrize(
    ("annotation", "written"),
    [
        (str, "str"),
        (list[str | None], "list[str | None]"),
        (UUID | None, "UUID | None"),
        (Literal["a", "b"], "Literal['a', 'b']"),
        (Annotated[datetime, Meta(tz=True)], "datetime"),
        (dict[str, list[Decimal]], "dict[str, list[Decimal]]"),
    ],
)
def test_a_type_is_shown_as_one_writes_it(annotation: object, written: str):
    assert types.format_annotation(annotation) == written


@pytest.mark.parametrize(
    ("kind", "annotation", "fits"),
    [
        ("text[]", list[str], True),
        ("text[]", list[int], False),
        ("text[]", str, False),
        ("text[]", list, True),
        ("uuid[]", list[UUID] | None, True),
        ("integer", int | None, True),
        ("integer", str, False),
    ],
)
def test_arguments_fit_their_types_and_so_do_the_items_of_lists(kind: str, annotation: object, fits: bool):
    assert types.fits_argument(kind, annotation) is fits


def test_arguments_are_declared_as_a_tuple():
    params: Any = UUID
    with pytest.raises(TypeError, match=r"like tuple\[str, UUID\], not <class 'uuid.UUID'>"):
        Query("select $1::uuid", UUID, params)


class Parcel(Struct):
    state: Literal["sent", "lost"]
    code: Annotated[str, Meta(pattern="^[a-z]+\\Z", max_length=9)]
    label: Annotated[str, Meta(min_length=1, max_length=40)] | None
    size: Literal["s", "m"]
    place: Annotated[str, Meta(max_length=8)]


PARCELS = """
create type size as enum ('s', {size});
create table parcels (
    state text check (state in ('sent', {state})),
    code text check (code ~ '{pattern}'),
    label text check (char_length(label) between {least} and 40),
    size size,
    place varchar({place})
);
"""
RIGHT = {"size": "'m'", "state": "'lost'", "pattern": "^[a-z]+$", "least": 1, "place": 8}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, []),
        ({"size": "'m', 'l'"}, ["size does not know l, which size lets in"]),
        ({"state": "'gone'"}, ["state lets lost through, which", "state does not know gone, which"]),
        ({"pattern": "^[a-z]*$"}, ["code has the pattern ^[a-z]+\\Z, and parcels_code_check has ^[a-z]*$"]),
        ({"least": 2}, ["label may have 1 characters, and parcels_label_check asks for 2"]),
        ({"place": 7}, ["place may have 8 characters, and its type lets in 7"]),
    ],
)
async def test_types_are_compared_with_the_checks_of_their_table(
    empty_database_url: str, wrong: dict[str, object], said: list[str]
):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(PARCELS.format(**RIGHT | wrong))
    table = await connection.fetchval("select 'parcels'::regclass::oid::int8")
    found = [
        *constraints.compare_struct(
            Parcel, [it for it in await constraints.read_constraints(connection) if it.table == table]
        )
    ]
    await connection.close()
    assert len(found) == len(said), found
    assert all(part in line for part, line in zip(said, found, strict=True)), found
