# kit: updated by the template; extend it from app.py
"""Describes the API in OpenAPI 3.1, for clients and for the page on which people try it.

Docstrings of handlers, of their types, and of slices are public here. `schemas.py` describes types.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from inspect import cleandoc
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec

from service.kit import find_distribution
from service.kit.edge.events import LAST_EVENT_ID_PARAMETER, EventStream, read_last_event_id
from service.kit.web import idempotency
from service.kit.web.access import OPTIONAL_TOKEN, PUBLIC, Needs
from service.kit.web.binder import Binding, choose_status
from service.kit.web.problem_format import ProblemFormat
from service.kit.web.query_string import Parameter
from service.kit.web.routes import WEBSOCKET, Route
from service.kit.web.schemas import Description, Schemas, make_schemas
from service.kit.work.arguments import Call, unwrap_type

NO_LICENSE = "LicenseRef-Proprietary"
"""What a service is under whose pyproject.toml names no license."""

NULL = {"type": "null"}
NO_DEFAULT = (None, msgspec.NODEFAULT, msgspec.UNSET)

HEADERS = {
    idempotency.read_idempotency_key: idempotency.DESCRIPTION,
    read_last_event_id: LAST_EVENT_ID_PARAMETER,
}
"""The description of the header that a function reads."""

PROBLEMS = {
    400: "What was sent is malformed.",
    401: "The token is missing, or not valid.",
    403: "The caller of this token may not do this.",
    404: "It does not exist, or the caller may not know that it does.",
    406: "The header Accept leaves no format to send.",
    409: "It contradicts what is stored.",
    413: "The body is too large.",
    415: "The body is of another media type.",
    422: "Parameters or fields are not acceptable.",
    429: "Too many requests: the header Retry-After says when to send the next.",
    502: "Another service failed.",
    504: "Another service took too long.",
}
"""What a status of an error means to the client."""

ANY = "An error."

BODY_METHODS = ("POST", "PUT", "PATCH")


def describe_api(bindings: Sequence[Binding], problems: ProblemFormat, scheme: str) -> Description:
    """Return the description of all routes but WebSockets, sorted by path.

    `scheme` is the word before a token.
    """
    shown = [binding for binding in bindings if binding.route.method != WEBSOCKET]
    shown.sort(key=lambda binding: binding.route.template)
    schemas, components = make_schemas(shown, problems.result)
    content = {problems.media_type.decode(): {"schema": schemas[id(problems.result)]}}
    is_public = all(binding.route.level is PUBLIC for binding in shown)
    paths: dict[str, Description] = {}
    names: set[str] = set()
    for binding in shown:
        route = binding.route
        operation = describe_operation(binding, schemas)
        operation["operationId"] = name_operation(route, names)
        operation["responses"] = {
            **describe_success(binding, schemas, components),
            **dict(describe_problems(binding, content)),
        }
        operations = paths.setdefault(route.template, {})
        operations[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": describe_service(),
        "servers": [{"url": "/"}],
        "tags": [*describe_tags(shown)],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {} if is_public else {"token": describe_scheme(scheme)},
        },
    }


def describe_scheme(scheme: str) -> Description:
    """Return how a token is sent. OpenAPI knows the schemes that are registered."""
    if scheme.lower() == "bearer":
        return {"type": "http", "scheme": "bearer"}
    description = f"`{scheme} TOKEN`"
    return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}


def describe_service() -> Description:
    """Return what pyproject.toml says of the service."""
    about = find_distribution()
    spdx = about.license or NO_LICENSE
    return {
        "title": about.name,
        "version": about.version,
        "description": about.summary,
        "license": {"name": spdx, "identifier": spdx},
    }


def describe_tags(bindings: Sequence[Binding]) -> Iterator[Description]:
    """Yield each tag, with the first sentence of its slice's docstring."""
    tags: dict[str, str] = {}
    for binding in bindings:
        package, _, _ = binding.route.endpoint.__module__.rpartition(".")
        module = sys.modules.get(package)
        for tag in binding.route.tags:
            tags.setdefault(tag, take_sentence(module.__doc__ if module else None))
    for name, sentence in tags.items():
        yield {"name": name, "description": sentence}


def take_sentence(text: str | None) -> str:
    """Return the first sentence of a docstring."""
    paragraph, _, _ = cleandoc(text or "").partition("\n\n")
    line = " ".join(paragraph.split())
    sentence, stop, _ = line.partition(". ")
    return sentence + stop.rstrip()


def name_operation(route: Route, taken: set[str]) -> str:
    """Return the name of a route's function, longer if another route has it."""
    name: str = route.endpoint.__name__
    *_, module = route.endpoint.__module__.removesuffix(".http").split(".")
    candidates = [name, f"{module}_{name}", f"{route.method.lower()}_{module}_{name}"]
    free = [name for name in candidates if name not in taken]
    chosen = free[0] if free else f"{candidates[-1]}_{len(taken)}"
    taken.add(chosen)
    return chosen


