"""Two instances behind PgBouncer with a streaming replica, which lags, is gone, and becomes the primary."""

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from inside import site
from inside.jobs import queue
from inside.jobs.queue import check_effects, find_child, is_empty, wait_until, work
from inside.site import INSTANCES, MAX_LAG, Load, Site
from pydantic import SecretStr
from service.kit.db.database import Database
from service.kit.db.pool import Pool
from service.kit.db.query import Query
from service.kit.db.sessions import DatabaseOptions
from service.kit.edge.health import CACHE_SECONDS

from tests.kit import processes
from tests.kit.fixtures import make_headers
from tests.kit.processes import ROOT
from tests.orders.test_orders import NEW

pytestmark = pytest.mark.faults

PATIENT = {"DATABASE_ACQUIRE_TIMEOUT": "1.9"}
"""Where nothing is to fail, however slow the machine."""

WORKERS = 3
JOBS = 60
REMARK = ROOT / "inside/migrate/rollback/0003_add_order_remark.sql"

PAUSE, RESUME = "select pg_wal_replay_pause()", "select pg_wal_replay_resume()"
COUNT = Query("select count(*) from entries where number = $1", int, tuple[int])
numbers = iter(range(1_000, 10**6))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Generator[Site]:
    with site.run(tmp_path_factory.mktemp("site")) as place:
        yield place


@pytest.fixture
async def client() -> AsyncGenerator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(headers=make_headers(), timeout=20) as client:
        yield client


class Instances:
    """What the tests ask of the instances, by a client."""

    def __init__(self, client: httpx2.AsyncClient, urls: list[str]) -> None:
        self.client = client
        self.urls = urls

    async def write(self, url: str, number: int) -> int:
        """Return the status of a write."""
        return (await self.client.post(f"{url}/entries/{number}")).status_code

    async def write_one(self) -> int:
        """Write a number by one instance, and return it."""
        number = next(numbers)
        assert await self.write(self.urls[0], number) == 201
        return number

    async def read(self, url: str, number: int) -> dict[str, Any] | int:
        """Return what is read by `db.replica`, or the status if it was refused."""
        response = await self.client.get(f"{url}/entries/{number}")
        return response.json() if response.status_code == 200 else response.status_code

    async def read_all(self, number: int) -> list[dict[str, Any] | int]:
        """Return what each instance reads."""
        return [await self.read(url, number) for url in self.urls]

    async def wait_until_read(self, number: int, *, of_replica: bool) -> None:
        """Return when all instances read a number from this one of the servers."""
        wanted = [{"number": number, "is_of_replica": of_replica}] * len(self.urls)

        async def is_read() -> bool:
            return await self.read_all(number) == wanted

        await wait_until(is_read, 20)


@asynccontextmanager
async def paused(place: Site) -> AsyncGenerator[None]:
    """Let the replica replay nothing until the block ends."""
    await queue.execute(place.replica.url, PAUSE)
    try:
        yield
    finally:
        await queue.execute(place.replica.url, RESUME)


@pytest.fixture
def instances(place: Site, client: httpx2.AsyncClient) -> Instances:
    return Instances(client, place.urls)


async def test_a_read_is_never_older_than_the_setting_says(place: Site, instances: Instances):
    await instances.wait_until_read(await instances.write_one(), of_replica=True)
    async with paused(place):
        number = await instances.write_one()
        written_at = time.monotonic()
        stale = 0
        for url in instances.urls:
            asked_at = time.monotonic()
            while (answer := await instances.read(url, number)) == {"number": None, "is_of_replica": True}:
                assert asked_at < written_at + MAX_LAG, "a read is older than DATABASE_REPLICA_MAX_LAG"
                stale += 1
                asked_at = time.monotonic()
            assert answer == {"number": number, "is_of_replica": False}
        assert stale, "the replica is not read at all"
    await instances.wait_until_read(number, of_replica=True)


async def test_without_the_setting_a_read_may_be_of_any_age(place: Site):
    url, replica_url = SecretStr(place.primary.url), SecretStr(place.replica.url)
    number = next(numbers)
    async with Database(DatabaseOptions(url=url, replica_url=replica_url)) as db:
        async with paused(place):
            await queue.execute(place.primary.url, f"insert into entries (number) values ({number})")
            await asyncio.sleep(MAX_LAG)
            assert await db.replica.fetch_one(COUNT, number) == 0
        await place.catch_up()
        assert await db.replica.fetch_one(COUNT, number) == 1


async def test_a_full_pool_hides_no_lag(place: Site):
    url, replica_url = SecretStr(place.primary.url), SecretStr(place.replica.url)
    options = DatabaseOptions(url=url, replica_url=replica_url, replica_max_lag=MAX_LAG, pool_size=1, pool_waiters=0)
    async with Database(options) as db:

        async def is_read(pool: Pool) -> bool:
            return db.replica.connection().pool is pool

        await wait_until(lambda: is_read(db.replica.pool), 20)
        async with paused(place):
            await queue.execute(place.primary.url, f"insert into entries (number) values ({next(numbers)})")
            async with db.connection():
                await wait_until(lambda: is_read(db.pool), 10)
        await wait_until(lambda: is_read(db.replica.pool), 20)


