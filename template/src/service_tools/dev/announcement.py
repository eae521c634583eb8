# kit: updated by the template; extend it from app.py
"""What `service dev` prints once it answers: its address, and a request to try."""

import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.server.settings import KitSettings
from service.kit.web.routes import Slice
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials


def announce(definition: ServiceDefinition, settings: KitSettings) -> None:
    """Wait until the service answers, then print where it is and what to try."""
    host = settings.server.host
    address = f"[{host}]" if ":" in host else host
    base = f"http://{address}:{settings.server.port}"
    while not answers(f"{base}/readyz"):
        time.sleep(0.05)
    lines = {
        "Ready": base,
        "Try it": find_curl(definition, base),
        "API docs": f"{base}/docs",
        "Database": "uv run service psql",
        "Stop": "Ctrl-C",
    }
    written = [f"  {name:10}{value}" for name, value in lines.items()]
    text = "\n".join(written)
    click.echo(f"\n{text}\n")


def find_curl(definition: ServiceDefinition, base: str) -> str:
    """Return a command that reads something: sample rows, or else the first route that answers."""
    authorization = None
    with suppress(CommandError):  # tokens come from elsewhere
        authorization = credentials.make_authorization(definition.settings)
    header = f"-H 'Authorization: {authorization}' " if authorization else ""
    for path in list_readable_paths(definition.slices):
        if answers(f"{base}{path}", authorization):
            return f"curl -s {header}{base}{path}"
    return f"curl -s {base}/readyz"


def list_readable_paths(slices: Sequence[Slice]) -> Iterator[str]:
    """Yield the paths of lists of sample rows, and then of all reads that need no id."""
    for part in slices:
        if part.seed:
            yield part.routes.prefix
    for part in slices:
        for route in part.routes:
            if route.method == "GET" and "{" not in route.path:
                yield route.path


def answers(url: str, authorization: str | None = None) -> bool:
    """Return whether a GET succeeds, with an `Authorization` or without."""
    headers = {"Authorization": authorization} if authorization else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=2):  # noqa: S310
            return True
    except OSError:
        return False
