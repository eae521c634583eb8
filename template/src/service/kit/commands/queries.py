# kit: updated by the template; extend it from app.py
"""`service queries`: which statements a running database spends its time on. `service psql`: a look
by hand.
"""

import asyncio
import json
import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import asyncpg
import click

from service.kit import PACKAGE
from service.kit.commands.cli import Wiring
from service.kit.db import query
from service.kit.db.sessions import DatabaseOptions, connect

type Named = tuple[str, query.AnyQuery]


SLOWEST = """
select queryid, query, calls, mean_exec_time as mean, rows::float / calls as rows,
       100 * total_exec_time / sum(total_exec_time) over () as share
  from pg_stat_statements
 where dbid = (select oid from pg_database where datname = current_database()) and calls > 0
   and query !~ 'generic_plan|pg_stat_statements'
 order by total_exec_time desc
 limit $1
"""


WIDTH = 80
"""Characters that are shown of a statement without a name."""


ADVICE = (
    "This database does not count its statements. Set shared_preload_libraries = 'pg_stat_statements' in its "
    "configuration, restart it, and run: create extension pg_stat_statements."
)


@click.command(name="queries")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many to show."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def show_queries(wiring: "Wiring", limit: int, as_json: bool) -> None:
    """Show the statements that the database spends most time on, with their names.

    Reads pg_stat_statements of `service dev`, or of DATABASE_URL: calls, milliseconds per call,
    share of the total time, and rows per call. Statements of the service are shown by name, with
    file and line, and others as text.
    """
    with wiring.open_settings() as settings:
        found = asyncio.run(
            read_slowest(settings.database, limit, create="DATABASE_URL" not in os.environ)
        )
    slowest = [describe_slowest(row, known) for row, known in found]
    if as_json:
        click.echo(json.dumps(slowest, indent=2))
        return
    click.echo(f"{'calls':>10} {'ms each':>10} {'share':>7} {'rows':>10}  statement")
    for row in slowest:
        numbers = (
            f"{row['calls']:>10,} {row['mean']:>10.3f} {row['share']:>6.1f}% {row['rows']:>10.1f}"
        )
        click.echo(
            f"{numbers}  {f'{row["name"]}  {row["place"]}' if row['name'] else squeeze(row['query'])[:WIDTH]}"
        )


def squeeze(sql: str) -> str:
    return " ".join(sql.split())


async def read_slowest(
    database: DatabaseOptions, limit: int, *, create: bool
) -> list[tuple[asyncpg.Record, Named | None]]:
    """Return the slowest statements of a database, each with the one of the service that it is, or
    None.
    """
    async with connect(database, "service queries") as connection:
        try:
            if create:
                await connection.execute("create extension if not exists pg_stat_statements")
            rows = await connection.fetch(SLOWEST, limit)
        except asyncpg.PostgresError as error:
            raise click.ClickException(f"{ADVICE} PostgreSQL says: {error}.") from None
        known: dict[int | str, Named] = {}
        for name, statement in query.find_queries(import_module(PACKAGE)):
            known[squeeze(statement.sql)] = name, statement
            with suppress(
                asyncpg.PostgresError
            ):  # it has no plan, or no table yet, and then it was not asked either
                explain = f"explain (verbose, generic_plan, format json) {statement.sql}"
                [(plan,)] = await connection.fetch(explain, *(None for _ in statement.params))
                known[json.loads(plan)[0]["Query Identifier"]] = name, statement
    return [(row, known.get(row["queryid"]) or known.get(squeeze(row["query"]))) for row in rows]


def describe_slowest(row: asyncpg.Record, found: Named | None) -> dict[str, Any]:
    name, statement = found or (None, None)
    return {"name": name, "place": locate_query(statement) if statement else None} | dict(row)


def locate_query(statement: query.AnyQuery) -> str:
    """Return the file and line of a statement, from the folder that the command runs in."""
    path = Path(sys.modules[statement.module].__file__ or "")
    with suppress(ValueError):
        path = path.relative_to(Path.cwd())
    return f"{path}:{statement.line}"
