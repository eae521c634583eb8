"""Pytest in a rendered service, which starts twice as fast: each run is a fork of a process that has the libraries."""

import json
import subprocess
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from tests.harness import shell

LIBRARIES = (
    "asyncpg",
    "click",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "granian",
    "httpx2",
    "msgspec",
    "pgqueuer",
    "prometheus_client",
    "pydantic_settings",
    "starlette.routing",
    "structlog",
    "uvloop",
)
"""What a service imports and no fault changes. Nothing of the service itself is imported before a fault is planted."""

PYTEST = """
import gc, importlib, json, os, signal, sys
import pytest
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
gc.freeze()
for line in sys.stdin:
    seconds, output, arguments = json.loads(line)
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream in (1, 2):
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), stream)
        sys.argv = ["pytest", *arguments]
        sys.exit(pytest.main())
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, signal.SIGTERM))
    signal.alarm(seconds)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
"""Takes a line of JSON for each run, and prints its exit code."""

OPTIONS = ("-W", "ignore::pytest.PytestAssertRewriteWarning")
"""Some of the libraries are plug-ins of pytest as well, whose assertions it would have rewritten."""

type Run = Callable[..., tuple[int, str]]
"""Runs pytest with some arguments, and returns its exit code and what it printed."""


def compile_service(folder: Path, **settings: str) -> None:
    """Compile the service and its tests, by looking which tests there are."""
    command = (folder / ".venv/bin/python", "-m", "pytest", "-q", "-n0", "--collect-only", "tests", "inside")
    shell.run(*command, cwd=folder, **settings)


@contextmanager
def open_pytest(folder: Path, seconds: int, **settings: str) -> Generator[Run]:
    """Yield how to run pytest in a service, for so many seconds at the longest.

    Pytest's own process compiles no module for the next runs: two faults in one second could be of one length.
    """
    output = folder.with_suffix(".output")
    environment = shell.environment(PYTHONDONTWRITEBYTECODE="1", **settings)
    command = (folder / ".venv/bin/python", "-c", PYTEST, json.dumps(LIBRARIES))
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def run(*arguments: str) -> tuple[int, str]:
            assert process.stdin
            assert process.stdout
            output.unlink(missing_ok=True)
            process.stdin.write(json.dumps([seconds, str(output), [*OPTIONS, *arguments]]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            assert line, "pytest's process has ended"
            return int(line), output.read_text()

        yield run
