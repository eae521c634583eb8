"""What no handler expected reaches Sentry, without what is secret; a problem does not."""

import gzip
import json
import threading
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import brotli
import httpx2
import pytest
import sentry_sdk
from pydantic import SecretStr
from service import app
from service.errors import SentryOptions, configure_errors
from service.kit.web.routes import PUBLIC, Routes, Slice
from service.kit.work.problems import not_found
from service.settings import Settings

from tests.kit.fixtures import open_client

UNPACK = {None: bytes, "gzip": gzip.decompress, "br": brotli.decompress}
ROUTES = Routes("/broken", access=PUBLIC)


@ROUTES.get("/{number:int}")
async def fail(number: int) -> None:
    """Fail, with a local variable that is nobody else's business."""
    password = f"hidden-{number}"
    raise LookupError("a fault of ours") if len(password) > 1 else not_found("nothing")


@ROUTES.get("")
async def refuse() -> None:
    raise not_found("The order")


@pytest.fixture
def taken() -> Generator[list[dict[str, Any]]]:
    """What a stand-in of Sentry has taken."""
    events: list[dict[str, Any]] = []

    class Sink(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            unpacked = UNPACK[self.headers["content-encoding"]](body)
            lines = [json.loads(line) for line in unpacked.splitlines() if line]
            events.extend(line for line in lines if "exception" in line)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Sink)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    configure_errors(SentryOptions(dsn=SecretStr(f"http://key@127.0.0.1:{server.server_port}/1"), environment="tests"))
    yield events
    sentry_sdk.get_client().close()
    server.shutdown()
    thread.join()
    server.server_close()


async def ask(settings: Settings, path: str, monkeypatch: pytest.MonkeyPatch) -> httpx2.Response:
    monkeypatch.setattr(app, "SLICES", (*app.SLICES, Slice(ROUTES)))
    async with open_client(app.build(settings)) as client:
        return await client.get(path, headers={"authorization": "Bearer a-secret", "cookie": "a-secret"})


async def test_an_error_is_sent_with_its_request_and_without_secrets(
    taken: list[dict[str, Any]], settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    answer = await ask(settings, "/broken/1", monkeypatch)
    sentry_sdk.flush()
    (event,) = taken
    assert answer.status_code == 500
    assert (event["exception"]["values"][-1]["type"], event["environment"]) == ("LookupError", "tests")
    assert event["tags"] == {"request_id": answer.headers["x-request-id"], "route": "/broken/{number}"}
    assert "a-secret" not in json.dumps(event)
    assert '"vars"' not in json.dumps(event)


async def test_a_problem_is_an_answer_and_is_not_sent(
    taken: list[dict[str, Any]], settings: Settings, monkeypatch: pytest.MonkeyPatch
):
    assert (await ask(settings, "/broken", monkeypatch)).status_code == 404
    sentry_sdk.flush()
    assert taken == []
