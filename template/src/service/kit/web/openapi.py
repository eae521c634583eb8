# kit: updated by the template; extend it from app.py
"""The description of the API, `/openapi.json`, and the page that lets people try it, `/docs`.

The page's files come from the development group, so that it works without a network; production
serves neither.
"""

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
from service.kit.web.binder import Binding, choose_status, is_described
from service.kit.web.routes import NEEDS_TOKEN, PUBLIC, WEBSOCKET, Route
from service.kit.work import asgi
from service.kit.work.problems import MEDIA_TYPE, ProblemDetails

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
SwaggerUIBundle({url: "openapi.json", dom_id: "#page", deepLinking: true, displayRequestDuration: true})
</script>
"""

POLICY = {
    "content-security-policy": "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
}
"""What the page may load: its own files, and what Swagger UI writes into it."""

REFERENCE = "#/components/schemas/{name}"
PROBLEM = {
    "description": "A problem, as RFC 9457 defines it.",
    "content": {MEDIA_TYPE.decode(): {"schema": {"$ref": REFERENCE.format(name="ProblemDetails")}}},
}

HEADERS = {idempotency.read: idempotency.DESCRIPTION, read_last_event_id: LAST_EVENT_ID_PARAMETER}

type Description = dict[str, Any]
type Known = dict[int, Description]
"""The schema of each type, by its id."""


def make_pages(bindings: Sequence[Binding]) -> Iterator[tuple[Route, asgi.App]]:
    """Yield the description, and the page where the package of Swagger UI is installed."""
    files = {"/openapi.json": (msgspec.json.encode(describe(bindings)), "application/json")}
    package = find_spec(
        "flask_swagger_ui"
    )  # for its files; the Flask extension in it is not imported
    if package and package.origin:
        folder = Path(package.origin).parent / "dist"
        files |= {
            f"/docs/{name}": ((folder / name).read_bytes(), media_type)
            for name, media_type in ASSETS.items()
        }
        files["/docs"] = (PAGE.encode(), "text/html")
    for path, (content, media_type) in files.items():
        page = Response(content, media_type=media_type, headers=POLICY)
        yield Route("GET", path, page, PUBLIC), page


def describe(bindings: Sequence[Binding]) -> Description:
    """Return the API in OpenAPI 3.1, under the name and version of the service; it has no word for
    WebSockets.
    """
    about = find_distribution()
    shown = [binding for binding in bindings if binding.route.method != WEBSOCKET]
    types = [kind for binding in shown for kind in list_types(binding) if is_described(kind)]
    schemas, components = msgspec.json.schema_components(
        [*types, ProblemDetails], ref_template=REFERENCE
    )
    schemas, components = end_patterns(schemas), end_patterns(components)
    known = {id(kind): schema for kind, schema in zip(types, schemas, strict=False)}
    bodies = [known[id(binding.body[1].kind)] for binding in shown if binding.body]
    widen_decimals(bodies, components)
    paths: dict[str, Description] = {}
    for binding in shown:
        operations = paths.setdefault(binding.route.template, {})
        operations[binding.route.method.lower()] = describe_operation(binding, known)
    return {
        "openapi": "3.1.0",
        "info": {"title": about.name, "version": about.version, "description": about.summary},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def end_patterns(part: Any) -> Any:
    r"""Return a schema whose patterns end in `$`, which means in JSON Schema what `\Z` means in
    Python.
    """
    if isinstance(part, list | tuple):
        return [end_patterns(value) for value in part]
    if not isinstance(part, dict):
        return part
    ended = {name: end_patterns(value) for name, value in part.items()}
    if str(pattern := part.get("pattern")).endswith(r"\Z"):
        ended["pattern"] = f"{str(pattern).removesuffix(r'\Z')}$"
    return ended


def widen_decimals(part: Any, components: Description, seen: set[str] | None = None) -> None:
    """Describe a decimal that a client sends as a string or a number: both are read, and
    exactly.
    """
    seen = set() if seen is None else seen
    if isinstance(part, list | tuple):
        for value in part:
            widen_decimals(value, components, seen)
    if not isinstance(part, dict):
        return
    if part.get("type") == "string" and part.get("format") == "decimal":
        part["type"] = ["string", "number"]
    for value in part.values():
        widen_decimals(value, components, seen)
    name = str(part.get("$ref", "")).rpartition("/")[2]
    if name and name not in seen:
        seen.add(name)
        widen_decimals(components[name], components, seen)


def list_types(binding: Binding) -> list[Any]:
    body = [binding.body[1].kind] if binding.body else []
    return [
        *binding.path.values(),
        *(parameter.hint for parameter in binding.query.parameters.values()),
        *body,
        *(
            get_args(binding.result)
            if get_origin(binding.result) is EventStream
            else [binding.result]
        ),
    ]


def describe_operation(binding: Binding, known: Known) -> Description:
    route, name = binding.route, binding.route.endpoint.__name__
    operation: Description = {
        "operationId": name,
        "summary": route.summary or name.replace("_", " ").capitalize(),
        "description": cleandoc(route.endpoint.__doc__ or ""),
        "tags": [*route.tags],
        "parameters": [*describe_parameters(binding, known)],
        "responses": {**describe_result(binding, known), "default": PROBLEM},
    }
    if binding.body:
        content = {"application/json": {"schema": known[id(binding.body[1].kind)]}}
        operation["requestBody"] = {"required": True, "content": content}
    if route.access is NEEDS_TOKEN:
        operation["security"] = [{"token": []}]
    return operation


def describe_parameters(binding: Binding, known: Known) -> Iterator[Description]:
    for name, hint in binding.path.items():
        yield {"name": name, "in": "path", "required": True, "schema": known[id(hint)]}
    for name, (hint, required, default, _) in binding.query.parameters.items():
        schema = drop_null(known[id(hint)])
        if not required and default not in (None, msgspec.NODEFAULT, msgspec.UNSET):
            schema["default"] = msgspec.to_builtins(default)
        text = {"description": schema["description"]} if "description" in schema else {}
        yield {"name": name, "in": "query", "required": required, "schema": schema, **text}
    for read in binding.readers.values():
        if description := HEADERS.get(getattr(read, "func", read)):
            yield description


def drop_null(schema: Description) -> Description:
    """Return the schema of an optional parameter without null, which a query string cannot
    express.
    """
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    return kinds[0] | rest if len(kinds) == 1 else dict(schema)


def describe_result(binding: Binding, known: Known) -> Description:
    """Return the response of a success. What sends itself, like a stream, is described by its media
    type at most.
    """
    result = binding.result
    status = choose_status(binding.route, has_body=result is not NoneType)
    response: Description = {"description": HTTPStatus(status).description}
    if id(result) in known and result is not NoneType:
        response["content"] = {"application/json": {"schema": known[id(result)]}}
    elif (get_origin(result) or result) is EventStream:
        data = next((known.get(id(kind), {}) for kind in get_args(result)), {})
        response["content"] = {"text/event-stream": {"schema": describe_event(data)}}
    elif media_types := getattr(result, "media_types", ()):
        response["content"] = {
            media_type: {"schema": {"type": "string"}} for media_type in media_types
        }
    elif result is not NoneType:
        response["content"] = {getattr(result, "media_type", None) or "*/*": {}}
    return {str(status): response}


def describe_event(data: Description) -> Description:
    """Return the schema of one event of a stream, as OpenAPI 3.2 has it, with that of its data."""
    content = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
    fields = {name: {"type": "string"} for name in ("event", "id")}
    return {"type": "object", "required": ["data"], "properties": {"data": content, **fields}}
