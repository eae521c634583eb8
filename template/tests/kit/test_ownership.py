# kit: updated by the template
"""Whatever belongs to an account, no route shows to another account, or lets it change.

Each route that needs a token is asked by another account, once where the first one has rows, and
once where it has none: the answers have to be the same, or a refusal, and the rows unchanged. The
first account asks as well, and has to be told more: so it was a request that finds rows.
"""

import re
from collections.abc import AsyncGenerator, Mapping
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
    """One route on trial. `run` has the statements of the request that is being answered."""

    part: Slice
    route: Route
    description: Mapping[str, Any]
    run: list[query.Query]

    def __str__(self) -> str:
        return f"{self.route.method} {self.route.template}"

    async def judge(self, places: Places, ask: Ask | None) -> tuple[str, bool]:
        """Return what is wrong with the route, and whether it could be tried."""
        async for attempts in self.list_attempts(places, ask):
            for attempt in attempts:
                if self.route.method == "GET":  # first, so that what is cached for it is found
                    await places.ask_owner(attempt)
                self.run.clear()
                found = await places.find_leak(attempt)
                if found and not any(it.excused.get("scope") for it in self.run):
                    return f"{attempt.request.url.raw_path.decode()}: {found}", True
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
        used = self.run or [it for name, it in query.find_queries(service) if self.has(name)]
        tables = [re.escape(table.rpartition(".")[2].strip('"')) for table in places.full.tables]
        pattern = re.compile(rf"\b({'|'.join(tables)})\b")
        if not tables or not any(pattern.search(it.sql) for it in used):
            return False
        if "{" in self.route.template or self.route.template not in self.description["paths"]:
            return True
        takes_key = any(it.names_row for it in self.write(places, {}, {}))
        writer = Writer(places.full.client, self.description, {}, {})
        return takes_key or (self.route.method == "GET" and writer.is_list(self.route.template))

    def has(self, name: str) -> bool:
        """Return whether a statement is one of the slice's."""
        return self.route.endpoint.__module__.startswith(f"service.{name.partition('.')[0]}.")


async def make_fresh(connection: asyncpg.Connection, seed: Seed, number: int) -> Row:
    """Return the columns of a sample row that is not there yet, as JSON has them."""
    related = [[row[0] for row in await connection.fetch(it.sql)] for it in seed.references]
    made = seed.make_row(number, *related) if all(related) else {}
    return msgspec.to_builtins(made, enc_hook=str)


async def read_description(settings: Settings, url: str) -> Mapping[str, Any]:
    async with open_client(app.build(adapt(settings, url, docs=True))) as client:
        return (await client.get("/openapi.json")).json()


@pytest.fixture(autouse=True)
def nothing_blocks() -> None:
    """Whether a route blocks the event loop is for the tests of its slice."""


async def test_no_route_shows_or_changes_what_belongs_to_another_account(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ownership_requests: Asks | None
):
    statements.watch(monkeypatch)
    run: list[query.Query] = []
    statements.made.set(run)
    bare, tables = settings.database.url.get_secret_value(), await read_tables(settings)
    await fill(settings, bare, without=tables)
    asks, wrong, untried = ownership_requests or {}, [], []
    async with copy_database(bare) as filled:
        await fill(settings, filled, without={})
        description = await read_description(settings, filled)
        trials = list_trials(description, run)
        assert asks.keys() <= {str(it) for it in trials}, "ownership_requests has other routes"
        for group in group_trials(trials):
            async with open_places(settings, filled, bare, tables) as places:
                for trial in group:
                    if isinstance(ask := asks.get(str(trial)), str):
                        continue
                    found, is_tried = await trial.judge(places, ask)
                    wrong += [f"{trial}\n    {found}"] if found else []
                    untried += [str(trial)] if not is_tried else []
    assert not wrong, "\n".join(["", *wrong])
    if untried:
        said = f"no request to these routes was found that finds rows: {', '.join(untried)}"
        # A service that is older than this test has no such fixture: it is told, and passes.
        end = pytest.skip if ownership_requests is None else pytest.fail
        end(f"{said}\n{ADVICE % untried[0]}")


def group_trials(trials: list[Trial]) -> list[list[Trial]]:
    """Return all that only read, and each of the others, for databases of its own."""
    reads = [it for it in trials if it.route.method == "GET"]
    return [*([reads] if reads else []), *([it] for it in trials if it not in reads)]


def list_trials(description: Mapping[str, Any], run: list[query.Query]) -> list[Trial]:
    trials = [Trial(part, route, description, run) for part in app.SLICES for route in part.routes]
    return [it for it in trials if it.route.access is NEEDS_TOKEN]
