"""The outages of the table that can be staged: what Prometheus scrapes meanwhile moves as the table says."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from subprocess import Popen

import asyncpg
import httpx2
import pytest
from inside import postgres_server
from inside.alerts import scrape, troubled
from inside.alerts.scrape import CALM, Scrape, find_contradictions, read
from inside.jobs import queue
from inside.postgres_server import Server

from tests.kit.fixtures import make_headers
from tests.kit.processes import find_port, run, start, wait_until_live

pytestmark = pytest.mark.faults

ORDER = {"reference": "A-1", "customer_email": "ada@example.com", "currency": "EUR", "total_minor": 1, "item_count": 1}

HOLD = "insert into kit.pgqueuer (priority, entrypoint, status) values (0, 'orders.confirm', 'failed')"

BLIPS = ("event_loop_blocked_total", "http_requests_refused_total")
"""What may happen in calm too, on a machine whose cores are busy or while a connection is opened."""


@dataclass
class Running:
    """A service with its database, its web server and its job worker."""

    database: Server
    url: str
    ports: tuple[int, int]
    worker: Popen[bytes]

    def look(self) -> Scrape:
        return scrape.scrape(*self.ports)

    async def settle(self) -> Scrape:
        """Return what is scraped once all that was asked is counted."""
        before = self.look()
        while True:
            await asyncio.sleep(0.3)
            now = self.look()
            name = "http_request_duration_seconds_count"
            if [now[key] for key in now if key[0] == name] == [before[key] for key in before if key[0] == name]:
                return now
            before = now

    async def ask(self, path: str = "/v1/orders", **options: object) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=self.url, headers=make_headers(), timeout=20) as client:
            return await client.request("POST" if options else "GET", path, **options)

    async def execute(self, statement: str) -> None:
        await queue.execute(self.database.url, statement)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Generator[Running]:
    folder = tmp_path_factory.mktemp("service")
    with postgres_server.run() as database:
        settings = {"DATABASE_URL": database.url, "DATABASE_POOL_SIZE": "1", "JOBS_POLL_INTERVAL": "0.1"}
        assert run("migrate", **settings).returncode == 0
        port, of_web, of_worker = find_port(), find_port(), find_port()
        own = {"SERVER_PORT": str(port), "METRICS_PORT": str(of_web)}
        (folder / "worker").mkdir()
        with (
            start("serve", cwd=folder, **settings, **own) as web,
            start("worker", cwd=folder / "worker", **settings, METRICS_PORT=str(of_worker)) as worker,
        ):
            wait_until_live(web, f"http://127.0.0.1:{port}")
            yield Running(database, f"http://127.0.0.1:{port}", (of_web, of_worker), worker)


async def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Return when a condition holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@asynccontextmanager
async def under_requests(running: Running, count: int) -> AsyncGenerator[None]:
    """Let so many clients ask for orders again and again."""

    async def ask_on() -> None:
        while True:
            with suppress(httpx2.TransportError):
                await running.ask()

    tasks = [asyncio.create_task(ask_on()) for _ in range(count)]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_is_nought_in_calm_is_there_from_the_start(running: Running):
    await wait_for(lambda: read(running.look(), 'jobs_running{name="orders.confirm"}') is not None)
    now = running.look()
    assert [name for name, value in CALM.items() if value == 0 and read(now, name) is None] == []
    assert [name for name, value in CALM.items() if value == 0 and read(now, name) and not name.startswith(BLIPS)] == []


async def test_probes_are_no_requests(running: Running):
    since = await running.settle()
    for path in ("/livez", "/readyz"):
        assert (await running.ask(path)).status_code == 200
    assert (await running.ask("/v1/nothing")).status_code == 404
    await wait_for(lambda: read(running.look(), 'http_requests_total{method="GET",route="unmatched",status="404"}'))
    now = await running.settle()
    counted = {dict(labels)["route"] for name, labels in now if name == "http_requests_total"}
    assert not counted & {"/livez", "/readyz"}
    ready = 'service_readiness_checks_total{outcome="ready"}'
    assert (read(now, ready) or 0) > (read(since, ready) or 0)


async def test_an_enqueued_job_is_seen_by_the_web_server(running: Running):
    assert (await running.ask(json=ORDER)).status_code == 201
    await wait_for(
        lambda: (read(scrape.scrape(running.ports[0]), 'jobs_enqueued_total{name="orders.confirm"}') or 0) > 0
    )
    await wait_for(lambda: read(running.look(), 'job_wait_seconds_bucket{name="orders.confirm",le="+Inf"}') or 0)


async def test_errors_of_the_service(running: Running):
    await running.ask()
    since = await running.settle()
    await running.ask()
    await running.execute("alter table orders rename to elsewhere")
    try:
        assert (await running.ask()).status_code == 500
    finally:
        await running.execute("alter table elsewhere rename to orders")
    await wait_for(lambda: not find_contradictions("errors_of_ten_percent", since, running.look()))


async def test_pending_migrations(running: Running):
    taken = "from schema_migrations where number = (select max(number) from schema_migrations)"
    await running.execute(f"create table kept as select * {taken}; delete {taken}")
    name = 'service_readiness_checks_total{outcome="refused"}'
    try:
        await wait_for(lambda: (probe(running), read(running.look(), name))[1])
        since = await running.settle()
        await wait_for(
            lambda: (probe(running), not find_contradictions("pending_migrations", since, running.look()))[1]
        )
    finally:
        await running.execute("insert into schema_migrations select * from kept; drop table kept")


def probe(running: Running) -> int:
    """Ask as an orchestrator does."""
    return httpx2.get(f"{running.url}/readyz", timeout=20).status_code


async def test_an_exhausted_pool_and_a_slow_database(running: Running):
    await running.ask()
    since = await running.settle()
    await running.ask()
    blocker = await asyncpg.connect(running.database.url)
    try:
        await blocker.execute("begin; lock table orders")
        async with under_requests(running, 6):
            await wait_for(lambda: not find_contradictions("pool_exhausted", since, running.look()))
        now = await running.settle()
    finally:
        await blocker.close()
    count, fast = (
        f'http_request_duration_seconds_{kind}{{method="GET",route="/v1/orders"' for kind in ("count", "bucket")
    )
    asked = (read(now, f"{count}}}") or 0) - (read(since, f"{count}}}") or 0)
    answered = (read(now, f'{fast},le="1.0"}}') or 0) - (read(since, f'{fast},le="1.0"}}') or 0)
    assert answered < asked, "what waited takes more than a second"


async def test_a_database_that_is_away_and_held_jobs_when_it_is_back(running: Running):
    await wait_for(lambda: probe(running) == 200)
    await running.execute(HOLD)
    calm = running.look()
    await asyncio.to_thread(running.database.stop)
    name = 'service_readiness_checks_total{outcome="database"}'
    await wait_for(lambda: (probe(running), (read(running.look(), name) or 0) > (read(calm, name) or 0))[1])
    since = await running.settle()
    await wait_for(lambda: (probe(running), not find_contradictions("database_away", since, running.look()))[1])
    starts = read(running.look(), "service_worker_starts_total") or 0
    while (read(now := running.look(), "service_worker_starts_total") or 0) < starts + 2:
        assert read(now, 'jobs_running{name="orders.confirm"}') is None, "no worker reaches the queue"
        await asyncio.sleep(0.05)
    await asyncio.to_thread(running.database.restart)
    await wait_for(lambda: not find_contradictions("held_jobs", since, running.look()))
    back = running.look()
    for cause in ("ended", "stuck"):
        deaths = f'service_worker_deaths_total{{cause="{cause}"}}'
        assert read(back, deaths) == read(calm, deaths), "a worker that gives way did not die"
    assert (read(back, "service_worker_starts_total") or 0) > (read(calm, "service_worker_starts_total") or 0)


async def test_a_job_worker_that_is_killed(running: Running):
    await wait_for(lambda: read(running.look(), 'jobs_running{name="orders.confirm"}') is not None)
    since = running.look()
    queue.find_child(running.worker).kill()
    await wait_for(lambda: not find_contradictions("poison_job", since, running.look()))


async def test_a_queue_without_a_worker(running: Running):
    os.kill(running.worker.pid, signal.SIGKILL)
    running.worker.wait(20)
    since = await running.settle()
    await running.execute("delete from orders")
    assert (await running.ask(json=ORDER)).status_code == 201
    await wait_for(lambda: not find_contradictions("no_job_worker", since, running.look()))
    await wait_for(lambda: not find_contradictions("job_worker_never_started", since, running.look()))


@pytest.fixture(scope="module")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, int]]:
    with troubled.run(tmp_path_factory.mktemp("troubled")) as found:
        yield found


def ask_troubled(url: str, path: str) -> None:
    with suppress(httpx2.TransportError):
        httpx2.get(f"{url}{path}", timeout=20)


async def test_a_response_that_is_cut_off(trouble: tuple[str, int]):
    url, port = trouble
    since = scrape.scrape(port)
    ask_troubled(url, "/v1/orders")
    await wait_for(lambda: not find_contradictions("responses_cut_off", since, scrape.scrape(port)))


async def test_a_call_to_a_service_that_is_away(trouble: tuple[str, int]):
    url, port = trouble
    ask_troubled(url, "/call")
    failed = 'client_call_duration_seconds_count{host="127.0.0.1:9",outcome="failed"}'
    await wait_for(lambda: read(scrape.scrape(port), failed))


async def test_a_loop_that_is_stuck(trouble: tuple[str, int]):
    url, port = trouble
    since = scrape.scrape(port)
    await asyncio.to_thread(ask_troubled, url, "/block")
    await wait_for(lambda: not find_contradictions("stuck_loop", since, scrape.scrape(port)))
