"""A PostgreSQL with orders in it: prints one line of JSON that says where it is, and runs until its input is closed.

It runs in the environment of a generated service: `python database.py ROWS KEYS`.
"""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from importlib.metadata import version
from pathlib import Path

import asyncpg
from service import app
from service.kit.commands.migrate import apply_migrations
from service.kit.server.settings import read_settings
from service.settings import Settings
from service_tools.dev import credentials, database, embedded

PACKAGES = ("asyncpg", "granian", "msgspec", "starlette", "uvloop")


def serve(prepare: Callable[[], Coroutine[None, None, dict[str, object]]]) -> None:
    """Start PostgreSQL in the working directory, prepare it, and say where it is, with what `prepare` returns."""
    output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the preparation prints is for people
    with embedded.run_postgresql(Path(".postgres")) as url:
        os.environ["DATABASE_URL"] = url
        credentials.accept_development_tokens(Settings)
        described = {"url": url, **asyncio.run(prepare())}
        os.write(output, json.dumps(described).encode() + b"\n")
        sys.stdin.read()


async def prepare(rows: int, keys: int) -> dict[str, object]:
    """Migrate and fill the database; return some keys drawn from it, and the versions of what is measured."""
    settings = read_settings(Settings)
    await apply_migrations(settings)
    await database.fill_all(settings.database, app.SLICES, rows)
    connection = await asyncpg.connect(settings.database.url.get_secret_value())
    try:
        await connection.execute("vacuum (analyze) orders")  # so that no vacuum runs while something is measured
        drawn = await connection.fetch("select id::text from orders order by hashtext(reference) limit $1", keys)
        server = ".".join(map(str, connection.get_server_version()[:2]))
    finally:
        await connection.close()
    python = ".".join(map(str, sys.version_info[:3]))
    versions = {"Python": python, "PostgreSQL": server, **{name: version(name) for name in PACKAGES}}
    return {"keys": [record["id"] for record in drawn], "versions": versions}


if __name__ == "__main__":
    serve(partial(prepare, *map(int, sys.argv[1:])))
