# kit: updated by the template
"""`service dev`: run for development."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring


@click.command()
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="Where to listen.")
@click.option("--seed", type=click.IntRange(0), help="Made-up rows that each slice has at least. [default: 1000]")
@click.pass_obj
def dev(wiring: "Wiring", port: int, seed: int | None) -> None:
    """Run for development, restarting at every change.

    Starts a PostgreSQL of its own in .postgres/, applies the migrations, adds made-up rows, and serves the API with its
    documentation. Ctrl-C stops all of it; the data stays, and `--seed` adds only what is missing.

    With DATABASE_URL set, it uses that database instead, and adds rows only if `--seed` asks for them.
    """
    from service_tools.dev import run

    run.run(wiring.settings, wiring.slices, wiring.create, port, seed, ["worker"] if wiring.worker else [])
