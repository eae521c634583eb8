"""The faults, each of which the service has to survive while its clients go on."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

import httpx2
import psutil
from inside.edge.test_hostile_clients import converse, post, vanish
from service_tools.perf import load as perf
from soak.load import NEW, Load, is_held, is_proper
from soak.site import Site

from tests.kit import blocked
from tests.kit.fixtures import make_headers

AWAY = 3.0
"""Seconds for which PostgreSQL, or the line to it, is away: longer than whoever waits for a connection."""


class Fault(NamedTuple):
    """A fault. Only one that `cuts` connections of clients may leave requests without an answer."""

    name: str
    do: Callable[[Site, Load, random.Random], Awaitable[None]]
    cuts: bool


FAULTS: list[Fault] = []


def fault(*, cuts: bool = False) -> Callable:
    """Add a function to the faults, under its name."""

    def add(function: Callable) -> Callable:
        FAULTS.append(Fault(function.__name__.replace("_", " "), function, cuts))
        return function

    return add


@fault()
async def postgresql_restarts_fast(site: Site, *_: object) -> None:
    await asyncio.to_thread(site.server.restart, "fast")


@fault()
async def postgresql_restarts_immediately(site: Site, *_: object) -> None:
    await asyncio.to_thread(site.server.restart, "immediate")


@fault()
async def postgresql_is_killed(site: Site, *_: object) -> None:
    processes = site.server.list_processes()
    site.server.send(signal.SIGKILL)
    await asyncio.to_thread(psutil.wait_procs, processes, 10)
    await asyncio.to_thread(site.server.restart, "immediate")


@fault()
async def postgresql_freezes(site: Site, *_: object) -> None:
    site.server.send(signal.SIGSTOP)
    await asyncio.sleep(AWAY)
    site.server.send(signal.SIGCONT)


@fault()
async def postgresql_is_black_holed(site: Site, *_: object) -> None:
    site.line.send_signal(signal.SIGUSR1)
    await asyncio.sleep(AWAY)
    site.line.send_signal(signal.SIGUSR2)


@fault()
async def five_times_overload(site: Site, load: Load, _: object) -> None:
    """Measure what is possible, and ask for five times as much."""
    lines = [f"GET /v1/orders HTTP/1.1\r\nhost: {site.port}", *(": ".join(pair) for pair in make_headers().items())]
    call = perf.Call("list", "\r\n".join([*lines, "", ""]).encode())
    possible: list[perf.Sample] = []
    await perf.over_connections(site.url, iter(lambda: call, None), 32, 1, possible.append)
    samples: list[perf.Sample] = []
    rate = 5 * sum(sample.status == 200 for sample in possible)
    await perf.at_rate(site.url, iter(lambda: call, None), rate, 2, samples.append)
    statuses = {sample.status for sample in samples}
    if 200 not in statuses or statuses - {200, 503, 504, perf.NO_ANSWER}:  # no answer: given up by the generator
        load.complaints.append(f"five times overload was answered {sorted(statuses)}")


@fault(cuts=True)
async def the_service_is_told_to_stop_among_hostile_clients(site: Site, load: Load, _: object) -> None:
    hostile = asyncio.create_task(vanish_until_nobody_listens(site.port))
    code = await asyncio.to_thread(site.end, "service")
    await hostile
    if code != 0:
        load.complaints.append(f"told to stop, the service ended with {code}")
    await asyncio.to_thread(site.begin, "service")


async def vanish_until_nobody_listens(port: int) -> None:
    with suppress(OSError):
        while True:
            await vanish(port, 30)


@fault(cuts=True)
async def a_worker_is_killed(site: Site, _: Load, draw: random.Random) -> None:
    draw.choice(site.find_workers()).process.kill()


@fault(cuts=True)
async def an_event_loop_is_blocked(site: Site, load: Load, _: object) -> None:
    with suppress(httpx2.TransportError):
        await load.client.get(blocked.PATH)
        load.complaints.append("a worker whose event loop was blocked was not replaced")


@fault()
async def senders_and_readers_are_slow(site: Site, load: Load, _: object) -> None:
    head = "\r\n".join(
        ["GET /v1/orders/export HTTP/1.1", "host: soak", *(": ".join(it) for it in make_headers().items())]
    )
    readers = [await asyncio.open_connection("127.0.0.1", site.port, limit=1) for _ in range(4)]
    for _, writer in readers:
        writer.write(f"{head}\r\n\r\n".encode())
    slow = post("content-length: 1000").replace(b"POST /", b"POST /v1/orders", 1)
    answers = await asyncio.gather(*(converse(site.port, slow, *[b"x"] * 8, pause=0.2) for _ in range(40)))
    if bad := [answer for answer in answers if not answer.startswith(b"HTTP/1.1 408")]:
        load.complaints.append(f"a sender that trickles was answered {bad[0][:80]!r}")
    for _, writer in readers:
        writer.transport.abort()


@fault()
async def requests_make_no_sense(_: Site, load: Load, draw: random.Random) -> None:
    """A small fuzz: parts of requests are replaced by what nobody expects."""
    odd = ["", "\x00", "null", "-1", "1e999", "{", "[" * 3000, "é" * 500, "' or 1=1 --", "9" * 400, "\ud7ff", "../../x"]
    for _ in range(60):
        body = {"reference": draw.choice(odd), **NEW, draw.choice([*NEW]): draw.choice([*odd, None, [], {}, 10**30])}
        query = {draw.choice(["limit", "cursor", "status", "sort", "created_from", "x"]): draw.choice(odd)}
        for request in ({"method": "POST", "json": body}, {"method": "GET", "params": query}):
            response = await load.send(path="/v1/orders", **request)
            if response is not None and response.status_code >= 500 and not is_proper(response):
                load.complain(response, f"{request}")


@fault()
async def one_key_comes_fifty_times(site: Site, load: Load, _: object) -> None:
    reference = f"FIFTY-{next(load.numbers)}"
    body, key = {"reference": reference, **NEW}, {"idempotency-key": reference}
    answers = await asyncio.gather(*(load.send("POST", "/v1/orders", json=body, headers=key) for _ in range(50)))
    made = [answer for answer in answers if answer is not None and answer.status_code == 201]
    odd = [answer for answer in answers if answer is not None and not (is_proper(answer) or is_held(answer))]
    if odd or len({answer.json()["id"] for answer in made}) > 1:
        load.complaints.append(f"one key fifty times: {[answer.text[:200] for answer in odd or made][:3]}")
    for answer in made:
        load.orders[reference] = answer.json()["id"]


@fault()
async def jobs_are_killed(site: Site, _: Load, draw: random.Random) -> None:
    """Kill the process that runs the jobs; half the time, its supervisor as well, as when a machine is lost."""
    (runner,) = site.find_workers("worker")
    if draw.random() < 0.5:
        await asyncio.to_thread(site.end, "worker", signal.SIGKILL)
        with suppress(psutil.NoSuchProcess):
            runner.process.kill()
        await asyncio.to_thread(site.begin, "worker")
    else:
        runner.process.kill()
