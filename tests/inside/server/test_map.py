"""The map in app.py and the docstrings of the packages name files that exist, in the order of a request."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from service import app

from tests.kit.processes import ROOT

SERVICE = ROOT / "src/service"
KIT = SERVICE / "kit"
PACKAGES = sorted(path.parent for path in KIT.glob("*/__init__.py"))
WRITES = {"kit/edge/bodies.py", "kit/jobs/queue.py"}
"""Layers of a request that has a body, and of one that enqueues a job."""
LAYER = re.compile(r"^ {4}(\S+\.py) ", re.MULTILINE)


def find_file(name: str) -> Path:
    """Return the file that the map calls so."""
    return SERVICE / name.replace("<slice>", "orders") if name.startswith("<slice>") else KIT / name


def test_the_map_names_no_file_that_is_not_there():
    names = re.findall(r"[<>\w]+/\w+\.py", str(app.__doc__))
    assert len(names) > 10
    assert [name for name in names if not find_file(name).exists()] == []


@pytest.fixture(scope="module")
def passed() -> dict[str, list[str]]:
    """The files that requests pass, by their method."""
    command = [sys.executable, "-m", "inside.path", "--list"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120).stdout
    files: dict[str, list[str]] = json.loads(printed.splitlines()[-2])
    return files


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_request_passes_the_layers_in_the_order_of_the_map(passed: dict[str, list[str]], method: str):
    layers = [str(find_file(name).relative_to(SERVICE)) for name in LAYER.findall(str(app.__doc__))]
    assert layers[:2] == ["kit/server/http_server.py", "kit/server/process.py"], "they are outside of the application"
    files = passed[method]
    reached = [layer for layer in layers[2:] if layer in files]
    assert sorted(reached, key=files.index) == reached
    missed = {*layers[2:]} - {*reached}
    assert missed == (WRITES if method == "GET" else set())


def test_what_a_post_with_a_key_and_a_job_passes_is_on_the_map(passed: dict[str, list[str]]):
    named = {str(find_file(name).relative_to(SERVICE)) for name in re.findall(r"[<>\w]+/\w+\.py", str(app.__doc__))}
    assert {"kit/web/idempotency.py", "kit/jobs/queue.py"} <= named & {*passed["POST"]}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_package_names_files_of_its_own_or_of_the_team(package: Path):
    text = re.split('"""', (package / "__init__.py").read_text())[1]
    names = re.findall(r"`(\w+\.py)`", text)
    assert len(names) >= 2
    assert len(text.strip().splitlines()) <= 9
    places = (package, SERVICE, SERVICE / "orders")
    assert [name for name in names if not any((place / name).exists() for place in places)] == []
