# kit: updated by the template; extend it from app.py
"""`service new`: a slice by the conventions of the others, with its migration and its tests."""

import os
from pathlib import Path

import click

from service.kit.scaffold import fields, project, resource, words

EXAMPLE = "Example: service new invoices number:text! total:money 'status:enum(open,paid)@' due:date? 'tags:text[]'"


@click.command(epilog=EXAMPLE)
@click.argument("plural", metavar="RESOURCE")
@click.argument("specs", metavar="NAME:TYPE…", nargs=-1)
@click.option("--singular", help="What one is called, where the plural does not tell: news_item for news.")
@click.option("--dry-run", is_flag=True, help="Print the files and write nothing.")
def new(plural: str, specs: tuple[str, ...], singular: str | None, dry_run: bool) -> None:
    """Add a slice: create, read, change and list a resource.

    RESOURCE is its plural. A field is its name and its type, with a suffix for each of these: ? nullable, ! unique, @ a
    filter of the list, which has its index. The example at the end has some.

    Types are text, int, bool, decimal, money (an amount in minor units, and its currency), date, timestamp, uuid,
    enum(a,b), text[] and json (an object). What is made is yours: read it, and change it as you like.
    """
    named = resource.name(plural, singular)
    made = resource.Resource(plural, named.singular, tuple(fields.parse_all(specs, words.CLASSES | named.classes)))
    files = project.plan(project.find(), made)
    if dry_run:
        for path, text in files.items():
            click.echo(f"--- {show(path)}\n{text}")
        return
    project.write(files)
    for path, text in files.items():
        click.echo(f"{text.count('\n'):5} lines  {show(path)}")
    click.echo(describe_rest(plural))


def show(path: Path) -> str:
    """Return a path from the working directory."""
    return os.path.relpath(path)


def describe_rest(plural: str) -> str:
    """Return what is left to do."""
    return f"""
Add the slice to src/service/app.py:

  from service import …, {plural}
  SLICES = (…, {plural}.SLICE)

Then:

  uv run service dev              # applies the migration, and adds made-up rows
  uv run pytest
  uv run service plans --record   # keeps the plans of its statements in perf/plans/, for review"""
