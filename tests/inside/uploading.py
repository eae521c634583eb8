"""A service that takes uploads, in a process of its own: `python -m inside.uploading`."""

import hashlib
import os
from typing import Annotated

from msgspec import Meta, Struct
from service.kit import web
from service.kit.auth import Auth
from service.kit.edge import response
from service.kit.edge.edge import Edge
from service.kit.edge.options import EdgeOptions
from service.kit.offload.offload import Offload
from service.kit.server.http_server import serve
from service.kit.server.logs import configure_logs
from service.kit.server.settings import read_settings
from service.kit.web import NEEDS_TOKEN, PUBLIC, Form, Parts, Rate, Routes, Slice, Upload
from service.kit.work import asgi
from service.settings import Settings


class Picture(Struct, kw_only=True):
    title: Annotated[str, Meta(min_length=1, max_length=20)]
    width: int | None = None
    public: bool = False
    picture: Upload
    others: list[Upload] = []
    second: Upload | None = None


class Seen(Struct):
    """What a function was given."""

    title: str
    size: int
    digest: str
    filename: str
    content_type: str
    others: list[int]


class Comment(Struct, forbid_unknown_fields=True):
    text: str
    stars: Annotated[int, Meta(ge=1, le=5)] = 5


class Loose(Struct):
    text: str
    note: str | None = None
    count: int | None = None


routes = Routes("/", access=PUBLIC)
guarded = Routes("/guarded", access=NEEDS_TOKEN, limit=Rate(1, per=60))


@routes.post("/pictures")
async def add_picture(form: Form[Picture]) -> Seen:
    """Take a picture and other files."""
    return await describe(form)


@routes.post("/large/{name}", max_bytes=250_000_000)
async def add_large(name: str, form: Form[Picture]) -> Seen:
    """Take a large file."""
    return await describe(form)


async def describe(form: Picture) -> Seen:
    digest = hashlib.sha256()
    async for chunk in form.picture:
        digest.update(chunk)
    file = form.picture
    others = [other.size for other in form.others]
    return Seen(form.title, file.size, digest.hexdigest(), file.filename, file.content_type, others)


@routes.post("/parts", max_bytes=250_000_000)
async def take_parts(parts: Parts) -> dict[str, int]:
    """Count the bytes of each part as they arrive."""
    sizes: dict[str, int] = {}
    async for part in parts:
        sizes[part.name] = 0
        if part.name == "skipped":
            continue
        async for chunk in part:
            sizes[part.name] += len(chunk)
    return sizes


@guarded.post("")
async def add_guarded(form: Form[Picture]) -> Seen:
    """Take a picture of a known caller."""
    return await describe(form)


@routes.post("/comments")
async def add_comment(form: Form[Comment]) -> Comment:
    """Take a form without files."""
    return form


@routes.post("/loose")
async def add_loose(form: Form[Loose]) -> Loose:
    """Take a form that may have more fields than are known."""
    return form


def build(options: EdgeOptions, auth: Auth | None = None) -> Edge:
    """Return the application; with `auth`, also the routes that need it."""
    offload = Offload()
    slices = [Slice(routes), Slice(guarded)] if auth else [Slice(routes)]
    app = web.build(slices, provide=[offload], resources=[offload], auth=auth, docs=True)
    return Edge(app, options)


def create() -> asgi.App:
    """Return the application as a server process makes it."""
    be_patient()
    settings = read_settings(Settings)
    configure_logs(settings.log)
    return build(settings.edge, Auth(settings.auth))


def be_patient() -> None:
    """Let clients of a busy machine go on sending what was refused for as long as PATIENCE says."""
    if "PATIENCE" in os.environ:
        response.LINGER_SECONDS = response.LINGER_PAUSE = float(os.environ["PATIENCE"])


if __name__ == "__main__":
    settings = read_settings(Settings)
    configure_logs(settings.log)
    serve("inside.uploading:create", settings.server, metrics=settings.metrics)
