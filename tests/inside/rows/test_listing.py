import sys
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from msgspec import Struct
from service.kit.db.database import Database
from service.kit.db.query import find_queries
from service.kit.rows.export import Exports
from service.kit.rows.listing import Filter, Listing, Page
from service.kit.work.problems import Problem
from service.settings import Settings

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

SCHEMA = """
create table notes (
    number int primary key, owner text not null, colour text, done bool not null, created_at timestamptz not null
);
insert into notes
select n, case when n % 10 = 0 then 'grace' else 'ada' end, case n % 3 when 0 then 'red' when 1 then 'blue' end,
       n % 2 = 0, timestamptz '2026-01-01 00:00Z' + n / 4 * interval '1 hour'
  from generate_series(0, 99) as n;
"""


class Note(Struct, frozen=True):
    number: int
    colour: str | None
    done: bool
    created_at: datetime


class NoteFilter(Filter, frozen=True):
    done: bool | None = None
    colour: str | None = None


notes = Listing(
    "notes",
    Note,
    NoteFilter,
    scope={"owner": str},
    key=("created_at", "number"),
    filters=((), ("colour",), ("colour", "done")),
)


@pytest_asyncio.fixture
async def db(settings: Settings) -> AsyncGenerator[Database]:
    async with Database(settings.database) as db:
        async with db.connection() as connection:
            await connection.raw.execute(SCHEMA)
        yield db


async def walk(db: Database, where: NoteFilter, owner: str = "ada", limit: int = 7) -> list[int]:
    """Return the numbers of all rows, page by page."""
    page = await notes.page(db, where, None, limit, owner)
    numbers = [note.number for note in page.data]
    while page.next is not None:
        page = await notes.page(db, where, page.next, limit, owner)
        numbers += [note.number for note in page.data]
    return numbers


def expect(where: NoteFilter, owner: str = "ada") -> list[int]:
    numbers = [
        number
        for number in range(100)
        if (owner == "grace") == (number % 10 == 0)
        and where.colour in (None, {0: "red", 1: "blue"}.get(number % 3))
        and where.done in (None, number % 2 == 0)
        and (where.created_from or BEGIN) <= BEGIN + number // 4 * timedelta(hours=1)
        and BEGIN + number // 4 * timedelta(hours=1) < (where.created_before or datetime.max.replace(tzinfo=UTC))
    ]
    return numbers if where.sort == "created_at" else numbers[::-1]


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"colour": "red"},
        {"done": False, "colour": "blue"},
        {"created_from": BEGIN + timedelta(hours=2), "created_before": BEGIN + timedelta(hours=20)},
        {"colour": "red", "created_before": BEGIN + timedelta(hours=20)},
    ],
)
async def test_each_declared_set_of_filters_is_listed_and_exported_in_both_directions(
    db: Database, sort: Any, given: dict[str, Any]
):
    where = NoteFilter(sort=sort, **given)
    for owner in ("ada", "grace"):
        assert await walk(db, where, owner) == expect(where, owner)
    export = Exports(db).stream(notes, where, "ada", name="notes", form="csv")
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(export), base_url="http://service.test") as client:
        lines = (await client.get("/")).text.splitlines()
    assert lines[0] == "number,colour,done,created_at"
    assert [int(line.partition(",")[0]) for line in lines[1:]] == expect(where)


async def test_an_undeclared_set_of_filters_is_refused_with_those_that_there_are(db: Database):
    with pytest.raises(Problem) as caught:
        await walk(db, NoteFilter(done=True))
    assert caught.value.status == 422
    assert caught.value.errors[0].field == "done"
    assert caught.value.errors[0].detail == "filter by colour and done, by colour, or by nothing"


@pytest.mark.parametrize("limit", [44, 45, 46, 90, 91])
async def test_a_list_that_ends_with_its_page_has_no_next(db: Database, limit: int):
    page = await notes.page(db, NoteFilter(), None, limit, "ada")
    assert len(page.data) == min(limit, 90)
    assert (page.next is None) == (limit >= 90)
    assert await walk(db, NoteFilter(), limit=limit) == expect(NoteFilter())


async def test_a_cursor_goes_on_for_the_same_scope_sort_and_filters_only(db: Database):
    red = NoteFilter(colour="red")
    page = await notes.page(db, red, None, 2, "ada")
    assert isinstance(await notes.page(db, red, page.next, 9, "ada"), Page)
    for where, owner in [
        (red, "grace"),
        (NoteFilter(colour="blue"), "ada"),
        (NoteFilter(colour="red", sort="created_at"), "ada"),
        (NoteFilter(colour="red", created_before=BEGIN), "ada"),
    ]:
        with pytest.raises(Problem, match="cursor"):
            await notes.page(db, where, page.next, 9, owner)


class OwnerFilter(Filter, frozen=True):
    owner: str | None = None


async def test_no_filter_of_a_client_takes_the_place_of_the_scope(db: Database):
    owned = Listing(
        "notes", Note, OwnerFilter, scope={"owner": str}, key=("created_at", "number"), filters=((), ("owner",))
    )
    page = await owned.page(db, OwnerFilter(owner="ada"), None, 100, "grace")
    assert {note.number % 10 for note in page.data} <= {0}


async def test_lists_have_the_statements_and_cursors_of_former_releases(db: Database):
    """Replicas of two releases serve one list side by side."""
    query = notes.queries["oldest_by_colour"]
    assert query.sql.splitlines() == [
        "select number, colour, done, created_at",
        "  from notes",
        " where owner = $1 and colour = $2 and (created_at, number) > ($3, $4) and created_at < $5",
        " order by created_at, number",
        " limit $6",
    ]
    page = await notes.page(db, NoteFilter(colour="red", created_from=BEGIN), None, 2, "ada")
    assert page.next == "ktb_aVcKgGDMom2ZWFG2nQ"


def test_its_statements_are_found_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "queries.py").write_text("notes = ...\n")
    package, queries = ModuleType("package"), ModuleType("package.notes.queries")
    package.__path__ = [str(tmp_path)]
    vars(queries).update(notes=notes, Listing=Listing)
    for module in (package, ModuleType("package.notes"), queries):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    found = dict(find_queries(package))
    assert found.keys() == {
        f"notes.notes.{order}{by}" for order in ("newest", "oldest") for by in ("", "_by_colour", "_by_colour_and_done")
    }
    query = found["notes.notes.newest_by_colour_and_done"]
    assert query.params == (str, str, bool, datetime, int, datetime, int)
    assert "owner = $1 and colour = $2 and done = $3 and (created_at, number) < ($4, $5)" in query.sql


FITTING = {"scope": {}, "key": ("created_at", "number"), "filters": (("colour", "done"),)}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"filters": ((),)}, "fields of NoteFilter and filters of notes differ: colour, done"),
        ({"filters": (("colour", "done", "size"),)}, "differ: size"),
        ({"key": ("created_at", "id")}, "Note lacks a key of its list: id"),
    ],
)
def test_a_declaration_that_does_not_fit_is_refused_at_import(changes: dict[str, Any], fault: str):
    declare: Any = Listing
    with pytest.raises(TypeError, match=fault):
        declare("notes", Note, NoteFilter, **FITTING | changes)
