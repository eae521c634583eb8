# kit: updated by the template; extend it from app.py
"""`service routes`: what the service answers, and to whom."""

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring

WHO = {"PUBLIC": "anyone", "NEEDS_TOKEN": "token"}


@click.command(name="routes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def list_routes(wiring: "Wiring", as_json: bool) -> None:
    """List every route, who may call it, and the function that answers.

    `token` stands for the bearer of a valid token; the function decides what that caller may see.
    """
    rows = []
    for route in sorted(
        (route for part in wiring.slices for route in part.routes), key=lambda it: (it.path, it.method)
    ):
        function = route.endpoint
        name = f"{getattr(function, '__module__', '')}.{getattr(function, '__name__', type(function).__name__)}"
        who = WHO[route.access.name] if route.access else "nobody"
        rows.append({"method": route.method, "path": route.path, "access": who, "function": name})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max((len(row["path"]) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row['method']:9} {row['path']:{width}}  {row['access']:6}  {row['function']}")
