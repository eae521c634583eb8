# kit: updated by the template; extend it from app.py
"""`service routes`: list every route, who may call it and how often."""

from collections import Counter
from itertools import chain

import click

from service.kit.commands.definition import ServiceDefinition
from service.kit.commands.printing import json_option, print_json, print_table
from service.kit.web.access import describe_access
from service.kit.web.routes import Route
from service.kit.work.arguments import name_function


@click.command(name="routes")
@json_option
@click.pass_obj
def list_routes(definition: ServiceDefinition, as_json: bool) -> None:
    """List every route, who may call it and how often, and the function that answers.

    `token` stands for the bearer of a valid token; the function decides what that caller may see.
    `token with admin` needs that scope or role, and `token, if …` is decided by a function.
    `100/60s` stands for 100 requests in 60 seconds by each of them, in each worker or, if it is
    `shared`, over all; `together`, for all routes of one `Routes` that have no limit of their own.
    """
    routes = list(chain.from_iterable(part.routes for part in definition.slices))
    sharing = Counter(id(route.limit) for route in routes)
    rows = []
    for route in sorted(routes, key=lambda route: (route.path, route.method)):
        is_shared = sharing[id(route.limit)] > 1
        row = {
            "method": route.method,
            "path": route.path,
            "access": describe_access(route.access),
            "limit": describe_limit(route, is_shared=is_shared),
            "function": name_function(route.endpoint),
        }
        rows.append(row)
    if as_json:
        print_json(rows)
        return
    headers = ("METHOD", "PATH", "ACCESS", "LIMIT", "FUNCTION")
    print_table(headers, [[*row.values()] for row in rows])


def describe_limit(route: Route, *, is_shared: bool) -> str:
    """Return a limit as "100/60s"."""
    if not route.limit:
        return "-"
    rate = f"{route.limit.requests}/{route.limit.per:g}s"
    if route.limit.shared:
        rate += " shared"
    return f"{rate} together" if is_shared else rate
