"""Clients that create orders, at once or slowly, that list them, and that follow their events."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count

from tests.deploy.one_host import Server

type Headers = dict[str, str]
type Send = Callable[[http.client.HTTPConnection], object]

order_numbers = count()


def make_order() -> str:
    order = {"customer_email": "ada@example.com", "currency": "EUR", "total_minor": 1999, "item_count": 1}
    return json.dumps(order | {"reference": f"SO-{next(order_numbers)}"})


def create_order(connection: http.client.HTTPConnection, headers: Headers) -> tuple[int, dict[str, object]]:
    """Return the status and the body of an answer."""
    connection.request("POST", "/v1/orders", make_order(), headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def write_orders(headers: Headers) -> Send:
    def send(connection: http.client.HTTPConnection) -> object:
        status, body = create_order(connection, headers)
        return status if status == 201 else f"{status} {body}"

    return send


def read_orders(headers: Headers) -> Send:
    def send(connection: http.client.HTTPConnection) -> object:
        connection.request("GET", "/v1/orders?limit=2", headers=headers)
        response = connection.getresponse()
        body = response.read()
        return response.status if response.status == 200 else f"{response.status} {body}"

    return send


class Stream(threading.Thread):
    """A client that reads an event stream to its end."""

    def __init__(self, proxy: Server, path: str, headers: Headers) -> None:
        super().__init__()
        self.connection = proxy.connect()
        self.connection.request("GET", path, headers=headers)
        self.response = self.connection.getresponse()
        self.lines = [self.response.readline()]
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self.lines += self.response.readlines()
        except (OSError, http.client.HTTPException) as error:
            self.error = error
        self.connection.close()


class SlowPost(threading.Thread):
    """A client whose body takes eight seconds, at twice the rate that the service asks for."""

    def __init__(self, proxy: Server, headers: Headers) -> None:
        super().__init__()
        self.connection = proxy.connect()
        self.headers = headers
        self.status: int | None = None
        self.start()

    def run(self) -> None:
        def make_body() -> Iterator[bytes]:
            for _ in range(16):
                yield b" " * 10_000
                time.sleep(0.5)
            yield make_order().encode()

        self.connection.request("POST", "/v1/orders", make_body(), self.headers, encode_chunked=True)
        self.status = self.connection.getresponse().status
        self.connection.close()
