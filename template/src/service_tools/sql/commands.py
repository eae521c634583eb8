# kit: updated by the template; extend it from app.py
"""`service plans`: how PostgreSQL will run each statement at the sizes of production."""

import asyncio
from html import escape
from importlib import import_module

import asyncpg
import click

from service.kit import PACKAGE
from service.kit.db.query import find_queries
from service.kit.db.sessions import connect, read_database_url
from service.kit.server.settings import read_variable
from service_tools.dev import database, embedded
from service_tools.pages import Page
from service_tools.sql.budgets import read_budgets
from service_tools.sql.contract import check_statements
from service_tools.sql.recorded_plans import compare_plans, record_plans
from service_tools.sql.samples import analyze_sample
from service_tools.sql.scratch import open_scratch
from service_tools.sql.statement import Statement, Statements
from service_tools.tables import TEXT

ADVICE = "If this is meant, record it: service plans --record"


@click.command(name="plans")
@click.argument("name", required=False)
@click.option(
    "--analyze", is_flag=True, help="Also run each statement on the development database."
)
@click.option("--check", is_flag=True, help="Exit with 1 if a plan differs from perf/plans/.")
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
    with embedded.run_postgresql() as server, database.temporary_database(server) as url:
        planned = asyncio.run(plan_statements(url))
        statements = select_statements(planned, name)
        if analyze:
            target = read_variable("DATABASE_URL") or server
            asyncio.run(analyze_statements(target, statements))
    if record:
        for path in record_plans(statements):
            click.echo(f"Recorded {path}")
    elif check:
        check_recorded(statements)
    elif name:
        click.echo(describe_statement(statements[0]))
    else:
        page = Page("plans", "Plans at the sizes in perf/budgets.toml")
        report_statements(statements, page)
        page.finish()


async def plan_statements(url: str, prefix: str = "") -> list[Statement]:
    """Return the statements whose names begin with `prefix`, planned in a new database."""
    budgets = read_budgets()
    queries = find_queries(import_module(PACKAGE))
    chosen = [(name, query) for name, query in queries if name.startswith(prefix)]
    connection = await open_scratch(url, budgets)
    statements = await check_statements(connection, chosen, budgets)
    await connection.close()
    return statements


async def analyze_statements(server: str, statements: Statements) -> None:
    """Run the statements that have a plan, a sample, and rows to take the sample from."""
    async with connect(read_database_url(server), "service plans") as connection:
        for statement in statements:
            if statement.plan is None:
                continue
            try:
                statement.ran = await analyze_sample(connection, statement.query)
            except asyncpg.PostgresError as error:
                advice = "Start `service dev` once, or run `service migrate`."
                raise click.ClickException(f"{error}. {advice}") from None


def select_statements(statements: list[Statement], name: str | None) -> list[Statement]:
    chosen = [statement for statement in statements if name in (None, statement.name)]
    if name and not chosen:
        known = ", ".join(statement.name for statement in statements)
        raise click.ClickException(f"There is no statement {name}. There are {known}.")
    return chosen


def check_recorded(statements: Statements) -> None:
    """Exit with 1 when a plan differs from the recorded one."""
    difference = compare_plans(statements)
    if not difference:
        click.echo("Every plan is as recorded.")
        return
    for line in [*difference, ADVICE]:
        click.echo(line)
    raise SystemExit(1)


def report_statements(statements: Statements, page: Page) -> None:
    """Show all statements in a table, what is wrong with them, and on the page, their plans."""
    titles = dict.fromkeys(["statement", "cost", "rows"], "")
    titles |= {"indexes": TEXT, "findings": TEXT}
    rows = [list_cells(statement) for statement in statements]
    if any(statement.ran for statement in statements):
        titles["ran"] = ""
        for row, statement in zip(rows, statements, strict=True):
            _, _, time = statement.ran.rpartition("Execution Time: ")
            row.append(time or "no sample")
    page.tabulate(titles, rows)
    for statement in statements:
        for finding in statement.findings:
            page.say(f"{statement.name}: {finding}")
    for statement in statements:
        text = escape(describe_statement(statement))
        page.show(statement.name, f"<pre>{text}</pre>")


def list_cells(statement: Statement) -> list[str]:
    plan = statement.plan
    cost = f"{plan.total_cost:,.2f}" if plan else ""
    rows = f"{plan.plan_rows:,}" if plan else ""
    indexes = ", ".join(statement.indexes)
    rules = ", ".join(finding.rule for finding in statement.findings)
    return [statement.name, cost, rows, indexes, rules]


def describe_statement(statement: Statement) -> str:
    """Return the SQL of a statement, its plan, what is wrong, and how it ran."""
    plan = statement.plan_text or "It has no plan."
    lines = [statement.query.sql, "", plan, ""]
    lines += map(str, statement.findings)
    if statement.ran:
        lines += ["", "On the development database:", statement.ran]
    return "\n".join(lines)
