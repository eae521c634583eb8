# kit: updated by the template; extend it from app.py
"""`service key`: a new key for signing tokens."""

import click

from service.kit.auth import tokens


@click.command(name="key")
def make_key() -> None:
    """Print a new key for signing tokens, and its public half.

    Keep the first line secret: who has it can be anyone. Every worker and every machine of the service gets the same.
    """
    key = tokens.make_key()
    click.echo(f"AUTH_SIGNING_KEY={key}")
    click.echo(f"# public half: {tokens.write_public(tokens.read_private(key).public_key())}")
