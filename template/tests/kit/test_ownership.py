# kit: updated by the template
"""No route shows the rows of one account to another, or lets it change them.

Another account sends requests to each route that needs a token, once where the first account has
rows, and once where it has none: the answers have to be the same, or refusals, and the rows
unchanged. The first account sends them as well, and has to get more: so the request finds rows.
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
from service.kit.web.access import PUBLIC, Needs
from service.kit.web.routes import Route, Slice
from service.settings import Settings
from tests.kit import statements
from tests.kit.accounts import (
    Ask,
    Asks,
    Deployments,
    adapt_settings,
    copy_database,
    fill_tables,
    finds_rows,
    open_deployments,
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
    """One route to try. `made` has the statements of the current request."""

    part: Slice
    route: Route
    description: Mapping[str, Any]
    made: list[query.Query]

    def __str__(self) -> str:
        return f"{self.route.method} {self.route.template}"

    @property
    def scope(self) -> str:
        return " ".join(self.route.access.words) if isinstance(self.route.access, Needs) else ""

    async def judge(self, deployments: Deployments, ask: Ask | None) -> tuple[str, bool]:
        """Return what is wrong with the route, and whether it could be tried."""
        async for attempts in self.list_attempts(deployments, ask):
            for attempt in attempts:
                if self.route.method == "GET":  # the owner first, so that its answer is cached
                    await deployments.ask_owner(attempt)
                self.made.clear()
                leak = await deployments.find_leak(attempt)
                is_excused = any(made.excused.get("scope") for made in self.made)
                if leak and not is_excused:
                    path = attempt.request.url.raw_path.decode()
                    return f"{path}: {leak}", True
            for attempt in attempts:
                if self.route.method != "GET":
                    await deployments.ask_owner(attempt)
                if finds_rows(attempt):
                    return "", True
        return "", not self.is_owed(deployments)

    async def list_attempts(self, deployments: Deployments, ask: Ask | None) -> AsyncGenerator[list[Attempt]]:
        """Yield requests, those about one row together."""
        if ask:
            yield [Attempt(await ask(deployments.full.client), names_row=True, scope=self.scope)]
        elif self.route.template in self.description["paths"]:
            for row, fresh in await self.read_rows(deployments.full.connection):
                yield self.write(deployments, row, fresh)

    def write(self, deployments: Deployments, row: Row, fresh: Row) -> list[Attempt]:
        writer = Writer(deployments.full.client, self.description, row, fresh, self.scope)
        return [*writer.write_all(self.route.method, self.route.template)]

    async def read_rows(self, connection: asyncpg.Connection) -> list[tuple[Row, Row]]:
        """Return the sample rows of the slice, each with the columns of a row that does not exist."""
        seed = self.part.seed
        if seed is None:
            return [({}, {})]
        sql = f"select to_jsonb(t)::text from {seed.table} t order by created_at desc"
        rows = [msgspec.json.decode(text) for (text,) in await connection.fetch(sql)]
        fresh = await make_fresh(connection, seed, len(rows) + 1) if rows else {}
        return [(row, fresh) for row in rows] or [({}, {})]

    def is_owed(self, deployments: Deployments) -> bool:
        """Return whether the route has to be tried: it takes a key or lists rows that belong to accounts."""
        template = self.route.template
        if not self.uses_tables(deployments.full.tables):
            return False
        if "{" in template or template not in self.description["paths"]:
            return True
        if any(attempt.names_row for attempt in self.write(deployments, {}, {})):
            return True
        return self.route.method == "GET" and self.is_list(deployments)

    def is_list(self, deployments: Deployments) -> bool:
        """Return whether the route answers with a list, as far as is described."""
        template = self.route.template
        writer = Writer(deployments.full.client, self.description, {}, {})
        return template not in self.description["paths"] or writer.is_list(template)

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
    """Return the columns of a sample row that does not exist yet, as JSON has them."""
    related = []
    for reference in seed.references:
        rows = await connection.fetch(reference.sql)
        related.append([key for (key,) in rows])
    row = seed.make_row(number, *related) if all(related) else {}
    return msgspec.to_builtins(row, enc_hook=str)


async def read_description(settings: Settings, url: str) -> Mapping[str, Any]:
    async with open_client(app.build(adapt_settings(settings, url, docs=True))) as client:
        return (await client.get("/openapi.json")).json()


@pytest.fixture(autouse=True)
def nothing_blocks() -> None:
    """Allow blocking: the tests of the slice cover that."""


async def test_no_route_shows_or_changes_what_belongs_to_another_account(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ownership_requests: Asks | None
):
    statements.note_statements(monkeypatch)
    made: list[query.Query] = []
    statements.noted.set(made)
    bare = settings.database.url.get_secret_value()
    tables = await read_tables(settings)
    await fill_tables(settings, bare, without=tables)
    asks = ownership_requests or {}
    leaks: list[str] = []
    untried: list[str] = []
    async with copy_database(bare) as filled:
        await fill_tables(settings, filled, without={})
        description = await read_description(settings, filled)
        trials = [it for it in list_trials(description, made) if it.route.level is not PUBLIC]
        routes = {str(trial) for trial in trials}
        assert asks.keys() <= routes, "ownership_requests has other routes"
        for group in group_trials(trials):
            async with open_deployments(settings, filled, bare, tables) as deployments:
                for trial in group:
                    ask = asks.get(str(trial))
                    if isinstance(ask, str):
                        continue
                    leak, is_tried = await trial.judge(deployments, ask)
                    if leak:
                        leaks.append(f"{trial}\n    {leak}")
                    if not is_tried:
                        untried.append(str(trial))
    assert not leaks, "\n".join(["", *leaks])
    if untried:
        said = f"no request to these routes was found that finds rows: {', '.join(untried)}"
        # A service without that fixture is older than this test: it gets the advice, and passes.
        end = pytest.skip if ownership_requests is None else pytest.fail
        end(f"{said}\n{ADVICE % untried[0]}")


def group_trials(trials: list[Trial]) -> list[list[Trial]]:
    """Return groups that each need databases of their own: all reads together, and each of the others."""
    reads = [trial for trial in trials if trial.route.method == "GET"]
    groups = [[trial] for trial in trials if trial not in reads]
    return [reads, *groups] if reads else groups


def list_trials(description: Mapping[str, Any], made: list[query.Query]) -> list[Trial]:
    trials = []
    for part in app.SLICES:
        trials += [Trial(part, route, description, made) for route in part.routes]
    return trials
