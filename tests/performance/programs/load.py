"""The load on a server, closed loop or open loop, from one process: its input begins with a line of JSON.

A closed loop has `clients` connections, each of which asks again once it is answered: that finds what a server can
carry. An open loop sends `rate` requests a second whatever the server does, and counts latency from the moment that a
request was due: that shows what users see. It runs in the environment of a generated service, for its uvloop.

It connects, prints a line, and begins with the next line of its input; it prints the figures, and ends with its input.
So whoever measures knows when all connections are open, and looks once more before they are closed.

With `first`, requests are numbered from there on, and `%(number)010d` in their paths, headers and body is the number.
`%(turn)6d` is 1 for the first request to each path, 2 for the next one, and so on: the version of what each request
changes. Both have a width, so that all bodies are as long.
"""

import asyncio
import gc
import json
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import count, cycle
from typing import cast

import uvloop
from response_length import measure_body

GRACE = 5.0  # seconds to wait at the end for answers that are under way


class Load:
    """One run, and what came of it."""

    def __init__(
        self,
        port: int,
        paths: list[str],
        clients: int,
        seconds: float,
        rate: float,
        headers: str = "",
        body: str = "",
        asking: int | None = None,
        method: str = "",
        first: int | None = None,
    ) -> None:
        method = method or ("POST" if body else "GET")
        length = len(body if first is None else body % {"number": 0, "turn": 0})
        headers += f"Content-Type: application/json\r\nContent-Length: {length}\r\n" if body else ""
        rest = f" HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{headers}\r\n{body}"
        requests = [f"{method} {path}{rest}".encode() for path in paths]
        self.requests = cycle(requests) if first is None else number_requests(requests, first)
        self.port, self.clients, self.seconds, self.rate = port, clients, seconds, rate
        self.asking = asking  # of the clients of a closed loop; the others only have their connection
        self.latencies: dict[int, list[float]] = {}
        self.bytes = Counter[int]()
        self.idle: list[Client] = []
        self.due: deque[float] = deque()
        self.under_way = 0
        self.ends = 0.0
        self.finished = asyncio.Event()

    async def run(self) -> dict[str, object]:
        """Ask until the time is over, and return the figures."""
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
        """Start the clients that ask; they go on by themselves."""
        asking = self.idle[: self.asking]
        del self.idle[: self.asking]
        for client in asking:
            client.ask(time.perf_counter())
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
        length = None if head < 0 else measure_body(data[:head], data[head + 4 :])
        if length is None:
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


def number_requests(requests: list[bytes], first: int) -> Iterator[bytes]:
    """Yield the requests in turn without end, each with its number and its turn."""
    for number in count(first):
        turn, place = divmod(number, len(requests))
        yield requests[place] % {b"number": number, b"turn": turn + 1}


async def main(load: Load) -> None:
    """Connect, wait for the word to begin, print the figures, and wait for that to end."""
    for _ in range(load.clients):
        await load.connect()
    print("connected", flush=True)
    sys.stdin.readline()
    print(json.dumps(await load.run()), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    gc.disable()
    uvloop.run(main(Load(**json.loads(sys.stdin.readline()))))
