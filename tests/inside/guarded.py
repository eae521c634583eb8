"""Sends requests to routes, with tokens of a service that signs its own."""

from collections.abc import Sequence
from typing import Any

import httpx2
from pydantic import SecretStr
from service.kit import web
from service.kit.auth import keys
from service.kit.auth.bearer import Auth
from service.kit.auth.keys import IssuerOptions
from service.kit.edge.edge import Edge
from service.kit.web.routes import Routes, Slice

from tests.kit.fixtures import open_client

OPTIONS = IssuerOptions(signing_key=SecretStr(keys.make_key()))


def build(routes: Routes, provide: Sequence[object] = (), options: IssuerOptions = OPTIONS) -> Edge:
    """Return an application of some routes."""
    return Edge(web.build([Slice(routes)], provide=provide, auth=Auth(options), docs=True))


async def ask(
    app: Edge, path: str, authorization: str | None = None, method: str = "GET", json: Any = None, **headers: str
) -> httpx2.Response:
    """Send a request, with a header `Authorization` or without one."""
    if authorization is not None:
        headers["authorization"] = authorization
    async with open_client(app) as client:
        client.headers.pop("Authorization", None)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return await client.request(method, path, headers=given, json=json)


def bear(subject: str = "ada", **claims: object) -> str:
    """Return the header of a bearer."""
    return f"Bearer {OPTIONS.sign(subject, **claims)}"
