import asyncio

import psutil
import pytest
from inside.messages import Answer, ask, make_scope, receive, reply
from service.kit.edge.edge import Edge
from service.kit.edge.response import PIECE_BYTES
from service.kit.work import asgi

TEXT = b'{"note": "leave it with the neighbours"}' * 100
ALL = ("accept-encoding", "gzip, deflate, br, zstd")


@pytest.mark.parametrize("name", ["zstd", "br", "gzip"])
@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 2 * PIECE_BYTES, 5 * PIECE_BYTES + 7])
async def test_a_body_of_any_length_arrives_whole(name: str, size: int):
    body = (TEXT * (size // len(TEXT) + 1))[:size]
    for parts in ((body,), (body, b""), (b"", body), (body[:99], b"", body[99:])):
        app = reply(*parts, content_type="text/csv", content_length=str(size))
        answer = await ask(Edge(app), ("accept-encoding", name))
        assert answer.body == body
        assert answer.is_complete
        assert answer.headers.get("content-length", str(len(answer.raw))) == str(len(answer.raw))


async def test_a_large_body_lets_others_run_in_between():
    turns = 0

    async def run() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(run())
    answer = await ask(Edge(reply(TEXT * 1000, content_type="text/csv")), ALL)
    other.cancel()
    assert answer.body == TEXT * 1000
    assert turns >= len(TEXT) * 1000 // PIECE_BYTES


@pytest.mark.parametrize("name", ["zstd", "br", "gzip"])
async def test_a_part_of_a_stream_can_be_read_before_the_next_one_is_made(name: str):
    answer = Answer()
    read = []

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for number in range(3):
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
            read.append(answer.body)
        await send({"type": "http.response.body", "body": b""})

    await Edge(app)(make_scope((("accept-encoding", name),)), receive, answer.take)
    assert read == [b"data: 0\n\n", b"data: 0\n\ndata: 1\n\n", b"data: 0\n\ndata: 1\n\ndata: 2\n\n"]
    assert answer.body == read[-1]
    assert answer.headers["content-encoding"] == name


async def test_a_stream_of_50_mb_is_compressed_in_flat_memory():
    chunk = (TEXT * 17)[:PIECE_BYTES]
    process = psutil.Process()
    held, sent = [], 0

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/csv")]})
        for number in range(800):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if number % 100 == 0:
                held.append(process.memory_info().rss)
        await send({"type": "http.response.body", "body": b""})

    async def count(message: asgi.Message) -> None:
        nonlocal sent
        sent += len(message.get("body", b""))

    await Edge(app)(make_scope((ALL,)), receive, count)
    assert 800 < sent < 800 * PIECE_BYTES / 10
    assert max(held) - held[0] < 5_000_000
