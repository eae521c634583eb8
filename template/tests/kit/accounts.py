# kit: updated by the template
"""Two accounts of a service: what one gets where the other has rows, and where it has none."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx2
from pydantic import SecretStr

from service import app
from service.kit.db.query import DEVELOPER
from service.settings import Settings
from service_tools.dev import database
from service_tools.sql.catalog import read_catalog
from tests.kit.attempts import Attempt
from tests.kit.fixtures import make_database, make_headers, open_client
from tests.kit.statements import BUDGETS

type Ask = Callable[[httpx2.AsyncClient], Awaitable[httpx2.Request]]
type Asks = Mapping[str, Ask | str]
"""By route, like "GET /v1/invoices": a function that makes a request, or why all accounts may see all rows."""

ROWS = 5

KEY = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")
VARIABLE = re.compile(r'\d{4}-\d\d-\d\d[T ]\d\d:\d\d[^",]*|"request_id":"[^"]*"')
"""What differs from one answer to the next, apart from keys."""

NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class Deployment:
    """A service with its database. `tables` has the column that says whose a row is, by table."""

    client: httpx2.AsyncClient
    connection: asyncpg.Connection
    tables: Mapping[str, str]

    async def send(self, attempt: Attempt, subject: str) -> httpx2.Response:
        request = attempt.request
        headers = httpx2.Headers(request.headers)
        headers.update(make_headers(subject, scope=attempt.scope))
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
class Deployments:
    """A service with the rows of `owner`, the same service without them, and the account that asks."""

    full: Deployment
    bare: Deployment
    owner: str
    other: str

    async def find_leak(self, attempt: Attempt) -> str:
        """Return what the other account sees or changes of the owner's rows, or "" if nothing.

        A refusal shows nothing. Any other answer has to be the same as without the owner's rows.
        """
        before = await self.full.read_rows(self.owner)
        answer = await self.full.send(attempt, self.other)
        attempt.other_answer = answer
        after = await self.full.read_rows(self.owner)
        changed = [table for table in before if before[table] != after[table]]
        if changed:
            return f"it changes rows of {', '.join(changed)} that belong to another account"
        if 400 <= answer.status_code < 500:
            return ""
        bare = await self.bare.send(attempt, self.other)
        if outline(answer) == outline(bare):
            return ""
        again = await self.bare.send(attempt, self.other)
        rows = "".join(before.values())
        if not depends_on_rows(answer, bare, again) and not shows_key(answer, rows):
            return ""
        return (
            f"its answer to one account depends on the rows of another: {answer.status_code} "
            f"{answer.text[:300]}\n    without them: {bare.status_code} {bare.text[:300]}"
        )

    async def ask_owner(self, attempt: Attempt) -> None:
        attempt.owner_answer = await self.full.send(attempt, self.owner)


def finds_rows(attempt: Attempt) -> bool:
    """Return whether a request found rows of the owner, as far as the two answers show."""
    own = attempt.owner_answer
    other = attempt.other_answer
    if own is None or other is None:
        return False
    if own.status_code != other.status_code:
        return True
    return own.status_code < 400 and (attempt.names_row or outline(own) != outline(other))


def depends_on_rows(answer: httpx2.Response, bare: httpx2.Response, again: httpx2.Response) -> bool:
    """Return whether an answer differs from two without the rows, which are equal, but perhaps for numbers."""
    for has_numbers in (True, False):
        with_rows, first, second = [outline(it, has_numbers=has_numbers) for it in (answer, bare, again)]
        if first == second:
            return with_rows != first
    return False


def shows_key(answer: httpx2.Response, rows: str) -> bool:
    """Return whether an answer has a key from some rows that was not in its request."""
    asked = f"{answer.request.url} {answer.request.content!r}"
    unasked = {*KEY.findall(rows)} - {*KEY.findall(asked)}
    return any(key in answer.text for key in unasked)


def outline(answer: httpx2.Response, *, has_numbers: bool = True) -> tuple[int, str]:
    """Return the status and text of an answer without keys and times, and after a change without numbers."""
    text = VARIABLE.sub("…", KEY.sub("…", answer.text))
    if not has_numbers or answer.request.method != "GET":
        text = NUMBER.sub("…", text)
    return answer.status_code, text


async def read_tables(settings: Settings) -> dict[str, str]:
    """Return the tables whose rows belong to accounts, with the column that says so."""
    connection = await asyncpg.connect(settings.database.url.get_secret_value())
    catalog = await read_catalog(connection, BUDGETS)
    await connection.close()
    return dict(catalog.name_account(table) for table in catalog.account_columns)


async def fill_tables(settings: Settings, url: str, without: Mapping[str, str]) -> None:
    """Add sample rows to tables, more to the first ones, so that no row refers to some of them."""
    for position, part in enumerate(app.SLICES):
        if part.seed and part.seed.table not in without:
            wanted = ROWS + 2 * (len(app.SLICES) - position)
            await database.fill_all(adapt_settings(settings, url).database, [part], wanted)


def adapt_settings(settings: Settings, url: str, *, docs: bool = False) -> Settings:
    """Return the settings with another database and short streams, and the API description if `docs`."""
    changed = {
        "database": settings.database.model_copy(update={"url": SecretStr(url)}),
        "server": settings.server.model_copy(update={"docs": docs}),
        "edge": settings.edge.model_copy(update={"stream_lifetime": 0.05}),
    }
    return settings.model_copy(update=changed)


@asynccontextmanager
async def open_deployments(
    settings: Settings, filled: str, bare: str, tables: Mapping[str, str]
) -> AsyncGenerator[Deployments]:
    """Yield the service on a copy of a database with the owner's rows, and on one without."""
    async with AsyncExitStack() as stack:
        deployments = []
        for url in (filled, bare):
            copy = await stack.enter_async_context(copy_database(url))
            connection = await asyncpg.connect(copy)
            stack.push_async_callback(connection.close)
            opened = open_client(app.build(adapt_settings(settings, copy)))
            client = await stack.enter_async_context(opened)
            deployments.append(Deployment(client, connection, tables))
        yield Deployments(*deployments, *await choose_accounts(deployments[0]))


def copy_database(url: str) -> AbstractAsyncContextManager[str]:
    """Yield the URL of a copy of a database."""
    return make_database(urlsplit(url).path.removeprefix("/"))


async def choose_accounts(deployment: Deployment) -> tuple[str, str]:
    """Return the account that the sample rows belong to, and another one of the same kind."""
    for table, column in deployment.tables.items():
        owner = await deployment.connection.fetchval(f"select {column}::text from {table} limit 1")
        if owner is not None and owner != DEVELOPER:
            return owner, str(uuid4()) if KEY.fullmatch(owner) else "grace"
    return DEVELOPER, "grace"
