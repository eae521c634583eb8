import csv
import io
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
import pytest
import pytest_asyncio
from service.kit.db.database import Database
from service.kit.db.errors import to_problem
from service.kit.db.query import Query
from service.kit.rows.export import ExportOptions, Exports
from service.kit.rows.formats import FormatName, choose_format
from service.kit.work.problems import Problem
from service.settings import Settings

HOSTILE = [
    "",
    "'",
    "''; drop table orders; --",
    '"quoted", and with a comma',
    "back\\slash and \\n and \\u0041 and a last \\",
    "$1 and $2 and $$ and :x and %s and {0}",
    "E'\\x41'",
    "tab\tnew\nline\r\nreturn\r",
    "control \x01 and \x02 and \x1f and \x7f",
    "\\.",
    "\\N",
    "null",
    " spaces ",
    "=HYPERLINK(1)",
    "größe 價格 🧾 \u2028 \ufeff",
    "--comment /* and */",
]

ECHO = Query("select $1::text as text, $2::text[] as texts, $1 = $3 as same -- not $1", str)
TYPES = Query(
    """
    select true as yes, null::bool as unknown, null::text as nothing, 2::bigint ^ 62 as float,
           9007199254740993 as large, 12.30::numeric as amount, $1::timestamptz as at,
           'infinity'::timestamptz as never, $2::uuid as id, date '2026-01-31' as day,
           interval '1 day 2 hours' as lasts, '{"a": [1,\r\n2]}'::json as written, '{"b": "\\n"}'::jsonb as stored,
           array[1, null] as numbers, row(1, 'x') as pair, 1 as "an ""odd"" {} name",
           $1::timestamptz - interval '0.12 s' as whole, array[$1::timestamptz, null, 'infinity'] as times,
           null::timestamptz[] as untimed
    """,
    str,
)
AT = datetime(2026, 1, 31, 9, 30, 0, 120000, tzinfo=UTC)
KEY = UUID(int=7)


@pytest_asyncio.fixture
async def exports(settings: Settings) -> AsyncGenerator[Exports]:
    async with Database(settings.database) as db:
        yield Exports(db)


@pytest_asyncio.fixture
async def exact(settings: Settings) -> AsyncGenerator[Exports]:
    async with Database(settings.database) as db:
        yield Exports(db, ExportOptions(escape_formulas=False))


async def fetch(exports: Exports, form: FormatName, query: Query, *args: object) -> list[dict[str, Any]]:
    """Return the exported rows as a reader of the format finds them."""
    transport = httpx2.ASGITransport(exports.stream(query, *args, name="rows", form=form))
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test") as client:
        text = (await client.get("/")).content.decode()
    if form == "csv":
        return list(csv.DictReader(io.StringIO(text, newline="")))
    assert text.endswith("\n")
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")]


@pytest.mark.parametrize("conforming", ["on", "off"])
async def test_hostile_arguments_come_out_as_they_went_in(exact: Exports, database_url: str, conforming: str):
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        f"alter database {connection._params.database} set standard_conforming_strings = {conforming}"
    )
    await connection.close()
    for value in HOSTILE:
        (row,) = await fetch(exact, "csv", ECHO, value, HOSTILE, value)
        assert (row["text"], json.loads(row["texts"]), row["same"]) == (value, HOSTILE, "true")
        (line,) = await fetch(exact, "ndjson", ECHO, value, HOSTILE, value)
        assert line == {"text": value, "texts": HOSTILE, "same": True}


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@sum(a)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\n1",
    " =1+1",
    " \t  @a",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20a",
    " \uff1d1",
    "\ufe661",
    *(f"{hidden}=1" for hidden in "\x01\x1f\x7f\x85\xa0\xad\u061c\u1680\u180e\u2003\u200b\u200f"),
    *(f"{hidden}=1" for hidden in "\u2028\u202e\u202f\u205f\u2060\u2066\u3000\ufeff"),
    "\ufeff \u200b\uff1dHYPERLINK(1)",
    " " * 10_000 + "=1",
]


