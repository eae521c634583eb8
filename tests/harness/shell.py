"""Commands as a person types them: without what the test run itself has put into the environment."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
    "GIT_AUTHOR_NAME": "A team",
    "GIT_AUTHOR_EMAIL": "team@example.org",
    "GIT_COMMITTER_NAME": "A team",
    "GIT_COMMITTER_EMAIL": "team@example.org",
}
"""Git's settings, the same on every machine."""

FOREIGN = ("CI", "VIRTUAL_ENV", "DATABASE_URL", "PYTHONDONTWRITEBYTECODE", "PYTEST_", "UV_PROJECT", "UV_RUN", "COLUMNS")
"""How variables begin that would change what a command does."""


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a new terminal, with `changes`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if Path(folder) != Path(sys.prefix, "bin")]
    return kept | GIT | {"PATH": os.pathsep.join(folders)} | changes


def attempt(*command: str | Path, cwd: Path, **changes: str) -> tuple[int, str]:
    """Run a command, and return its exit code with what it printed on both streams."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def run(*command: str | Path, cwd: Path, **changes: str) -> str:
    """Run a command that has to succeed, and return what it printed."""
    code, output = attempt(*command, cwd=cwd, **changes)
    assert code == 0, f"{' '.join(map(str, command))} in {cwd} exited with {code}:\n{output}"
    return output


@contextmanager
def hold(*command: str | Path, cwd: Path) -> Generator[str]:
    """Run a command that ends with its input for as long as the block, and yield the first line that it prints."""
    with subprocess.Popen(
        command, cwd=cwd, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.communicate()
