import asyncio
from typing import Any

import httpx2
import pytest
from litestar import Router, get
from litestar.di import NamedDependency, Provide
from service.kit.edge import asgi
from service.kit.web import Slice, build

tasks: list[str] = []
"""The tasks in which dependencies and handlers ran."""


def note_task() -> None:
    task = asyncio.current_task()
    assert task
    tasks.append(task.get_name())


def read_shade(size: NamedDependency[int]) -> str:
    note_task()
    return f"shade {size}"


def read_size() -> int:
    note_task()
    return 7


async def wait_first(barrier: NamedDependency[Any]) -> int:
    return await barrier.wait()


async def wait_second(barrier: NamedDependency[Any]) -> int:
    return await barrier.wait()


@get("/plain", dependencies={"shade": Provide(read_shade, sync_to_thread=False)})
async def plain(shade: NamedDependency[str], size: NamedDependency[int], name: NamedDependency[str]) -> list[object]:
    note_task()
    return [shade, size, name]


@get("/waiting", dependencies={"one": Provide(wait_first), "two": Provide(wait_second)})
async def waiting(one: NamedDependency[int], two: NamedDependency[int], name: NamedDependency[str]) -> list[object]:
    return [name, *sorted([one, two])]


ROUTES = Router("/", route_handlers=[plain, waiting], dependencies={"size": Provide(read_size, sync_to_thread=False)})


@pytest.fixture
def app() -> asgi.App:
    tasks.clear()
    return build([Slice(ROUTES)], resources=[], dependencies={"name": "Zoë", "barrier": asyncio.Barrier(2)})


async def ask(app: asgi.App, path: str) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service.test") as client:
        return await client.get(path)


async def test_what_a_handler_depends_on_is_made_in_the_task_of_its_request(app: asgi.App):
    assert (await ask(app, "/plain")).json() == ["shade 7", 7, "Zoë"]
    assert len(tasks) == 3
    assert len(set(tasks)) == 1


async def test_dependencies_that_wait_do_so_beside_each_other(app: asgi.App):
    async with asyncio.timeout(5):
        assert (await ask(app, "/waiting")).json() == ["Zoë", 0, 1]
