# kit: updated by the template; extend it from app.py
"""`service new`: a slice like the others, with its migration, tests, load test and plans."""

import asyncio
import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials, database, embedded
from service_tools.scaffold import fields, project, registry, resource
from service_tools.scaffold.project import Project
from service_tools.scaffold.resource import Resource
from service_tools.sql.commands import plan_statements
from service_tools.sql.recorded_plans import add_plans

EXAMPLES = """\b
Examples:
  service new invoices number:text! total:money 'status:enum(open,paid)@=open' due:date?
  service new articles 'title:text(200)' body:text year:int number:int --unique year,number
  service new folders 'name:text(80)!' parent:references:folders?
  service new items sku:text! count:int=1 invoice:references:invoices? --in orders
"""

OWNED = """
The {many} belong to the account that creates them, the token's `sub`.
No other account can reach them."""
SHARED = """
{who} can read, change and delete all {many}, including those of others."""

PERSONAL = """
To export and delete them with their account, write src/service/{table}/data.py as the other slices
have it, and add it to PERSONAL_DATA in app.py, before the rows that it refers to."""

ADDED = "The slice is added to src/service/app.py. Next:\n"
ADD_BY_HAND = """\
Add the slice to src/service/app.py by hand: this command could not find where.

  from service import …, {table}
  SLICES = (…, {table}.SLICE)

Then:
"""
NEXT = """\
  uv run service dev              # applies the migration, and adds sample rows
  uv run pytest
  uv run service perf load {table}  # how many requests it carries: perf/scenarios/{table}.toml"""
RECORD = "  uv run service plans --record   # keeps the plans of its statements for review"


@click.command(name="new", epilog=EXAMPLES)
@click.argument("table", metavar="RESOURCE")
@click.argument("specs", metavar="NAME:TYPE…", nargs=-1)
@click.option(
    "--singular", help="Name one of them, if the plural is irregular: news_item for news."
)
@click.option("--shared", is_flag=True, help="Let every caller read and change every row.")
@click.option(
    "--filters",
    multiple=True,
    metavar="A,B",
    help="Filters to combine in one request; may be repeated.",
)
@click.option(
    "--unique",
    multiple=True,
    metavar="A,B",
    help="Fields that no two rows share together; may be repeated.",
)
@click.option(
    "--in",
    "parent",
    default="",
    metavar="RESOURCE",
    help="Nest the rows in those of another slice: /v1/orders/{order_id}/items.",
)
@click.option("--export", is_flag=True, help="Add a route that streams all rows as CSV or NDJSON.")
@click.option(
    "--no-plans",
    is_flag=True,
    help="Do not record the plans of its statements, which needs PostgreSQL.",
)
@click.pass_obj
def new_slice(definition: ServiceDefinition, /, no_plans: bool, **order: Any) -> None:
    """Add a slice: create, read, change, delete and list a resource.

    RESOURCE is its plural. Rows belong to the account that creates them, and no other account can
    reach them, unless you pass `--shared`. A field is a name and a type, followed by ? if it may be
    null, ! if it is unique (within the account), @ if the list can be filtered by it, which gives
    it an index, and last = and a default: count:int@=0.

    Types are text (200 characters at most), text(80), int, bool, decimal, money (an amount in minor
    units, and its currency), date, timestamp, uuid, enum(a,b), text[], json (an object), and
    references:TABLE: invoice:references:invoices makes the column invoice_id, its foreign key, and
    a filter of the list. Where the rows of both tables belong to accounts, a row can refer only to
    those of its own account. A reference to the same table must be nullable:
    parent:references:folders?

    With `--in orders`, each row belongs to an order, which is in its path and never changes. Lists
    and unique fields are then those of one order.

    The files are yours: read them, and change them as you like.
    """
    here = project.read_project()
    made = describe_resource(definition, here, order)
    files = project.plan_files(here, made)
    project.write_files(files)
    paths = list(files)
    is_recorded = not no_plans and record_plans(made.table)
    if is_recorded:
        paths.append(here.root / f"perf/plans/{made.table}.txt")
    print_files(paths)
    print_rules(made)
    if made.owned and registry.is_used_in_app(here.root, "PERSONAL_DATA"):
        click.echo(PERSONAL.format(table=made.table))
    is_added = registry.add_slice(here.root, made.table)
    print_next_steps(made.table, is_added=is_added, is_recorded=is_recorded)


def describe_resource(
    definition: ServiceDefinition, here: Project, order: Mapping[str, Any]
) -> Resource:
    """Return the resource that the arguments describe. Raises `CommandError`."""
    table = order["table"]
    resource.check_table(table)
    singular = resource.find_singular(table, order["singular"])
    base, parent = project.find_parent(here, order["parent"])
    columns = fields.parse_fields(order["specs"], table, parent)
    unique = resource.list_unique(columns, order["unique"])
    columns = resource.mark_distinct(columns, unique)
    needs_token = credentials.find_auth_group(definition.settings) is not None
    owned = needs_token and not order["shared"]
    return Resource(
        table,
        singular,
        tuple(columns),
        resource.list_filters(columns, order["filters"]),
        unique,
        owned,
        needs_token,
        order["export"],
        project.find_owned_tables(here, columns, shared=not owned),
        base,
        parent,
    )


def record_plans(table: str) -> bool:
    """Record the plans of the new statements in perf/plans/. Return whether that was possible."""
    click.echo(f"Planning its statements on the PostgreSQL in {embedded.DATA_FOLDER}/ …")
    importlib.invalidate_caches()  # its modules are new
    try:
        with embedded.run_postgresql() as server, database.temporary_database(server) as url:
            add_plans(asyncio.run(plan_statements(url, f"{table}.")))
    except (asyncpg.PostgresError, CommandError, OSError) as error:
        click.echo(f"The plans of its statements are not recorded: {error}", err=True)
        return False
    return True


def print_files(paths: Sequence[Path]) -> None:
    for path in paths:
        click.echo(f"  {os.path.relpath(path)}")


def print_rules(made: Resource) -> None:
    """Print who can reach the rows, and which filters the list takes."""
    who = "Everybody with a token" if made.needs_token else "Everybody who can reach the service"
    rule = OWNED if made.owned else SHARED
    click.echo(rule.format(who=who, many=made.plural_text))
    click.echo(f"Their path is {made.path}.")
    filters = ["no filter", *(" and ".join(names) for names in made.filters)]
    click.echo(f"The list takes {', or '.join(filters)}.")


def print_next_steps(table: str, *, is_added: bool, is_recorded: bool) -> None:
    click.echo(ADDED if is_added else ADD_BY_HAND.format(table=table))
    click.echo(NEXT.format(table=table))
    if not is_recorded:
        click.echo(RECORD)
