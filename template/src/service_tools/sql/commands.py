# kit: updated by the template; extend it from app.py
"""`service plans`: how PostgreSQL will run each statement at the sizes of production."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from html import escape
from importlib import import_module

import asyncpg
import click

from service.kit import PACKAGE
from service.kit.db.query import find_queries
from service.kit.db.sessions import connect, read_database_url
from service_tools.dev import database, embedded
from service_tools.pages import Page
from service_tools.sql import budgets, contract, plans, records, scratch
from service_tools.sql.contract import Statement
from service_tools.tables import TEXT

type Real = Mapping[str, str]
"""What happened to the statements that were run, by name, as PostgreSQL shows it."""

ADVICE = "If this is meant, record it: service plans --record"


@click.command(name="plans")
@click.argument("name", required=False)
@click.option(
    "--analyze", is_flag=True, help="Run each statement on the development database as well."
)
@click.option(
    "--check",
    is_flag=True,
    help="Exit with 1 when a plan differs from the one recorded in perf/plans/.",
)
@click.option("--record", is_flag=True, help="Record the plans in perf/plans/.")
def show_plans(name: str | None, analyze: bool, check: bool, record: bool) -> None:
    """Show the plan of every statement, or of NAME, like orders.read_order.

    Statements are planned for the table sizes in perf/budgets.toml, in an empty database that is
    dropped afterwards. Whatever breaks the SQL contract, and so fails the suite, is listed below
    the table. `--analyze` runs them on the rows of `service dev`, or of DATABASE_URL, and rolls
    back what they change.
    """
    if name and (record or check):
        raise click.UsageError("`--record` and `--check` are about all statements: leave NAME out.")
    with embedded.run() as server, database.lend(server) as url:
        statements = select(asyncio.run(plan(url)), name)
        real = (
            asyncio.run(run(os.environ.get("DATABASE_URL", server), statements)) if analyze else {}
        )
    if record:
        for path in records.write(statements):
            click.echo(f"Recorded {path}")
    elif check:
        difference = records.compare(statements)
        click.echo(
            "\n".join([*difference, ADVICE] if difference else ["Every plan is as recorded."])
        )
        raise SystemExit(1 if difference else 0)
    elif name:
        click.echo("\n".join(describe(statements[0], real)))
    else:
        page = Page("plans", "Plans at the sizes in perf/budgets.toml")
        show(statements, real, page)
        page.finish()


async def plan(url: str, beginning: str = "") -> list[Statement]:
    """Return the statements of the service whose names begin so, with their plans in a new
    database.
    """
    declared = budgets.read()
    chosen = [
        (name, query)
        for name, query in find_queries(import_module(PACKAGE))
        if name.startswith(beginning)
    ]
    connection = await scratch.prepare(url, declared)
    statements = await contract.check_all(connection, chosen, declared)
    await connection.close()
    return statements


async def run(server: str, statements: Sequence[Statement]) -> Real:
    """Return what really happens, by name, for the statements that have a sample and rows to take
    it from.
    """
    async with connect(read_database_url(server), "service plans") as connection:
        try:
            ran = {
                statement.name: await plans.run(connection, statement.query)
                for statement in statements
            }
        except asyncpg.PostgresError as error:
            raise click.ClickException(
                f"{error}. Start `service dev` once, or run `service migrate`."
            ) from None
    return {name: node for name, node in ran.items() if node}


def select(statements: list[Statement], name: str | None) -> list[Statement]:
    chosen = [statement for statement in statements if name in (None, statement.name)]
    if name and not chosen:
        known = ", ".join(statement.name for statement in statements)
        raise click.ClickException(f"There is no statement {name}. There are {known}.")
    return chosen


def show(statements: Sequence[Statement], real: Real, page: Page) -> None:
    """Show all statements in a table, what is wrong with them, and on the page, their plans."""
    titles, rows = ["statement", "cost", "rows", *["ran"] * bool(real), "indexes", "findings"], []
    for it in statements:
        cost, many = (
            (f"{it.plan['Total Cost']:,.2f}", f"{it.plan['Plan Rows']:,}") if it.plan else ("", "")
        )
        ran = [real[it.name].rpartition(": ")[2] if it.name in real else "no sample"] * bool(real)
        rows.append(
            [
                it.name,
                cost,
                many,
                *ran,
                ", ".join(it.indexes),
                ", ".join(found.rule for found in it.findings),
            ]
        )
    columns = dict.fromkeys(titles, "") | {"indexes": TEXT, "findings": TEXT}
    page.tabulate(columns, rows)
    page.say(*(f"{it.name}: {found}" for it in statements for found in it.findings))
    for it in statements:
        page.show(it.name, f"<pre>{escape('\n'.join(describe(it, real)))}</pre>")


def describe(it: Statement, real: Real) -> list[str]:
    """Return the lines about one statement: its SQL, its plan, what is wrong, and how it ran."""
    lines = [it.query.sql, "", it.shown or "It has no plan.", "", *map(str, it.findings)]
    return [
        *lines,
        *(["", "On the development database:", real[it.name]] if it.name in real else []),
    ]
