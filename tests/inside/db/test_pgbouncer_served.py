"""A service behind PgBouncer in transaction mode: routes, prepared statements, and connections that die."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx2
from inside import pgbouncer

from tests.kit.fixtures import make_headers
from tests.kit.processes import find_port, start, wait_until_live
from tests.orders.test_orders import NEW

LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
KILL = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> $1"


@asynccontextmanager
async def serve(direct: str, folder: Path) -> AsyncGenerator[httpx2.AsyncClient]:
    """Serve behind a PgBouncer of two connections, and yield a client."""
    connection = await asyncpg.connect(direct)
    for name in LIMITS:
        await connection.execute(f"alter database {urlsplit(direct).path.strip('/')} set {name} = '4s'")
    await connection.close()
    port = str(find_port())
    with (
        pgbouncer.run(direct) as pooler,
        start("serve", cwd=folder, DATABASE_URL=pooler, DATABASE_DIRECT_URL=direct, SERVER_PORT=port) as process,
    ):
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=make_headers(), timeout=30
        ) as client:
            await asyncio.to_thread(wait_until_live, process, str(client.base_url))
            yield client


async def test_orders_are_created_read_changed_and_listed_by_many_at_once(database_url: str, tmp_path: Path):
    async def use(client: httpx2.AsyncClient, number: int) -> None:
        created = await client.post("/v1/orders", json=NEW | {"reference": f"SO-{number}"})
        assert created.status_code == 201, created.text
        path = created.headers["location"]
        changed = await client.patch(path, json={"version": 1, "status": "paid"})
        assert (await client.get(path)).json() == changed.json()

    async with serve(database_url, tmp_path) as client:
        await asyncio.gather(*(use(client, number) for number in range(10)))
        listed = await client.get("/v1/orders?status=paid&limit=100")
        assert len(listed.json()["data"]) == 10


async def test_it_heals_when_the_connections_behind_the_pooler_die(database_url: str, tmp_path: Path):
    async with serve(database_url, tmp_path) as client:
        assert (await client.get("/v1/orders")).status_code == 200
        killer = await asyncpg.connect(database_url)
        await killer.fetch(KILL, killer.get_server_pid())
        await killer.close()
        async with asyncio.timeout(30):
            while (await client.get("/v1/orders")).status_code != 200:  # noqa: ASYNC110 - it heals by itself
                await asyncio.sleep(0.1)
        assert (await client.post("/v1/orders", json=NEW)).status_code == 201
