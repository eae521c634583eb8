"""The service's own application, and one request that blocks its event loop."""

import time

from service import app
from service.kit.work import asgi

PATH = "/livez/blocked"


def create() -> asgi.App:
    """Return the application of `service serve`, and one more path that blocks."""
    service = app.create()

    async def block(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            time.sleep(60)  # noqa: ASYNC251 - it is meant to block the loop
        await service(scope, receive, send)

    return block


def main() -> None:
    """Serve it with the settings of the environment."""
    from service.kit.server.http_server import serve
    from service.kit.server.settings import read_settings
    from service.settings import Settings

    settings = read_settings(Settings)
    serve("inside.blocked:create", settings.server, watchdog=settings.watchdog)


if __name__ == "__main__":
    main()
