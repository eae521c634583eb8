"""The database is restarted, frozen, exhausted and away, under the requests of a real server process."""

import asyncio
import signal
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import asyncpg
import httpx2
import pytest
from inside import ledger, postgres_server
from inside.postgres_server import Server
from inside.writers import (
    ACQUIRE_TIMEOUT,
    COMMAND_TIMEOUT,
    POOL,
    SLACK,
    check_ledger,
    execute,
    numbers,
    open_client,
    read_seconds,
    serve,
    wait_until_serving,
    write,
    write_during,
)

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    # What a commit does not write itself, nobody else writes in time to save it.
    with postgres_server.run("max_connections = 12\nwal_writer_delay = 10s\n") as server:
        asyncio.run(execute(server, ledger.TABLE))
        yield server


@pytest.fixture(scope="module")
def url(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    with serve(server, tmp_path_factory.mktemp("service")) as url:
        yield url


@pytest.mark.parametrize("mode", ["terminate", "fast", "immediate"])
async def test_no_acknowledged_write_is_lost_or_doubled_when_connections_end(server: Server, url: str, mode: str):
    async def disturb() -> None:
        if mode == "terminate":
            others = "from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'"
            await execute(server, f"select pg_terminate_backend(pid) {others}")
        else:
            await asyncio.to_thread(server.restart, mode)

    async with open_client(url) as client:
        answers = await write_during(client, disturb)
    await check_ledger(server, answers)
    refused = [response for _, response, _ in answers if response.status_code != 201]
    other = [it for it in refused if it.status_code != 503 or "retry-after" not in it.headers]
    assert [(it.status_code, it.text) for it in other] == []


async def test_a_frozen_database_delays_nobody_beyond_the_deadline(server: Server, url: str):
    probes: list[float] = []

    async def freeze(client: httpx2.AsyncClient) -> None:
        server.send(signal.SIGSTOP)
        until = time.monotonic() + 3
        while time.monotonic() < until:
            began = time.monotonic()
            assert (await client.get("/livez")).status_code == 200
            probes.append(time.monotonic() - began)
            await asyncio.sleep(0.01)
        server.send(signal.SIGCONT)

    async with open_client(url) as client, open_client(url) as prober:
        answers = await write_during(client, lambda: freeze(prober))
    assert {response.status_code for _, response, _ in answers} == {201, 503, 504}
    longest = ACQUIRE_TIMEOUT + COMMAND_TIMEOUT + SLACK
    assert max(read_seconds(response, "total") for _, response, _ in answers) < longest
    assert max(seconds for *_, seconds in answers) < longest + 2
    assert sorted(probes)[len(probes) * 9 // 10] < ACQUIRE_TIMEOUT, "/livez waits for nothing of the database"
    await check_ledger(server, answers)


async def test_an_exhausted_pool_answers_all_of_200_clients_in_time(url: str):
    async def ask(client: httpx2.AsyncClient) -> tuple[httpx2.Response, float]:
        began = time.monotonic()
        return await client.get("/hold/250"), time.monotonic() - began

    async with open_client(url) as client:
        answers = await asyncio.gather(*(ask(client) for _ in range(200)))
        assert (await client.get("/hold/0")).status_code == 200
    served = [response for response, _ in answers if response.status_code == 200]
    refused = [response for response, _ in answers if response.status_code == 503]
    assert len(served) >= POOL
    assert len(served) + len(refused) == 200
    assert all("retry-after" in response.headers for response in refused)
    at_once = [response for response in refused if read_seconds(response, "pool") < ACQUIRE_TIMEOUT / 10]
    assert at_once, "who finds the queue full does not wait"
    assert max(read_seconds(response, "pool") for response, _ in answers) < ACQUIRE_TIMEOUT + 0.1 + SLACK
    assert max(seconds for _, seconds in answers) < 15, "only the client itself may be slow"


async def test_a_database_that_is_down_at_boot_is_taken_up_when_it_comes(server: Server, tmp_path: Path):
    server.stop()
    with serve(server, tmp_path) as url:
        async with open_client(url) as client:
            assert (await client.get("/livez")).status_code == 200
            _, response, _ = await write(client, next(numbers))
            assert response.status_code == 503
            assert response.json()["detail"] == "The database cannot be reached."
            await asyncio.to_thread(server.restart)
            await wait_until_serving(client, seconds=2)


async def test_a_server_with_all_places_taken_is_a_503_until_there_is_one(server: Server, tmp_path: Path):
    with serve(server, tmp_path) as url:
        taken = await take_all_places(server)
        async with open_client(url) as client:
            _, response, _ = await write(client, next(numbers))
            assert response.status_code == 503
            assert response.json()["detail"] == "The database cannot be reached."
            assert "retry-after" in response.headers
            for connection in taken:
                await connection.close()
            await wait_until_serving(client, seconds=2)


async def take_all_places(server: Server) -> list[asyncpg.Connection]:
    """Open connections until the server lets no more in."""
    taken = []
    with suppress(asyncpg.TooManyConnectionsError):
        while True:
            taken.append(await asyncpg.connect(server.url))
    return taken
