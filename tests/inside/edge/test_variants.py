from typing import Any

import pytest
from inside.messages import ask, reply
from service.kit.edge.edge import Edge
from service.kit.work import asgi

TEXT = b'{"note": "leave it with the neighbours"}' * 100
ALL = ("accept-encoding", "gzip, deflate, br, zstd")


@pytest.mark.parametrize(
    "media_type", ["application/problem+json", "application/x-ndjson", "text/csv", "image/svg+xml"]
)
async def test_text_is_compressed(media_type: str):
    answer = await ask(Edge(reply(TEXT, content_type=media_type)), ALL)
    assert answer.headers["content-encoding"] == "zstd"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_type": "image/png"},
        {"content_type": "application/zip"},
        {"content_type": "application/octet-stream"},
        {"content_type": "text/plain", "content_encoding": "br"},
        {"content_type": "text/plain", "set_cookie": "session=1"},
        {"content_type": "text/plain", "cache_control": "no-store, No-Transform"},
        {"content_type": "text/plain", "status": 206},
    ],
)
async def test_what_is_compressed_already_or_must_not_be_is_left_as_it_is(headers: dict[str, Any]):
    answer, plain = [await ask(app(reply(TEXT, **headers)), ALL, method="POST") for app in (Edge, lambda app: app)]
    assert answer.status == plain.status
    assert answer.own_headers == plain.own_headers | {"content-length": str(len(TEXT))}
    assert answer.raw == plain.raw


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([], "accept-encoding"),
        ([b"origin"], "origin, accept-encoding"),
        ([b"origin", b"accept"], "origin, accept, accept-encoding"),
        ([b"Accept-Encoding, origin"], "Accept-Encoding, origin"),
        ([b"*"], "*"),
    ],
)
async def test_vary_is_merged(given: list[bytes], sent: str):
    headers = [(b"content-type", b"text/plain"), *((b"vary", value) for value in given)]

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": TEXT})

    for _ in range(2):  # the headers are the handler's own, and stay as they are
        assert (await ask(Edge(app), ALL)).headers["vary"] == sent


@pytest.mark.parametrize(("given", "sent"), [('"a"', 'W/"a"'), ('W/"a"', 'W/"a"')])
async def test_the_etag_of_what_is_encoded_is_weak_and_so_is_that_of_its_304(given: str, sent: str):
    fresh = await ask(Edge(reply(TEXT, content_type="text/plain", etag=given)), ALL)
    stored = await ask(Edge(reply(b"", status=304, etag=given)), ALL)
    assert fresh.headers["etag"] == stored.headers["etag"] == sent
    assert fresh.headers["vary"] == stored.headers["vary"] == "accept-encoding"
    assert stored.raw == b""
    plain = await ask(Edge(reply(TEXT, content_type="text/plain", etag=given)))
    assert plain.headers["etag"] == given
