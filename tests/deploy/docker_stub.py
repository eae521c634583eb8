"""A machine for the scripts of `deploy=compose`, with a stub of docker that writes down how it is called."""

import os
import shutil
import subprocess
from pathlib import Path

from tests.deploy.compose_file import read_compose
from tests.harness import shell

DOCKER = """#!/bin/sh
echo "${IMAGE:-no image}: docker $*" >>"$CALLS"
case "$*" in
    "compose config") cat "$CONFIGURATION" ;;
    *"service key") echo "AUTH_SIGNING_KEY=a-key"; echo "# public half: another" ;;
esac
case "${IMAGE:-}: $*" in $FAILING) exit 1 ;; esac
"""
"""A docker that writes down how it is called, and fails where a test wants it."""


class Host:
    """A machine with the folder deploy/, and the stub in place of docker."""

    def __init__(self, rendered: Path, folder: Path) -> None:
        shutil.copytree(rendered, folder / "service")
        self.deploy = folder / "service/deploy"
        self.calls = folder / "calls"
        self.configuration = folder / "configuration"
        (folder / "bin").mkdir()
        (folder / "bin/docker").write_text(DOCKER)
        (folder / "bin/docker").chmod(0o755)
        (folder / "bin/curl").symlink_to("/bin/true")
        (folder / "bin/git").symlink_to("/bin/true")
        self.path = f"{folder / 'bin'}:{os.environ['PATH']}"
        secrets = read_compose(self.deploy)["secrets"]
        files = [f"    file: {self.deploy}/{it['file']}\n" for it in secrets.values()]
        self.configuration.write_text("secrets:\n" + "".join(files))

    def run(self, *command: str, failing: str = "") -> tuple[int, str]:
        """Return the exit code of a script and what it printed. A pattern of the shell says which calls fail."""
        environment = {"PATH": self.path, "CALLS": str(self.calls), "CONFIGURATION": str(self.configuration)}
        done = subprocess.run(
            command,
            cwd=self.deploy,
            env=shell.environment(**environment, FAILING=failing, SETTLE_SECONDS="0"),
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def prepare(self, image: str) -> None:
        """Do what comes before the first release."""
        (self.deploy / ".env").write_text("DOMAIN=api.example.com\n")
        code, printed = self.run("./secrets.sh", image)
        assert code == 0, printed

    def take_calls(self) -> list[str]:
        """Return the calls since the last time."""
        calls = self.calls.read_text().splitlines() if self.calls.exists() else []
        self.calls.unlink(missing_ok=True)
        return calls
