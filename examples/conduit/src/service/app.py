"""The map: what the service opens and in which order, what requests bring along, and how errors look."""

from functools import partial

from msgspec import Struct

from service import articles, users
from service.kit import web
from service.kit.auth import Auth, LoginThrottle
from service.kit.db import Database
from service.kit.edge import Edge
from service.kit.migrate import find_pending
from service.kit.offload import Offload
from service.kit.server import configure_logs, read_settings
from service.kit.web import Problem
from service.kit.work import asgi, configure_traces
from service.settings import Settings
from service.viewer import find_viewer, require_member

SLICES = (users.SLICE, articles.SLICE)


class Errors(Struct, frozen=True):
    """What clients are told of an error: texts by the name of a field, or by `body` if there is none."""

    errors: dict[str, list[str]]


def show_error(problem: Problem, request_id: str) -> Errors:
    """Return an error in the shape that the specification wants."""
    errors: dict[str, list[str]] = {}
    for error in problem.errors:
        field = error.field.rpartition(".")[2]
        errors.setdefault(field, []).append(error.detail)
    return Errors(errors or {"body": [problem.detail]})


def build(settings: Settings) -> asgi.App:
    """Return the whole application, the same for production and for tests."""
    db = Database(settings.database)
    offload = Offload(settings.offload)
    throttle = LoginThrottle(db, settings.guesses)

    app = web.build(
        SLICES,
        provide=[db, offload, throttle, settings.auth, find_viewer, require_member],
        resources=[db, offload],
        auth=Auth(settings.auth),
        docs=settings.server.docs,
        problem=show_error,
    )
    ready = partial(find_pending, settings.database, settings.migrations)
    return Edge(app, settings.edge, settings.compression, ready)


def create() -> asgi.App:
    """Return the application as each server process makes it, from the environment."""
    settings = read_settings(Settings)
    configure_logs(settings.log)
    configure_traces(settings.traces)
    return build(settings)
