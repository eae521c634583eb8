# kit: updated by the template
"""Whatever belongs to an account, no route shows to another account, or lets it change.

Each route that needs a token is asked by another account, once where the first one has rows, and
once where it has none: the answers have to be the same, or a refusal, and the rows unchanged. The
first account asks as well, and has to be told more: so it was a request that finds rows.
"""

import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import msgspec
import pytest

import service
from service import app
from service.kit.db import query
from service.kit.db.query import Seed
from service.kit.web.routes import NEEDS_TOKEN, Route, Slice
from service.settings import Settings
from tests.kit import statements
from tests.kit.accounts import (
    Ask,
    Asks,
    Places,
    adapt,
    copy_database,
    fill,
    is_telling,
    open_places,
    read_tables,
)
from tests.kit.attempts import Attempt, Writer
from tests.kit.fixtures import open_client

type Row = Mapping[str, Any]

ADVICE = """
Give its slice sample rows that it can be asked for (seed.py), or a request in tests/conftest.py:

  @pytest.fixture
  def ownership_requests():
      async def ask(client):  # that of the account which the rows belong to
          return client.build_request(…)

      return {"%s": ask}  # or a text: why every account may ask for all rows
"""


@dataclass
class Trial:
    """One route on trial. `made` has the statements of the request that is being answered."""

    part: Slice
    route: Route
    description: Mapping[str, Any]
    made: list[query.Query]

    def __str__(self) -> str:
        return f"{self.route.method} {self.route.template}"

    async def judge(self, places: Places, ask: Ask | None) -> tuple[str, bool]:
        """Return what is wrong with the route, and whether it could be tried."""
        async for attempts in self.list_attempts(places, ask):
            for attempt in attempts:
                if self.route.method == "GET":  # first, so that what is cached for it is found
                    await places.ask_owner(attempt)
                self.made.clear()
                leak = await places.find_leak(attempt)
                is_excused = any(made.excused.get("scope") for made in self.made)
                if leak and not is_excused:
                    path = attempt.request.url.raw_path.decode()
                    return f"{path}: {leak}", True
            for attempt in attempts:
                if self.route.method != "GET":
                    await places.ask_owner(attempt)
                if is_telling(attempt):
                    return "", True
        return "", not self.is_owed(places)

    async def list_attempts(self, places: Places, ask: Ask | None) -> AsyncGenerator[list[Attempt]]:
        """Yield requests, those about one row together."""
        if ask:
            yield [Attempt(await ask(places.full.client), names_row=True)]
        elif self.route.template in self.description["paths"]:
            for row, fresh in await self.read_rows(places.full.connection):
                yield self.write(places, row, fresh)

    def write(self, places: Places, row: Row, fresh: Row) -> list[Attempt]:
        writer = Writer(places.full.client, self.description, row, fresh)
        return [*writer.write_all(self.route.method, self.route.template)]

    async def read_rows(self, connection: asyncpg.Connection) -> list[tuple[Row, Row]]:
        """Return the sample rows of the slice, each with the columns of one that is not there."""
        seed = self.part.seed
        if seed is None:
            return [({}, {})]
        sql = f"select to_jsonb(t)::text from {seed.table} t order by created_at desc"
        rows = [msgspec.json.decode(text) for (text,) in await connection.fetch(sql)]
        fresh = await make_fresh(connection, seed, len(rows) + 1) if rows else {}
        return [(row, fresh) for row in rows] or [({}, {})]

    def is_owed(self, places: Places) -> bool:
        """Return whether the route takes a key or lists rows, where rows belong to accounts."""
        template = self.route.template
        if not self.uses_tables(places.full.tables):
            return False
        if "{" in template or template not in self.description["paths"]:
            return True
        if any(attempt.names_row for attempt in self.write(places, {}, {})):
            return True
        writer = Writer(places.full.client, self.description, {}, {})
        return self.route.method == "GET" and writer.is_list(template)

    def uses_tables(self, tables: Iterable[str]) -> bool:
        """Return whether a statement of the route names one of some tables."""
        used = self.made or [made for name, made in query.find_queries(service) if self.has(name)]
        names = [table.rpartition(".")[2].strip('"') for table in tables]
        text = "\n".join(made.sql for made in used)
        return any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)

    def has(self, name: str) -> bool:
        """Return whether a statement is one of the slice's."""
        return self.route.endpoint.__module__.startswith(f"service.{name.partition('.')[0]}.")


async def make_fresh(connection: asyncpg.Connection, seed: Seed, number: int) -> Row:
    """Return the columns of a sample row that is not there yet, as JSON has them."""
    related = []
    for reference in seed.references:
        rows = await connection.fetch(reference.sql)
        related.append([key for (key,) in rows])
    row = seed.make_row(number, *related) if all(related) else {}
    return msgspec.to_builtins(row, enc_hook=str)


async def read_description(settings: Settings, url: str) -> Mapping[str, Any]:
    async with open_client(app.build(adapt(settings, url, docs=True))) as client:
        return (await client.get("/openapi.json")).json()


@pytest.fixture(autouse=True)
def nothing_blocks() -> None:
    """Whether a route blocks the event loop is for the tests of its slice."""


async def test_no_route_shows_or_changes_what_belongs_to_another_account(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ownership_requests: Asks | None
):
    statements.note_statements(monkeypatch)
    made: list[query.Query] = []
    statements.noted.set(made)
    bare = settings.database.url.get_secret_value()
    tables = await read_tables(settings)
    await fill(settings, bare, without=tables)
    asks = ownership_requests or {}
    leaks: list[str] = []
    untried: list[str] = []
    async with copy_database(bare) as filled:
        await fill(settings, filled, without={})
        description = await read_description(settings, filled)
        trials = list_trials(description, made)
        routes = {str(trial) for trial in trials}
        assert asks.keys() <= routes, "ownership_requests has other routes"
        for group in group_trials(trials):
            async with open_places(settings, filled, bare, tables) as places:
                for trial in group:
                    ask = asks.get(str(trial))
                    if isinstance(ask, str):
                        continue
                    leak, is_tried = await trial.judge(places, ask)
                    if leak:
                        leaks.append(f"{trial}\n    {leak}")
                    if not is_tried:
                        untried.append(str(trial))
    assert not leaks, "\n".join(["", *leaks])
    if untried:
        said = f"no request to these routes was found that finds rows: {', '.join(untried)}"
        # A service that is older than this test has no such fixture: it is told, and passes.
        end = pytest.skip if ownership_requests is None else pytest.fail
        end(f"{said}\n{ADVICE % untried[0]}")


def group_trials(trials: list[Trial]) -> list[list[Trial]]:
    """Return all that only read, and each of the others, for databases of its own."""
    reads = [trial for trial in trials if trial.route.method == "GET"]
    groups = [[trial] for trial in trials if trial not in reads]
    return [reads, *groups] if reads else groups


def list_trials(description: Mapping[str, Any], made: list[query.Query]) -> list[Trial]:
    trials = []
    for part in app.SLICES:
        routes = [route for route in part.routes if route.access is NEEDS_TOKEN]
        trials += [Trial(part, route, description, made) for route in routes]
    return trials
