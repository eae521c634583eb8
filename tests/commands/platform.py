"""Services of several releases, a host that asks for a password, and folders that are no service."""

import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.harness import releases, service, shell
from tests.harness.snapshot import CURRENT, NEWER, OLDER, ROOT

BRANCH = "update-2026-48"
LAST = list(releases.find(ROOT))[-1]


class Private(BaseHTTPRequestHandler):
    """A host that lets nobody in."""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def serve_private() -> Generator[str]:
    """Run that host, and yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Private)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def show(clone: Path, *arguments: str, cwd: Path) -> tuple[int, str, str]:
    """Return the exit code of the command, and what it printed on each stream."""
    done = subprocess.run(
        [sys.executable, clone / "run.py", "fleet", *arguments],
        cwd=cwd,
        env=shell.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def make_folders(render: Callable[..., Path], folder: Path) -> None:
    """Make the services of a platform, and folders that are none."""
    service.adopt(render(LAST), folder / "last")
    old = service.adopt(render("v1.0.0", project_name="old-service"), folder / "old")
    with (old / "src/service/kit/db/pool.py").open("a") as pool:
        pool.write("# ours\n")
    (old / "renovate.json").unlink()
    (old / ".env").write_text("A=b\n")
    shell.run("git", "add", "--all", "--force", cwd=old)
    shell.run("git", "commit", "--quiet", "--message", "Edit the kit", cwd=old)

    ours = service.adopt(render(OLDER, project_name="updated-service"), folder / "ours")
    shell.run("git", "switch", "--quiet", "--create", BRANCH, cwd=ours)
    (ours / ".copier-answers.yml").write_text(f"_commit: {NEWER}\n_src_path: /nowhere\n")
    with (ours / "ruff.toml").open("a") as ruff:
        ruff.write("<<<<<<< before updating\n# ours\n=======\n# newer\n>>>>>>> after updating\n")
    service.save(ours)
    for older in ("update-2026-47", "update-to-3"):
        shell.run("git", "branch", older, cwd=ours)
    shell.run("git", "switch", "--quiet", "-", cwd=ours)
    shell.run("git", "clone", "--quiet", "--bare", ours, folder / "host.git", cwd=folder)
    shell.run("git", "clone", "--quiet", folder / "host.git", folder / "clone", cwd=folder)
    shell.run("git", "remote", "set-url", "origin", "../host.git", cwd=folder / "clone")

    unknown = service.adopt(render(), folder / "unknown")
    service.replace(unknown / ".copier-answers.yml", (f"_commit: {CURRENT}", "_commit: --help"))
    conflict = service.adopt(render(), folder / "conflict")
    answers = conflict / ".copier-answers.yml"
    answers.write_text(f"<<<<<<< before updating\n{answers.read_text()}")
    (folder / "notes").mkdir()
    (folder / "other").mkdir()
    (folder / "other/.copier-answers.yml").write_text("_commit: v1.0.0\n_src_path: gh:others/template\n")


def list_git_files(folder: Path) -> dict[Path, int]:
    """Return when each file in the repositories of the services was changed."""
    files = [path for path in folder.glob("*/.git/**/*") if not path.is_relative_to(folder / "template")]
    return {path: path.stat().st_mtime_ns for path in files}
