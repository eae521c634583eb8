"""What clients do, out of malice or by bad luck, beside those that behave."""

import asyncio
import random

from inside.edge.test_hostile_clients import converse, post
from service_tools.perf import generator as perf
from soak.load import NEW, Load, is_held, is_proper
from soak.site import Site

from tests.kit.fixtures import make_headers


async def five_times_overload(site: Site, load: Load, _: object) -> None:
    """Measure what is possible, and ask for five times as much."""
    lines = [f"GET /v1/orders HTTP/1.1\r\nhost: {site.port}", *(": ".join(pair) for pair in make_headers().items())]
    call = perf.Call("list", "\r\n".join([*lines, "", ""]).encode())
    possible: list[perf.Sample] = []
    await perf.send_at_full_speed(site.url, iter(lambda: call, None), 32, 1, possible.append)
    samples: list[perf.Sample] = []
    rate = 5 * sum(sample.status == 200 for sample in possible)
    await perf.send_at_rate(site.url, iter(lambda: call, None), rate, 2, samples.append)
    statuses = {sample.status for sample in samples}
    if 200 not in statuses or statuses - {200, 503, 504, perf.NO_ANSWER}:  # no answer: given up by the generator
        load.complaints.append(f"five times overload was answered {sorted(statuses)}")


async def senders_and_readers_are_slow(site: Site, load: Load, _: object) -> None:
    head = "\r\n".join(
        ["GET /v1/orders/export HTTP/1.1", "host: soak", *(": ".join(it) for it in make_headers().items())]
    )
    readers = [await asyncio.open_connection("127.0.0.1", site.port, limit=1) for _ in range(4)]
    for _, writer in readers:
        writer.write(f"{head}\r\n\r\n".encode())
    slow = post("content-length: 1000").replace(b"POST /", b"POST /v1/orders", 1)
    answers = await asyncio.gather(*(converse(site.port, slow, *[b"x"] * 4, pause=0.5) for _ in range(40)))
    if bad := [answer for answer in answers if not answer.startswith(b"HTTP/1.1 408")]:
        load.complaints.append(f"a sender that trickles was answered {bad[0][:80]!r}")
    for _, writer in readers:
        writer.transport.abort()


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
