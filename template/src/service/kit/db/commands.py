# kit: updated by the template; extend it from app.py
"""`service queries`: which statements a running database spends its time on."""

import asyncio
import json
import os
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import asyncpg
import click

from service.kit import PACKAGE
from service.kit.db import query
from service.kit.db.sessions import DatabaseOptions, connect

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring

SLOWEST = """
select queryid, query, calls, mean_exec_time as mean, rows::float / calls as rows,
       100 * total_exec_time / sum(total_exec_time) over () as share
  from pg_stat_statements
 where dbid = (select oid from pg_database where datname = current_database()) and calls > 0
 order by total_exec_time desc
 limit $1
"""

ADVICE = (
    "This database does not count its statements. Set shared_preload_libraries = 'pg_stat_statements' in its "
    "configuration, restart it, and run: create extension pg_stat_statements."
)


@click.command(name="queries")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many to show.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def show_queries(wiring: "Wiring", limit: int, as_json: bool) -> None:
    """Show the statements that the database spends most time on, with their names.

    Reads pg_stat_statements of `service dev`, or of DATABASE_URL: calls, milliseconds per call, share of the total
    time, and rows per call. Statements that are not the service's own are shown as text.
    """
    with wiring.open_settings() as settings:
        slowest = asyncio.run(read(settings.database, limit, create="DATABASE_URL" not in os.environ))
    if as_json:
        click.echo(json.dumps(slowest, indent=2))
        return
    click.echo(f"{'calls':>10} {'ms each':>10} {'share':>7} {'rows':>10}  statement")
    for row in slowest:
        numbers = f"{row['calls']:>10,} {row['mean']:>10.3f} {row['share']:>6.1f}% {row['rows']:>10.1f}"
        click.echo(f"{numbers}  {row['name'] or ' '.join(row['query'].split())[:80]}")


async def read(database: DatabaseOptions, limit: int, *, create: bool) -> list[dict[str, Any]]:
    """Return the slowest statements of a database, each with the name that the service gives it, or None."""
    async with connect(database, "service queries") as connection:
        try:
            if create:
                await connection.execute("create extension if not exists pg_stat_statements")
            rows = await connection.fetch(SLOWEST, limit)
        except asyncpg.PostgresError as error:
            raise click.ClickException(f"{ADVICE} PostgreSQL says: {error}.") from None
        names = {}
        for name, statement in query.find(import_module(PACKAGE)):
            with suppress(asyncpg.PostgresError):  # a table that is not there yet: it cannot have been asked either
                explain = f"explain (verbose, generic_plan, format json) {statement.sql}"
                [(plan,)] = await connection.fetch(explain)
                names[json.loads(plan)[0]["Query Identifier"]] = name
    return [{"name": names.get(row["queryid"])} | dict(row) for row in rows]
