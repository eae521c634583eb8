# kit: updated by the template; extend it from app.py
"""`service plans`: how PostgreSQL will run each statement at the sizes of production."""

import asyncio
import re
from html import escape
from importlib import import_module

import asyncpg
import click

from service.kit import PACKAGE
from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import json_option
from service.kit.commands.queries import locate_query
from service.kit.db.query import find_queries
from service.kit.db.sessions import connect, read_database_url
from service.kit.server.settings import read_variable
from service_tools.dev import database, embedded
from service_tools.pages import Page
from service_tools.sql import accepted, budgets, contract, recorded_plans, samples, scratch
from service_tools.sql.statement import Statement, Statements
from service_tools.tables import TEXT

ADVICE = "If this is meant, record it: service plans --record"

COLUMNS = {
    "statement": "",
    "rows": ",",
    "cost": ",.2f",
    "ms each": ",.3f",
    "indexes": TEXT,
    "findings": TEXT,
}
EXECUTION_TIME = re.compile(r"Execution Time: ([\d.]+)")


@click.command(name="plans")
@click.argument("name", required=False)
@click.option(
    "--analyze", is_flag=True, help="Also run each statement on the development database."
)
@click.option("--check", is_flag=True, help="Exit with 1 if a plan differs from perf/plans/.")
@click.option("--record", is_flag=True, help="Record the plans in perf/plans/.")
@click.option(
    "--accept", is_flag=True, help="After an update, accept the findings of its new rules."
)
@json_option
@click.pass_obj
def show_plans(
    definition: ServiceDefinition, /, name: str | None, as_json: bool, **chosen: bool
) -> None:
    """Show the plan of every statement, or of NAME, like orders.read_order.

    Statements are planned for the table sizes in perf/budgets.toml, in an empty database that is
    dropped afterwards. Whatever breaks the SQL contract, and so fails the suite, is listed below
    the table. `--analyze` runs them on the rows of `service dev`, or of DATABASE_URL, and rolls
    back what they change. `--accept` writes perf/accepted.json: findings in statements that were
    there before the last update, except those of the rule `scope`, and without those that are gone.

    Which statements take the time, and how often a request runs each, is shown by `service perf
    budget`, and in production by `service queries`.
    """
    modes = [mode for mode in ("accept", "record", "check") if chosen[mode]]
    if modes and (name or as_json or len(modes) > 1):
        raise click.UsageError(f"`--{modes[0]}` is about all statements, and goes alone.")
    with embedded.run_postgresql() as server:
        with database.temporary_database(server) as url:
            planned = asyncio.run(plan_statements(url))
            if chosen["accept"]:
                asyncio.run(samples.check_samples(url, definition.slices, planned))
        statements = select_statements(planned, name)
        if chosen["analyze"]:
            target = read_variable("DATABASE_URL") or server
            asyncio.run(analyze_statements(target, statements))
    if chosen["accept"]:
        report_accepted(statements)
    elif chosen["record"]:
        for path in recorded_plans.record_plans(statements):
            click.echo(f"Recorded {path}")
    elif chosen["check"]:
        check_recorded(statements)
    elif name and not as_json:
        click.echo(describe_statement(statements[0]))
    else:
        page = Page("plans", "Plans at the sizes in perf/budgets.toml", as_json)
        report_statements(statements, page)
        page.finish([make_result(statement) for statement in statements])


async def plan_statements(url: str, prefix: str = "") -> list[Statement]:
    """Return the statements whose names begin with `prefix`, planned in a new database."""
    declared = budgets.read_budgets()
    queries = find_queries(import_module(PACKAGE))
    chosen = [(name, query) for name, query in queries if name.startswith(prefix)]
    connection = await scratch.open_scratch(url, declared)
    statements = await contract.check_statements(connection, chosen, declared)
    await connection.close()
    return statements


async def analyze_statements(server: str, statements: Statements) -> None:
    """Run the statements that have a plan, a sample, and rows to take the sample from."""
    async with connect(read_database_url(server), "service plans") as connection:
        for statement in statements:
            if statement.plan is None:
                continue
            try:
                statement.ran = await samples.analyze_sample(connection, statement.query)
            except asyncpg.IntegrityConstraintViolationError as error:
                statement.ran = f"It fails with its sample: {error}"
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
    difference = recorded_plans.compare_plans(statements)
    lines = [*difference, ADVICE] if difference else ["Every plan is as recorded."]
    click.echo("\n".join(lines))
    raise SystemExit(bool(difference))


def report_accepted(statements: Statements) -> None:
    """Accept what an update finds, and exit with 1 when findings are left."""
    listed = accepted.accept_findings(statements) or ["nothing"]
    click.echo(f"Accepted in {accepted.ACCEPTED_FILE}: {', '.join(listed)}")
    broken, _ = accepted.list_broken(statements)
    for line in broken:
        click.echo(f"Not accepted: {line}")
    raise SystemExit(bool(broken))


def report_statements(statements: Statements, page: Page) -> None:
    """Show all statements in a table, what is wrong with them, and on the page, their plans."""
    page.tabulate(COLUMNS, [list_cells(statement) for statement in statements])
    broken, new = accepted.list_broken(statements)
    page.say(*broken, *new)
    for statement in statements:
        text = escape(describe_statement(statement))
        page.show(statement.name, f"<pre>{text}</pre>")


def list_cells(statement: Statement) -> list[object]:
    plan = statement.plan
    time = EXECUTION_TIME.search(statement.ran)
    return [
        statement.name,
        plan and plan.plan_rows,
        plan and plan.total_cost,
        time and float(time[1]),
        ", ".join(statement.indexes),
        ", ".join(finding.rule for finding in statement.findings),
    ]


def make_result(statement: Statement) -> dict[str, object]:
    """Return a statement for programs, with the keys of `service queries --json`."""
    name, rows, cost, mean, *_ = list_cells(statement)
    query = statement.query
    return {
        "name": name,
        "place": locate_query(query),
        "query": query.sql,
        "rows": rows,
        "cost": cost,
        "mean": mean,
        "indexes": statement.indexes,
        "findings": statement.findings,
    }


def describe_statement(statement: Statement) -> str:
    """Return the SQL of a statement, its plan, what is wrong, and how it ran."""
    plan = statement.plan_text or "It has no plan."
    lines = [statement.query.sql, "", plan, ""]
    lines += map(str, statement.findings)
    if statement.ran:
        lines += ["", "On the development database:", statement.ran]
    return "\n".join(lines)
