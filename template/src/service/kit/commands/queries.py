# kit: updated by the template; extend it from app.py
"""`service queries`: show which statements a running database spends its time on."""

import asyncio
import json
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import click
from pydantic import SecretStr

from service.kit import PACKAGE
from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import MAX_COLUMN_WIDTH, json_option, print_json, print_table
from service.kit.db import query
from service.kit.db.sessions import DatabaseOptions, connect
from service.kit.server.settings import is_set

type NamedQuery = tuple[str, query.AnyQuery]

SLOWEST = """
select query, rows::float / calls as rows, calls, mean_exec_time as mean,
       100 * total_exec_time / sum(total_exec_time) over () as share, queryid
  from pg_stat_statements
 where dbid = (select oid from pg_database where datname = current_database()) and calls > 0
   and query !~ 'generic_plan|pg_stat_statements'
 order by total_exec_time desc
 limit $1
"""

MEASURED = "perf"
"""The database of `service perf`, in the PostgreSQL of `service dev`."""

PRELOAD = (
    "This database does not count its statements. Set "
    "shared_preload_libraries = 'pg_stat_statements' in its configuration, and restart it."
)
PARAMETER = re.compile(
    r"""(?:null|current_setting\('export\.p\d+'\))::"\w+"\."\w+"|\$\d+""", re.IGNORECASE
)
"""A parameter, as a statement or an export has it."""

EXPORT = re.compile(r"^copy .*? from \( (.*) \) as result.*", re.IGNORECASE)
"""A `copy` of the rows of a statement, as an export makes it."""

IS_COUNTING = "select current_setting('pg_stat_statements.max', true)"
CREATE = "Run as a superuser: `create extension pg_stat_statements`."


@click.command(name="queries")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Show at most this many.",
)
@click.option(
    "--perf",
    "is_measured",
    is_flag=True,
    help="Read the database of `service perf` in place of that of `service dev`.",
)
@json_option
@click.pass_obj
def show_queries(
    definition: ServiceDefinition, limit: int, is_measured: bool, as_json: bool
) -> None:
    """Show the statements that the database spends most time on, with their names.

    Reads pg_stat_statements of `service dev`, or of DATABASE_URL: rows per call, calls,
    milliseconds per call, and share of the total time. Statements of the service, also as exports,
    are shown by name, with file and line, and others as text.

    Why one is slow is shown by `service plans NAME`, and how many of them a request runs, by
    `service perf budget`. Statements that wait for a lock are in pg_stat_activity.
    """
    is_development = not is_set("DATABASE_URL")
    with definition.open_settings() as settings:
        database = settings.database
        if is_measured and is_development:
            database = name_database(database, MEASURED)
        read = read_slowest_statements(database, limit, create=is_development)
        statements, queries = asyncio.run(read)
    slowest = [describe_statement(statement, queries) for statement in statements]
    if as_json:
        print_json(slowest)
        return
    numbers = ("ROWS", "CALLS", "MS EACH", "SHARE")
    rows = [format_statement(found) for found in slowest]
    print_table(("STATEMENT", *numbers, "PLACE"), rows, right=numbers)


def name_database(options: DatabaseOptions, name: str) -> DatabaseOptions:
    """Return the options for another database of the same server."""
    url = urlsplit(options.url.get_secret_value())._replace(path=f"/{name}").geturl()
    return options.model_copy(update={"url": SecretStr(url)})


def format_statement(found: Mapping[str, Any]) -> list[str]:
    return [
        found["name"] or normalize(found["query"])[:MAX_COLUMN_WIDTH],
        f"{found['rows']:.1f}",
        f"{found['calls']:,}",
        f"{found['mean']:,.3f}",
        f"{found['share']:.1f}%",
        found["place"] or "",
    ]


def normalize(sql: str) -> str:
    return " ".join(sql.split())


def blank_params(sql: str) -> str:
    """Return a statement without its line breaks, and without the numbers of its parameters."""
    return PARAMETER.sub("$", normalize(sql))


async def read_slowest_statements(
    database: DatabaseOptions, limit: int, *, create: bool
) -> tuple[list[asyncpg.Record], dict[int | str, NamedQuery]]:
    """Return the slowest statements of a database, and the service's queries by id and by text.

    With `create`, the extension that counts them is created first.
    """
    async with connect(database, "service queries") as connection:
        try:
            if create:
                await connection.execute("create extension if not exists pg_stat_statements")
            statements = await connection.fetch(SLOWEST, limit)
        except asyncpg.PostgresError as error:
            counts = await connection.fetchval(IS_COUNTING)
            advice = CREATE if counts else f"{PRELOAD} {CREATE}"
            raise click.ClickException(f"{advice} PostgreSQL says: {error}.") from None
        queries: dict[int | str, NamedQuery] = {}
        for name, known in query.find_queries(import_module(PACKAGE)):
            queries[blank_params(known.sql)] = name, known
            # It may have no plan, or no table yet, and then it was not run either.
            with suppress(asyncpg.PostgresError):
                queries[await read_query_id(connection, known)] = name, known
    return statements, queries


async def read_query_id(connection: asyncpg.Connection, known: query.AnyQuery) -> int:
    """Return the id under which PostgreSQL counts a query, whatever its parameters."""
    explain = f"explain (verbose, generic_plan, format json) {known.sql}"
    parameters = [None] * len(known.params)
    [(plan,)] = await connection.fetch(explain, *parameters)
    identity: int = json.loads(plan)[0]["Query Identifier"]
    return identity


def describe_statement(
    statement: asyncpg.Record, queries: Mapping[int | str, NamedQuery]
) -> dict[str, Any]:
    """Return a statement with its name and place in the service, or None for both."""
    text = EXPORT.sub(r"\1", blank_params(statement["query"]))
    found = queries.get(statement["queryid"]) or queries.get(text)
    name, known = found or (None, None)
    place = locate_query(known) if known else None
    return {"name": name, "place": place, **statement}


def locate_query(known: query.AnyQuery) -> str:
    """Return the file and line of a query, from the folder that the command runs in."""
    path = Path(sys.modules[known.module].__file__ or "")
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return f"{path}:{known.line}"
