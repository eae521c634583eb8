# kit: updated by the template; extend it from app.py
"""Describes the API at `/openapi.json`, and serves the page on which people try it, `/docs`.

msgspec describes types: there, a field of a struct is required if it has no default. The page's
files come from the development group, so that it works without a network; production serves
neither.
"""

import json
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from importlib.util import find_spec
from inspect import cleandoc
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import msgspec
from starlette.responses import Response

from service.kit import find_distribution
from service.kit.edge.events import LAST_EVENT_ID_PARAMETER, EventStream, read_last_event_id
from service.kit.web import idempotency
from service.kit.web.access import OPTIONAL_TOKEN, PUBLIC, Needs
from service.kit.web.binder import Binding, choose_status, is_described
from service.kit.web.problem_format import ProblemFormat
from service.kit.web.query_string import Parameter
from service.kit.web.routes import WEBSOCKET, Route
from service.kit.web.uploads import describe_upload
from service.kit.work import asgi

ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>API documentation</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="docs/swagger-ui.css">
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({
  url: "openapi.json", dom_id: "#page", deepLinking: true, displayRequestDuration: true
})
</script>
"""

SOURCES = "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
POLICY = {"content-security-policy": SOURCES}
"""What the page may load: its own files, and what Swagger UI writes into it."""

REFERENCE = "#/components/schemas/{name}"

NULL = {"type": "null"}
NO_DEFAULT = (None, msgspec.NODEFAULT, msgspec.UNSET)

HEADERS = {
    idempotency.read_idempotency_key: idempotency.DESCRIPTION,
    read_last_event_id: LAST_EVENT_ID_PARAMETER,
}
"""The description of the header that a function reads."""

type Description = dict[str, Any]
type Schemas = dict[int, Description]
"""The schema of each type, by its id."""


def make_pages(
    bindings: Sequence[Binding], problems: ProblemFormat, scheme: str
) -> Iterator[tuple[Route, asgi.App]]:
    """Yield the description, and the page if the package of Swagger UI is installed.

    `scheme` is the word before a token.
    """
    encoded = msgspec.json.encode(describe_api(bindings, problems, scheme))
    description = json.loads(encoded, object_hook=end_pattern)
    files = {"/openapi.json": (msgspec.json.encode(description), "application/json")}
    package = find_spec("flask_swagger_ui")  # its files; the Flask extension is not imported
    if package and package.origin:
        folder = Path(package.origin).parent / "dist"
        for name, media_type in ASSETS.items():
            content = (folder / name).read_bytes()
            files[f"/docs/{name}"] = content, media_type
        files["/docs"] = PAGE.encode(), "text/html"
    for path, (content, media_type) in files.items():
        page = Response(content, media_type=media_type, headers=POLICY)
        yield Route("GET", path, page, PUBLIC), page


def describe_api(bindings: Sequence[Binding], problems: ProblemFormat, scheme: str) -> Description:
    """Return the API in OpenAPI 3.1, which cannot describe WebSockets."""
    about = find_distribution()
    shown = [binding for binding in bindings if binding.route.method != WEBSOCKET]
    schemas, components = make_schemas(shown, problems)
    problem = describe_problem(problems, schemas)
    paths: dict[str, Description] = {}
    for binding in shown:
        route = binding.route
        operations = paths.setdefault(route.template, {})
        operations[route.method.lower()] = describe_operation(binding, schemas, problem)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.name,
            "version": about.version,
            "description": about.summary,
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": describe_scheme(scheme)},
        },
    }


def describe_scheme(scheme: str) -> Description:
    """Return how a token is sent. OpenAPI knows the schemes that are registered."""
    if scheme.lower() == "bearer":
        return {"type": "http", "scheme": "bearer"}
    description = f"`{scheme} TOKEN`"
    return {"type": "apiKey", "in": "header", "name": "Authorization", "description": description}


def make_schemas(
    bindings: Sequence[Binding], problems: ProblemFormat
) -> tuple[Schemas, Description]:
    """Return the schemas of all types of some routes, and those that they refer to by name."""
    types: list[Any] = [problems.result]
    for binding in bindings:
        types += filter(is_described, list_types(binding))
    found, components = msgspec.json.schema_components(
        types, schema_hook=describe_upload, ref_template=REFERENCE
    )
    ids = map(id, types)
    schemas = dict(zip(ids, found, strict=True))
    for binding in bindings:
        if binding.body:
            _, body = binding.body
            accept_numbers(schemas[id(body.kind)], components, set())
    return schemas, components


def describe_problem(problems: ProblemFormat, schemas: Schemas) -> Description:
    content = {problems.media_type.decode(): {"schema": schemas[id(problems.result)]}}
    return {"description": "An error.", "content": content}


def list_types(binding: Binding) -> Iterator[Any]:
    """Yield the types of a route: of its parameters, its body, and its result."""
    yield from binding.path.values()
    for parameter in binding.query.parameters.values():
        yield parameter.hint
    if binding.body:
        _, body = binding.body
        yield body.kind
    if get_origin(binding.result) is EventStream:
        yield from get_args(binding.result)
    else:
        yield binding.result


def end_pattern(part: Description) -> Description:
    r"""Make a pattern end in `$`, which means in JSON Schema what `\Z` means in Python."""
    pattern = part.get("pattern")
    if isinstance(pattern, str) and pattern.endswith(r"\Z"):
        part["pattern"] = pattern.removesuffix(r"\Z") + "$"
    return part


def accept_numbers(part: Any, components: Description, seen: set[str]) -> None:
    """Describe decimals that a client sends as strings or numbers: both are read, and exactly."""
    if isinstance(part, list | tuple):
        for value in part:
            accept_numbers(value, components, seen)
    if not isinstance(part, dict):
        return
    if part.get("type") == "string" and part.get("format") == "decimal":
        part["type"] = ["string", "number"]
    for value in part.values():
        accept_numbers(value, components, seen)
    reference = str(part.get("$ref", ""))
    _, _, name = reference.rpartition("/")
    if name and name not in seen:
        seen.add(name)
        accept_numbers(components[name], components, seen)


def describe_operation(binding: Binding, schemas: Schemas, problem: Description) -> Description:
    route = binding.route
    name = route.endpoint.__name__
    operation: Description = {
        "operationId": name,
        "summary": route.summary or name.replace("_", " ").capitalize(),
        "description": cleandoc(route.endpoint.__doc__ or ""),
        "tags": [*route.tags],
        "parameters": [*describe_parameters(binding, schemas)],
        "responses": {**describe_response(binding, schemas), "default": problem},
    }
    if binding.body:
        _, body = binding.body
        schema = schemas[id(body.kind)]
        content = {media_type: {"schema": schema} for media_type in body.media_types}
        operation["requestBody"] = {"required": True, "content": content}
    if route.level is not PUBLIC:
        words = route.access.words if isinstance(route.access, Needs) else ()
        operation["security"] = [{"token": [*words]}]
    if route.level is OPTIONAL_TOKEN:
        operation["security"].append({})
    if route.access is not route.level:  # it is checked
        operation["responses"]["403"] = problem
    return operation


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
    if not parameter.required and parameter.default not in NO_DEFAULT:
        schema["default"] = msgspec.to_builtins(parameter.default)
    description = {"required": parameter.required, "schema": schema}
    if "description" in schema:
        description["description"] = schema["description"]
    return description


def drop_null(schema: Description) -> Description:
    """Return the schema of an optional parameter without null, which a query string cannot have."""
    rest = dict(schema)
    kinds: list[Description] = [kind for kind in rest.get("anyOf", []) if kind != NULL]
    if len(kinds) == 1:
        del rest["anyOf"]
        return kinds[0] | rest
    return rest


def describe_response(binding: Binding, schemas: Schemas) -> Description:
    """Return the response of a success, by its status."""
    has_body = binding.result is not NoneType
    status = choose_status(binding.route, has_body=has_body)
    response: Description = {"description": HTTPStatus(status).description}
    if has_body:
        response["content"] = describe_content(binding.result, schemas)
    return {str(status): response}


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
