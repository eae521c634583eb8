import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn

import httpx2
import pytest
from litestar import Router, get
from litestar.params import FromPath, FromQuery
from service.kit.web import Slice, build


@get("/{number:int}")
async def read_thing(number: FromPath[int], shade: FromQuery[str] = "none") -> dict[str, object]:
    return {"number": number, "shade": shade}


class NoThreads(ThreadPoolExecutor):
    def submit(self, *_: object, **__: object) -> NoReturn:
        pytest.fail("a request was sent to another thread")


@pytest.mark.parametrize("path", ["/things/1", "/things/1?shade=red"])
async def test_a_request_stays_in_the_thread_of_the_event_loop(path: str):
    asyncio.get_running_loop().set_default_executor(NoThreads(1))
    app = build([Slice(Router("/things", route_handlers=[read_thing]))], resources=[], dependencies={})
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service.test") as client:
        assert (await client.get(path)).json()["number"] == 1
