# kit: updated by the template; extend it from app.py
"""`service new`: a slice by the conventions of the others, with its migration, tests, load test and
plans.
"""

import asyncio
import importlib
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials, database, embedded
from service_tools.scaffold import fields, project, registry, resource
from service_tools.scaffold.resource import Resource
from service_tools.sql import commands as plans
from service_tools.sql import records

EXAMPLE = (
    "Example: service new invoices number:text! total:money 'status:enum(open,paid)@' due:date?"
)

ADDITION = """\
Add the slice to src/service/app.py, which does not look as this command expects it:

  from service import …, {0}
  SLICES = (…, {0}.SLICE)

Then:
"""
NEXT = """\
  uv run service dev              # applies the migration, and adds sample rows
  uv run pytest
  uv run service perf load {0:6} # shows how many requests it carries, by perf/scenarios/{0}.toml"""

FORGET = """
If the migration was applied, as `service dev` does at once, delete the table from that database too:

  drop table {};
  delete from schema_migrations where number = {};"""


@click.command(epilog=EXAMPLE)
@click.argument("table", metavar="RESOURCE")
@click.argument("specs", metavar="NAME:TYPE…", nargs=-1)
@click.option(
    "--singular", help="What one is called, where the plural does not tell: news_item for news."
)
@click.option("--shared", is_flag=True, help="Let every caller read and change every row.")
@click.option(
    "--filters",
    multiple=True,
    metavar="A,B",
    help="Filters to combine in one request; may be repeated.",
)
@click.option("--export", is_flag=True, help="Add a route that streams all rows as CSV or NDJSON.")
@click.option(
    "--undo", is_flag=True, help="Delete the slice, unless its files were changed. Needs no fields."
)
@click.option(
    "--no-plans",
    is_flag=True,
    help="Do not record the plans of its statements, which takes a PostgreSQL.",
)
@click.pass_obj
def new(definition: ServiceDefinition, /, undo: bool, no_plans: bool, **order: Any) -> None:
    """Add a slice: create, read, change, delete and list a resource.

    RESOURCE is its plural. Rows belong to the account that creates them, and no other account can
    reach them, unless you pass `--shared`. A field is a name and a type, followed by ? if it may be
    null, ! if it is unique (within the account), and @ if the list can be filtered by it, which
    gives it an index.

    Types are text, int, bool, decimal, money (an amount in minor units, and its currency), date,
    timestamp, uuid, enum(a,b), text[], json (an object), and references:TABLE:
    invoice:references:invoices makes the column invoice_id, its foreign key, and a filter of the
    list. Where the rows of both tables belong to accounts, a row can refer only to those of its own
    account. A row may refer to another of its own table, if it need not: parent:references:folders?

    What is made is yours: read it, and change it as you like.
    """
    root = project.find()
    if undo:
        take_back(definition, root, order["table"])
        return
    made = describe(definition, root, order)
    files = project.plan_new(root, made)
    project.write(files)
    report(root, files, made, is_recorded=not no_plans and record_plans(made.table))


def describe(definition: ServiceDefinition, root: Path, order: Mapping[str, Any]) -> Resource:
    """Return the resource that is ordered. Raises `CommandError`."""
    table = order["table"]
    columns = fields.parse_all(order["specs"], table)
    guarded = credentials.find_group(definition.settings) is not None
    owned = guarded and not order["shared"]
    flags = [f"--{name}" for name in ("shared", "export") if order[name]]
    values = [f"--singular={order['singular']}"] * bool(order["singular"])
    values += [f"--filters={names}" for names in order["filters"]]
    return Resource(
        table,
        resource.name(table, order["singular"]),
        tuple(columns),
        resource.list_filters(columns, order["filters"]),
        owned,
        guarded,
        order["export"],
        project.find_owners(root, columns, shared=not owned),
        shlex.join(["service", "new", table, *order["specs"], *flags, *values]),
    )


def record_plans(table: str) -> bool:
    """Record the plans of the new statements in perf/plans/, and return whether that was
    possible.
    """
    click.echo(f"Planning its statements on the PostgreSQL in {embedded.DATA}/ …")
    importlib.invalidate_caches()  # its modules are new
    try:
        with embedded.run() as server, database.lend(server) as url:
            records.add(asyncio.run(plans.plan(url, f"{table}.")))
    except (asyncpg.PostgresError, CommandError, OSError) as error:
        click.echo(f"The plans of its statements are not recorded: {error}", err=True)
        return False
    return True


def report(root: Path, files: Mapping[Path, str], made: Resource, *, is_recorded: bool) -> None:
    """Add the slice to app.py, if possible, and say what was made, who can reach it, and what is
    left to do.
    """
    for path in [*files, *[root / f"perf/plans/{made.table}.txt"] * is_recorded]:
        click.echo(f"{path.read_text('utf-8').count('\n'):5} lines  {os.path.relpath(path)}")
    many, filters = (
        made.table.replace("_", " "),
        ["no filter", *(" and ".join(names) for names in made.filters)],
    )
    who = "Everybody with a token" if made.guarded else "Everybody who can reach the service"
    shared = f"{who} can read, change and delete all {many}, whoever created them."
    owned = f"The {many} belong to the account that creates them, the token's `sub`; no other account can reach them."
    click.echo(f"\n{owned if made.owned else shared}\nThe list takes {', or '.join(filters)}.")
    added = "The slice is added to src/service/app.py. Next:\n"
    click.echo(added if registry.change(root, made.table) else ADDITION.format(made.table))
    click.echo(NEXT.format(made.table))
    if not is_recorded:
        click.echo(
            "  uv run service plans --record   # keeps the plans of its statements for review"
        )


def take_back(definition: ServiceDefinition, root: Path, table: str) -> None:
    """Delete a slice that nobody has changed."""
    number, command = project.find_command(root, table)
    order = new.make_context("new", shlex.split(command)[2:], obj=definition).params
    project.remove(root, project.plan(root, describe(definition, root, order), number))
    (root / f"perf/plans/{table}.txt").unlink(missing_ok=True)
    click.echo(f"Deleted {table}: its code, tests, migration, load test and plans.")
    if not registry.change(root, table, remove=True):
        click.echo(f"Take it out of src/service/app.py too: the import, and {table}.SLICE.")
    click.echo(FORGET.format(table, number))
