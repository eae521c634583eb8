from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

import pytest
from msgspec import msgpack
from service.kit.rows.cursor import CursorCodec
from service.kit.rows.listing import make_link_header
from service.kit.work.problems import Problem

KEY = (datetime(2026, 1, 31, 9, 30, 0, 123456, tzinfo=UTC), uuid4())


def make_codec(*identity: object) -> CursorCodec:
    return CursorCodec(tuple[datetime, UUID], *identity)


def is_refused(codec: CursorCodec, cursor: str) -> bool:
    try:
        codec.decode(cursor)
    except Problem as problem:
        return problem.status == 422 and [error.field for error in problem.errors] == ["cursor"]
    return False


def test_a_cursor_returns_its_key_to_the_microsecond():
    assert make_codec("orders", "paid").decode(make_codec("orders", "paid").encode(KEY)) == KEY


def test_a_cursor_is_bound_to_the_list_its_sort_and_its_filters():
    cursor = make_codec("orders", "created_at", "paid", None).encode(KEY)
    for identity in [
        ("customers", "created_at", "paid", None),
        ("orders", "-created_at", "paid", None),
        ("orders", "created_at", None, "paid"),
        ("orders", "created_at", "paid"),
        (),
    ]:
        assert is_refused(make_codec(*identity), cursor)


def test_a_cursor_with_any_character_changed_or_cut_is_refused():
    codec = make_codec("orders")
    cursor = codec.encode(KEY)
    for position, character in enumerate(cursor):
        for other in {"A", "z", "9", "_", "=", "é", "\x00"} - {character}:
            assert is_refused(codec, cursor[:position] + other + cursor[position + 1 :]), (position, other)
        assert is_refused(codec, cursor[:position])
        assert is_refused(codec, cursor[position + 1 :])
    assert is_refused(codec, cursor + "A")
    assert is_refused(codec, cursor + "=")


def test_an_encoded_key_of_another_shape_is_refused():
    codec = make_codec("orders")
    other = CursorCodec(tuple[str], "orders").encode(("x",))
    assert is_refused(codec, other)
    assert is_refused(codec, urlsafe_b64encode(b"\xc1" * 40).decode())


TIMES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "²", 1e300, None]


@pytest.mark.parametrize("time", TIMES)
def test_a_key_that_nobody_encoded_is_refused(time: object):
    payload = msgpack.encode((time, uuid4()))
    assert is_refused(make_codec("orders"), urlsafe_b64encode(payload + b"12345678").decode())


def test_the_link_keeps_the_query_and_replaces_the_cursor():
    header = make_link_header("status=paid+%26+sent&c%75rsor=old&&limit=5", "new")
    target, relation = header.removeprefix("<?").split(">; ")
    assert relation == 'rel="next"'
    assert parse_qsl(target) == [("status", "paid & sent"), ("limit", "5"), ("cursor", "new")]
    assert make_link_header("", "new") == '<?cursor=new>; rel="next"'
    assert make_link_header('a=">,<b>', "new") == '<?a=%22%3E,%3Cb%3E&cursor=new>; rel="next"'
