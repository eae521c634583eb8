# kit: updated by the template; extend it from app.py
"""`service settings`: list every environment variable that the service reads."""

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import print_table
from service.kit.server.settings import list_variables


@click.command(name="settings")
@click.pass_obj
def list_settings(definition: ServiceDefinition) -> None:
    """List every setting, with its default and meaning.

    Settings are environment variables. All but the required ones have a default that is safe in
    production.
    """
    rows = []
    for name, default, description in list_variables(definition.settings):
        shown = "required" if default is ... else str(default)
        rows.append((name, shown, description))
    print_table(("VARIABLE", "DEFAULT", "MEANING"), rows)
