# kit: updated by the template; extend it from app.py
"""`service serve`: run the server for production."""

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.startup import prepare_process
from service.kit.server.http_server import serve


@click.command(name="serve")
@click.pass_obj
def run_server(definition: ServiceDefinition) -> None:
    """Run the server for production.

    It listens on SERVER_HOST and SERVER_PORT. It refuses to start when a setting is missing or
    wrong, or when PostgreSQL accepts fewer connections than all workers may open. It does start
    while the database is away: /readyz answers 503 until it is back. SIGTERM stops it in order.
    """
    settings = prepare_process(definition, "/readyz answers 503 until the database is there")
    serve(definition.create, settings.server, settings.metrics, settings.watchdog)
