from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Address
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import asyncpg
import pytest
from msgspec import Meta, Struct
from service.kit.db.query import Query
from service.kit.work.command_error import CommandError
from service_tools.sql import constraints, contract, cost, samples, scratch, text, types
from service_tools.sql.budgets import Budgets, read_budgets


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
    "notes.no_tree": (
        "select body from notes where author = $1::cstring::text limit 1",
        tuple[str],
        "params plan",
    ),
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
    assert [it.name for it in checked if it.plan is None] == [
        "notes.no_plan",
        "notes.no_tree",
        "notes.refused",
        "notes.two",
    ]
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
    found = [[it.detail for it in await samples.check_sample(connection, query)] for _, query in queries]
    assert found == [[], [], ["with its sample, author is null"], []]
    await connection.close()


class One(Struct):
    one: int


TWICE = "insert into notes (id, body) values ($1, 'c')"
PRESENT = "select id from notes limit 1"
MEANT = "or say that this is meant: sample_violates='notes_pkey'"
LIKED = "insert into likes (note, reader) values ($1, $1)"
SAMPLES: dict[str, tuple[Query[Any, Any], str]] = {
    "a key that is there": (Query(TWICE, int, tuple[UUID], sample=PRESENT), MEANT),
    "a key that is to be there": (Query(TWICE, int, tuple[UUID], sample=PRESENT, sample_violates="notes_pkey"), ""),
    "another constraint": (Query(TWICE, int, tuple[UUID], sample=PRESENT, sample_violates="notes_check"), MEANT),
    "a check": (
        Query("update notes set body = 'refunded' where id = $1", int, tuple[UUID], sample=PRESENT),
        'violates check constraint "notes_body_check"',
    ),
    "a null": (Query("update notes set body = null where id = $1", int, tuple[UUID], sample=PRESENT), "null value in"),
    "at the end": (Query(LIKED, int, tuple[UUID], sample="select uuidv7()"), "sample_violates='likes_later_fkey'"),
    "its sample": (
        Query("select 1 where $1::bool", int, tuple[bool], sample="select nothing"),
        'column "nothing" does',
    ),
    "an argument": (Query("select $1::int", int, tuple[int], sample="select 'a'"), "invalid input for query argument"),
    "a division": (Query("select 1 / $1::int", int, tuple[int], sample="select 0"), "division by zero"),
    "more columns than fields": (Query("select 1, 2", One, sample="select"), "TypeError: Extra positional"),
    "no row": (Query(TWICE, int, tuple[UUID], sample="select id from notes where false"), ""),
}


@pytest.mark.parametrize(("query", "said"), SAMPLES.values(), ids=SAMPLES)
async def test_whatever_goes_wrong_with_a_sample_is_found(empty_database_url: str, query: Query[Any, Any], said: str):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(SCHEMA)
    await connection.execute(
        """
        insert into notes values (uuidv7(), 'a', 'a');
        alter table notes add constraint notes_body_check check (body <> 'refunded');
        alter table likes drop constraint likes_note_fkey,
            add constraint likes_later_fkey foreign key (note) references notes deferrable initially deferred;
        """
    )
    found = await samples.check_sample(connection, query)
    assert await connection.fetchval("select body from notes") == "a"
    await connection.close()
    assert len(found) == bool(said), found
    assert all(said in str(it) for it in found), found


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
        ("jsonb", dict[str, int], True),
        ("inet", IPv4Address, True),
        ("inet", str, False),
        ("citext", str, False),
        ("citext[]", list, False),
    ],
)
def test_arguments_fit_their_types_and_so_do_the_items_of_lists(kind: str, annotation: object, fits: bool):
    assert types.fits_argument(kind, annotation) is fits


KINDS = """
create type mood as enum ('glad', 'sad');
create domain title as text not null check (value <> '');
create type home as (street text, city text);
create table guests (id int constraint guests_pkey primary key, mood mood not null, titles title[] not null,
    home home not null, code char(3) not null, place point not null, stay daterange not null);
insert into guests values (1, 'glad', '{dr}', '("a",b)', 'x', '(1,2)', '[2026-01-01,)');
"""


async def test_a_type_that_is_not_known_is_refused_until_the_budgets_say_what_it_is(empty_database_url: str):
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(KINDS)
    await scratch.restore_statistics(connection, Budgets())
    columns: dict[str, Any] = {
        "mood": Literal["glad", "sad"],
        "titles": list[str],
        "home": asyncpg.Record,
        "stay": asyncpg.Range,
        "code": str,
        "place": asyncpg.Point,
    }
    sample = "select id from guests"
    queries = {
        f"guests.{name}": Query(f"select {name} from guests where id = $1", kind, tuple[int], sample=sample)
        for name, kind in columns.items()
    }
    said = {
        it.name: [str(finding) for finding in it.findings]
        for it in await contract.check_statements(connection, queries.items(), Budgets())
        if it.findings
    }
    fix = 'Cast it in SQL, or let it count as another in perf/budgets.toml: [types] "character" = "text"'
    assert said == {"guests.code": [f"code is character, not str. {fix}"]}
    checked = await contract.check_statements(connection, queries.items(), Budgets(types={"character": "text"}))
    assert [finding for it in checked for finding in it.findings] == []
    for query in queries.values():
        assert await samples.check_sample(connection, query) == []
    wrong = Query("select place from guests where id = $1", str, tuple[int], sample=sample)
    assert "place is Point" in str(await samples.check_sample(connection, wrong))
    await connection.close()


def test_budgets_say_what_a_type_may_count_as(tmp_path: Path):
    path = tmp_path / "budgets.toml"
    path.write_text('[types]\ncitext = "str"\n')
    with pytest.raises(CommandError, match=r"Invalid enum value 'str' - at `\$.types\[...\]`. Correct the file"):
        read_budgets(path)


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
