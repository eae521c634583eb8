import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import httpx2
import psutil
import pytest
import pytest_asyncio
from inside import busy
from inside.busy import WATCH, Output
from inside.stand_in import wait_for

from tests.kit import fixtures
from tests.kit.processes import ROOT, find_port, start, wait_until_live

pytestmark = pytest.mark.faults

STUCK = WATCH.stuck


@contextmanager
def serve(
    folder: Path, database: str, timeout: float = 10, stuck: float = STUCK
) -> Generator[tuple[Popen[bytes], str]]:
    """Serve `inside/busy.py` until the block ends; yield the process and the URL."""
    command = [sys.executable, "-m", "inside.busy", str(port := find_port())]
    settings = {"PYTHONPATH": str(ROOT), "DATABASE": database}
    settings |= {"TIMEOUT": str(timeout), "STUCK": str(stuck)}
    with start(cwd=folder, command=command, **settings) as process:
        wait_until_live(process, url := f"http://127.0.0.1:{port}")
        yield process, url


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("busy")
    with serve(folder, os.environ[fixtures.SERVER]) as (_, url):
        yield folder, url


@pytest_asyncio.fixture
async def client(server: tuple[Path, str]) -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=server[1], timeout=10) as client:
        await until_answered(client)
        yield client


@pytest.fixture
def output(server: tuple[Path, str]) -> Output:
    return Output(server[0])


async def until_answered(client: httpx2.AsyncClient) -> int:
    """Return the id of the worker that answers."""
    end = time.monotonic() + 15
    while True:
        try:
            return (await client.get("/")).json()
        except httpx2.TransportError:
            assert time.monotonic() < end
            await asyncio.sleep(0.05)


async def test_a_block_of_a_second_is_found_while_it_lasts_and_named_once(client: httpx2.AsyncClient, output: Output):
    await client.get("/sleep?1", headers={"x-request-id": "the-culprit"})
    (line,) = output.find("event loop blocked")
    assert 0.25 <= line["seconds"] < 1
    assert (line["method"], line["route"], line["request_id"]) == ("GET", "/sleep", "the-culprit")
    assert re.search(r"busy\.py:\d+ run: time\.sleep\(number\)", line["stack"].splitlines()[-1])


async def test_a_worker_that_is_suspended_is_left_alone(client: httpx2.AsyncClient, output: Output):
    worker = await until_answered(client)
    os.kill(worker, signal.SIGSTOP)
    await asyncio.sleep(2)
    os.kill(worker, signal.SIGCONT)
    await asyncio.sleep(0.5)
    assert await until_answered(client) == worker
    assert not output.find("event loop blocked")


@pytest.mark.parametrize("path", ["/sleep?60", "/hold", "/power"])
async def test_a_stuck_worker_is_named_and_replaced_in_time_and_the_next_request_succeeds(
    path: str, client: httpx2.AsyncClient, output: Output
):
    worker = await until_answered(client)
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError)):
        await client.get(path, timeout=30)
    assert await until_answered(client) != worker
    (line,) = output.find("worker stuck")
    assert line["seconds"] < STUCK + 1
    (ended,) = output.find("worker process ended")
    assert ended["seconds_to_next"] < 1
    assert re.search(r'most recent call first.*File "\S+busy.py", line \d+ in run', line["stack"], re.DOTALL)


async def test_a_call_that_holds_the_gil_is_named_with_its_line_while_it_lasts(tmp_path: Path):
    with serve(tmp_path, os.environ[fixtures.SERVER], stuck=0) as (process, url):
        output = Output(tmp_path)
        async with httpx2.AsyncClient(base_url=url, timeout=60) as client:
            await client.get("/sleep?2")
            assert not output.find("event loop blocked: a call holds the GIL"), "the watchdog has named it"
            call = asyncio.create_task(client.get("/hold"))
            await asyncio.to_thread(wait_for, lambda: bool(output.find("event loop blocked: a call")))
            assert not call.done()
            (line,) = output.find("event loop blocked: a call holds the GIL")
            assert f'busy.py", line {find_line("re.match")} in run' in line["stack"]
            for child in psutil.Process(process.pid).children():
                child.kill()
            with pytest.raises(httpx2.TransportError):
                await call


def find_line(text: str) -> int:
    source = Path(busy.__file__).read_text().splitlines()
    return 1 + next(at for at, line in enumerate(source) if text in line)


async def test_a_flood_of_calls_is_refused_at_once_and_others_are_served(client: httpx2.AsyncClient):
    async def time_get(path: str) -> tuple[int, float]:
        began = time.perf_counter()
        status = (await client.get(path)).status_code
        return status, time.perf_counter() - began

    await asyncio.gather(*(time_get("/wait?0.1") for _ in range(70)))  # opens the connections
    calls = [asyncio.create_task(time_get("/thread?3")) for _ in range(60)]
    await asyncio.sleep(0.2)
    others = [await time_get(path) for path in ("/database", "/livez") * 20]
    answers = await asyncio.gather(*calls)
    refused = sorted(seconds for status, seconds in answers if status == 503)
    assert [status for status, _ in answers].count(200) == 8
    assert len(refused) == 52
    assert refused[47] < 1.5, "48 find no place to wait; the 4 others wait for 2 s"
    assert {status for status, _ in others} == {200}
    assert sorted(seconds for _, seconds in others)[20] < 0.5


async def test_a_killed_process_fails_its_call_and_the_next_one_succeeds(client: httpx2.AsyncClient):
    assert (await client.get("/process?0")).status_code == 200
    worker = psutil.Process(await until_answered(client))
    (child,) = [child for child in worker.children() if "offload.processes" in str(child.cmdline())]
    call = asyncio.create_task(client.get("/process?30"))
    await asyncio.sleep(0.3)
    child.kill()
    response = await call
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert (await client.get("/process?0")).status_code == 200


async def test_a_computation_ends_with_its_worker(client: httpx2.AsyncClient):
    assert (await client.get("/process?0")).status_code == 200
    worker = psutil.Process(await until_answered(client))
    children = worker.children()
    call = asyncio.create_task(client.get("/process?60"))
    await asyncio.sleep(0.2)
    worker.kill()
    with pytest.raises(httpx2.TransportError):
        await call
    assert not psutil.wait_procs(children, 5)[1]


def test_the_end_does_not_wait_for_calls_longer_than_it_may_and_takes_processes_along(tmp_path: Path):
    with serve(tmp_path, os.environ[fixtures.SERVER], timeout=0.3) as (process, url):
        output = Output(tmp_path)
        for path in ("/thread?60", "/process?60"):
            assert httpx2.get(f"{url}{path}").status_code == 504, (tmp_path / "output").read_text()
        (worker,) = [child for child in psutil.Process(process.pid).children() if "fork" in " ".join(child.cmdline())]
        children = worker.children()
        assert len(children) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0
        assert not psutil.wait_procs(children, 3)[1]
        assert len(output.find("calls left running")) == 2
