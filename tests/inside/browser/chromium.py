"""Pages that a real browser, Chromium, opens: each has an origin of its own, and reports what its script found."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

SECONDS = 60

OPTIONS = (
    "--headless",
    "--no-sandbox",  # which root cannot have
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

HTML = """<!doctype html><title>A page</title><script type="module">
const report = {};
try {
%s
} catch (error) {
  report.failed = String(error);
}
await fetch("/report", {method: "POST", body: JSON.stringify(report)});
</script>"""


class Handler(BaseHTTPRequestHandler):
    """Serves the page, and takes its report."""

    server: "Page"

    def do_GET(self) -> None:
        self.answer((HTML % self.server.script).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.answer(b"")
        self.server.reports.put(json.loads(body))

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


class Page(ThreadingHTTPServer):
    """A page at a port, and so an origin, of its own."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server_port}"
        self.script = ""
        self.reports: Queue[dict[str, Any]] = Queue()

    def run(self, script: str, folder: Path) -> dict[str, Any]:
        """Return what a script reports that the browser runs in this page."""
        self.script = script
        program = shutil.which("chromium")
        if program is None:
            pytest.fail("chromium is not installed: apt-get install chromium", pytrace=False)
        profile = folder / f"profile-{self.server_port}"
        with (folder / "browser").open("wb") as output:
            browser = subprocess.Popen(
                [program, *OPTIONS, f"--user-data-dir={profile}", self.origin],
                env={**os.environ, "HOME": str(folder)},
                stdout=output,
                stderr=output,
            )
            try:
                return self.reports.get(timeout=SECONDS)
            except Empty:
                pytest.fail(f"the page reported nothing: {(folder / 'browser').read_text()}")
            finally:
                browser.terminate()
                browser.wait(SECONDS)


@contextmanager
def open_page() -> Generator[Page]:
    with Page() as page:
        threading.Thread(target=page.serve_forever, daemon=True).start()
        yield page
        page.shutdown()
