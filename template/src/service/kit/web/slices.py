# kit: updated by the template; extend it from app.py
"""Slices become an ASGI application, and a description of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import metadata
from typing import cast

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig

from service.kit.auth import Auth
from service.kit.db import Seed
from service.kit.db.errors import Constraints
from service.kit.edge import asgi
from service.kit.rows import Export
from service.kit.web import access, errors, openapi, providers, requests, responses
from service.kit.web import idempotency as keys
from service.kit.web.idempotency import IdempotencyOptions
from service.kit.web.once import provide_key


@dataclass(frozen=True)
class Slice:
    """One folder of the service, as `app.py` wires it.

    `constraints` makes the problem of each constraint of the slice's tables. `seed` makes
    sample rows for development.
    """

    routes: Router
    constraints: Constraints = field(default_factory=dict)
    seed: Seed | None = None


def build(
    slices: Sequence[Slice],
    resources: Sequence[AbstractAsyncContextManager],
    dependencies: Mapping[str, object],
    idempotency: IdempotencyOptions = keys.DEFAULTS,
    auth: Auth | None = None,
) -> asgi.App:
    """Return the application of these slices: an ASGI callable, which raises `Problem` for every error.

    `resources` are opened in order before the first request and closed in reverse after the last. `dependencies` are
    handed to each handler that has a parameter of their name. Raises `AccessError` unless each route says who may
    call it; without `auth` none has to, and none can need a token.
    """
    constraints = {name: make for part in slices for name, make in part.constraints.items()}
    app = Litestar(
        route_handlers=[part.routes for part in slices],
        lifespan=[lambda _, resource=resource: resource for resource in resources],
        dependencies=provide_all(dependencies, idempotency),
        exception_handlers={Exception: partial(errors.raise_problem, constraints)},
        before_request=requests.Gate(auth).preempt,
        after_request=responses.finish,
        request_class=requests.StrictRequest,
        logging_config=None,  # kit/telemetry.py has set up the logs
        request_max_body_size=None,  # the edge bounds bodies
        openapi_config=None,
    )
    access.check(app, is_checked=auth is not None)
    providers.take_turns(app)
    return cast("asgi.App", app)


def describe(slices: Sequence[Slice], dependencies: Mapping[str, object], distribution: str) -> openapi.Description:
    """Return the OpenAPI description of these slices, under the name and version that pyproject.toml gives."""
    about = metadata(distribution)
    app = Litestar(
        route_handlers=[part.routes for part in slices],
        dependencies=provide_all(dependencies),
        openapi_config=OpenAPIConfig(
            title=about["name"],
            version=about["version"],
            description=about["summary"],
            use_handler_docstrings=True,
            operation_id_creator=lambda handler, *_: handler.handler_name,
        ),
    )
    guarded = {(method, path) for method, path, handler in access.list_handlers(app) if access.needs_token(handler)}
    return openapi.complete(app.openapi_schema.to_schema(), list(find_bodies(app)), guarded)


def find_bodies(app: Litestar) -> Iterator[type]:
    """Yield the types that handlers take and return as JSON."""
    handlers = (handler for _, _, handler in access.list_handlers(app) if handler.resolve_include_in_schema())
    for signature in (handler.parsed_fn_signature for handler in handlers):
        taken = [signature.parameters["data"]] if "data" in signature.parameters else []
        returned = signature.return_type
        for definition in (*taken, *(returned.inner_types or [returned])):
            if definition.annotation is not Export:
                yield definition.annotation


def provide_all(dependencies: Mapping[str, object], options: IdempotencyOptions = keys.DEFAULTS) -> dict[str, Provide]:
    """Return what handlers may ask for by name: what the service hands over, and what the kit reads of a request."""
    return {"caller": access.provide_caller, "idempotency_key": provide_key(options)} | {
        name: provide(value) for name, value in dependencies.items()
    }


def provide(value: object) -> Provide:
    """Return a dependency that is the same object for every request."""
    return Provide(lambda: value, sync_to_thread=False)
