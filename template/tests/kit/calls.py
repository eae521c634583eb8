# kit: updated by the template
"""Answer in the place of other services: a local server, which the service's own client calls instead of them."""

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec

from service.kit.calls import ClientOptions
from service.settings import Settings

NOWHERE = "http://127.0.0.1:1"
"""An address at which nobody listens."""


@dataclass(frozen=True)
class Call:
    """A call that the service made. Its `url` has no scheme: `rates.example.com/v1/EUR`."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass(frozen=True)
class Answer:
    """What a call gets after a delay in seconds. Without a status, its connection is closed."""

    status: int = 501
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0


@dataclass
class Calls:
    """The calls that the service made in a test, and the answers to them.

    `environment` has the settings that a process of the service needs: `start("serve", **calls.environment)`.
    """

    environment: Mapping[str, str]
    received: list[Call] = field(default_factory=list)
    unanswered: set[str] = field(default_factory=set)
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    over: threading.Event = field(default_factory=threading.Event)

    def answer(
        self,
        url: str,
        *,
        json: Any = None,
        content: bytes = b"",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        delay: float = 0,
    ) -> None:
        """Answer calls to a URL, in which `*` stands for anything. Of several answers, each call gets the next."""
        body = content if json is None else msgspec.json.encode(json)
        media_type = {} if json is None else {"content-type": "application/json"}
        answer = Answer(status, body, {"content-length": str(len(body)), **media_type, **(headers or {})}, delay)
        self.answers.setdefault(url.rpartition("://")[2], []).append(answer)

    def fail(self, url: str) -> None:
        """Close the connection of calls to a URL without an answer."""
        self.answer(url, status=0)

    def take(self, call: Call) -> Answer:
        """Return the answer to a call. A query string counts where the answer's URL has one."""
        self.received.append(call)
        for url, answers in self.answers.items():
            asked = call.url if "?" in url else call.url.partition("?")[0]
            if fnmatchcase(asked, url):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        self.unanswered.add(f"{call.method} {call.url}")
        return Answer()


class CallHandler(BaseHTTPRequestHandler):
    """Answers one connection. Each test has a class of its own, with its `calls`."""

    calls: Calls

    def read_body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        return b"".join(chunks)

    def respond(self) -> None:
        url = self.headers.get("host", "") + self.path
        answer = self.calls.take(Call(self.command, url, dict(self.headers), self.read_body()))
        if self.calls.over.wait(answer.delay) or not answer.status:
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = respond  # noqa: N815 - as its base calls them

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def name_variables(option: str) -> list[str]:
    """Return the variable of an option for each client in the settings."""
    kinds = {name: it.annotation for name, it in Settings.model_fields.items()}
    groups = [name for name, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, ClientOptions)]
    return [f"{name}_{option}".upper() for name in groups]


def redirect_calls(address: str) -> dict[str, str]:
    """Return the settings with which all calls to other services go to an address."""
    return dict.fromkeys(name_variables("overrides"), f"*={address}")


@contextmanager
def answer_calls() -> Generator[Calls]:
    """Yield what answers all calls to other services. Raise for those that it was given no answer to."""
    handler = type("Handler", (CallHandler,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        calls = Calls(redirect_calls(f"http://127.0.0.1:{server.server_port}"))
        assert calls.environment, "add `client: ClientOptions = ClientOptions()` to Settings, and make the client of it"
        handler.calls = calls
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield calls
        finally:
            calls.over.set()
            server.shutdown()
            thread.join()
    unanswered = ", ".join(sorted(calls.unanswered))
    assert not unanswered, f"nothing answers {unanswered}: give the test `calls.answer(url, json=…)`"
