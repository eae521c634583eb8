"""A host of git repositories that answers 401 to strangers, by git's own program for HTTP."""

import base64
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import cast

from tests.harness import shell


class PrivateHost(ThreadingHTTPServer):
    """Serves the repositories in a folder to those who know a repository's token."""

    def __init__(self, folder: Path, tokens: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.tokens = tokens
        """The password of each repository, by its name."""
        self.refused: list[str] = []
        """The paths that were asked for without it."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Lets git answer a request that has the token."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        host = cast("PrivateHost", self.server)
        body = self.read_body()
        path, _, query = self.path.partition("?")
        credentials = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        if credentials.partition(":")[2] != host.tokens[path.split("/")[1]]:
            host.refused.append(path)
            self.respond("401 Unauthorized", ["WWW-Authenticate: Basic realm=git"], b"")
            return
        environment = shell.environment(
            GIT_PROJECT_ROOT=str(host.folder),
            GIT_HTTP_EXPORT_ALL="1",
            PATH_INFO=path,
            QUERY_STRING=query,
            REQUEST_METHOD=self.command,
            CONTENT_TYPE=self.headers.get("Content-Type", ""),
            HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
            HTTP_GIT_PROTOCOL=self.headers.get("Git-Protocol", ""),
            CONTENT_LENGTH=str(len(body)),
            REMOTE_USER="robot",
        )
        answer = subprocess.run(
            ["git", "http-backend"], env=environment, input=body, stdout=subprocess.PIPE, check=True
        )
        head, _, content = answer.stdout.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        status = next((line.removeprefix("Status: ") for line in lines if line.startswith("Status: ")), "200 OK")
        self.respond(status, [line for line in lines if not line.startswith("Status: ")], content)

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def respond(self, status: str, headers: list[str], content: bytes) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for header in headers:
            name, _, value = header.partition(": ")
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Write nothing."""


@contextmanager
def serve(folder: Path, tokens: dict[str, str]) -> Generator[PrivateHost]:
    """Serve the repositories of a folder for as long as the block, each to those who know its token."""
    with PrivateHost(folder, tokens) as host:
        thread = Thread(target=host.serve_forever)
        thread.start()
        try:
            yield host
        finally:
            host.shutdown()
            thread.join()


def publish(repository: Path, folder: Path, name: str) -> None:
    """Put a repository on the host, where those who know its token may push."""
    shell.run("git", "clone", "--quiet", "--bare", repository, folder / name, cwd=folder)
    shell.run("git", "config", "http.receivepack", "true", cwd=folder / name)
    shell.run("git", "config", "receive.advertisePushOptions", "true", cwd=folder / name)
