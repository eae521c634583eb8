# kit: updated by the template
"""Whatever belongs to an account, no route shows to another account, or lets it change.

Each route that needs a token is asked by another account, once where the rows of the first one are, and once where they
are not: the answers have to be the same, or a refusal, and the rows afterwards what they were. Then the first account
asks, and has to get an answer: so it is known that the request was one that could have found its rows.
"""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import asyncpg
import httpx2
import msgspec
import pytest
from pydantic import SecretStr

import service
from service import app
from service.kit.db import DEVELOPER, Seed, query
from service.kit.web import NEEDS_TOKEN, Slice
from service.kit.web.routes import Route
from service.settings import Settings
from service_tools.dev import database
from service_tools.sql import schema
from tests.kit import attempts, statements
from tests.kit.attempts import Attempt, Writer
from tests.kit.fixtures import make_database, make_headers, open_client
from tests.kit.statements import BUDGETS

type Ask = Callable[[httpx2.AsyncClient], Awaitable[httpx2.Request]]
type Asks = Mapping[str, Ask | str]
"""For a route, as "GET /v1/orders": a function that makes a request about a row of its client, or why there is none."""

ROWS = 5

# What differs from one answer to the next: keys, times, and in what is created, numbers.
VARIABLE = (
    re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"),
    re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^\",]*"),
    re.compile(r'"request_id":"[^"]*"'),
)
NUMBER = re.compile(r"\d+")

ADVICE = """
Give its slice sample rows that it can be asked for (seed.py), or return a request from a fixture of tests/conftest.py:

  @pytest.fixture
  def ownership_requests():
      async def ask(client):  # of the account that rows belong to
          return client.build_request(…)

      return {"%s": ask}  # or a text: why it cannot be asked
"""


@dataclass(frozen=True)
class Place:
    """A service with a database. `tables` have the column that says whose a row is; `connection` sees all rows."""

    client: httpx2.AsyncClient
    connection: asyncpg.Connection
    tables: Mapping[str, str]

    async def send(self, request: httpx2.Request, subject: str) -> httpx2.Response:
        headers = httpx2.Headers(request.headers)
        headers.update(make_headers(subject))
        method, url = request.method, request.url
        again = self.client.build_request(method, url, content=request.content, headers=headers)
        return await self.client.send(again)

    async def read_rows(self, subject: str) -> dict[str, str]:
        """Return all that belongs to an account, as text, by table."""
        rows = {}
        for table, column in self.tables.items():
            sql = f"select t::text from {table} t where {column}::text = $1 order by 1"
            rows[table] = str(await self.connection.fetch(sql, subject))
        return rows


@dataclass(frozen=True)
class Places:
    """The service where the rows of the first account are, and where they are not."""

    full: Place
    bare: Place
    owner: str
    other: str

    async def find_leak(self, attempt: Attempt, run: list[query.Query]) -> str:
        """Return what another account is given, or does to the rows of the first one; nothing, if all is well."""
        request = attempt.request
        before = await self.full.read_rows(self.owner)
        run.clear()
        given = await self.full.send(request, self.other)
        if any(it.excused.get("scope") for it in run):
            return ""
        after = await self.full.read_rows(self.owner)
        if changed := [table for table in before if before[table] != after[table]]:
            return f"it changes rows of {', '.join(changed)} that belong to another account"
        if 400 <= given.status_code < 500:
            return ""
        expected = await self.bare.send(request, self.other)
        if outline(given) == outline(expected):
            return ""
        if outline(expected) != outline(await self.bare.send(request, self.other)):
            return ""  # it never answers twice in the same way
        return (
            f"its answer to one account depends on the rows of another: {given.status_code} {given.text[:300]}\n"
            f"    without these rows: {expected.status_code} {expected.text[:300]}"
        )

    async def is_answered(self, attempt: Attempt) -> bool:
        """Return whether the first account gets what the other did not."""
        given = await self.full.send(attempt.request, self.owner)
        if given.status_code >= 400:
            return False
        return attempt.names_row or outline(given) != outline(await self.full.send(attempt.request, self.other))


def outline(response: httpx2.Response) -> tuple[int, str]:
    """Return an answer without what differs each time."""
    text = response.text
    for pattern in VARIABLE:
        text = pattern.sub("…", text)
    if response.request.method not in ("GET", "HEAD"):
        text = NUMBER.sub("…", text)
    return response.status_code, text


@dataclass
class Trial:
    """One route on trial. `run` has the statements of the request that is being answered."""

    part: Slice
    route: Route
    description: Mapping[str, Any]
    run: list[query.Query]

    def __str__(self) -> str:
        return f"{self.route.method} {self.route.template}"

    async def judge(self, places: Places, ask: Ask | None) -> tuple[str, bool]:
        """Return what is wrong with the route, and whether it could be tried."""
        async for group in self.list_attempts(places, ask):
            for attempt in group:
                if found := await places.find_leak(attempt, self.run):
                    return f"{attempt.request.method} {attempt.request.url.raw_path.decode()}: {found}", True
            for attempt in group:
                if await places.is_answered(attempt):
                    return "", True
        return "", not self.is_owed(places)

    async def list_attempts(self, places: Places, ask: Ask | None) -> AsyncGenerator[list[Attempt]]:
        """Yield requests, those about one row together."""
        if ask:
            yield [Attempt(await ask(places.full.client), names_row=True)]
        elif self.route.template in self.description["paths"]:
            for row, fresh in await self.read_rows(places):
                writer = Writer(places.full.client, self.description, row, fresh)
                yield [*writer.write_all(self.route.method, self.route.template)]

    async def read_rows(self, places: Places) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        """Return some sample rows of the slice, each with the values of one that is not there yet."""
        seed = self.part.seed
        if seed is None:
            return [({}, {})]
        sql = f"select to_jsonb(t)::text from {seed.table} t order by created_at desc limit {ROWS}"
        rows = [msgspec.json.decode(text) for (text,) in await places.full.connection.fetch(sql)]
        fresh = await make_fresh(places.full.connection, seed) if rows else {}
        return [(row, fresh) for row in rows] or [({}, {})]

    def is_owed(self, places: Places) -> bool:
        """Return whether the route takes a key or lists rows, of a table whose rows belong to accounts."""
        template, method = self.route.template, self.route.method
        used = self.run or [it for name, it in query.find(service) if self.has(name)]
        tables = "|".join(re.escape(table.rpartition(".")[2].strip('"')) for table in places.full.tables)
        if not tables or not any(re.search(rf"\b({tables})\b", it.sql) for it in used):
            return False
        if "{" in template or template not in self.description["paths"]:
            return True
        return attempts.takes_key(self.description, method, template) or attempts.lists(
            self.description, method, template
        )

    def has(self, name: str) -> bool:
        """Return whether a statement is one of the slice's."""
        return self.route.endpoint.__module__.startswith(f"service.{name.partition('.')[0]}.")