def describe_operation(binding: Binding, schemas: Schemas) -> Description:
    """Return what a route takes."""
    route = binding.route
    name = route.endpoint.__name__
    operation: Description = {
        "summary": route.summary or name.replace("_", " ").capitalize(),
        "description": cleandoc(route.endpoint.__doc__ or ""),
        "tags": [*route.tags],
        "security": describe_security(route),
        "parameters": [*describe_parameters(binding, schemas)],
    }
    if binding.body:
        _, body = binding.body
        schema = schemas[id(body.kind)]
        content = {media_type: {"schema": schema} for media_type in body.media_types}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def describe_security(route: Route) -> list[Description]:
    """Return what is asked of the token: nothing, if it is public."""
    if route.level is PUBLIC:
        return []
    words = route.access.words if isinstance(route.access, Needs) else ()
    token: Description = {"token": [*words]}
    return [token, {}] if route.level is OPTIONAL_TOKEN else [token]


def describe_parameters(binding: Binding, schemas: Schemas) -> Iterator[Description]:
    """Yield the parameters of the path, the query string and the headers."""
    for name, hint in binding.path.items():
        schema = schemas[id(hint)]
        yield {"name": name, "in": "path", "required": True, "schema": schema}
    for name, parameter in binding.query.parameters.items():
        schema = schemas[id(parameter.hint)]
        yield {"name": name, "in": "query", **describe_query_parameter(parameter, schema)}
    for read in binding.readers.values():
        description = HEADERS.get(getattr(read, "func", read))
        if description:
            yield description


def describe_query_parameter(parameter: Parameter, schema: Description) -> Description:
    schema = drop_null(schema)
    if parameter.max_values is not None:
        schema["maxItems"] = parameter.max_values
    if unwrap_type(parameter.hint) is datetime:
        schema["format"] = "date-time"  # without an offset, none is accepted
    if not parameter.required and parameter.default not in NO_DEFAULT:
        schema["default"] = msgspec.to_builtins(parameter.default)
    description = {"required": parameter.required, "schema": schema}
    if "description" in schema:
        description["description"] = schema.pop("description")
    return description


def drop_null(schema: Description) -> Description:
    """Return the schema of an optional parameter without null, which a query string cannot have."""
    rest = dict(schema)
    kinds: list[Description] = [kind for kind in rest.get("anyOf", []) if kind != NULL]
    if len(kinds) == 1:
        del rest["anyOf"]
        return kinds[0] | rest
    return rest


def describe_success(
    binding: Binding, schemas: Schemas, components: Mapping[str, Description]
) -> Description:
    """Return the response of a success, by its status."""
    result = binding.result
    has_body = result is not NoneType
    status = choose_status(binding.route, has_body=has_body)
    _, _, name = schemas.get(id(result), {}).get("$ref", "").rpartition("/")
    meaning = take_sentence(components.get(name, {}).get("description"))
    response: Description = {"description": meaning or HTTPStatus(status).phrase}
    if has_body:
        response["content"] = describe_content(result, schemas)
    return {str(status): response}


def describe_problems(binding: Binding, content: Description) -> Iterator[tuple[str, Description]]:
    """Yield the errors that a route declares, by status, and one description for all others."""
    for status in sorted(list_statuses(binding)):
        yield str(status), {"description": PROBLEMS.get(status, ANY), "content": content}
    yield "default", {"description": ANY, "content": content}


def list_statuses(binding: Binding) -> set[int]:
    """Return the statuses of errors that follow from how a route is declared.

    Its function may raise others. A parameter that no route has is a 422 everywhere.
    """
    route = binding.route
    readers = {getattr(read, "func", read) for read in binding.readers.values()}
    has_key = idempotency.read_idempotency_key in readers
    found = {422}
    if route.level is not PUBLIC:
        found.add(401)
    if route.access is not route.level:  # it is checked
        found.add(403)
    if binding.path:
        found.add(404)
    if binding.body:
        found |= {400, 413, 415}
    if has_key:
        found.add(400)
    if has_key or (binding.body and route.method in BODY_METHODS):
        found.add(409)
    if len(getattr(binding.result, "media_types", ())) > 1:
        found.add(406)
    if route.limit:
        found.add(429)
    return found.union(*(getattr(it, "problem_statuses", ()) for it in list_provided(binding)))


def list_provided(call: Call) -> Iterator[object]:
    """Yield what app.py provides to a function, and to the providers that it needs."""
    yield from call.fixed.values()
    for provider in call.providers.values():
        yield from list_provided(provider)


def describe_content(result: Any, schemas: Schemas) -> Description:
    """Return a result by its media type. Of one that sends itself, only that may be known."""
    if id(result) in schemas:
        return {"application/json": {"schema": schemas[id(result)]}}
    if (get_origin(result) or result) is EventStream:
        return {"text/event-stream": {"schema": describe_event(result, schemas)}}
    media_types = getattr(result, "media_types", ())
    if media_types:
        text = {"schema": {"type": "string"}}
        return dict.fromkeys(media_types, text)
    return {getattr(result, "media_type", None) or "*/*": {}}


def describe_event(stream: Any, schemas: Schemas) -> Description:
    """Return the schema of one event of a stream, as OpenAPI 3.2 has it, with that of its data."""
    data: Description = {"type": "string", "contentMediaType": "application/json"}
    data["contentSchema"] = {}
    for kind in get_args(stream):
        data["contentSchema"] = schemas.get(id(kind), {})
    text = {"type": "string"}
    properties = {"data": data, "event": text, "id": text}
    return {"type": "object", "required": ["data"], "properties": properties}
