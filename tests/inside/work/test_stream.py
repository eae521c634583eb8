import asyncio
from math import inf

import pytest
from service.kit.work import asgi
from service.kit.work.responses import CHUNK_BYTES, Stream


class Client:
    """What a server's `send` was given, and whether it takes more."""

    def __init__(self) -> None:
        self.taken: list[asgi.Message] = []
        self.ready = asyncio.Event()
        self.ready.set()

    async def send(self, message: asgi.Message) -> None:
        await self.ready.wait()
        self.taken.append(message)

    @property
    def sizes(self) -> list[int]:
        return [len(message["body"]) for message in self.taken[1:]]


async def test_the_first_portion_goes_out_at_once_and_the_others_in_pieces(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("service.kit.work.responses.MAX_DELAY", inf)
    client = Client()
    stream = Stream(client.send, [(b"x", b"y")])
    for _ in range(20):
        await stream.write(b"x" * 8_000)
    await stream.finish()
    assert client.taken[0] == {"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]}
    assert client.sizes[0] == 8_000
    assert all(CHUNK_BYTES <= size < CHUNK_BYTES + 8_000 for size in client.sizes[1:-1])
    assert len(client.sizes) == 4
    assert sum(client.sizes) == 160_000
    assert [message["more_body"] for message in client.taken[1:]] == [True] * (len(client.sizes) - 1) + [False]


async def test_a_portion_that_comes_late_does_not_wait_for_a_whole_piece(monkeypatch: pytest.MonkeyPatch):
    client = Client()
    stream = Stream(client.send, [])
    await stream.write(b"a")
    monkeypatch.setattr("service.kit.work.responses.MAX_DELAY", 0.0)
    await stream.write(b"b")
    assert client.sizes == [1, 1]


async def test_nothing_at_all_is_an_empty_response():
    client = Client()
    await Stream(client.send, []).finish()
    assert client.sizes == [0]


async def test_a_writer_waits_for_its_client():
    client = Client()
    client.ready.clear()
    writing = asyncio.create_task(Stream(client.send, []).write(b"x"))
    done, _ = await asyncio.wait([writing], timeout=0.05)
    assert not done
    client.ready.set()
    await writing
    assert client.sizes == [1]