async def make_fresh(connection: asyncpg.Connection, seed: Seed) -> dict[str, Any]:
    """Return the columns of a sample row that is not there yet, as JSON has them."""
    related = [[row[0] for row in await connection.fetch(it.sql)] for it in seed.references]
    made = seed.make_row(ROWS + 1, *related) if all(related) else {}
    return msgspec.to_builtins(made, enc_hook=str)


@asynccontextmanager
async def open_place(url: str, settings: Settings) -> AsyncGenerator[Place]:
    connection = await asyncpg.connect(url)
    known = (await schema.read(connection, BUDGETS)).nulls
    columns = [known.columns[it].rpartition(".") for it in known.accounts.items()]
    async with open_client(app.build(adapt(settings, url))) as client:
        yield Place(client, connection, {table: column for table, _, column in columns})
    await connection.close()


def adapt(settings: Settings, url: str) -> Settings:
    """Return the settings with another database, with the description of the API, and with short streams."""
    changed = {
        "database": settings.database.model_copy(update={"url": SecretStr(url)}),
        "server": settings.server.model_copy(update={"docs": True}),
        "edge": settings.edge.model_copy(update={"stream_lifetime": 0.05}),
    }
    return settings.model_copy(update=changed)


async def fill(settings: Settings, url: str, *, shared: bool) -> None:
    """Add sample rows: all, or those that are `shared` by all accounts."""
    connection = await asyncpg.connect(url)
    known = (await schema.read(connection, BUDGETS)).nulls
    await connection.close()
    owned = {known.columns[it].rpartition(".")[0] for it in known.accounts.items()}
    slices = [it for it in app.SLICES if it.seed and not (shared and it.seed.table in owned)]
    await database.fill_all(adapt(settings, url), slices, ROWS)


@pytest.fixture
def ownership_requests() -> Asks | None:
    """What a team returns from a fixture of this name in tests/conftest.py."""
    return None


def list_trials(description: Mapping[str, Any], run: list[query.Query]) -> list[Trial]:
    guarded = [(part, route) for part in app.SLICES for route in part.routes if route.access is NEEDS_TOKEN]
    return [Trial(part, route, description, run) for part, route in guarded]


async def test_no_route_shows_or_changes_what_belongs_to_another_account(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ownership_requests: Asks | None
):
    statements.watch(monkeypatch)
    run: list[query.Query] = []
    statements.made.set(run)
    asks, wrong, untried = ownership_requests or {}, [], []
    start = settings.database.url.get_secret_value()
    await fill(settings, start, shared=True)
    async with make_database(name_of(start)) as filled:
        await fill(settings, filled, shared=False)
        async with open_place(filled, settings) as place:
            description = (await place.client.get("/openapi.json")).json()
        trials = list_trials(description, run)
        unknown = asks.keys() - {str(it) for it in trials}
        assert not unknown, f"ownership_requests: no route that needs a token is {', '.join(sorted(unknown))}"
        for trial in trials:
            if isinstance(ask := asks.get(str(trial)), str):
                continue
            async with open_places(settings, start, filled) as places:
                found, is_tried = await trial.judge(places, ask)
            wrong += [f"{trial}\n    {found}"] if found else []
            untried += [str(trial)] if not is_tried else []
    assert not wrong, "\n".join(["", *wrong])
    if untried:
        said = f"not asked by another account, for lack of a request with an answer: {', '.join(untried)}"
        advice = ADVICE % untried[0]
        pytest.fail(f"{said}\n{advice}") if ownership_requests is not None else pytest.skip(said)


@asynccontextmanager
async def open_places(settings: Settings, start: str, filled: str) -> AsyncGenerator[Places]:
    """Yield both services, each on a new copy of its database."""
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(make_database(name_of(it))) for it in (filled, start)]
        full, bare = [await stack.enter_async_context(open_place(url, settings)) for url in urls]
        yield Places(full, bare, *await choose_accounts(full))


async def choose_accounts(place: Place) -> tuple[str, str]:
    """Return the account that the sample rows belong to, and another one of the same kind."""
    for table, column in place.tables.items():
        owner = await place.connection.fetchval(f"select {column}::text from {table} limit 1")
        if owner is not None and owner != DEVELOPER:
            return owner, str(uuid4()) if is_uuid(owner) else "grace"
    return DEVELOPER, "grace"


def is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def name_of(url: str) -> str:
    """Return the name of the database at a URL."""
    return urlsplit(url).path.removeprefix("/")
