import asyncio
import re
import time

import httpx2
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.edge.stopwatch import CountedSpans, Stopwatch, describe_timing
from service.kit.server.task_profile import list_awaits
from service.kit.work import asgi, limits, responses
from service.kit.work.problems import Problem


def burn(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


async def answer(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
    burn(0.03)
    await asyncio.sleep(0.05)
    with limits.Span("stock"):
        await asyncio.sleep(0.02)
    with limits.Span("stock"):
        await asyncio.sleep(0.02)
    await responses.respond(send, 200, b"fine", b"text/plain")


def read_timing(header: str) -> dict[str, float]:
    return {name: float(ms) for name, ms in re.findall(r"(\w+);dur=([\d.]+)", header)}


async def ask(method: str = "GET", app: asgi.App = answer) -> dict[str, float]:
    transport = httpx2.ASGITransport(Edge(app, EdgeOptions(timing=True)))
    async with httpx2.AsyncClient(transport=transport) as client:
        response = await client.request(method, "http://service.test/", content=b"x" if method == "POST" else None)
    return read_timing(response.headers["server-timing"])


async def test_the_time_of_the_handler_is_cpu_time_or_waiting():
    spent = await ask()
    assert 30 <= spent["cpu"] < 48, "what it waited for takes no CPU time"
    assert spent["waiting"] >= 49
    assert spent["stock"] >= 39
    assert spent["handler"] >= spent["cpu"] - 1
    layers = sum(spent[layer] for layer in ("handler", "waiting", "stock"))
    assert abs(layers - spent["total"]) < 0.1


async def test_the_cpu_time_of_other_requests_does_not_count():
    busy = asyncio.create_task(asyncio.to_thread(burn, 0.02))

    async def disturb() -> None:
        await asyncio.sleep(0.01)
        burn(0.2)

    others = asyncio.create_task(disturb())
    spent = await ask()
    await asyncio.gather(busy, others)
    assert spent["cpu"] < 48
    assert spent["waiting"] >= 49


async def test_what_led_to_an_error_counts_once():
    async def refuse(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        burn(0.03)
        raise Problem(404, "not-found", "It is not there.")

    spent = await ask(app=refuse)
    assert 30 <= spent["cpu"] < 48


async def test_the_wait_for_a_body_is_not_that_of_the_handler():
    assert "receiving" in await ask("POST")
    assert "receiving" not in await ask()


def test_layers_that_ran_at_once_leave_nothing_for_the_handler():
    spans = CountedSpans()
    for _ in range(3):
        spans["database"] = spans.get("database", 0.0) + 1.0
    told = describe_timing(spans, 1.5, None).decode()
    assert told == 'database;dur=3000.000;desc="statements: 3", handler;dur=0.000, total;dur=1500.000'


async def test_a_cancelled_request_ends_as_it_would_without():
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned")

    async def serve() -> None:
        await Stopwatch(work())

    task = asyncio.create_task(serve())
    await asyncio.sleep(0)
    lines = [*list_awaits(task.get_coro())]
    assert any("work" in line for line in lines), "the console sees what it waits for"
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert seen == ["cancelled", "cleaned"]
