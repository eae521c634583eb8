"""The load on a server, closed loop or open loop, from one process: `python load.py SPECIFICATION`.

A closed loop has `clients` connections, each of which asks again once it is answered: that finds what a server can
carry. An open loop sends `rate` requests a second whatever the server does, and counts latency from the moment that a
request was due: that shows what users see. It runs in the environment of a generated service, for its uvloop.
"""

import asyncio
import gc
import json
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from itertools import cycle
from typing import cast

import uvloop

GRACE = 5.0  # seconds to wait at the end for answers that are under way


class Load:
    """One run, and what came of it."""

    def __init__(
        self, port: int, paths: list[str], clients: int, seconds: float, rate: float, headers: str = "", body: str = ""
    ) -> None:
        headers += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        rest = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n{body}"
        self.requests = cycle([f"{'POST' if body else 'GET'} {path}{rest}".encode() for path in paths])
        self.port, self.clients, self.seconds, self.rate = port, clients, seconds, rate
        self.latencies: dict[int, list[float]] = {}
        self.bytes = Counter[int]()
        self.idle: list[Client] = []
        self.due: deque[float] = deque()
        self.under_way = 0
        self.ends = 0.0
        self.finished = asyncio.Event()

    async def run(self) -> dict[str, object]:
        """Connect, ask until the time is over, and return the figures."""
        for _ in range(self.clients):
            await self.connect()
        began, used = time.perf_counter(), time.process_time()
        self.ends = began + self.seconds
        await (self.ask_steadily(began) if self.rate else self.ask_again())
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self.finished.wait()
        elapsed = time.perf_counter() - began
        return {**self.sum_up(), "seconds": elapsed, "generator": (time.process_time() - used) / elapsed}

    async def connect(self) -> None:
        """Open one more connection."""
        await asyncio.get_running_loop().create_connection(lambda: Client(self), "127.0.0.1", self.port)

    async def ask_again(self) -> None:
        """Start every client; they go on by themselves."""
        for client in list(self.idle):
            client.ask(time.perf_counter())
        self.idle.clear()
        await asyncio.sleep(self.seconds)

    async def ask_steadily(self, began: float) -> None:
        """Send each request when it is due. Without a free connection it waits here, and its clock runs."""
        sent = 0
        while (now := time.perf_counter()) < self.ends:
            due = int((now - began) * self.rate)
            self.due.extend(began + number / self.rate for number in range(sent, due))
            sent = due
            while self.due and self.idle:
                self.idle.pop().ask(self.due.popleft())
            await asyncio.sleep(0.001)

    def proceed(self, client: "Client") -> None:
        """Let a client that was answered ask again, as long as there is something to ask."""
        now = time.perf_counter()
        if self.due or (now < self.ends and not self.rate):
            return client.ask(self.due.popleft() if self.due else now)
        self.idle.append(client)
        if now >= self.ends and not self.under_way:
            self.finished.set()

    def sum_up(self) -> dict[str, object]:
        """Return the answers by status, with milliseconds. Status 0 is a connection that was cut."""
        answers = {
            str(status): {
                "count": len(times),
                "bytes": self.bytes[status] / len(times),
                **{f"p{part}": sorted(times)[int(len(times) * part / 100)] * 1000 for part in (50, 99)},
            }
            for status, times in sorted(self.latencies.items())
        }
        count = sum(len(times) for times in self.latencies.values())
        return {"count": count, "unanswered": self.under_way + len(self.due), "answers": answers}


class Client(asyncio.Protocol):
    """One connection, with at most one request under way, asked at `asked_at`."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.received = b""
        self.asked_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.load.idle.append(self)

    def ask(self, due: float) -> None:
        """Send the next request."""
        self.asked_at = due
        self.load.under_way += 1
        self.transport.write(next(self.load.requests))

    def data_received(self, data: bytes) -> None:
        data = self.received + data if self.received else data
        head = data.find(b"\r\n\r\n")
        if head < 0 or len(data) < head + 4 + (length := find_length(data[:head])):
            self.received = data
            return
        self.received = b""
        self.end(int(data[9:12]), length)
        self.load.proceed(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.asked_at:
            self.end(0, 0)
        if self in self.load.idle:
            self.load.idle.remove(self)
        if time.perf_counter() < self.load.ends:
            self.again = asyncio.ensure_future(self.load.connect())

    def end(self, status: int, length: int) -> None:
        """Note the answer to the request under way."""
        self.load.latencies.setdefault(status, []).append(time.perf_counter() - self.asked_at)
        self.load.bytes[status] += length
        self.load.under_way -= 1
        self.asked_at = 0.0


def find_length(head: bytes) -> int:
    """Return the length of the body, which has to be announced."""
    return int(head.lower().partition(b"content-length:")[2].partition(b"\r")[0])


if __name__ == "__main__":
    gc.disable()
    print(json.dumps(uvloop.run(Load(**json.loads(sys.argv[1])).run())))
