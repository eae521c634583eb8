"""Keys against real server processes: many requests at once, and a worker that is killed before it replies."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest
from inside.keyed import KEY, count, raw, wait_for_lock

from tests.kit.processes import ROOT, find_port, make_environment, wait_until_live

__all__ = ["raw"]  # a fixture

pytestmark = pytest.mark.faults

NOTE = {"text": "a"}


@pytest.fixture
def url(database_url: str, raw: asyncpg.Connection, tmp_path: Path) -> Generator[str]:
    """The address of the service of notes, with two workers."""
    port = str(find_port())
    env = make_environment({"DATABASE_URL": database_url, "SERVER_PORT": port, "SERVER_WORKERS": "2"})
    command = [sys.executable, "-m", "inside.notes"]
    with (
        (tmp_path / "output").open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=output, process_group=0) as process,
    ):
        try:
            wait_until_live(process, f"http://127.0.0.1:{port}")
            yield f"http://127.0.0.1:{port}/notes"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(15)


async def test_fifty_equal_requests_at_once_have_one_effect(url: str, raw: asyncpg.Connection):
    async def send() -> httpx2.Response:
        async with httpx2.AsyncClient(timeout=20) as client:
            return await client.post(f"{url}/1", json=NOTE, headers=KEY)

    replies = await asyncio.gather(*(send() for _ in range(50)))
    assert Counter(reply.status_code for reply in replies).keys() <= {201, 409}
    done = [reply for reply in replies if reply.status_code == 201]
    assert len([reply for reply in done if "idempotency-replayed" not in reply.headers]) == 1
    assert {reply.json()["type"] for reply in replies if reply.status_code == 409} <= {"urn:problem:in-flight"}
    again = await send()
    assert {reply.content for reply in [*done, again]} == {again.content}
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert (await count(raw), await count(raw, "kit.idempotency_keys")) == (1, 1)


async def test_a_client_that_half_closes_gets_the_reply_by_its_retry(url: str, raw: asyncpg.Connection):
    address = urlsplit(url)
    request = [
        *(f"POST {address.path}/1 HTTP/1.1", f"host: {address.netloc}"),
        *("content-type: application/json", "content-length: 13"),
        *(f"idempotency-key: {KEY['Idempotency-Key']}", "", '{"text": "a"}'),
    ]
    async with asyncio.timeout(20), raw.transaction():
        await raw.execute("lock table notes")  # so that the end is noticed before there is a reply
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write("\r\n".join(request).encode())
        await wait_for_lock(raw)  # sooner, and the server would drop the request unseen
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
    async with httpx2.AsyncClient(timeout=20) as client:
        while (again := await client.post(f"{url}/1", json=NOTE, headers=KEY)).status_code == 409:
            await raw.execute("select pg_sleep(0.01)")
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert await count(raw) == 1


async def test_a_worker_killed_between_its_commit_and_its_reply_leaves_the_reply_for_the_retry(
    url: str, raw: asyncpg.Connection
):
    async with httpx2.AsyncClient(timeout=20) as client:
        worker = (await client.get(f"{url}/process")).json()
        stalled = asyncio.create_task(client.post(f"{url}/1", json=NOTE, headers=KEY | {"x-stall": "yes"}))
        while await count(raw) == 0:
            assert not stalled.done()
            await raw.execute("select pg_sleep(0.01)")
        os.kill(worker, signal.SIGKILL)
        with pytest.raises(httpx2.TransportError):
            await stalled
    async with httpx2.AsyncClient(timeout=20, transport=httpx2.AsyncHTTPTransport(retries=5)) as client:
        again = await client.post(f"{url}/1", json=NOTE, headers=KEY)
    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert again.json() == {"id": 1, "text": "a"}
    assert await count(raw) == 1
