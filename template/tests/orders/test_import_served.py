"""An import over a real server and a real worker, which is killed on the way."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.kit.fixtures import make_headers
from tests.kit.jobs.queue import find_child
from tests.kit.processes import find_port, start, wait_until_live
from tests.orders.test_orders import NEW

pytestmark = pytest.mark.faults

ROWS = 10_000
QUICK = {"JOBS_BACKOFF": "0.1", "JOBS_POLL_INTERVAL": "0.1"}


async def wait_for(client: httpx.AsyncClient, path: str, created: int) -> dict[str, Any]:
    """Return what is told of an import that has come so far."""
    deadline = time.monotonic() + 60
    while (told := (await client.get(path)).json())["created"] < created or (
        created == ROWS and told["state"] != "done"
    ):
        assert time.monotonic() < deadline, told
        await asyncio.sleep(0.02)
    return told


async def test_every_row_becomes_one_order_though_the_worker_is_killed(database_url: str, tmp_path: Path):
    port = str(find_port())
    file = b"".join(json.dumps(NEW | {"reference": f"SO-{n}"}).encode() + b"\n" for n in range(ROWS))
    (tmp_path / "worker").mkdir()
    with (
        start("serve", cwd=tmp_path, DATABASE_URL=database_url, SERVER_PORT=port) as server,
        start("worker", cwd=tmp_path / "worker", DATABASE_URL=database_url, **QUICK) as worker,
    ):
        wait_until_live(server, f"http://127.0.0.1:{port}")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=make_headers(), timeout=20) as client:
            sent = await client.post(
                "/v1/orders/import", content=file, headers={"content-type": "application/x-ndjson"}
            )
            assert sent.status_code == 202, sent.text
            path = sent.headers["location"]
            assert (await wait_for(client, path, created=1))["created"] < ROWS
            find_child(worker).kill()
            told = await wait_for(client, path, created=ROWS)
            assert (told["created"], told["refused"], told["faults"]) == (ROWS, 0, [])
            await leave_in_the_middle(client)
            assert (await client.get("/livez")).status_code == 200


async def leave_in_the_middle(client: httpx.AsyncClient) -> None:
    """Begin an import and go away: what was sent is not used, and the next import may begin."""

    async def begin():
        yield json.dumps(NEW | {"reference": "LEFT"}).encode() + b"\n"
        raise ConnectionAbortedError

    ndjson = {"content-type": "application/x-ndjson"}
    with pytest.raises(ConnectionAbortedError):
        await client.post("/v1/orders/import", content=begin(), headers=ndjson)
    deadline = time.monotonic() + 20
    while (
        response := await client.post("/v1/orders/import", content=json.dumps(NEW).encode(), headers=ndjson)
    ).status_code == 409:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    told = await client.get(response.headers["location"])
    assert (response.status_code, told.json()["rows"]) == (202, 1)
