# kit: updated by the template; extend it from app.py
"""The description of the API, `/openapi.json`, and the page that lets people try it, `/docs`.

The page's files come from the development group, so that it works without a network; production serves neither.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from service.kit.edge import asgi, problems

ASSETS = {"swagger-ui.css": b"text/css", "swagger-ui-bundle.js": b"text/javascript"}

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>API documentation</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script>
SwaggerUIBundle({url: "openapi.json", dom_id: "#page", deepLinking: true, displayRequestDuration: true})
</script>
</body>
</html>
"""

POLICY = b"default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
"""What the page may load: its own files, and what Swagger UI writes into it."""

REFERENCE = "#/components/schemas/"
MODULE_PATH = re.compile(r"(?<=_)(\w+\.)+(?=\w+_\")")
"""What the framework writes before the name of a type inside a generic one, and msgspec leaves out."""

PROBLEM = {
    "description": "A problem, as RFC 9457 defines it.",
    "content": {problems.MEDIA_TYPE.decode(): {"schema": {"$ref": REFERENCE + "ProblemDetails"}}},
}

type Description = dict[str, Any]


class Docs:
    """Wrap an application: answer `/docs` and `/openapi.json` before it, from what `describe` returns."""

    def __init__(self, app: asgi.App, describe: Callable[[], Description]) -> None:
        self.app = app
        self.describe = describe
        self.files: dict[str, tuple[bytes, bytes]] = {}

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] == "http" and scope["method"] == "GET" and self.find(scope["path"]):
            body, media_type = self.files[scope["path"]]
            return await asgi.respond(send, 200, body, media_type, [(b"content-security-policy", POLICY)])
        await self.app(scope, receive, send)

    def find(self, path: str) -> bool:
        """Load the documentation when any of it is first asked for; return whether `path` belongs to it."""
        if not self.files and path in ("/docs", "/openapi.json"):
            description = msgspec.json.encode(self.describe())
            self.files = {"/openapi.json": (description, b"application/json"), **load_page()}
        return path in self.files


def load_page() -> dict[str, tuple[bytes, bytes]]:
    """Return Swagger UI by path, or nothing where its package is missing. The Flask extension in it is not imported."""
    package = find_spec("flask_swagger_ui")
    if package is None or package.origin is None:
        return {}
    folder = Path(package.origin).parent / "dist"
    assets = {f"/docs/{name}": ((folder / name).read_bytes(), media_type) for name, media_type in ASSETS.items()}
    return {"/docs": (PAGE.encode(), b"text/html; charset=utf-8"), **assets}


def complete(
    description: Description, bodies: Sequence[type], guarded: Collection[tuple[str, str]] = ()
) -> Description:
    """Make the framework's description exact: what msgspec accepts in `bodies`, and problems for every error.

    `guarded` names the operations that need a token, by method and path.
    """
    text = msgspec.json.encode(description).decode()
    exact: Description = msgspec.json.decode(MODULE_PATH.sub("", text))
    _, schemas = msgspec.json.schema_components([*bodies, problems.ProblemDetails], ref_template=REFERENCE + "{name}")
    exact["components"] = {"schemas": schemas}
    if guarded:
        exact["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    for method, path, operation in list_operations(exact):
        if (method, path) in guarded:
            operation["security"] = [{"token": []}]
        for parameter in operation.get("parameters", []):
            parameter["schema"] = drop_null(parameter["schema"])
        operation["responses"].pop("400", None)  # the framework's own shape, which is never sent
        operation["responses"]["default"] = PROBLEM
    return exact


def list_operations(description: Description) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the method and the path of every operation, and what describes it."""
    for path, operations in description.get("paths", {}).items():
        for method, operation in operations.items():
            if "responses" in operation:
                yield method.upper(), path, operation


def drop_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an optional parameter without null, which a query string cannot express."""
    kinds = [kind for kind in schema.get("oneOf", []) if kind != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name != "oneOf"}
    return kinds[0] | rest if len(kinds) == 1 else schema
