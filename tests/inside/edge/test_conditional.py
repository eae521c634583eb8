from typing import Any

import pytest
from inside.messages import Answer, ask, make_scope, receive, reply
from service.kit.edge.edge import Edge
from service.kit.edge.response import MAX_HASHED_BYTES
from service.kit.work import asgi

JSON: dict[str, Any] = {"content_type": "application/json", "content_length": "2"}


async def test_a_read_has_an_etag_of_its_body_and_may_be_kept_but_not_used_unasked():
    first, again, other = [await ask(Edge(reply(body, **JSON))) for body in (b"{}", b"{}", b"[]")]
    assert first.own_headers == {
        **dict_of(JSON),
        "vary": "accept-encoding",
        "etag": first.headers["etag"],
        "cache-control": "private, no-cache",
    }
    assert first.body == b"{}"
    assert first.headers["etag"] == again.headers["etag"] != other.headers["etag"]
    assert first.headers["etag"].startswith('W/"')


async def test_what_the_client_has_already_is_not_sent_again():
    app = Edge(reply(b"{}", **JSON, vary="accept", x_request_id="abc", link="<?cursor=x>"))
    fresh = await ask(app)
    stored = await ask(app, ("if-none-match", fresh.headers["etag"]))
    assert (stored.status, stored.raw) == (304, b"")
    assert stored.is_complete
    kept = fresh.headers.items() - dict_of(JSON).items()
    assert stored.headers.items() - {("x-request-id", stored.headers["x-request-id"])} <= kept


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ('"a"', 304),
        ('W/"a"', 304),
        ('"b", W/"a"', 304),
        ('"b","a"', 304),
        ("*", 304),
        (" * ", 304),
        ('"b"', 200),
        ('"aa"', 200),
        ('"b", "*"', 200),
        ("a", 200),
        ("", 200),
        ('"a', 200),
        ('W/"' * 20_000, 200),
        ("\xff\x00", 200),
    ],
)
@pytest.mark.parametrize("own", ['"a"', 'W/"a"'])
async def test_if_none_match_compares_weakly(known: str, status: int, own: str):
    answer = await ask(Edge(reply(b"{}", **JSON, etag=own)), ("if-none-match", known))
    assert answer.status == status
    assert answer.headers["etag"] == own


async def test_several_headers_name_several_etags():
    answer = await ask(Edge(reply(b"{}", etag='"a"')), ("if-none-match", '"x"'), ("if-none-match", '"a"'))
    assert answer.status == 304


@pytest.mark.parametrize(
    ("change", "method"),
    [
        ({}, "POST"),
        ({}, "PATCH"),
        ({"status": 201}, "GET"),
        ({"status": 404}, "GET"),
        ({"cache_control": "no-store"}, "GET"),
        ({"cache_control": "private, No-Store"}, "GET"),
        ({"content_range": "bytes 0-1/5"}, "GET"),
    ],
)
async def test_partial_and_uncacheable_responses_get_no_etag(change: dict[str, Any], method: str):
    app = reply(b"{}", **JSON, **change)
    answer, plain = [await ask(each, ("if-none-match", "*"), method=method) for each in (Edge(app), app)]
    assert "etag" not in answer.headers
    assert (answer.status, answer.raw) == (plain.status, plain.raw)
    assert {**answer.headers, **plain.headers} == answer.headers


async def test_streams_and_long_bodies_are_not_hashed():
    for bodies in ((b"a", b"b"), (b"a" * (MAX_HASHED_BYTES + 1),)):
        answer = await ask(Edge(reply(*bodies)), ("if-none-match", "*"))
        assert (answer.status, answer.body) == (200, b"".join(bodies))
        assert "etag" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
    assert "etag" in (await ask(Edge(reply(b"a" * MAX_HASHED_BYTES)))).headers


async def test_a_handler_may_say_otherwise():
    answer = await ask(Edge(reply(b"{}", cache_control="public, max-age=60")))
    assert answer.headers["cache-control"] == "public, max-age=60"
    assert "etag" in answer.headers


async def test_head_is_get_without_the_body():
    app = Edge(reply(b"{}", **JSON))
    get, head = [await ask(app, method=method) for method in ("GET", "HEAD")]
    assert (head.status, head.own_headers, head.raw) == (200, get.own_headers, b"")
    assert head.is_complete
    assert (await ask(app, ("if-none-match", get.headers["etag"]), method="HEAD")).status == 304


async def test_head_reaches_the_handler_of_get_and_the_scope_is_as_before():
    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        scope["path_template"] = scope["method"]

    scope = make_scope((), "HEAD")
    await Edge(app)(scope, receive, Answer().take)
    assert (scope["method"], scope["path_template"]) == ("HEAD", "GET")


async def test_head_does_not_wait_for_the_end_of_a_stream():
    made = []

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(1000):
            made.append(number)
            await send({"type": "http.response.body", "body": b"row", "more_body": True})

    answer = await ask(Edge(app), method="HEAD")
    assert (answer.status, answer.raw, made) == (200, b"", [0])
    assert answer.is_complete


async def test_an_error_of_the_handler_is_a_500_for_head_as_for_get():
    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        raise LookupError

    assert [(await ask(Edge(app), method=method)).status for method in ("GET", "HEAD")] == [500, 500]


async def test_what_is_compressed_is_recognised_by_the_same_etag():
    app = Edge(reply(b"text" * 1000, content_type="text/plain"))
    fresh = await ask(app, ("accept-encoding", "zstd"))
    assert fresh.headers["content-encoding"] == "zstd"
    stored = await ask(app, ("accept-encoding", "zstd"), ("if-none-match", fresh.headers["etag"]))
    assert (stored.status, stored.raw) == (304, b"")
    assert {"etag", "vary", "cache-control"} == stored.own_headers.keys()
    assert all(stored.headers[name] == fresh.headers[name] for name in stored.own_headers)


def dict_of(headers: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
