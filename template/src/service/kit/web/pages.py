# kit: updated by the template; extend it from app.py
"""Serves the description of the API at `/openapi.json`, and at `/docs` a page to try it on.

The page's files come from the development group, so that it works without a network; production
serves neither.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec
from starlette.responses import Response

from service.kit.web.access import PUBLIC
from service.kit.web.binder import Binding
from service.kit.web.openapi import describe_api
from service.kit.web.problem_format import ProblemFormat
from service.kit.web.routes import Route
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


def make_pages(
    bindings: Sequence[Binding], problems: ProblemFormat, scheme: str
) -> Iterator[tuple[Route, asgi.App]]:
    """Yield the description, and the page if the package of Swagger UI is installed.

    `scheme` is the word before a token.
    """
    description = msgspec.json.encode(describe_api(bindings, problems, scheme))
    files = {"/openapi.json": (description, "application/json")}
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
