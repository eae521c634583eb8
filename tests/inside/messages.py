"""Ask an ASGI application without a server in between, and see each message as it sends it."""

import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

import brotli
from service.kit.edge.response import PROTECTIVE_HEADERS
from service.kit.work import asgi

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DECODERS: dict[str, Callable[[], Callable[[bytes], bytes]]] = {
    "zstd": lambda: zstd.ZstdDecompressor().decompress,
    "br": lambda: brotli.Decompressor().process,
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "": lambda: bytes,
}


@dataclass
class Answer:
    """What an application has sent so far."""

    messages: list[asgi.Message] = field(default_factory=list)

    async def take(self, message: asgi.Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return self.messages[0]["status"]

    @property
    def headers(self) -> dict[str, str]:
        """The headers; one that is sent twice is an error."""
        pairs = [(name.decode(), value.decode()) for name, value in self.messages[0]["headers"]]
        assert len(dict(pairs)) == len(pairs), pairs
        return dict(pairs)

    @property
    def own_headers(self) -> dict[str, str]:
        """The headers without those that the edge gives every response."""
        common = {name.decode() for name in PROTECTIVE_HEADERS} - {"cache-control"} | {"x-request-id"}
        headers = {name: value for name, value in self.headers.items() if name not in common}
        return {name: value for name, value in headers.items() if (name, value) != ("cache-control", "no-store")}

    @property
    def raw(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def body(self) -> bytes:
        """The body as far as it can be decoded, whether or not it has ended."""
        decode = DECODERS[self.headers.get("content-encoding", "")]()
        return b"".join(decode(message["body"]) for message in self.messages[1:] if message.get("body"))

    @property
    def is_complete(self) -> bool:
        return not self.messages[-1].get("more_body", False)


async def ask(app: asgi.App, *headers: tuple[str, str], method: str = "GET", path: str = "/") -> Answer:
    """Return the whole answer to one request."""
    answer = Answer()
    await app(make_scope(headers, method, path), receive, answer.take)
    return answer


def make_scope(headers: tuple[tuple[str, str], ...], method: str = "GET", path: str = "/") -> asgi.Scope:
    """Return the scope of a request."""
    given = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"service.test"), *given],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "extensions": {},
        "state": {},
    }


async def receive() -> asgi.Message:
    """Receive a request without a body."""
    return {"type": "http.request", "body": b"", "more_body": False}


def reply(*bodies: bytes, status: int = 200, **headers: str) -> asgi.App:
    """Return an application that sends these bodies, one message each; `content_type="…"` is a header."""
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def app(scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": fields})
        for number, body in enumerate(bodies, 1):
            await send({"type": "http.response.body", "body": body, "more_body": number < len(bodies)})

    return app
