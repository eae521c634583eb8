"""What pages of other origins may do in a real browser, and what it keeps from them."""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from inside.browser.chromium import Page, open_page
from inside.logged import read_lines
from pydantic import SecretStr
from service.kit.auth import IssuerOptions, keys

from tests.kit.processes import ROOT, find_port, start, wait_until_live

KEY = keys.make_key()
TOKEN = IssuerOptions(signing_key=SecretStr(KEY)).sign("ada")

ASK = """
const bearer = {authorization: "Bearer " + %(token)s};
async function ask(path, options = {}) {
  try {
    const response = await fetch(%(service)s + path, options);
    const text = await response.text();
    return {status: response.status, headers: Object.fromEntries(response.headers), text};
  } catch (error) {
    return {error: String(error)};
  }
}
"""

TALK = """
report.talk = await new Promise(resolve => {
  const url = %(service)s.replace("http", "ws") + "/v1/talk";
  const socket = new WebSocket(url, ["bearer", %(token)s]);
  const events = [];
  socket.onopen = () => { events.push("open " + socket.protocol); socket.send('"hello"'); };
  socket.onmessage = ({data}) => { events.push(data); socket.close(); };
  socket.onclose = () => resolve(events);
});
"""

CALLS = """
const json = {"content-type": "application/json"};
const post = {method: "POST", headers: {...bearer, ...json, "idempotency-key": "page-1"}};
report.created = await ask("/v1/notes", {...post, body: '{"text": "hello"}'});
report.invalid = await ask("/v1/notes", {...post, body: '{"text": 1}'});
report.large = await ask("/v1/notes", {...post, body: "x".repeat(100_000)});
report.unknown = await ask("/v1/notes", {...post, headers: json, body: "{}"});
report.kept = await ask("/v1/kept", {headers: bearer});
report.kept_again = await ask("/v1/kept", {headers: bearer});
report.asked = await ask("/v1/kept/count");
await ask("/v1/once", {headers: bearer});
report.limited = await ask("/v1/once", {headers: bearer});
report.bug = await ask("/v1/bug", {headers: bearer});
report.events = await ask("/v1/events", {headers: bearer});
await ask("/v1/cookie", {credentials: "include"});
report.cookie = await ask("/v1/cookie", {credentials: "include"});
const slow = ask("/v1/slow", {headers: bearer});
do {
  report.busy = await ask("/v1/kept", {headers: bearer});
} while (report.busy.status == 200);
report.late = await slow;
"""

FOREIGN_CALLS = """
report.token = await ask("/v1/kept", {headers: bearer});
report.simple = await ask("/v1/kept/count");
report.cookie = await ask("/v1/cookie", {credentials: "include"});
"""


@contextmanager
def serve(folder: Path, page: Page) -> Generator[str]:
    """Serve with the page's origin among those that may call, and return the script that asks."""
    port = find_port()
    settings = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "SERVER_PORT": str(port),
        "PYTHONPATH": str(ROOT),
        "AUTH_SIGNING_KEY": KEY,
        "LOG_FORMAT": "json",
        "SERVER_WEBSOCKETS": "true",
        "EDGE_ORIGINS": f"https://app.example.com, {page.origin}",
        "EDGE_CORS_CREDENTIALS": "true",
        "EDGE_CORS_EXPOSED": "X-Total",
        "EDGE_BODY_BYTES": "2000",
        "EDGE_CONCURRENCY": "1",
        "EDGE_REQUEST_TIMEOUT": "5.1",
    }
    command = [sys.executable, "-m", "inside.browsing"]
    with start(cwd=folder, command=command, **settings) as process:
        url = f"http://127.0.0.1:{port}"
        wait_until_live(process, url)
        yield (ASK + TALK) % {"service": json.dumps(url), "token": json.dumps(TOKEN)}


@pytest.fixture
def page() -> Generator[Page]:
    with open_page() as page:
        yield page


def test_a_page_in_the_list_calls_and_reads_all_and_one_of_another_origin_reads_nothing(tmp_path: Path, page: Page):
    with serve(tmp_path, page) as ask, open_page() as foreign:
        report = page.run(ask + CALLS, tmp_path)
        refused = foreign.run(ask + FOREIGN_CALLS, tmp_path)
    lines = [line for line in map(json.loads, read_lines(tmp_path)) if line["event"] == "request"]
    assert "failed" not in report, report["failed"]

    created = report["created"]
    assert created["status"] == 201, created
    assert json.loads(created["text"])["by"] == "ada"
    assert {"location", "link", "x-request-id", "x-total"} <= created["headers"].keys()
    assert report["events"]["text"].endswith("data: 0\n\ndata: 1\n\ndata: 2\n\n")
    assert report["cookie"]["text"] == '"ada"'

    statuses = {"invalid": 422, "large": 413, "unknown": 401, "limited": 429, "bug": 500, "busy": 503, "late": 504}
    for name, status in statuses.items():
        problem = json.loads(report[name]["text"])
        assert problem["status"] == report[name]["status"] == status
        assert problem["request_id"] == report[name]["headers"]["x-request-id"]
    assert {name for name in statuses if "retry-after" in report[name]["headers"]} == {"limited", "busy"}

    assert report["kept"]["headers"]["etag"] == report["kept_again"]["headers"]["etag"]
    assert report["kept"]["text"] == report["kept_again"]["text"]
    assert report["asked"]["text"] == "2"
    reads = [line["status"] for line in lines if line["path"] == "/v1/kept" and line["method"] == "GET"]
    assert reads[:2] == [200, 304]

    assert report["talk"] == ["open bearer", '"ada: hello"']
    assert refused.pop("talk") == []
    assert [call["error"] for call in refused.values()] == ["TypeError: Failed to fetch"] * 3
    preflights = [(line["path"], line["status"]) for line in lines if line["route"] == "preflight"]
    assert preflights.count(("/v1/notes", 204)) == 1, "the browser asked again"
    assert preflights[-1] == ("/v1/kept", 403)
