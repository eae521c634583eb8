# kit: updated by the template; extend it from app.py
"""`service key`: make a key for signing tokens."""

import click

from service.kit.auth.keys import format_public_key, make_key, read_private_key


@click.command(name="key")
def print_key() -> None:
    """Print a new key for signing tokens, and its public half.

    Keep the first line secret: anyone holding it can impersonate any user. Give every replica the
    same key.
    """
    key = make_key()
    public_key = read_private_key(key).public_key()
    click.echo(f"AUTH_SIGNING_KEY={key}")
    click.echo(f"# public half: {format_public_key(public_key)}")
