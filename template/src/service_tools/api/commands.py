# kit: updated by the template; extend it from app.py
"""`service openapi`: print the description of the API, or compare it with that of a commit."""

import asyncio
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import httpx2
import msgspec

from service.kit import PACKAGE
from service.kit.auth import keys
from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import print_json
from service.kit.server.settings import is_set
from service.kit.work.asgi import App
from service.kit.work.command_error import CommandError
from service_tools.api.changes import Schema, compare_descriptions
from service_tools.dev import credentials
from service_tools.dev.revisions import check_out

UNKNOWN_COMMAND = "No such command"


@click.command(name="openapi")
@click.option(
    "--against",
    metavar="REF",
    help="Say what has changed since a commit, like origin/main; exit with 1 if it breaks clients.",
)
@click.pass_obj
def print_description(definition: ServiceDefinition, against: str | None) -> None:
    """Print the description of the API, in OpenAPI 3.1.

    For generators of clients, linters and diffs: the same code prints the same text. It is made
    from the code alone, without a database. Settings that are required and have no value in
    .env.development must be set.

    With `--against`, it is compared with that of a commit, which is made in the same way, with the
    packages that are installed here.
    """
    description = make_description(definition)
    if against is None:
        print_json(description)
        return
    old = read_description(against)
    if old is None:
        click.echo(f"{against} has no `service openapi`, so there is nothing to compare with.")
        return
    changes = [*compare_descriptions(old, description)]
    for title, breaks in (("Breaks clients:", True), ("Breaks no client:", False)):
        lines = [f"  {change}" for change in changes if change.breaks is breaks]
        if lines:
            click.echo("\n".join([title, *lines]))
    if not changes:
        click.echo(f"The API is as it is in {against}.")
    if any(change.breaks for change in changes):
        raise SystemExit(1)


def make_description(definition: ServiceDefinition) -> Schema:
    """Return what the application serves at `/openapi.json`. It is built, and nothing is opened."""
    os.environ |= {"SERVER_DOCS": "true", "LOG_LEVEL": "error", "EDGE_HOSTS": ""}
    if not is_set("DATABASE_URL"):
        os.environ["DATABASE_URL"] = "postgresql://nowhere/nothing"
    if not is_set("AUTH_SIGNING_KEY"):
        os.environ["AUTH_SIGNING_KEY"] = keys.make_key()
    credentials.accept_development_tokens(definition.settings)
    module, _, function = definition.create.partition(":")
    app = getattr(import_module(module), function)()
    return asyncio.run(fetch_description(app))


async def fetch_description(app: App) -> Schema:
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
        response = await client.get("/openapi.json")
    if response.status_code != 200:
        raise CommandError(f"GET /openapi.json: {response.status_code} {response.text}")
    description: dict[str, Any] = response.json()
    return description


def read_description(ref: str) -> Schema | None:
    """Return the description of a commit, or None if its kit has no such command."""
    with check_out(ref) as tree:
        done = subprocess.run(  # noqa: S603 - ours
            [sys.executable, "-m", PACKAGE, "openapi"],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(Path(tree, "src"))},
            capture_output=True,
            check=False,
        )
    said = done.stderr.decode(errors="replace").strip()
    if UNKNOWN_COMMAND in said:
        return None
    if done.returncode:
        raise CommandError(f"`service openapi` failed in {ref}: {said[-1000:]}")
    return msgspec.json.decode(done.stdout, type=dict[str, Any])
