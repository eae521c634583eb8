"""Clients that send forms by hand: piece by piece, as slowly as they like."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Self

START = b'--b\r\ncontent-disposition: form-data; name="title"\r\n\r\nx\r\n'
FILE = b'--b\r\ncontent-disposition: form-data; name="picture"; filename="a.bin"\r\n\r\n'
END = b"\r\n--b--\r\n"
"""A form that `uploading.Picture` takes is START + FILE + the bytes of its file + END."""


class Sender:
    """A connection on which one form is sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def begin(self, path: str, size: int | None, *headers: str) -> Self:
        """Send the headers of a form whose file has `size` bytes, or an unknown number of them."""
        length = "transfer-encoding: chunked"
        if size is not None:
            length = f"content-length: {len(START + FILE + END) + size}"
        self.is_chunked = size is None
        lines = [f"POST {path} HTTP/1.1", "host: service.test", length, *headers]
        lines += ["content-type: multipart/form-data; boundary=b", "", ""]
        self.writer.write("\r\n".join(lines).encode())
        await self.writer.drain()
        return self

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if self.is_chunked else piece
            self.writer.write(framed)
            await self.writer.drain()

    async def send_file(self, size: int, piece: bytes = bytes(65_536)) -> None:
        """Send the start of the form, and bytes of its file."""
        await self.send(START, FILE)
        while size:
            sent = piece[:size]
            await self.send(sent)
            size -= len(sent)

    async def finish(self) -> None:
        await self.send(END)
        if self.is_chunked:
            self.writer.write(b"0\r\n\r\n")

    async def read_status(self) -> int:
        """Return the status of the response, or 0 if there is none."""
        with suppress(ConnectionError):
            line = await self.reader.readline()
            return int(line.split()[1]) if line else 0
        return 0


@asynccontextmanager
async def connect(port: int) -> AsyncGenerator[Sender]:
    """Yield a client, whose connection breaks off at the end of the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Sender(reader, writer)
    finally:
        writer.transport.abort()
