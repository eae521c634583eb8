# kit: updated by the template; extend it from app.py
"""`service settings`: list every environment variable that the service reads."""

import os

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import print_table
from service.kit.server.settings import list_variables
from service.kit.work.secret_files import SUFFIX


@click.command(name="settings")
@click.pass_obj
def list_settings(definition: ServiceDefinition) -> None:
    """List every setting, with its default and meaning, and where it is set.

    Settings are environment variables. All but the required ones have a default that is safe in
    production. A secret can come from a file, which NAME_FILE names in place of NAME.
    """
    rows = []
    for name, default, description in list_variables(definition.settings):
        shown = "required" if default is ... else str(default)
        rows.append((name, shown, find_origin(name), description))
    print_table(("VARIABLE", "DEFAULT", "SET BY", "MEANING"), rows)


def find_origin(name: str) -> str:
    """Return what sets a variable: a file, the environment, or nothing."""
    path = os.environ.get(name + SUFFIX)
    if path:
        return path
    return "environment" if name in os.environ else "-"