async def test_reads_leave_a_replica_that_is_gone_and_return_when_it_is_back(
    place: Site, instances: Instances, tmp_path: Path
):
    number = await instances.write_one()
    await instances.wait_until_read(number, of_replica=True)
    await asyncio.to_thread(place.replica.stop)
    await instances.wait_until_read(number, of_replica=False)
    for _ in range(50):
        assert await instances.read_all(number) == [{"number": number, "is_of_replica": False}] * INSTANCES
    with site.serve(place, tmp_path / "meanwhile") as (process, url):
        await asyncio.to_thread(processes.wait_until_live, process, url)
        assert await instances.read(url, number) == {"number": number, "is_of_replica": False}
    await asyncio.to_thread(place.replica.restart)
    await instances.wait_until_read(number, of_replica=True)


async def test_jobs_of_two_instances_take_effect_once_although_two_of_three_workers_die(
    place: Site, client: httpx2.AsyncClient, tmp_path: Path
):
    direct = {"DATABASE_DIRECT_URL": place.primary.url}
    with ExitStack() as stack:
        folders = [tmp_path / str(number) for number in range(WORKERS)]
        workers = [stack.enter_context(work(place.pooler.url, folder, **direct)) for folder in folders]
        for number in range(JOBS):
            response = await client.post(f"{place.urls[number % INSTANCES]}/jobs/{number}")
            assert response.status_code == 201, response.text
        await wait_until(lambda: are_all_at_work(place.primary.url))
        find_child(workers[0]).kill()
        child = find_child(workers[1])
        workers[1].kill()
        child.kill()
        await wait_until(lambda: is_empty(place.primary.url), 30)
    assert await check_effects(place.primary.url, JOBS) > 0, "nothing was killed in its run"


async def are_all_at_work(url: str) -> bool:
    """Return whether more runs are under way than all workers but one can have."""
    return await queue.ask(url, "select count(*) from runs where until is null") > 10 * (WORKERS - 1)


async def test_a_rolling_migration_fails_no_request(place: Site, client: httpx2.AsyncClient, tmp_path: Path):
    migrations = shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    shutil.copy(REMARK, migrations)
    release = {"MIGRATIONS_FOLDER": str(migrations)}

    async def order(url: str) -> str:
        created = await client.post(f"{url}/v1/orders", json=NEW | {"reference": f"SO-{next(numbers)}"})
        listed = await client.get(f"{url}/v1/orders")
        return f"{created.status_code} {listed.status_code}"

    with ExitStack() as stack:

        def start(name: str, **settings: str) -> tuple[ExitStack, str]:
            own = stack.enter_context(ExitStack())
            serving = site.serve(place, tmp_path / name, processes.COMMAND, **PATIENT, **settings)
            _, url = own.enter_context(serving)
            return own, url

        old = [start(f"old-{number}") for number in range(INSTANCES)]
        load = Load(order, [])
        for _, url in old:
            await wait_until(lambda url=url: site.is_ready(url))
            load.urls.append(url)
        async with load.run(pause=0.1):
            await load.wait_for(10)
            folder = tmp_path / "migrate"
            folder.mkdir()
            with processes.start("migrate", cwd=folder, **place.settings, **release) as process:
                assert await asyncio.to_thread(process.wait, 60) == 0, (folder / "output").read_text()
            await asyncio.sleep(CACHE_SECONDS)
            assert all([await site.is_ready(url) for _, url in old]), "the release before is not ready any more"
            for number, (running, url) in enumerate(old):
                _, newer = start(f"new-{number}", **release)
                await wait_until(lambda newer=newer: site.is_ready(newer))
                await load.move(url, newer)
                await asyncio.to_thread(running.close)
            await load.wait_for(10)
    assert load.answers.keys() == {"201 200"}
    await place.catch_up()
    columns = "select count(*) from information_schema.columns where column_name = 'remark'"
    assert await queue.ask(place.replica.url, columns) == 1, "the replica has the migration as well"


async def test_a_replica_that_becomes_the_primary_takes_the_writes_and_has_all_that_it_had_replayed(
    place: Site, instances: Instances
):
    """The last test: it leaves one server."""
    acknowledged: set[int] = set()

    async def send(url: str) -> str:
        number = next(numbers)
        status = await instances.write(url, number)
        if status == 201:
            acknowledged.add(number)
        return str(status)

    load = Load(send, instances.urls)
    async with load.run():
        await load.wait_for(50)
        replayed = set(acknowledged)
        await place.catch_up()
        number = max(replayed)
        await instances.wait_until_read(number, of_replica=True)
        await asyncio.to_thread(place.primary.control, "stop", "-m", "immediate")
        for _ in range(10):
            answers = await instances.read_all(number)
            assert answers == [{"number": number, "is_of_replica": True}] * INSTANCES, "reads wait for a primary"
            await asyncio.sleep(MAX_LAG / 5)
        await asyncio.to_thread(place.replica.promote)
        place.pooler.lead_to(place.replica.url)
        healed_from = next(numbers)
        for url in instances.urls:
            await wait_until(lambda url=url: is_written(instances, url), 20)
        await load.wait_for(50)
    assert load.answers.keys() <= {"201", "503", "504"}
    [record] = await queue.execute(place.replica.url, "select array_agg(number) as numbers from entries")
    counts = Counter(record["numbers"])
    assert not replayed - counts.keys(), "acknowledged, replayed and lost"
    assert not {it for it in acknowledged if it > healed_from} - counts.keys(), "acknowledged after that and lost"
    assert set(counts.values()) == {1}, "written twice"
    await instances.wait_until_read(number, of_replica=False)


async def is_written(instances: Instances, url: str) -> bool:
    return await instances.write(url, next(numbers)) == 201
