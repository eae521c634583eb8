# kit: updated by the template; extend it from app.py
"""A create that is sent again: the key that a client gives it, and the one effect that it has."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, cast

from litestar import Request, Response
from litestar.di import NamedDependency, Provide
from litestar.enums import MediaType
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter

from service.kit.db import Connection, Database
from service.kit.web import idempotency, replies, responses
from service.kit.web.idempotency import IdempotencyOptions, Key
from service.kit.web.replies import Reply

IdempotencyKey = NamedDependency[Key | None]
KeyHeader = Annotated[
    str | None,
    HeaderParameter(
        name=idempotency.HEADER,
        description="One for each request, and the same for each retry of it, which then gets the first reply.",
        schema_extra={"pattern": f"^{idempotency.PATTERN}$"},
        examples=[Example(value="0198f2a1-5c0e-7b5a-9d2e-3f4a5b6c7d8e")],
    ),
]


def provide_key(options: IdempotencyOptions) -> Provide:
    """Return the dependency that reads a request's key. A key counts within its route and its caller."""
    keep = timedelta(hours=options.keep_hours)

    def read(request: Request, header: KeyHeader = None) -> Key | None:
        value = idempotency.parse(request.headers.getall(idempotency.HEADER, [])) if header is not None else None
        if value is None:
            return None
        route = f"{request.method} {request.scope['path_template']}"
        caller = request.scope["auth"].id if request.scope.get("auth") else ""
        return Key(
            value, caller, route, f"{request.scope['path']}?{request.scope['query_string'].decode('latin-1')}", keep
        )

    return Provide(read, sync_to_thread=False)


async def once[Body](
    db: Database,
    key: Key | None,
    data: object,
    work: Callable[[Connection], Awaitable[Response[Body]]],
) -> Response[Body]:
    """Run `work` in a transaction, and no second time for the same key: then the client gets the stored reply.

    `data` is the body, to tell a repeated request from another one, which is refused. Without a key, the work is just
    done. Cookies are not stored. A deadlock lets all of it run again.
    """

    async def attempt(connection: Connection) -> Response[Body]:
        if key is None:
            return await work(connection)
        entry = idempotency.identify(key, data)
        if reply := await replies.find(connection, entry):
            body = cast("Body", reply.body)
            return Response(body, media_type=MediaType.JSON, status_code=reply.status, headers=reply.headers)
        response = await work(connection)
        responses.encode(response)
        content = response.render(response.content, MediaType.JSON)
        await replies.store(connection, entry, Reply(response.status_code, dict(response.headers), content))
        return response

    return await db.in_transaction(attempt)
