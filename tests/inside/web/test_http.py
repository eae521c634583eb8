import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn
from uuid import UUID

import httpx2
import pytest
from msgspec import Struct
from service.kit.auth.bearer import Caller
from service.kit.web.app import build
from service.kit.web.routes import PUBLIC, Routes, Slice


class Shop:
    name = "corner shop"


class Online(Shop):
    pass


class Order(Struct):
    name: str


async def read_thing(shop: Shop, number: int, shade: str = "none") -> dict[str, object]:
    return {"number": number, "shade": shade, "shop": shop.name}


class NoThreads(ThreadPoolExecutor):
    def submit(self, *_: object, **__: object) -> NoReturn:
        pytest.fail("a request was sent to another thread")


def make_slice(function: Any, path: str = "/{number:int}") -> Slice:
    routes = Routes("/things", access=PUBLIC)
    routes.get(path)(function)
    return Slice(routes)


@pytest.mark.parametrize("provide", [[Shop()], [Online(), 7]])
@pytest.mark.parametrize("path", ["/things/1", "/things/1?shade=red", "/things/1/"])
async def test_a_request_stays_in_the_thread_of_the_event_loop(path: str, provide: list[object]):
    asyncio.get_running_loop().set_default_executor(NoThreads(1))
    app = build([make_slice(read_thing)], provide=provide)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service.test") as client:
        answer = (await client.get(path)).json()
    assert (answer["number"], answer["shop"]) == (1, "corner shop")


async def no_number(shop: Shop) -> None: ...


async def wrong_type(number: UUID) -> None: ...


async def two_bodies(number: int, data: Order, more: list[Order]) -> None: ...


async def two_parameters(number: int, shop: "Filter", name: str) -> None: ...


class Filter(Struct):
    __query__ = True

    name: str


def not_async(number: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "provide", "mend"),
    [
        (
            read_thing,
            [],
            r"GET /things/\{number:int\}, .*read_thing, parameter `shop: .*Shop`: nothing is of this type",
        ),
        (read_thing, [Shop(), Online()], "app.py provides 2 of them"),
        (no_number, [Shop()], "its path has number"),
        (wrong_type, [], "parameter `number: .*UUID`: write its type into the path"),
        (two_bodies, [], "`data` is its body already"),
        (two_parameters, [], "two parameters of its query are called name"),
        (not_async, [], "make it an async function"),
    ],
)
def test_a_function_that_cannot_be_called_keeps_the_service_from_starting(
    function: Any, provide: list[object], mend: str
):
    with pytest.raises(TypeError, match=mend):
        build([make_slice(function)], provide=provide)


def test_a_method_of_a_path_has_one_function():
    routes = Routes("/things", access=PUBLIC)
    for _ in range(2):
        routes.get("")(no_number)
    with pytest.raises(TypeError, match="GET /things has two functions"):
        build([Slice(routes)], provide=[Shop()])


async def test_resources_are_open_in_order_from_the_first_request_to_the_last():
    events: list[str] = []

    class Resource:
        def __init__(self, name: str) -> None:
            self.name = name

        async def __aenter__(self) -> None:
            events.append(f"open {self.name}")

        async def __aexit__(self, *_: object) -> None:
            events.append(f"close {self.name}")

    steps = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

    async def receive() -> Any:
        return next(steps)

    async def send(message: Any) -> None:
        events.append(message["type"])

    await build([], resources=[Resource("a"), Resource("b")])({"type": "lifespan", "state": {}}, receive, send)
    assert events == [
        "open a",
        "open b",
        "lifespan.startup.complete",
        "close b",
        "close a",
        "lifespan.shutdown.complete",
    ]
    assert Caller
