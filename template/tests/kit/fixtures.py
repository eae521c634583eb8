# kit: updated by the template; fixtures of your own belong in tests/conftest.py
"""Fixtures for every test: a database of its own, copied from a migrated one, and production's application on it.

One PostgreSQL serves the whole run: the first process starts it, or uses TEST_DATABASE_URL, and the parallel ones
share it. Copying the migrated database costs 7 ms a test in memory, and 30 to 90 ms on a disk. No test sees the data of
another.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx2
import pytest
import pytest_asyncio
import structlog
from pydantic import SecretStr

from service import app
from service.kit.auth import keys
from service.kit.db.query import DEVELOPER
from service.kit.db.sessions import DatabaseOptions
from service.kit.migrate.apply import apply_pending
from service.kit.migrate.files import MigrationOptions
from service.kit.server import logs
from service.kit.server.settings import SettingsError, load_env_files, read_settings
from service.kit.work import asgi
from service.settings import Settings
from service_tools.dev import credentials, debugging, embedded
from tests.kit import statements
from tests.kit.calls import Calls, answer_calls
from tests.kit.fuzz import Fuzz

pytest_plugins = ["tests.kit.blocking"]

# Environment variables, so that the parallel processes of pytest-xdist inherit them.
SERVER = "TEST_DATABASE_URL"
TEMPLATE = "TEST_TEMPLATE_DATABASE"

MEMORY = Path("/dev/shm")
"""Linux keeps the files in this folder in memory."""

MIN_FREE_BYTES = 2**30
"""With less free memory in that folder, as in most containers, tests use the disk."""

resources = ExitStack()


def pytest_sessionstart(session: pytest.Session) -> None:
    """Start PostgreSQL and migrate the template database, once for all parallel processes."""
    show_plain_tracebacks()
    if hasattr(session.config, "workerinput"):
        return
    load_env_files(Path(".env.development"))
    if is_for_debugger(session.config):
        os.environ |= debugging.PATIENT_SETTINGS
    os.environ["AUTH_SIGNING_KEY"] = keys.make_key()
    credentials.accept_development_tokens(Settings)
    if SERVER not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="service-test-", dir=find_memory()))
        resources.callback(shutil.rmtree, folder, ignore_errors=True)
        os.environ[SERVER] = resources.enter_context(embedded.run_postgresql(folder / "data", count_statements=False))
        resources.callback(os.environ.pop, SERVER)
        asyncio.run(trade_durability_for_speed())
    asyncio.run(prepare_template(f"service_template_{uuid4().hex}"))


def pytest_sessionfinish() -> None:
    """Stop what was started."""
    resources.close()


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run a whole folder of tests in two processes, and fewer tests in one: starting others would take longer."""
    if config.option.keyword or is_for_debugger(config):
        return 0
    return 2 if all(Path(argument).is_dir() for argument in config.args) else 0


def is_for_debugger(config: pytest.Config) -> bool:
    """Return whether somebody may stop a test in a debugger: by `-s`, `--pdb` or `--trace`, or in an editor."""
    options = config.option
    return options.capture == "no" or options.usepdb or options.trace or "pydevd" in sys.modules


def find_memory() -> Path | None:
    """Return the folder whose files are in memory, if it has room."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MIN_FREE_BYTES else None


def show_plain_tracebacks() -> None:
    """Log plain tracebacks: rendering one with the variables of each frame blocks the event loop for 100 ms."""
    plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, logs.add_context, plain])


def name_database(name: str) -> str:
    """Return the URL of another database on the server of the tests."""
    return urlsplit(os.environ[SERVER])._replace(path=f"/{name}").geturl()


async def execute(*statements: str) -> None:
    """Run statements on the server itself, outside of any test's database."""
    connection = await asyncpg.connect(os.environ[SERVER])
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def trade_durability_for_speed() -> None:
    """Turn off what only matters after a crash: the data is thrown away anyway."""
    speedups = [f"alter system set {name} = off" for name in ("fsync", "synchronous_commit", "full_page_writes")]
    others = "alter system set autovacuum = off", "alter system set max_wal_size = '128MB'"
    await execute(*speedups, *others, "select pg_reload_conf()")


async def prepare_template(name: str) -> None:
    """Make the database that every test's database is copied from."""
    await execute(f"create database {name}")
    resources.callback(lambda: asyncio.run(execute(f"drop database {name}")))
    os.environ[TEMPLATE] = name
    options = DatabaseOptions(url=SecretStr(name_database(name)))
    async for _ in apply_pending(options, MigrationOptions()):
        pass


