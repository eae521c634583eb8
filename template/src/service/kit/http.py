# kit: updated by the template; extend it from app.py
"""The one kit module that knows the web framework: it turns slices into an ASGI application."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import metadata
from typing import Annotated, Any, NoReturn, cast

import msgspec
from litestar import Litestar, Request, Response, Router
from litestar.constants import RESERVED_KWARGS
from litestar.di import NamedDependency, Provide
from litestar.enums import HttpMethod, MediaType
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import QueryParameter
from litestar.routes import HTTPRoute
from litestar.serialization import default_serializer

from service.kit import asgi, bodies, failures, formats, openapi, pages, parameters, timing
from service.kit.db import Database
from service.kit.export import Export
from service.kit.problems import InvalidField, Problem
from service.kit.responses import Whole

# What handlers declare as parameters: `db: Db`, `limit: Limit`.
Db = NamedDependency[Database]
Limit = Annotated[int, QueryParameter(ge=1, le=pages.MOST, description="How many rows a page holds.")]
Cursor = Annotated[
    str | None, QueryParameter(max_length=512, description="`next` of the page before, all else unchanged.")
]

ENCODER = msgspec.json.Encoder(enc_hook=default_serializer)


@dataclass(frozen=True)
class Slice:
    """One folder of the service, as `app.py` wires it.

    `constraints` makes the problem of each constraint of the slice's tables. `seed` adds rows for development until
    there are as many as asked for, and yields how many there are after each batch.
    """

    routes: Router
    constraints: failures.Constraints = field(default_factory=dict)
    seed: Callable[[Database, int], AsyncIterator[int]] | None = None


def build(
    slices: Sequence[Slice],
    resources: Sequence[AbstractAsyncContextManager],
    dependencies: Mapping[str, object],
) -> asgi.App:
    """Return the application of these slices: an ASGI callable, which raises `Problem` for every error.

    `resources` are opened in order before the first request and closed in reverse after the last. `dependencies` are
    handed to each handler that has a parameter of their name.
    """
    constraints = {name: make for part in slices for name, make in part.constraints.items()}
    app = Litestar(
        route_handlers=[part.routes for part in slices],
        lifespan=[lambda _, resource=resource: resource for resource in resources],
        dependencies={name: provide(value) for name, value in dependencies.items()},
        exception_handlers={Exception: partial(raise_problem, constraints)},
        before_request=preempt,
        after_request=encode,
        request_class=StrictRequest,
        request_max_body_size=None,  # the edge bounds bodies
        openapi_config=None,
    )
    return cast("asgi.App", app)


def describe(slices: Sequence[Slice], dependencies: Mapping[str, object], distribution: str) -> openapi.Description:
    """Return the OpenAPI description of these slices, under the name and version that pyproject.toml gives."""
    about = metadata(distribution)
    app = Litestar(
        route_handlers=[part.routes for part in slices],
        dependencies={name: provide(value) for name, value in dependencies.items()},
        openapi_config=OpenAPIConfig(
            title=about["name"],
            version=about["version"],
            description=about["summary"],
            use_handler_docstrings=True,
            operation_id_creator=lambda handler, *_: handler.handler_name,
        ),
    )
    return openapi.complete(app.openapi_schema.to_schema(), list(find_bodies(app)))


def find_bodies(app: Litestar) -> Iterator[type]:
    """Yield the types that handlers take and return as JSON."""
    handlers = [handler for route in app.routes if isinstance(route, HTTPRoute) for handler in route.route_handlers]
    for signature in (handler.parsed_fn_signature for handler in handlers if handler.resolve_include_in_schema()):
        taken = [signature.parameters["data"]] if "data" in signature.parameters else []
        returned = signature.return_type
        for definition in (*taken, *(returned.inner_types or [returned])):
            if definition.annotation is not Export:
                yield definition.annotation


@dataclass
class Exporting(Operation):
    """How a route that returns an `Export` is described: `@get("/export", operation_class=Exporting)`."""

    def __post_init__(self) -> None:
        """List the formats."""
        text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
        kinds = [form.media_type.partition(";")[0] for form in formats.FORMATS.values()]
        self.responses = {"200": OpenAPIResponse("The rows, as a file.", content=dict.fromkeys(kinds, text))}


def provide(value: object) -> Provide:
    """Return a dependency that is the same object for every request."""
    return Provide(lambda: value, sync_to_thread=False)


async def encode(response: Response[Any]) -> Response[Any]:
    """Encode the content of a response as JSON, on the account of the request."""
    if type(response) is Response and not isinstance(response.content, bytes | str | None):
        with timing.Span("encoding"):
            response.content = ENCODER.encode(response.content)
        response.media_type = response.media_type or MediaType.JSON
        return cast("Response[Any]", Whole(response))
    return response


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON is decoded by the kit: exact types, no unknown and no repeated fields."""

    async def json(self) -> Any:
        """Return the body as the type of the handler's `data` parameter."""
        kind = self.route_handler.parsed_fn_signature.parameters["data"].annotation
        return bodies.decode(await self.body(), self.headers.get("content-type", ""), kind)


async def preempt(request: Request) -> Response[None] | None:
    """Answer OPTIONS, for which the framework lists one method of several, and check the query."""
    if request.method == HttpMethod.OPTIONS:
        route = next(
            item for item in request.app.routes if request.route_handler in getattr(item, "route_handlers", ())
        )
        return Response(None, status_code=204, headers={"allow": ", ".join(sorted(cast("HTTPRoute", route).methods))})
    if request.scope["query_string"]:
        handler = request.route_handler
        elsewhere = RESERVED_KWARGS | handler.resolve_dependencies().keys() | request.path_params.keys()
        signature = handler.parsed_fn_signature.parameters
        known = {name: definition.annotation for name, definition in signature.items() if name not in elsewhere}
        parameters.check(request.query_params.multi_items(), known)
    return None


def raise_problem(constraints: failures.Constraints, _: Request, error: Exception) -> NoReturn:
    """Raise the problem that describes an error, or the error itself, which the edge answers with 500."""
    match error:
        case ValidationException():
            raise misfit(error) from None
        case HTTPException():
            raise rejection(error) from None
        case _:
            if problem := failures.explain(error, constraints):
                raise problem from error
            raise error


def misfit(error: ValidationException) -> Problem:
    """Return the problem of parameters that do not fit the handler's signature."""
    faults = [fault for fault in error.extra or () if isinstance(fault, dict)]
    fields = [InvalidField(str(fault.get("key", "")), str(fault["message"])) for fault in faults]
    if any(field.field == "data" for field in fields):
        return Problem(400, "malformed", "The request needs a JSON body.")
    return Problem(422, "invalid", "; ".join(f"{field.field}: {field.detail}" for field in fields), *fields)


def rejection(error: HTTPException) -> Problem:
    """Return the problem of a request that the framework refuses before a handler sees it."""
    known = {
        404: ("not-found", "Nothing is at this path."),
        405: ("method-not-allowed", "This path does not answer that method; the header Allow lists what it answers."),
    }
    kind, detail = known.get(error.status_code, ("rejected", error.detail))
    return Problem(error.status_code, kind, detail, headers=dict(error.headers or {}))
