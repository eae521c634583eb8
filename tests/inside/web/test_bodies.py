import json
import time
from contextlib import suppress
from typing import Literal

import msgspec
import pytest
from service.kit.web.body import Body
from service.kit.work.problems import Problem, encode_problem


class Line(msgspec.Struct, forbid_unknown_fields=True):
    sku: str
    amount: int = 1


class Basket(msgspec.Struct, forbid_unknown_fields=True):
    lines: list[Line]
    note: str | None = None
    anything: object = None


def decode(body: bytes, media_type: str = "application/json") -> Basket:
    return Body(Basket).decode(body, media_type)


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", "application/a.b+json"])
def test_json_of_the_right_shape_is_decoded(media_type: str):
    assert decode(b'{"lines": [{"sku": "a"}]}', media_type) == Basket([Line("a", 1)])


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_another_media_type_is_refused_with_415(media_type: str):
    with pytest.raises(Problem) as caught:
        decode(b'{"lines": []}', media_type)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b'{"lines": []} x', b"\xff", b"\xef\xbb\xbf{}", b'{"lines": [], "anything": ' + b"[" * 200_000],
    ids=["empty", "cut", "more behind it", "not UTF-8", "byte order mark", "200,000 brackets"],
)
def test_what_is_not_json_is_refused_with_400(body: bytes):
    with pytest.raises(Problem) as caught:
        decode(body)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"[]", "body"),
        (b'{"note": "x"}', "lines"),
        (b'{"lines": [{"sku": "a"}, {"amount": 2}]}', "lines[1].sku"),
        (b'{"lines": [{"sku": "a", "colour": 1}]}', "lines[0].colour"),
        (b'{"lines": [{"sku": "a", "amount": "2"}]}', "lines[0].amount"),
        (b'{"lines": [{"sku": "a", "amount": 1e400}]}', "lines[0].amount"),
        (b'{"lines": [{"sku": "a", "amount": NaN}]}', "amount"),
        (b'{"lines": [{"sku": "a", "amount": 1' + b"0" * 5000 + b"}]}", "lines[0].amount"),
        (b'{"lines": [], "lines": []}', "lines"),
        (b'{"lines": [{"sku": "a", "sku": "b"}]}', "sku"),
        (b'{"lines": [], "note": "a\\u0000b"}', "note"),
        (b'{"lines": [], "note": "\\ud800"}', "note"),
        (b'{"lines": [], "anything": ["fine", "\\u0000"]}', "anything"),
    ],
)
def test_a_field_that_does_not_fit_is_named(body: bytes, field: str):
    with pytest.raises(Problem) as caught:
        decode(body)
    assert caught.value.status == 422
    assert [error.field for error in caught.value.errors] == [field]


def test_every_field_that_does_not_fit_is_named():
    body = b'{"lines": [{"sku": 1}, {"amount": "x", "size": 3}, 7], "note": 5, "colour": "red", "shade": 1}'
    with pytest.raises(Problem) as caught:
        decode(body)
    fields = [error.field for error in caught.value.errors]
    assert fields == [
        *("lines[0].sku", "lines[1].sku", "lines[1].amount", "lines[1].size", "lines[2]"),
        *("note", "colour", "shade"),
    ]


LONG = b"x" * 900_000
SIZE = 1_000_000
"""The largest body by default."""


def fill(opening: bytes, item: bytes, closing: bytes) -> bytes:
    """Return a body of the largest size that has as many items as fit."""
    count = (SIZE - len(opening) - len(closing)) // (len(item) + 1)
    return opening + b",".join([item] * count) + closing


NAMES = b",".join(b'"a%d": ""' % number for number in range(80_000))


@pytest.mark.parametrize(
    "body",
    [
        b'{"lines": [], "%s": 1}' % LONG,
        b'{"lines": [{"sku": "a", "%s": 1}]}' % LONG,
        b'{"lines": [], "%s": 1, "%s": 2}' % (LONG, LONG),
        fill(b'{"lines": [', b'{"sku":1}', b"]}"),
        b'{"lines": [], %s}' % NAMES,
        b'{"lines": [], "shade": "%s"}' % LONG,
        b'{"lines": [], " - at `$%s": 1}' % (b" - at `$" * 100_000),
    ],
    ids=["name", "inner name", "two names", "items", "names", "enum", "marks"],
)
def test_the_answer_for_a_refused_body_is_short(body: bytes):
    class Coloured(Basket):
        shade: Literal["red", "blue"] = "red"

    with pytest.raises(Problem) as caught:
        Body(Coloured).decode(body, "application/json")
    assert len(caught.value.errors) <= 20
    _, answer, _ = encode_problem(caught.value, "id")
    assert len(answer) < 10_000


class Cat(msgspec.Struct, tag="cat", forbid_unknown_fields=True):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    friends: list["Cat | Dog"] = []


class Pack(msgspec.Struct, forbid_unknown_fields=True):
    packs: list["Pack"] = []
    members: list[Cat | Dog] = []
    counts: dict[str, int] = {}
    grid: list[list[list[int]]] = []
    anything: object = None


def deepen(levels: int) -> bytes:
    """Return packs in packs that all fit, but for the last and deepest one."""
    fine = b",".join([b'{"counts":{}}'] * (SIZE // 9 // 14))
    inner = deepen(levels - 1) if levels else b"0"
    return b'{"packs": [{"packs": [%s]}, %s]}' % (fine, inner)


@pytest.mark.parametrize(
    "body",
    [
        b"{%s}" % NAMES,
        fill(b'{"packs": [', b"0", b"]}"),
        fill(b'{"packs": [', b'{"a":0}', b"]}"),
        deepen(8),
        fill(b'{"members": [', b'{"type":"cat"}', b"]}"),
        fill(b'{"members": [{"type": "dog", "friends": [', b"{}", b"]}]}"),
        b'{"counts": {%s}}' % NAMES,
        b'{"counts": {%s}}' % NAMES.replace(b'""', b"1"),
        fill(b'{"grid": [[', b"[0]", b'],[["a"]]]}'),
        b'{"anything": {%s}}' % NAMES,
        *(
            fill(b'{"anything": [', item, b"]}")
            for item in (b"0", b"[]", b"{}", b'{"a":[""]}', b'""', '"ä"'.encode(), b'"\\n"')
        ),
        fill(b'{"anything": [', b'"\\u0000"', b"]}"),
        fill(b'{"anything": [', b'"\\ud800"', b"]}"),
        fill(b'{"anything": [', b"[[[[]]]]", b""),
        fill(b"{", b'"anything":1', b"}"),
    ],
    ids=lambda body: f"{body[:30].decode()}",
)
def test_all_work_for_a_body_is_some_times_that_of_decoding_it(body: bytes):
    taker = Body(Pack)
    ratios = []
    for _ in range(3):  # the least counts: it met the fewest faults of the memory
        began_at = time.thread_time()
        for parse in (msgspec.json.decode, json.loads):
            with suppress(ValueError):
                parse(body)
        decoded_at = time.thread_time()
        with suppress(Problem):
            taker.decode(body, "application/json")
        ratios.append((time.thread_time() - decoded_at) / (decoded_at - began_at))
    assert min(ratios) < 6
