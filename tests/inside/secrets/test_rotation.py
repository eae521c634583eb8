"""Passwords and keys change under the requests of a real server with two workers, and none of them fails."""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx2
import jwt
import pytest
from inside import schema
from inside.secrets.postgres import Server
from inside.shown import read_metrics
from service.kit.auth import keys

from tests.kit.processes import ROOT, find_port, start, wait_until_live

pytestmark = pytest.mark.faults

WINDOW = 2.0
"""Seconds between the changes at both places."""

MAX_LIFETIME = 3
POOL = 4
CLIENTS = 6


class Secrets:
    """A folder with secrets, which change all at once, as Kubernetes does it: by a link to another folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[str, str] = {}
        self.version = 0

    def put(self, **values: str) -> None:
        self.values |= values
        self.version += 1
        made = self.folder / f"..{self.version}"
        made.mkdir()
        for name, value in self.values.items():
            (made / name).write_text(f"{value}\n")
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"..data/{name}")
        (self.folder / "..next").symlink_to(made.name)
        (self.folder / "..next").rename(self.folder / "..data")


class Service:
    """The address of a service, what its secrets are now, and its log."""

    def __init__(self, url: str, metrics: int, secrets: Secrets, log: Path) -> None:
        self.url = url
        self.metrics = metrics
        self.secrets = secrets
        self.log = log


def read_public(key: str) -> str:
    return keys.format_public_key(keys.read_private_key(key).public_key())


def read_key_id(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


@pytest.fixture(scope="module")
def service(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    folder = tmp_path_factory.mktemp("service")
    for name in ("secrets", "migrations"):
        (folder / name).mkdir()
    url = server.make_url("first", sslmode="verify-full", sslrootcert=str(server.folder / "ca"))
    asyncio.run(schema.apply(url, folder / "migrations"))
    key = keys.make_key()
    secrets = Secrets(folder / "secrets")
    secrets.put(url=url, key=key, previous=read_public(key))
    port, metrics_port = find_port(), find_port()
    settings = {
        "DATABASE_URL_FILE": str(folder / "secrets/url"),
        "AUTH_SIGNING_KEY_FILE": str(folder / "secrets/key"),
        "AUTH_PREVIOUS_KEY_FILE": str(folder / "secrets/previous"),
        "AUTH_SIGNING_KEY": "",  # the tests have one
        "DATABASE_POOL_SIZE": str(POOL),
        "DATABASE_MAX_LIFETIME": str(MAX_LIFETIME),
        "DATABASE_ACQUIRE_TIMEOUT": "1.5",
        "MIGRATIONS_FOLDER": str(folder / "migrations"),
        "LOG_LEVEL": "warning",
        "METRICS_PORT": str(metrics_port),
        "SERVER_PORT": str(port),
        "SERVER_WORKERS": "2",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "inside.secrets.guarded"]
    with start(cwd=folder, command=command, **settings) as process:
        address = f"http://127.0.0.1:{port}"
        wait_until_live(process, address)
        yield Service(address, metrics_port, secrets, folder / "output")


class Load:
    """What clients have got that keep asking: their statuses, and the bodies of failures."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.failures: list[str] = []
        self.key_ids: list[str] = []

    def note(self, response: httpx2.Response) -> None:
        self.statuses.append(response.status_code)
        if response.status_code >= 400:
            self.failures.append(response.text)


@asynccontextmanager
async def ask_steadily(service: Service) -> AsyncGenerator[Load]:
    """Log in, and use both the new token and the first one, from several clients until the block ends."""
    load = Load()
    stop = asyncio.Event()

    async def ask(first: str) -> None:
        async with httpx2.AsyncClient(base_url=service.url, timeout=20) as client:
            while not stop.is_set():
                login = await client.post("/sessions")
                load.note(login)
                load.key_ids.append(read_key_id(login.json()))
                for token in (first, login.json()):
                    headers = {"authorization": f"Bearer {token}", "connection": "close"}  # to either worker
                    load.note(await client.get("/hold/5", headers=headers))

    async with httpx2.AsyncClient(base_url=service.url, timeout=20) as client:
        first = (await client.post("/sessions")).json()
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(ask(first))
        await wait_until(lambda: len(load.statuses) > 50)
        yield load
        answered = len(load.statuses)
        await wait_until(lambda: len(load.statuses) > answered + 50)
        stop.set()
    assert not load.failures


async def wait_until(question: Callable[[], bool | Awaitable[bool]]) -> None:
    deadline = time.monotonic() + 60
    while True:
        answer = question()
        if answer is True or (not isinstance(answer, bool) and await answer):
            return
        assert time.monotonic() < deadline, "it did not come to that"
        await asyncio.sleep(0.05)


