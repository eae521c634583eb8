"""What the slices store of an account: all of it to hand out, and to delete. `app.py` says which slices."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import ClassVar

from msgspec import Struct

from service.kit.db import Database
from service.kit.web import encode
from service.kit.work import asgi, responses

type ReadAll = Callable[[Database, str], AsyncGenerator[Struct]]
"""Yields the rows of an account."""

type DeleteSome = Callable[[Database, str], Awaitable[int]]
"""Deletes some rows of an account, by one short statement, and returns how many."""

HEADERS = [
    (b"content-type", b"application/x-ndjson"),
    (b"content-disposition", b'attachment; filename="account.ndjson"'),
]


@dataclass(frozen=True)
class PersonalData:
    """The rows that belong to accounts in other slices, by what one row is called."""

    kinds: Mapping[str, tuple[ReadAll, DeleteSome]]

    async def export(self, db: Database, account: str) -> AsyncGenerator[bytes]:
        """Yield a line of JSON for each row, under what it is called."""
        for kind, (read_all, _) in self.kinds.items():
            async for row in read_all(db, account):
                yield encode_line(kind, row)

    async def delete(self, db: Database, account: str) -> None:
        """Delete the rows of an account. If it is cut off, the next call goes on from there."""
        for _, delete_some in self.kinds.values():
            while await delete_some(db, account):
                pass


@dataclass(frozen=True)
class PersonalExport:
    """A file of JSON lines, which are made as fast as the client reads them, and no longer than it does."""

    media_type: ClassVar = "application/x-ndjson"

    lines: AsyncGenerator[bytes]

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        stream = responses.Stream(send, HEADERS)
        async with responses.run_until_first(self.write(stream), responses.wait_for_disconnect(receive)):
            pass

    async def write(self, stream: responses.Stream) -> None:
        async with aclosing(self.lines) as lines:
            async for line in lines:
                await stream.write(line)
        await stream.finish()


def encode_line(kind: str, row: Struct) -> bytes:
    return encode({kind: row}) + b"\n"
