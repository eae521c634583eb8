# kit: updated by the template; extend it from app.py
"""`service new`: a slice by the conventions of the others, with its migration, tests, scenario and plans."""

import asyncio
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import click

from service.kit.db import DatabaseError
from service.kit.migrate import MigrationError
from service_tools.dev import credentials, embedded
from service_tools.dev.embedded import DATA, EmbeddedError
from service_tools.scaffold import fields, project, resource, words
from service_tools.sql import commands, records
from service_tools.sql.budgets import BudgetError

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring

EXAMPLE = "Example: service new invoices number:text! total:money 'status:enum(open,paid)@' due:date? 'tags:text[]'"


@click.command(epilog=EXAMPLE)
@click.argument("plural", metavar="RESOURCE")
@click.argument("specs", metavar="NAME:TYPE…", nargs=-1)
@click.option("--singular", help="What one is called, where the plural does not tell: news_item for news.")
@click.option("--dry-run", is_flag=True, help="Print the files and write nothing.")
@click.option("--no-plans", is_flag=True, help="Do not record the plans of its statements, which takes a PostgreSQL.")
@click.pass_obj
def new(
    wiring: "Wiring", plural: str, specs: tuple[str, ...], singular: str | None, dry_run: bool, no_plans: bool
) -> None:
    """Add a slice: create, read, change and list a resource.

    RESOURCE is its plural. A field is its name and its type, with a suffix for each of these: ? nullable, ! unique, @ a
    filter of the list, which has its index. The example at the end has some.

    Types are text, int, bool, decimal, money (an amount in minor units, and its currency), date, timestamp, uuid,
    enum(a,b), text[] and json (an object). What is made is yours: read it, and change it as you like.
    """
    named = resource.name(plural, singular)
    parsed = tuple(fields.parse_all(specs, words.CLASSES | named.classes))
    guarded = credentials.find_group(wiring.settings) is not None
    made = resource.Resource(plural, named.singular, parsed, guarded)
    files = project.plan(project.find(), made)
    if dry_run:
        for path, text in files.items():
            click.echo(f"--- {show(path)}\n{text}")
        return
    project.write(files)
    for path, text in files.items():
        click.echo(f"{text.count('\n'):5} lines  {show(path)}")
    recorded = not no_plans and record_plans(plural)
    click.echo(describe_rest(plural, recorded))


def show(path: Path) -> str:
    """Return a path from the working directory."""
    return os.path.relpath(path)


def record_plans(plural: str) -> bool:
    """Record the plans of the new slice in perf/plans/, and return whether that was possible."""
    click.echo(f"Planning its statements on the PostgreSQL in {DATA}/ …")
    importlib.invalidate_caches()  # its modules are new
    try:
        with embedded.run(DATA) as server:
            written = records.add(asyncio.run(commands.plan(server, f"{plural}.")))
    except (asyncpg.PostgresError, BudgetError, DatabaseError, EmbeddedError, MigrationError, OSError) as error:
        click.echo(f"Their plans are not recorded: {error}", err=True)
        return False
    for path in written:
        click.echo(f"{path.read_text('utf-8').count('\n'):5} lines  {path}")
    return True


def describe_rest(plural: str, recorded: bool) -> str:
    """Return what is left to do."""
    lines = f"""
Add the slice to src/service/app.py:

  from service import …, {plural}
  SLICES = (…, {plural}.SLICE)

Then:

  uv run service dev              # applies the migration, and adds made-up rows
  uv run pytest
  uv run service perf {plural:11} # shows what its requests cost, by perf/scenarios/{plural}.toml"""
    return (
        lines
        if recorded
        else f"{lines}\n  uv run service plans --record   # keeps the plans of its statements for review"
    )
