"""Compressed streams as the server sends them, and what is left of them."""

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from weakref import WeakSet

import pytest
from granian.constants import Interfaces
from granian.server.embed import Server
from inside.messages import DECODERS
from service.kit import web
from service.kit.edge.edge import Edge
from service.kit.edge.response import Exchange
from service.kit.web.routes import PUBLIC, Routes, Slice
from starlette.responses import StreamingResponse

from tests.kit.processes import find_port

pytestmark = pytest.mark.faults


@asynccontextmanager
async def open_stream(released: asyncio.Event) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Serve a stream that makes its second row when it is told to, by granian, and yield a connection to it."""

    async def make_rows() -> AsyncIterator[bytes]:
        yield b"first row\n"
        await released.wait()
        yield b"second row\n"

    routes = Routes("/", access=PUBLIC)

    @routes.get("/rows")
    async def stream_rows() -> StreamingResponse:
        return StreamingResponse(make_rows(), media_type="text/csv")

    app = web.build([Slice(routes)])
    port = find_port()
    server = Server(Edge(app), port=port, interface=Interfaces.ASGI, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    reader, writer = await connect(port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        released.set()
        server.stop()
        await serving


async def connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a connection to a server that is about to start."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)


async def read_chunk(reader: asyncio.StreamReader) -> bytes:
    """Return one chunk of a chunked response."""
    async with asyncio.timeout(10):
        size = int(await reader.readline(), 16)
        return (await reader.readexactly(size + 2))[:-2]


def find_responses() -> list[Exchange]:
    """Return the responses of this process that something still holds, those of other tests included."""
    gc.collect()
    return [item for item in gc.get_objects() if type(item) is Exchange]


async def wait_until_gone(responses: WeakSet[Exchange]) -> None:
    """Return when nothing holds these responses any more."""
    async with asyncio.timeout(10):
        while responses:
            await asyncio.sleep(0.02)
            gc.collect()


@pytest.mark.parametrize("name", ["zstd", "br", "gzip"])
async def test_a_client_of_the_server_reads_a_part_before_the_next_one_is_made(name: str):
    released = asyncio.Event()
    async with open_stream(released) as (reader, writer):
        writer.write(b"GET /rows HTTP/1.1\r\nhost: service.test\r\naccept-encoding: %s\r\n\r\n" % name.encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        assert f"content-encoding: {name}\r\n" in head
        decode = DECODERS[name]()
        assert decode(await read_chunk(reader)) == b"first row\n"
        released.set()
        assert decode(await read_chunk(reader)) == b"second row\n"


async def test_a_client_that_goes_away_in_the_middle_of_a_stream_leaves_no_coder_at_work():
    others = WeakSet(find_responses())
    async with open_stream(asyncio.Event()) as (reader, writer):
        writer.write(b"GET /rows HTTP/1.1\r\nhost: service.test\r\naccept-encoding: zstd\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        await read_chunk(reader)
        streams = WeakSet(find_responses()) - others
        assert len(streams) == 1
        writer.transport.abort()
        await wait_until_gone(streams)


async def test_head_of_an_endless_stream_is_answered_and_the_connection_serves_on():
    others = WeakSet(find_responses())
    async with open_stream(asyncio.Event()) as (reader, writer):
        for _ in range(3):
            writer.write(b"HEAD /rows HTTP/1.1\r\nhost: service.test\r\naccept-encoding: zstd\r\n\r\n")
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
        await wait_until_gone(WeakSet(find_responses()) - others)
