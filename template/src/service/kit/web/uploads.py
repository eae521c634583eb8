# kit: updated by the template; extend it from app.py
"""Files and fields of a multipart form (RFC 7578), parsed as they arrive."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from python_multipart.multipart import MultipartParser, parse_options_header

from service.kit.edge.uploads import IncomingUpload
from service.kit.offload.offload import Offload
from service.kit.web.mismatches import shorten_echo
from service.kit.work.asgi import Fields, Receive, Scope
from service.kit.work.headers import merge_headers
from service.kit.work.problems import Problem

MULTIPART = "multipart/form-data"

MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)

MAX_BOUNDARY_LENGTH = 70

MAX_PARTS = 1000
"""Fields and files of a form. The parser allows each of them 8 headers of 4 kB."""

MAX_FILENAME_LENGTH = 200
"""Characters of a filename. Most file systems take 255 bytes."""

CHUNK_BYTES = 65_536
"""Bytes that are read or written at once, in a thread."""


class Upload:
    """A file of a form, as a field of its struct: `picture: Upload`. Or a part of `Parts`.

    Read it by `async for chunk in upload`; that of a struct can be read again. Its `file` is for
    functions that `offload.in_thread` runs: the methods of that are blocking. It has no name on
    disk, and is gone when the response is sent or the process is killed.

    `filename` and `content_type` are what the client claims. Choose the path yourself, and look
    into the file for its type.
    """

    file: BinaryIO
    size = 0
    """Its bytes on disk."""

    def __init__(self, parts: "Parts", headers: Fields) -> None:
        disposition = headers.get(b"content-disposition", b"").decode("latin-1")
        _, options = parse_options_header(disposition)
        if b"name" not in options:
            raise malformed("a part has no name")
        content_type, _, _ = headers.get(b"content-type", b"").decode("latin-1").partition(";")
        self.parts = parts
        self.name = options[b"name"].decode("utf-8", "replace")
        self.is_file = b"filename" in options
        self.filename = clean_filename(options.get(b"filename", b"").decode("utf-8", "replace"))
        is_valid = MEDIA_TYPE.fullmatch(content_type.strip())
        self.content_type = is_valid[0].lower() if is_valid else "application/octet-stream"

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        if self.parts.current is self:
            while isinstance(await self.parts.find_event(), bytes):
                yield cast("bytes", self.parts.events.popleft())
            return
        await self.run(self.file.seek, 0)
        while chunk := await self.run(self.file.read, CHUNK_BYTES):
            yield chunk

    async def read(self, max_bytes: float) -> bytes:
        """Return its bytes. Raises a 413 problem if there are more."""
        content = bytearray()
        async for chunk in self:
            content += chunk
            if len(content) > max_bytes:
                detail = f"{shorten_echo(self.name)} is larger than {max_bytes:,} bytes."
                raise Problem(413, "too-large", detail)
        return bytes(content)

    async def spool(self, incoming: IncomingUpload, offload: Offload) -> None:
        """Write it to disk as it arrives. It is closed after the response."""
        incoming.file_count += 1
        max_files = incoming.options.upload_files
        if incoming.file_count > max_files:
            raise Problem(413, "too-large", f"A form has at most {max_files:,} files.")
        self.uploads = incoming.uploads
        self.offload = offload
        self.file = cast("BinaryIO", await self.run(TemporaryFile))
        incoming.files.push_async_callback(self.close)
        async for chunk in self:
            self.uploads.use_disk(len(chunk))
            self.size += len(chunk)
            await self.run(self.file.write, chunk)
        await self.run(self.file.seek, 0)

    async def close(self) -> None:
        """Close the file. If no thread is free, that happens when nothing refers to it."""
        self.uploads.disk_bytes -= self.size
        with suppress(Problem):
            await self.run(self.file.close)

    async def run[Result](self, function: Callable[..., Result], *args: object) -> Result:
        """Call a function of the file in a thread. Raises a 507 problem if the disk fails."""
        try:
            return await self.offload.use_file(function, *args)
        except OSError as error:
            detail = "The file could not be stored on our side. Try again later."
            raise Problem(507, "insufficient-storage", detail) from error


class Parts:
    """The fields and files of a form, in the order in which the client sends them.

    A function with such a parameter runs while the form arrives: it must not hold a connection
    meanwhile, and has EDGE_REQUEST_TIMEOUT to take each piece. What it does not read is skipped.

    Raises a problem: 400 for what is no form, 413 for too many parts, 415 for another media type.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        media_type, boundary = parse_content_type(scope)
        if media_type != MULTIPART:
            raise Problem(415, "unsupported-media-type", f"Send a form, as {MULTIPART}.")
        if not 0 < len(boundary) <= MAX_BOUNDARY_LENGTH:
            raise malformed("the boundary in its content-type has 1 to 70 characters")
        self.receive = receive
        self.has_more = True
        self.is_whole = False
        self.count = 0
        self.events: deque[Upload | bytes] = deque()
        """What was parsed: a part, and then its bytes."""
        self.current: Upload | None = None
        self.headers: Fields = {}
        self.name = b""
        self.value = b""
        self.parser = MultipartParser(
            boundary,
            {
                "on_header_field": self.add_to_name,
                "on_header_value": self.add_to_value,
                "on_header_end": self.end_header,
                "on_headers_finished": self.begin_part,
                "on_part_data": self.add_data,
                "on_end": self.end,
            },
        )

    async def __aiter__(self) -> AsyncGenerator[Upload]:
        while await self.find_event():
            event = self.events.popleft()
            if isinstance(event, Upload):
                self.current = event
                yield event
        self.current = None

    async def find_event(self) -> Upload | bytes | None:
        """Return what comes next, and leave it there. None is the end of the form."""
        while self.has_more and not self.events:
            message = await self.receive()
            self.has_more = message.get("more_body", False)
            await self.parse(message.get("body", b""))
        if self.events:
            return self.events[0]
        if not self.is_whole:
            raise malformed("it ends before its last boundary")
        return None

    async def parse(self, body: bytes) -> None:
        """Parse bytes. A boundary of one character can make a piece of them take 30 ms."""
        try:
            for start in range(0, len(body), CHUNK_BYTES):
                self.parser.write(body[start : start + CHUNK_BYTES])
                await asyncio.sleep(0)
        except ValueError as error:
            raise malformed(str(error)) from None

    def add_to_name(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]

    def add_to_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def end_header(self) -> None:
        self.headers[self.name.lower()] = self.value
        self.name = self.value = b""

    def begin_part(self) -> None:
        self.count += 1
        if self.count > MAX_PARTS:
            raise too_many_parts()
        self.events.append(Upload(self, self.headers))
        self.headers = {}

    def add_data(self, data: bytes, start: int, end: int) -> None:
        self.events.append(data[start:end])

    def end(self) -> None:
        self.is_whole = True


def parse_content_type(scope: Scope) -> tuple[str, bytes]:
    """Return the media type of a body, and its boundary."""
    fields = merge_headers(scope["headers"])
    media_type, options = parse_options_header(fields.get(b"content-type", b"").decode("latin-1"))
    return media_type.decode("latin-1"), options.get(b"boundary", b"")


def too_many_parts() -> Problem:
    return Problem(413, "too-large", f"A form has at most {MAX_PARTS:,} fields and files.")


def malformed(reason: str) -> Problem:
    """400: the body is no form."""
    return Problem(400, "malformed", f"The body is not a valid form: {shorten_echo(reason)}.")


def clean_filename(given: str) -> str:
    """Return the last part of a path, without what is invisible and without dots at its ends."""
    _, _, name = given.replace("\\", "/").rpartition("/")
    visible = "".join(filter(str.isprintable, name))
    return visible.strip(". ")[:MAX_FILENAME_LENGTH]


def describe_upload(kind: object) -> dict[str, str]:
    """Return the schema of a file, as `schema_hook` of msgspec."""
    if kind is Upload:
        return {"type": "string", "format": "binary"}
    raise NotImplementedError