async def fill_pools(server: Server, service: Service) -> None:
    """Return when both workers have opened all their connections: those are what they share later."""
    count = "select count(*) from pg_stat_activity where application_name = 'service'"
    async with httpx2.AsyncClient(base_url=service.url, timeout=20) as client:
        token = (await client.post("/sessions")).json()
        headers = {"authorization": f"Bearer {token}", "connection": "close"}

        async def are_full() -> bool:
            await asyncio.gather(*(client.get("/hold/100", headers=headers) for _ in range(6 * POOL)))
            [(opened,)] = await server.execute(count)
            return opened == 2 * POOL

        await wait_until(are_full)


async def renew_sessions(server: Server) -> None:
    """Return when the sessions of both workers are newer than now, so that new ones are accepted."""
    [(now,)] = await server.execute("select clock_timestamp()")

    async def are_new() -> bool:
        opened = await server.execute("select backend_start from pg_stat_activity where application_name = 'service'")
        return len(opened) > 1 and all(started > now for (started,) in opened)

    await wait_until(are_new)


@pytest.mark.parametrize("first_place", ["PostgreSQL", "file"])
async def test_a_password_changes_at_both_places_and_no_request_fails(
    server: Server, service: Service, first_place: str
):
    password = f"after-{first_place}"
    url = server.make_url(password, sslmode="verify-full", sslrootcert=str(server.folder / "ca"))

    async def change(place: str) -> None:
        if place == "file":
            service.secrets.put(url=url)
        else:
            await server.execute(f"alter role app password '{password}'")

    probe = partial(httpx2.get, f"{service.url}/readyz", timeout=20)
    async with ask_steadily(service):
        await fill_pools(server, service)
        for _ in range(30):  # both workers are asked
            assert (await asyncio.to_thread(probe)).status_code == 200
        await change(first_place)
        until = time.monotonic() + WINDOW
        while time.monotonic() < until:
            assert (await asyncio.to_thread(probe)).status_code == 200
            await asyncio.sleep(0.2)
        await change("PostgreSQL" if first_place == "file" else "file")
        await renew_sessions(server)


async def test_a_signing_key_changes_and_no_token_is_refused_until_its_key_is_withdrawn(service: Service):
    old = service.secrets.values["key"]
    new = keys.make_key()
    new_id = keys.get_key_id(keys.read_private_key(new).public_key())
    async with ask_steadily(service) as load:
        service.secrets.put(previous=f"{read_public(old)}\n{read_public(new)}")
        await asyncio.sleep(0.2)
        service.secrets.put(key=new)
        await wait_until(lambda: load.key_ids[-30:] == [new_id] * 30)
        with httpx2.Client(base_url=service.url, timeout=20) as client:
            token = client.post("/sessions").json()
    service.secrets.put(previous=read_public(new))
    withdrawn = keys.sign_token(keys.read_private_key(old), "service", "service", "ada", 60)

    async def is_withdrawn() -> bool:
        statuses = [ask_once(service, withdrawn) for _ in range(10)]
        assert ask_once(service, token) == 200
        return statuses == [401] * 10

    await wait_until(is_withdrawn)


def ask_once(service: Service, token: str) -> int:
    """Ask on a connection of its own, which leads to either worker."""
    headers = {"authorization": f"Bearer {token}"}
    return httpx2.get(f"{service.url}/hold/1", headers=headers, timeout=20).status_code


def test_on_one_host_a_new_key_alone_is_known_to_the_other_worker_as_soon_as_one_signs_with_it(service: Service):
    new = keys.make_key()
    service.secrets.put(key=new, previous=read_public(service.secrets.values["key"]))
    token = keys.sign_token(keys.read_private_key(new), "service", "service", "ada", 60)
    assert {ask_once(service, token) for _ in range(10)} == {200}


async def test_content_that_is_broken_changes_nothing_and_is_logged_and_counted(service: Service):
    good = dict(service.secrets.values)
    async with ask_steadily(service):
        service.secrets.put(url="broken", key="broken", previous="broken")
        names = ("DATABASE_URL_FILE", "AUTH_SIGNING_KEY_FILE", "AUTH_PREVIOUS_KEY_FILE")

        async def is_reported() -> bool:
            metrics = read_metrics(service.metrics)
            lines = [f'secret_file_changes_total{{outcome="refused",variable="{name}"}}' for name in names]
            log = service.log.read_text()
            return all(line in metrics for line in lines) and log.count("secret not changed") >= len(names)

        await wait_until(is_reported)
        service.secrets.put(**good | {"previous": f"{good['previous']}\n{read_public(keys.make_key())}"})
        taken = 'secret_file_changes_total{outcome="taken",variable="AUTH_PREVIOUS_KEY_FILE"}'
        await wait_until(lambda: taken in read_metrics(service.metrics))
    text = service.log.read_text()
    assert "this is not the URL of a PostgreSQL database" in text
    secrets = [*good.values(), "first", "after-file", "after-PostgreSQL"]
    assert not any(secret in text for secret in secrets if len(secret) > 5)
