# kit: updated by the template; extend it from app.py
"""`service token`: a token to try the API with."""

from typing import TYPE_CHECKING

import click

from service_tools.dev import credentials

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring


@click.command(name="token")
@click.option("--subject", default=credentials.DEVELOPER, show_default=True, help="Whose token: its `sub`.")
@click.pass_obj
def print_token(wiring: "Wiring", subject: str) -> None:
    """Print a token that the service takes in development, for an hour.

    It is signed with the key in AUTH_SIGNING_KEY, or else with the one in .signing-key that `service dev` uses. The
    made-up rows of development belong to the default subject.
    """
    token = credentials.sign(wiring.settings, subject)
    if token is None:
        raise click.ClickException("This service takes no tokens: its settings have no group `auth`.")
    click.echo(token)
