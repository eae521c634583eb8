"""The kit keeps its promises: its own tests, in tests/inside, run inside a rendered service, room by room."""

import pytest

from tests import size
from tests.harness import shell
from tests.harness.service import PASSED
from tests.harness.snapshot import ROOT

ROOMS = sorted(path.name for path in (ROOT / "tests/inside").iterdir() if (path / "__init__.py").exists())


@pytest.fixture(scope="module")
def folder(template, workshop):
    """A service with the kit's tests in it."""
    return size.prepare(template, workshop / "inside")


SLOW = {"poison", "tools"}
"""Jobs that end their worker again and again, and what a service in production does not have."""


@pytest.mark.parametrize("room", [pytest.param(it, marks=pytest.mark.slow if it in SLOW else ()) for it in ROOMS])
def test_a_room_passes_its_tests(folder, room):
    output = shell.run("uv", "run", "--quiet", "pytest", "-q", f"inside/{room}", cwd=folder)
    assert PASSED.search(output), output
