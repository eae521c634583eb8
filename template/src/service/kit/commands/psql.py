# kit: updated by the template; extend it from app.py
"""`service psql`: open psql on the service's database."""

import os
import shutil
import subprocess
from urllib.parse import unquote, urlsplit

import click

from service.kit.commands import development
from service.kit.commands.definition import ServiceDefinition
from service.kit.db.sessions import bypass_pooler

NO_PSQL = (
    "psql is not installed. Run `uv sync`, which brings one for development, "
    "or install PostgreSQL's client."
)


@click.command(name="psql", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def run_psql(definition: ServiceDefinition, arguments: tuple[str, ...]) -> None:
    """Open psql on the database of `service dev`, or of DATABASE_URL.

    It goes past a pooler, by DATABASE_DIRECT_URL, so `set` and `listen` work. Arguments are passed
    on: `service psql -c 'select count(*) from orders'`.
    """
    program = find_psql()
    with definition.open_settings() as settings:
        database = bypass_pooler(settings.database)
        url, password = split_password(database.url.get_secret_value())
        environment = dict(os.environ)
        if password:
            environment["PGPASSWORD"] = password
        command = [program, url, *arguments]
        result = subprocess.run(command, env=environment, check=False)  # noqa: S603
    raise SystemExit(result.returncode)


def split_password(url: str) -> tuple[str, str]:
    """Return a URL without its password, and the password: lists of processes show arguments."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{parts.username}@{host}" if parts.username else host
    return parts._replace(netloc=netloc).geturl(), unquote(parts.password or "")


def find_psql() -> str:
    """Return the psql of the machine, or else the one of the embedded PostgreSQL."""
    found = shutil.which("psql") or development.find_psql()
    if found is None:
        raise click.ClickException(NO_PSQL)
    return str(found)
