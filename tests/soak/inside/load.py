"""Clients that write and read all the time, and remember what they were told."""

import asyncio
import random
import time
from collections import Counter
from itertools import count
from typing import Any

import httpx2

from tests.kit.fixtures import make_headers

CLIENTS = 8
PAUSE = 0.05
"""Seconds between two requests of a client."""

TRIES = 400
"""How often a client sends a write again: longer than any fault takes."""

NEW = {"customer_email": "ada@example.com", "currency": "EUR", "total_minor": 1999, "item_count": 3}


def is_proper(response: httpx2.Response) -> bool:
    """Return whether an answer is one that a client of a disturbed service may get."""
    status = response.status_code
    return status < 400 or status == 504 or (status == 503 and "retry-after" in response.headers) or is_held(response)


def is_held(response: httpx2.Response) -> bool:
    """Return whether another request has the Idempotency-Key just now."""
    return response.status_code == 409 and "urn:problem:in-flight" in response.text


class Load:
    """What the clients do. `orders` and `versions` hold what was acknowledged, by reference and by id.

    `harmful` and `good` hold the numbers of jobs that were committed beside theirs, by id.
    """

    def __init__(self, url: str, draw: random.Random) -> None:
        limits = httpx2.Limits(max_connections=None, keepalive_expiry=3)
        self.client = httpx2.AsyncClient(base_url=url, limits=limits, timeout=30)
        self.draw = draw
        self.numbers = count(1)
        self.answers: Counter[str] = Counter()
        self.orders: dict[str, str] = {}
        self.versions: dict[str, int] = {}
        self.harmful: dict[int, int] = {}
        self.good: dict[int, int] = {}
        self.cuts: list[float] = []
        self.complaints: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        self.tasks = [asyncio.create_task(self.use()) for _ in range(CLIENTS)]

    async def end(self) -> None:
        """Stop the clients, and raise what stopped one before."""
        for task in self.tasks:
            task.cancel()
        ended = await asyncio.gather(*self.tasks, return_exceptions=True)
        self.tasks = []
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def send(self, method: str, path: str, **request: Any) -> httpx2.Response | None:
        """Return the answer to a request, or None where there is none. What is improper is a complaint."""
        request["headers"] = make_headers() | request.get("headers", {})
        try:
            response = await self.client.request(method, path, **request)
        except httpx2.TransportError:
            self.answers["none"] += 1
            self.cuts.append(time.monotonic())
            return None
        self.answers[str(response.status_code)] += 1
        return response

    def complain(self, response: httpx2.Response, what: str) -> None:
        self.complaints.append(f"{what} was answered {response.status_code}: {response.text[:300]}")

    async def use(self) -> None:
        """Create an order, read it, change it, and list others, again and again."""
        while True:
            order = await self.create()
            for act in (self.read, self.change, self.list):
                await asyncio.sleep(PAUSE * self.draw.uniform(0.5, 1.5))
                await act(order)

    async def create(self) -> str:
        """Create an order under a key, and send it again until it is acknowledged. Return its id."""
        reference = f"SOAK-{next(self.numbers)}"
        body, key = {"reference": reference, **NEW}, {"idempotency-key": reference}
        for _ in range(TRIES):
            response = await self.send("POST", "/v1/orders", json=body, headers=key)
            if response is not None and response.status_code == 201:
                self.orders[reference] = response.json()["id"]
                self.versions[response.json()["id"]] = 1
                return self.orders[reference]
            if response is not None and not is_proper(response):
                self.complain(response, f"the creation of {reference}, sent under its key until it was acknowledged,")
            await asyncio.sleep(0.25)
        raise AssertionError(f"nobody acknowledges {reference}")

    async def read(self, order: str) -> None:
        response = await self.send("GET", f"/v1/orders/{order}")
        if response is not None and not is_proper(response):
            self.complain(response, f"a read of the acknowledged order {order}")

    async def change(self, order: str) -> None:
        """Change an order by its version. Who gets no clear answer may find that it was changed all the same."""
        response = await self.send("PATCH", f"/v1/orders/{order}", json={"version": self.versions[order], "gift": True})
        if response is not None and response.status_code == 200:
            self.versions[order] = response.json()["version"]
        elif response is not None and not is_proper(response):
            self.complain(response, f"the first change of the order {order}")

    async def list(self, _: str) -> None:
        response = await self.send("GET", "/v1/orders?limit=20")
        if response is not None and not is_proper(response):
            self.complain(response, "a list")
