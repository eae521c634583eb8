# kit: updated by the template
from typing import Annotated

import pytest
from msgspec import Meta, Struct

from service.kit import cells, imports
from service.kit.formats import Name
from service.kit.imports import Line, Splitter
from service.kit.problems import Problem

LONGEST = imports.ROW_BYTES


class Parcel(Struct, frozen=True, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, examples=["box"])]
    weight: int
    tags: list[str] = []
    fragile: bool = False
    note: str | None = None


def split(form: Name, data: bytes, size: int = 7) -> tuple[list[Line], list[str]]:
    """Return the rows and the columns of a file that arrives in pieces of a size."""
    splitter = Splitter(form, Parcel)
    rows = [row for at in range(0, len(data), size) for row in splitter.feed(data[at : at + size])]
    return [*rows, *splitter.end()], splitter.columns


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_file_falls_into_the_same_rows_however_it_arrives(size: int):
    data = 'name,weight\r\n"größe, und\r\n""mehr""",3\r\n\r\nplain,4'.encode()
    rows, columns = split("csv", data, size)
    assert columns == ["name", "weight"]
    assert rows == [Line(3, '"größe, und\n""mehr""",3'), Line(5, "plain,4")]
    assert split("ndjson", b'{"a": 1}\n\n{"a": "\\""}\n', size)[0] == [Line(1, '{"a": 1}'), Line(3, '{"a": "\\""}')]


def test_a_byte_order_mark_is_no_part_of_the_first_name():
    assert split("csv", b"\xef\xbb\xbfname,weight\na,1\n")[1] == ["name", "weight"]


@pytest.mark.parametrize(
    ("form", "data", "detail"),
    [
        ("ndjson", b"{}\n\x00\n", "line 2: it contains the character NUL"),
        ("ndjson", b"{}\n{}\n\xff\n", "line 3: it is not UTF-8"),
        ("ndjson", b"x" * (LONGEST + 1), "line 0: it is longer than 65,536 bytes"),
        ("csv", b"name,weight\n" + b'"\n' + b"x\n" * LONGEST, "it is longer than 65,536 bytes"),
        ("csv", b'name,weight\n"a,1\n', "line 2: a quote is not closed"),
        ("csv", b"name,weight,colour\n", "line 1: colour: there is no such column; there is name, weight"),
        ("csv", b"name,weight,name\n", "line 1: a column is given twice"),
        ("csv", b"name\n", "line 1: weight: the column is missing"),
    ],
    ids=range(8),
)
def test_what_is_no_file_of_rows_is_refused_with_its_line(form: Name, data: bytes, detail: str):
    with pytest.raises(Problem, match=detail) as raised:
        split(form, data, 10_000)
    assert raised.value.status == 422


def test_a_splitter_holds_no_more_than_a_row_and_a_chunk():
    splitter = Splitter("ndjson", Parcel)
    for _ in range(100):
        for _ in splitter.feed(b'{"name": "a", "weight": 1}\n' * 100 + b'{"name": '):
            pass
        list(splitter.feed(b'"b", "weight": 2}\n'))
        assert len(splitter.rest) + sum(map(len, splitter.open)) == 0


def test_a_row_means_the_same_in_both_formats():
    columns = ["name", "weight", "tags", "fragile", "note"]
    by_cells = cells.read_row('"a ""b""",3,"[""x"", ""y""]",true,', columns, Parcel)
    by_json = cells.read_row('{"name": "a \\"b\\"", "weight": 3, "tags": ["x", "y"], "fragile": true}', [], Parcel)
    assert by_cells == by_json == Parcel('a "b"', 3, ["x", "y"], fragile=True)


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("a,three", "weight: it is not JSON, like 3, true or a list in brackets"),
        ("a,3.5", "weight: Expected `int`, got `float`"),
        (",3", "name: it is required"),
        ("a", "row: it has 1 cells, and the first row has 2"),
    ],
)
def test_a_cell_that_does_not_fit_is_named(text: str, detail: str):
    with pytest.raises(Problem) as raised:
        cells.read_row(text, ["name", "weight"], Parcel)
    assert raised.value.detail == detail


@pytest.mark.parametrize("media_type", ["", "application/json", "text/plain", "text/csvx"])
def test_another_media_type_is_refused_with_those_that_are_taken(media_type: str):
    with pytest.raises(Problem, match="Send a file as text/csv or application/x-ndjson") as raised:
        imports.read_form(media_type)
    assert raised.value.status == 415
    assert imports.read_form("Text/CSV; header=present") == "csv"
