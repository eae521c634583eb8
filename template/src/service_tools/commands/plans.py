# kit: updated by the template; extend it from app.py
"""`service plans`: how PostgreSQL will run each statement at the sizes of production."""

import asyncio
import json
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import asyncpg
import click

from service.kit import PACKAGE
from service.kit.db import connect, find_queries, read_url
from service_tools.dev import embedded
from service_tools.dev.run import DATA
from service_tools.sql import budgets, plans, records, report, scratch, survey
from service_tools.sql.plans import Node
from service_tools.sql.survey import Entry


@click.command(name="plans")
@click.argument("name", required=False)
@click.option(
    "--analyze", is_flag=True, help="Run each on the development database, and set estimates against reality."
)
@click.option("--check", is_flag=True, help="Exit with 1 when a plan is not the one that is recorded in perf/plans/.")
@click.option("--record", is_flag=True, help="Record the plans in perf/plans/.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a report to open in a browser.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
def show_plans(name: str | None, analyze: bool, check: bool, record: bool, html: Path | None, as_json: bool) -> None:
    """Show the plan of every statement, or of NAME like orders.read_order.

    Plans are made for tables of the sizes in perf/budgets.toml, in an empty database that is dropped again. What is
    wrong with a statement, and fails the suite, stands below it. `--analyze` takes the rows of `service dev`, or those
    of DATABASE_URL; what a statement changes there is rolled back.
    """
    with embedded.run(DATA) as server:
        entries = select(asyncio.run(plan(server)), name)
        real = asyncio.run(run(os.environ.get("DATABASE_URL", server), entries)) if analyze else {}
    if record:
        for path in records.write(entries):
            click.echo(f"Recorded {path}")
    elif check:
        fail_on(records.compare(entries))
    elif html:
        html.write_text(report.render(entries, real), "utf-8")
        click.echo(f"Open {html.absolute().as_uri()}")
    elif as_json:
        click.echo(json.dumps([to_json(entry, real.get(entry.name)) for entry in entries], indent=2))
    else:
        click.echo("\n".join(tell(entries[0], real) if name else tabulate(entries, real)))


async def plan(server: str, beginning: str = "") -> list[Entry]:
    """Return the statements of the service whose names begin so, with their plans."""
    declared = budgets.read()
    chosen = [(name, query) for name, query in find_queries(import_module(PACKAGE)) if name.startswith(beginning)]
    async with scratch.provide(server, declared) as connection:
        return await survey.plan_all(connection, chosen, declared)


async def run(server: str, entries: Sequence[Entry]) -> dict[str, Node]:
    """Return what really happens, by name, for the statements that have a sample and rows to take it from."""
    async with connect(read_url(server), "service plans") as connection:
        try:
            ran = {entry.name: await survey.run(connection, entry.query) for entry in entries}
        except asyncpg.PostgresError as error:
            raise click.ClickException(f"{error}. Start `service dev` once, or run `service migrate`.") from None
    return {name: node for name, node in ran.items() if node}


def select(entries: list[Entry], name: str | None) -> list[Entry]:
    """Return all entries, or the one with a name."""
    chosen = [entry for entry in entries if name in (None, entry.name)]
    if name and not chosen:
        raise click.ClickException(f"There is no statement {name}. There are {', '.join(e.name for e in entries)}.")
    return chosen


def fail_on(lines: Sequence[str]) -> None:
    """Print a difference and exit with 1, if there is one."""
    if lines:
        click.echo("\n".join([*lines, "Look whether that is meant, and record it: service plans --record"]))
        raise SystemExit(1)
    click.echo("Every plan is as it is recorded.")


def tabulate(entries: Sequence[Entry], real: dict[str, Node]) -> list[str]:
    """Return the lines of a table of all statements."""
    width = max(len(entry.name) for entry in entries) if entries else 0
    heading = f"{'statement':{width}}  {'cost':>12}  {'rows':>12}  " + (f"{'ran':>10}  " if real else "") + "indexes"
    lines = [heading]
    for entry in entries:
        cost, rows = (f"{entry.plan.get('Total Cost'):,.2f}", f"{entry.plan.rows:,}") if entry.plan else ("", "")
        ran = f"{tell_time(real.get(entry.name)):>10}  " if real else ""
        lines.append(f"{entry.name:{width}}  {cost:>12}  {rows:>12}  {ran}{', '.join(entry.indexes)}".rstrip())
        lines += [f"    {found.detail}. {found.fix}" for found in entry.findings]
    return lines


def tell_time(node: Node | None) -> str:
    """Return how long a statement ran."""
    return f"{node.get('Actual Total Time'):.2f} ms" if node else "no sample"


def tell(entry: Entry, real: dict[str, Node]) -> list[str]:
    """Return the lines about one statement: its SQL, its plan, what is wrong, and how it ran."""
    lines = [entry.query.sql, "", *(plans.draw(entry.plan, numbers=True) if entry.plan else ["It has no plan."])]
    lines += ["", *(f"{found.detail}. {found.fix}" for found in entry.findings)]
    if node := real.get(entry.name):
        lines += ["", "On the development database:", *plans.draw(node, numbers=True)]
    return lines


def to_json(entry: Entry, node: Node | None) -> dict[str, object]:
    """Return what a program may want to know of a statement."""
    return {
        "name": entry.name,
        "sql": entry.query.sql,
        "cost": entry.plan and entry.plan.get("Total Cost"),
        "rows": entry.plan and entry.plan.rows,
        "indexes": entry.indexes,
        "findings": [found.__dict__ for found in entry.findings],
        "milliseconds": node and node.get("Actual Total Time"),
    }