@asynccontextmanager
async def make_database(template: str) -> AsyncGenerator[str]:
    """Yield the URL of a new database, and drop it afterwards."""
    name = f"service_test_{uuid4().hex}"
    await execute(f"create database {name} template {template} strategy file_copy")
    yield name_database(name)
    await execute(f"drop database {name} with (force)")


@pytest_asyncio.fixture
async def database_url() -> AsyncGenerator[str]:
    """A migrated database for one test."""
    async with make_database(os.environ[TEMPLATE]) as url:
        yield url


@pytest_asyncio.fixture
async def empty_database_url() -> AsyncGenerator[str]:
    """A database without any table, for one test."""
    async with make_database("template0") as url:
        yield url


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Generator[Calls]:
    """Answers the calls of this test's service to other services: `calls.answer("https://…", json=…)`."""
    with answer_calls() as calls:
        for name, value in calls.environment.items():
            monkeypatch.setenv(name, value)
        yield calls


@pytest.fixture
def settings(database_url: str, request: pytest.FixtureRequest) -> Settings:
    """The settings of production, except for the database, and for other services if the test answers `calls`."""
    if "calls" in request.fixturenames:
        request.getfixturevalue("calls")
    database = {"url": database_url}
    if is_for_debugger(request.config):
        patient = debugging.PATIENT_SETTINGS.items()
        database |= {name[9:].lower(): value for name, value in patient if name.startswith("DATABASE_")}
    try:
        return read_settings(Settings, database=DatabaseOptions.model_validate(database))
    except SettingsError as error:
        problem = f"{error}\nTests read .env.development: write there what is missing."
    request.session.shouldstop = "the settings have to be corrected first"
    pytest.fail(problem, pytrace=False)


def make_headers(subject: str = DEVELOPER, **claims: object) -> dict[str, str]:
    """Return the headers of a client that is `subject`, with more claims: none if the service takes no tokens."""
    authorization = credentials.make_authorization(Settings, subject, **claims)
    return {"Authorization": authorization} if authorization else {}


async def fetch_all(client: httpx2.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """Follow the `Link` headers of a list from its first page to the last, and return all rows."""
    rows: list[dict[str, Any]] = []
    response = await client.get(path, params=query)
    while True:
        assert response.status_code == 200, response.text
        rows += response.json()["data"]
        assert len({row["id"] for row in rows}) == len(rows), "a page repeats a row"
        if "next" not in response.links:
            return rows
        response = await client.get(response.url.join(response.links["next"]["url"]))


@asynccontextmanager
async def open_client(application: asgi.App) -> AsyncGenerator[httpx2.AsyncClient]:
    """Start an application in this process as a server would, and yield a client with a development token."""
    events: asyncio.Queue[asgi.Message] = asyncio.Queue()
    answers: asyncio.Queue[asgi.Message] = asyncio.Queue()
    lifespan = asyncio.ensure_future(
        application({"type": "lifespan", "asgi": {}, "state": {}}, events.get, answers.put)
    )
    await events.put({"type": "lifespan.startup"})
    assert (await answers.get())["type"] == "lifespan.startup.complete"
    transport = httpx2.ASGITransport(application)
    headers = make_headers()
    async with httpx2.AsyncClient(transport=transport, base_url="http://service.test", headers=headers) as client:
        yield client
    await events.put({"type": "lifespan.shutdown"})
    assert (await answers.get())["type"] == "lifespan.shutdown.complete"
    await lifespan


@pytest_asyncio.fixture
async def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[httpx2.AsyncClient]:
    """A client of the whole application, with an empty database and a budget of statements for each request."""
    statements.note_statements(monkeypatch)
    async with open_client(statements.limit_statements(app.build(settings))) as client:
        yield client


@pytest.fixture
def ownership_requests() -> None:
    """Requests to routes for which `test_ownership.py` finds none; override it in tests/conftest.py."""


@pytest.fixture
def unrequested_routes() -> None:
    """Why `test_n_plus_1.py` cannot request some routes; override it in tests/conftest.py."""


@pytest.fixture
def fuzz() -> Fuzz:
    """What `test_fuzz.py` sends; override it in tests/conftest.py."""
    return Fuzz()
