"""The description of the API is one that others can use: a strict linter, and two generators of typed clients."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.harness import shell
from tests.harness.client import SIGN, wait_for_answer
from tests.harness.programs import find_program

pytestmark = pytest.mark.slow

CLIENTS = Path(__file__).parent / "clients"

LINTER = "@redocly/cli@2.77.0"
TYPESCRIPT = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3")
PYTHON = "openapi-python-client@0.29.1"
NEEDED = ("httpx", "attrs", "python-dateutil")
"""The packages that a generated client of Python imports."""

QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


@pytest.fixture(scope="module")
def description(synced, tmp_path_factory):
    """The description of the API of the default service, in a file."""
    path = tmp_path_factory.mktemp("description") / "openapi.json"
    path.write_text(shell.run("uv", "run", "--quiet", "service", "openapi", cwd=synced))
    return path


@pytest.fixture
def url(synced, database_url, port):
    """The default service, as it is served."""
    key = shell.run(".venv/bin/service", "key", cwd=synced).split()[0].partition("=")[2]
    token = shell.run(".venv/bin/python", "-c", SIGN, key, cwd=synced).strip()
    settings = {"DATABASE_URL": database_url, "SERVER_PORT": str(port), "METRICS_PORT": "0", "AUTH_SIGNING_KEY": key}
    shell.run(".venv/bin/service", "migrate", cwd=synced, **settings)
    environment = shell.environment(**settings)
    with subprocess.Popen([".venv/bin/service", "serve"], cwd=synced, env=environment, process_group=0) as server:
        try:
            wait_for_answer(f"http://127.0.0.1:{port}/v1/orders", token)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)


@pytest.fixture
def public(synced, render, tmp_path):
    """The description of a service whose only route is public, in a file."""
    folder = render(example="none")
    command = (synced / ".venv/bin/python", "-m", "service", "openapi")
    path = tmp_path / "public.json"
    path.write_text(shell.run(*command, cwd=folder, PYTHONPATH=str(folder / "src")))
    return path


def test_a_strict_linter_finds_nothing(description, public):
    npx = find_program("npx")
    lint = (npx, "--yes", "--ignore-scripts", LINTER, "lint", "--extends", "recommended-strict")
    output = shell.run(*lint, description, public, cwd=description.parent, **QUIET)
    assert "Your API descriptions are valid" in output


def test_a_client_of_typescript_fits_its_types_and_works(description, url, tmp_path):
    npm = find_program("npx").with_name("npm")
    shell.run(npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", *TYPESCRIPT, cwd=tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(CLIENTS / "client.ts", tmp_path)
    programs = tmp_path / "node_modules/.bin"
    options = ("--default-non-nullable", "false", "--output", "schema.ts")  # a field with a default may be left out
    shell.run(programs / "openapi-typescript", description, *options, cwd=tmp_path)
    strict = ("--strict", "--noUncheckedIndexedAccess", "--module", "nodenext", "--target", "es2022")
    shell.run(programs / "tsc", *strict, "client.ts", cwd=tmp_path)
    assert shell.run("node", "client.js", url, cwd=tmp_path) == "done\n"


def test_a_client_of_python_works(description, url, tmp_path):
    shutil.copy(CLIENTS / "use_client.py", tmp_path)
    generate = ("uvx", PYTHON, "generate", "--path", description, "--meta", "none", "--output-path", "client")
    said = shell.run(*generate, cwd=tmp_path)
    assert said.count("WARNING") == said.count("Unsupported content_type application/x-ndjson"), said
    packages = [argument for package in NEEDED for argument in ("--with", package)]
    run = ("uv", "run", "--quiet", "--no-project", *packages, "python", "use_client.py", url)
    assert shell.run(*run, cwd=tmp_path) == "done\n"
