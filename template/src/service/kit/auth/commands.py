# kit: updated by the template; extend it from app.py
"""`service key`: a new key for signing tokens."""

import click

from service.kit.auth import keys


@click.command(name="key")
def make_key() -> None:
    """Print a new key for signing tokens, and its public half.

    Keep the first line secret: anyone holding it can impersonate any user. Give every replica the same key.
    """
    key = keys.make_key()
    click.echo(f"AUTH_SIGNING_KEY={key}")
    click.echo(f"# public half: {keys.write_public(keys.read_private(key).public_key())}")