@pytest.mark.parametrize("text", FORMULAS, ids=range(len(FORMULAS)))
async def test_a_text_that_a_spreadsheet_would_run_is_behind_an_apostrophe(exports: Exports, text: str):
    query = Query("select $1::text as a, $1::varchar as b, -1 as number, $2::text as other, null::text as none", str)
    (row,) = await fetch(exports, "csv", query, text, "1=1 'quoted")
    assert row == {"a": f"'{text}", "b": f"'{text}", "number": "-1", "other": "1=1 'quoted", "none": ""}
    (line,) = await fetch(exports, "ndjson", query, text, "")
    assert line["a"] == text


@pytest.mark.parametrize("text", ["a=1", " a", "\xa0", "é=1", "無線", "'=1", "(=1)", "~", "1-1", "\u200b", "🧾="])
async def test_any_other_text_is_exact(exports: Exports, text: str):
    (row,) = await fetch(exports, "csv", ECHO, text, [], text)
    assert (row["text"], row["same"]) == (text, "true")


async def test_a_character_that_cannot_be_stored_is_a_422(exports: Exports):
    with pytest.raises(asyncpg.DataError) as caught:
        await fetch(exports, "csv", ECHO, "a\x00b", [], "")
    problem = to_problem(caught.value, {})
    assert problem is not None
    assert problem.status == 422


async def test_csv_spells_values_as_the_json_of_the_api(exports: Exports):
    (row,) = await fetch(exports, "csv", TYPES, AT, KEY)
    assert row == {
        "yes": "true",
        "unknown": "",
        "nothing": "",
        "float": "4.611686018427388e+18",
        "large": "9007199254740993",
        "amount": "12.30",
        "at": "2026-01-31T09:30:00.120000Z",
        "never": "infinity",
        "id": str(KEY),
        "day": "2026-01-31",
        "lasts": "P1DT2H",
        "written": '{"a": [1,\r\n2]}',
        "stored": '{"b": "\\n"}',
        "numbers": "[1,null]",
        "pair": '{"f1":1,"f2":"x"}',
        'an "odd" {} name': "1",
        "whole": "2026-01-31T09:30:00.000000Z",
        "times": '["2026-01-31T09:30:00.120000Z",null,"infinity"]',
        "untimed": "",
    }


async def test_ndjson_has_the_values_of_the_json_of_the_api(exports: Exports):
    (row,) = await fetch(exports, "ndjson", TYPES, AT, KEY)
    assert Decimal(row.pop("amount")) == Decimal("12.30")
    assert row == {
        "yes": True,
        "unknown": None,
        "nothing": None,
        "float": 2.0**62,
        "large": 9007199254740993,
        "at": "2026-01-31T09:30:00.120000Z",
        "never": "infinity",
        "id": str(KEY),
        "day": "2026-01-31",
        "lasts": "P1DT2H",
        "written": {"a": [1, 2]},
        "stored": {"b": "\n"},
        "numbers": [1, None],
        "pair": {"f1": 1, "f2": "x"},
        'an "odd" {} name': 1,
        "whole": "2026-01-31T09:30:00.000000Z",
        "times": ["2026-01-31T09:30:00.120000Z", None, "infinity"],
        "untimed": None,
    }


@pytest.mark.parametrize(
    ("accept", "name"),
    [
        (None, "csv"),
        ("*/*", "csv"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "csv"),
        ("application/x-ndjson", "ndjson"),
        ("APPLICATION/X-NDJSON ; q=0.5", "ndjson"),
        ("text/csv;q=0.1, application/*;q=0.2", "ndjson"),
        ("text/csv;q=0, */*", "ndjson"),
        ("text/csv;header=present", "csv"),
        ("application/json", None),
        ("text/csv;q=0", None),
        ("text/csv;q=high", None),
        (";;,", None),
    ],
)
def test_the_accept_header_chooses(accept: str | None, name: str | None):
    headers = [] if accept is None else [(b"accept", accept.encode())]
    if name is None:
        with pytest.raises(Problem, match="format=csv") as caught:
            choose_format(None, {"headers": headers})
        assert caught.value.status == 406
    else:
        assert choose_format(None, {"headers": headers}).name == name


def test_a_named_format_wins_over_the_header():
    assert choose_format("ndjson", {"headers": [(b"accept", b"text/csv")]}).name == "ndjson"


def test_several_accept_headers_are_one_list():
    headers = [(b"accept", b"application/json"), (b"accept", b"application/x-ndjson")]
    assert choose_format(None, {"headers": headers}).name == "ndjson"
