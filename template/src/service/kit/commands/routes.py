# kit: updated by the template; extend it from app.py
"""`service routes`: every route, and who may call it how often."""

import json
from collections import Counter

import click

from service.kit.commands.cli import Wiring
from service.kit.web.routes import NEEDS_TOKEN, PUBLIC


@click.command(name="routes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_obj
def list_routes(wiring: "Wiring", as_json: bool) -> None:
    """List every route, who may call it and how often, and the function that answers.

    `token` stands for the bearer of a valid token; the function decides what that caller may see.
    `100/60s` stands for 100 requests in 60 seconds by each of them, in each worker; `together`, for
    all routes of one `Routes` that have no limit of their own.
    """
    rows = []
    routes = [route for part in wiring.slices for route in part.routes]
    sharing = Counter(id(route.limit) for route in routes)
    for route in sorted(routes, key=lambda it: (it.path, it.method)):
        function = route.endpoint
        name = f"{getattr(function, '__module__', '')}.{getattr(function, '__name__', type(function).__name__)}"
        who = {NEEDS_TOKEN: "token", PUBLIC: "anyone", None: "nobody"}[route.access]
        rate = f"{route.limit.requests}/{route.limit.per:g}s" if route.limit else "-"
        if route.limit and sharing[id(route.limit)] > 1:
            rate = f"{rate} together"
        rows.append(
            {
                "method": route.method,
                "path": route.path,
                "access": who,
                "limit": rate,
                "function": name,
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max((len(row["path"]) for row in rows), default=0)
    wide = max((len(row["limit"]) for row in rows), default=0)
    for row in rows:
        where = f"{row['method']:9} {row['path']:{width}}"
        click.echo(f"{where}  {row['access']:6}  {row['limit']:{wide}}  {row['function']}")
