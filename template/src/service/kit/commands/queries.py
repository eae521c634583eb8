# kit: updated by the template; extend it from app.py
"""`service queries`: show which statements a running database spends its time on."""

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import click

from service.kit import PACKAGE
from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import json_option, print_json, print_table
from service.kit.db import query
from service.kit.db.sessions import DatabaseOptions, connect
from service.kit.server.settings import is_set

type NamedQuery = tuple[str, query.AnyQuery]

SLOWEST = """
select queryid, query, calls, mean_exec_time as mean, rows::float / calls as rows,
       100 * total_exec_time / sum(total_exec_time) over () as share
  from pg_stat_statements
 where dbid = (select oid from pg_database where datname = current_database()) and calls > 0
   and query !~ 'generic_plan|pg_stat_statements'
 order by total_exec_time desc
 limit $1
"""

MAX_WIDTH = 80
"""Characters to show of a statement without a name."""

ADVICE = (
    "This database does not count its statements. Set "
    "shared_preload_libraries = 'pg_stat_statements' in its configuration, restart it, and run as "
    "a superuser: create extension pg_stat_statements."
)


@click.command(name="queries")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="Show at most this many.",
)
@json_option
@click.pass_obj
def show_queries(definition: ServiceDefinition, limit: int, as_json: bool) -> None:
    """Show the statements that the database spends most time on, with their names.

    Reads pg_stat_statements of `service dev`, or of DATABASE_URL: calls, milliseconds per call,
    share of the total time, and rows per call. Statements of the service are shown by name, with
    file and line, and others as text.
    """
    is_development = not is_set("DATABASE_URL")
    with definition.open_settings() as settings:
        read = read_slowest_statements(settings.database, limit, create=is_development)
        statements, queries = asyncio.run(read)
    slowest = [describe_statement(statement, queries) for statement in statements]
    if as_json:
        print_json(slowest)
        return
    numbers = ("CALLS", "MS EACH", "SHARE", "ROWS")
    rows = [format_statement(found) for found in slowest]
    print_table((*numbers, "STATEMENT"), rows, right=numbers)


def format_statement(found: Mapping[str, Any]) -> list[str]:
    text = normalize(found["query"])[:MAX_WIDTH]
    return [
        f"{found['calls']:,}",
        f"{found['mean']:,.3f}",
        f"{found['share']:.1f}%",
        f"{found['rows']:.1f}",
        f"{found['name']}  {found['place']}" if found["name"] else text,
    ]


def normalize(sql: str) -> str:
    return " ".join(sql.split())


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
            raise click.ClickException(f"{ADVICE} PostgreSQL says: {error}.") from None
        queries: dict[int | str, NamedQuery] = {}
        for name, known in query.find_queries(import_module(PACKAGE)):
            queries[normalize(known.sql)] = name, known
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
    text = normalize(statement["query"])
    name, known = queries.get(statement["queryid"]) or queries.get(text) or (None, None)
    place = locate_query(known) if known else None
    return {"name": name, "place": place, **statement}


def locate_query(known: query.AnyQuery) -> str:
    """Return the file and line of a query, from the folder that the command runs in."""
    path = Path(sys.modules[known.module].__file__ or "")
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return f"{path}:{known.line}"
