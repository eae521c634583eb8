import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import repeat
from time import perf_counter

import pytest
from service_tools.perf import generator
from service_tools.perf.generator import NO_ANSWER, Call, LoadClient, Sample

CALL = Call("ping", b"GET /ping HTTP/1.1\r\nhost: test\r\n\r\n")
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@asynccontextmanager
async def listen(answer: Callable[[], Awaitable[bytes]]) -> AsyncGenerator[str]:
    """Answer each request with the bytes that a function returns; end the connection when there are none."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if not (data := await answer()):
                    break
                writer.write(data)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def always(data: bytes = ANSWER) -> bytes:
    return data


async def test_a_stall_delays_no_request_and_counts_for_each_that_was_due_meanwhile():
    asked = stalled = 0
    samples: list[Sample] = []
    resume = asyncio.Event()

    async def stall() -> bytes:
        nonlocal asked, stalled
        asked += 1
        if asked == 21:
            asyncio.get_running_loop().call_later(5, resume.set)
        if asked == 50:
            resume.set()
        if asked > 20 and not resume.is_set():
            stalled += 1
            await resume.wait()
        return ANSWER

    async with listen(stall) as url:
        await generator.send_at_rate(url, repeat(CALL), 100, 1, samples.append)
    assert [sample.status for sample in samples] == [200] * 100
    assert stalled == 29, "they waited together for the next one"
    assert sum(sample.seconds > 0.1 for sample in samples) >= 15, "some 20 of them waited for more than 0.1 s"


async def test_the_time_of_a_request_begins_when_it_is_due_and_not_when_a_connection_is_free():
    samples: list[Sample] = []

    async def dawdle() -> bytes:
        await asyncio.sleep(0.1)
        return ANSWER

    async with listen(dawdle) as url:
        client, due = LoadClient(url, 1, samples.append), perf_counter() - 1
        await asyncio.gather(*(client.send(CALL, due) for _ in range(3)))
        await client.finish(set(), 10)
    assert [sample.seconds > least for sample, least in zip(samples, (1.09, 1.19, 1.29), strict=True)] == [True] * 3
    assert min(sample.late for sample in samples) > 0.9


async def test_as_many_requests_are_under_way_as_there_are_connections_and_no_more():
    under_way = highest = 0
    samples: list[Sample] = []

    async def count() -> bytes:
        nonlocal under_way, highest
        under_way += 1
        highest = max(highest, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return ANSWER

    async with listen(count) as url:
        await generator.send_at_full_speed(url, repeat(CALL), 3, 0.2, samples.append)
    assert highest == 3
    assert len(samples) > 3
    assert {sample.status for sample in samples} == {200}


@pytest.mark.parametrize(
    "answer",
    [
        b"content-length: 0\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"connection: close\r\ncontent-length: 2\r\n\r\nok",
    ],
    ids=["empty", "chunked", "closed"],
)
async def test_the_status_and_the_timing_of_every_answer_are_recorded(answer: bytes):
    samples: list[Sample] = []
    answer = b"HTTP/1.1 201 Created\r\nServer-Timing: database;dur=1.5\r\n" + answer
    async with listen(lambda: always(answer)) as url:
        await generator.send_at_rate(url, repeat(CALL), 100, 0.1, samples.append)
    assert [(sample.status, sample.timing) for sample in samples] == [(201, b"database;dur=1.5")] * 10


@pytest.mark.parametrize("answer", [b"", b"no HTTP\r\n\r\n"], ids=["closed", "garbled"])
async def test_a_connection_that_ends_without_an_answer_is_recorded_at_once(answer: bytes):
    samples: list[Sample] = []
    async with listen(lambda: always(answer)) as url:
        await generator.send_at_rate(url, repeat(CALL), 100, 0.05, samples.append)
    assert [sample.status for sample in samples] == [NO_ANSWER] * 5
    assert max(sample.seconds for sample in samples) < generator.ANSWER_TIMEOUT / 2


async def test_an_answer_that_does_not_come_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(generator, "ANSWER_TIMEOUT", 0.1)
    samples: list[Sample] = []
    async with listen(lambda: always(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok")) as url:
        await generator.send_at_rate(url, repeat(CALL), 100, 0.05, samples.append)
    assert [sample.status for sample in samples] == [NO_ANSWER] * 5


async def test_a_service_that_is_not_there_gives_no_answer_at_once():
    async with listen(always) as url:
        pass
    samples: list[Sample] = []
    await generator.send_at_rate(url, repeat(CALL), 100, 0.05, samples.append)
    assert [sample.status for sample in samples] == [NO_ANSWER] * 5
    assert max(sample.seconds for sample in samples) < generator.ANSWER_TIMEOUT / 2
