from typing import Any

import pytest
from inside.messages import Answer, ask, receive, reply
from service import app
from service.kit.edge.compression import CompressionOptions
from service.kit.edge.edge import Edge
from service.kit.work import asgi, context
from service.settings import Settings

from tests.kit.fixtures import open_client

TEXT = b'{"note": "leave it with the neighbours"}' * 100
ALL = ("accept-encoding", "gzip, deflate, br, zstd")


@pytest.mark.parametrize("name", ["zstd", "br", "gzip"])
async def test_a_long_text_is_compressed(name: str):
    app = reply(TEXT, content_type="application/json; charset=utf-8", content_length=str(len(TEXT)))
    answer = await ask(Edge(app), ("accept-encoding", name))
    assert answer.headers["content-encoding"] == name
    assert answer.headers["content-length"] == str(len(answer.raw))
    assert answer.headers["vary"] == "accept-encoding"
    assert answer.body == TEXT
    assert len(answer.raw) < len(TEXT) / 10


async def test_several_accept_encoding_headers_count_as_one():
    compressed = Edge(reply(TEXT, content_type="text/plain"))
    for order in (("br", "gzip;q=0.1"), ("gzip;q=0.1", "br")):
        answer = await ask(compressed, *(("accept-encoding", value) for value in order))
        assert answer.headers["content-encoding"] == "br"


@pytest.mark.parametrize("accepted", [[], [("accept-encoding", "")], [("accept-encoding", "\xff;q=\x00" * 9000)]])
async def test_without_a_usable_accept_encoding_it_only_says_that_it_could(accepted: list[tuple[str, str]]):
    app = reply(TEXT, content_type="application/json", content_length=str(len(TEXT)))
    answer = await ask(Edge(app), *accepted)
    assert answer.raw == TEXT
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(TEXT))
    assert answer.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize("length", [{}, {"content_length": "999"}])
async def test_a_body_below_the_minimum_is_not_compressed_and_varies_all_the_same(length: dict[str, str]):
    for size, coded in ((999, None), (1000, "zstd")):
        given: dict[str, Any] = {name: str(size) for name in length}
        answer = await ask(Edge(reply(b"a" * size, content_type="text/plain", **given)), ALL)
        assert answer.headers.get("content-encoding") == coded
        assert answer.headers["vary"] == "accept-encoding"
        assert answer.body == b"a" * size


async def test_a_client_that_refuses_plain_bodies_gets_short_ones_compressed():
    answer = await ask(Edge(reply(b"short", content_type="text/plain")), ("accept-encoding", "br, *;q=0"))
    assert (answer.headers["content-encoding"], answer.body) == ("br", b"short")


@pytest.mark.parametrize(
    ("header", "coded"),
    [
        (("cookie", "session=1"), False),
        (("authorization", "Basic YTpi"), False),
        (("authorization", "negotiate YTpi"), False),
        (("authorization", "Bearer abc"), True),
    ],
)
async def test_nothing_is_compressed_for_credentials_that_browsers_add_by_themselves(
    header: tuple[str, str], coded: bool
):
    for order in ([header, ALL], [ALL, header]):
        answer = await ask(Edge(reply(TEXT, content_type="text/plain")), *order)
        assert ("content-encoding" in answer.headers) == coded


async def test_a_service_without_secrets_may_compress_for_cookies():
    options = CompressionOptions(cookies=True)
    answer = await ask(Edge(reply(TEXT, content_type="text/plain"), compression=options), ("cookie", "a=b"), ALL)
    assert answer.headers["content-encoding"] == "zstd"


async def test_it_can_be_disabled():
    app = reply(TEXT, content_type="text/plain")
    answer = await ask(Edge(app, compression=CompressionOptions(enabled=False)), ALL)
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers


async def test_the_answer_to_head_gives_no_length_that_get_would_not():
    for size, length in ((5000, None), (500, "500")):
        app = reply(b"a" * size, content_type="text/plain", content_length=str(size))
        answer = await ask(Edge(app), ALL, method="HEAD")
        assert answer.headers.get("content-length") == length
        assert answer.raw == b""


async def test_what_is_not_http_passes_through():
    seen = []

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        seen.append((scope, receive, send))

    expected = ({"type": "lifespan"}, receive, Answer().take)
    await Edge(app)(*expected)
    assert seen == [expected]


async def test_a_message_of_another_kind_passes_behind_its_start():
    messages = [
        {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]},
        {"type": "http.response.pathsend", "path": "/tmp/file"},
    ]

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        for message in messages:
            await send(message)

    answer = await ask(Edge(app), ALL)
    assert answer.messages[1:] == messages[1:]
    assert "content-encoding" not in answer.headers


async def test_the_time_of_compression_is_charged_to_the_request():
    works: list[context.Work | None] = []

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        works.append(context.current.get())
        await reply(TEXT, content_type="text/plain")(scope, receive, send)

    await ask(Edge(app), ALL)
    assert [list(work.spans) for work in works if work] == [["compression"]]


async def test_the_whole_application_answers_as_before(settings: Settings):
    options = CompressionOptions(minimum_bytes=0)
    async with open_client(app.build(settings.model_copy(update={"compression": options}))) as client:
        response = await client.get("/livez", headers={"accept-encoding": "gzip"})
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["content-length"] == str(response.num_bytes_downloaded)
    assert response.json() == {"status": "ok"}
