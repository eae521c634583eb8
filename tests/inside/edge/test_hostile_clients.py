"""What clients do to a real server, out of malice or by bad luck: it stays bounded, and others are served."""

import asyncio
import sys
import time
from collections.abc import Callable, Generator
from contextlib import suppress

import httpx2
import psutil
import pytest

from tests.kit.processes import ROOT, find_port, start, wait_until_live

pytestmark = [pytest.mark.faults, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Generator[int]:
    """Where inside/echo.py is served."""
    command = [sys.executable, "-m", "inside.echo", str(port := find_port())]
    with start(cwd=tmp_path_factory.mktemp("echo"), command=command, PYTHONPATH=str(ROOT)) as process:
        wait_until_live(process, f"http://127.0.0.1:{port}")
        yield port
    assert process.returncode == 0


async def converse(port: int, *parts: bytes, pause: float = 0, most: int = 4096) -> bytes:
    """Send bytes as they are and return what comes back, until the server closes or falls silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    with suppress(ConnectionError, TimeoutError):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        async with asyncio.timeout(3):
            while len(received) < most and (data := await reader.read(most)):
                received += data
    writer.close()
    return received


def post(*headers: str) -> bytes:
    return "\r\n".join(["POST / HTTP/1.1", "host: service.test", *headers, "", ""]).encode()


async def get_state(port: int) -> dict[str, int]:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        return (await client.get("/state", timeout=5)).json()


async def test_a_body_without_an_end_is_cut_off_soon(port: int):
    chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(post("transfer-encoding: chunked"))
    sent = 0
    with suppress(ConnectionError):
        while sent < 2**30:
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)
    writer.close()
    assert sent < 2**25, "the kernel's buffers take some MB; the server takes no more"


async def test_a_body_larger_than_the_limit_is_answered_before_it_is_sent(port: int):
    assert (await converse(port, post("content-length: 1000000000"))).startswith(b"HTTP/1.1 413")


async def test_what_follows_an_understated_body_is_no_part_of_it(port: int):
    received = await converse(port, post("content-length: 3") + b"abc" + b"smuggled", b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 200")
    assert b"\r\n\r\n3" in received
    assert b"HTTP/1.1 400" in received


async def test_a_body_of_two_lengths_is_never_taken_by_the_shorter_one(port: int):
    both = post("content-length: 3", "transfer-encoding: chunked", "connection: keep-alive")
    received = await converse(port, both, b"5\r\nhello\r\n0\r\n\r\n" + post("content-length: 1") + b"x")
    assert received.count(b"HTTP/1.1") == 1, "the connection ends, so that nothing can hide behind the body"


async def test_a_compressed_body_is_refused_unread(port: int):
    assert (await converse(port, post("content-encoding: gzip", "content-length: 9"))).startswith(b"HTTP/1.1 415")


@pytest.mark.parametrize("lines", [["a: b"] * 10_000, ["a: " + "b" * 1_000_000]], ids=["many", "long"])
async def test_oversized_headers_are_refused(port: int, lines: list[str]):
    received = await converse(port, post(*lines))
    assert received[:12] in (b"HTTP/1.1 431", b""), "an answer, or a connection closed before all was sent"
    assert await get_state(port)


async def test_a_body_that_trickles_is_given_up(port: int):
    received = await converse(port, post("content-length: 1000"), *[b"x"] * 5, pause=0.1)
    assert received.startswith(b"HTTP/1.1 408")


async def test_a_stream_that_nobody_reads_is_ended_and_holds_little_memory(port: int):
    worker = find_worker(port)
    before = worker.memory_info().rss
    readers = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
    for _, writer in readers:
        writer.write(b"GET /stream HTTP/1.1\r\nhost: service.test\r\n\r\n")
    await wait_for_state(port, lambda state: state["streams"] == 20)
    assert worker.memory_info().rss - before < 100_000_000
    await wait_for_state(port, lambda state: state["streams"] == 0)
    for _, writer in readers:
        writer.close()


async def test_a_thousand_clients_that_vanish_leave_nothing_behind(port: int):
    worker = find_worker(port)
    await vanish(port, 100)  # so that what is only loaded once is loaded
    state, files, memory = await get_state(port), worker.num_fds(), worker.memory_info().rss
    await vanish(port, 1_000)
    await wait_for_state(port, lambda now: now["tasks"] <= state["tasks"] and now["streams"] == 0)
    await wait_for_state(port, lambda _: worker.num_fds() <= files + 5)  # the server closes sockets in its own time
    assert worker.memory_info().rss - memory < 20_000_000


async def vanish(port: int, times: int) -> None:
    """Break connections off in the middle of a request, of its body, and of its response."""
    halves = (b"GET /sta", post("content-length: 100") + b"x", b"GET /state HTTP/1.1\r\nhost: service.test\r\n\r\n")
    for number in range(times):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(halves[number % len(halves)])
        await asyncio.sleep(0)
        writer.transport.abort()


def find_worker(port: int) -> psutil.Process:
    """Return the process that serves, a child of the one that was started."""
    command = ["inside.echo", str(port)]
    (main,) = [found for found in psutil.process_iter(["cmdline"]) if (found.info["cmdline"] or [])[-2:] == command]
    return next(child for child in main.children() if "spawn_main" in " ".join(child.cmdline()))


async def wait_for_state(port: int, is_reached: Callable[[dict[str, int]], bool]) -> None:
    """Return when the process is as wanted, which it has to be within seconds."""
    deadline = time.monotonic() + 8
    while not is_reached(state := await get_state(port)):
        assert time.monotonic() < deadline, state
        await asyncio.sleep(0.1)
