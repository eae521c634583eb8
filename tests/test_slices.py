"""The promise that the example slice can be deleted."""

import sys

import pytest

from tests import service, shell
from tests.test_generated import PASSED

EDITS = (
    ("from service import NAME, orders\n", "from service import NAME\n"),
    ("SLICES = (orders.SLICE,)\n", "SLICES = ()\n"),
)
PATHS = (
    "src/service/orders",
    "tests/orders",
    "migrations/0001_orders.sql",
    "perf/plans/orders.txt",
    "perf/scenarios/orders.toml",
)


@pytest.fixture
def folder(render, workshop):
    """A service without the example, as git keeps it: without folders that became empty."""
    folder = service.adopt(render(), workshop / "without-example")
    shell.run("git", "rm", "-r", "--quiet", *PATHS, cwd=folder)
    service.replace(folder / "src/service/app.py", *EDITS)
    return folder


def test_without_the_example_slice_everything_still_passes(folder):
    shell.run(sys.executable, "-m", "ruff", "check", "--no-cache", ".", cwd=folder)
    shell.run(sys.executable, "-m", "ruff", "format", "--no-cache", "--diff", ".", cwd=folder)
    shell.run("uv", "run", "--quiet", "ty", "check", cwd=folder)
    assert PASSED.search(shell.run("uv", "run", "--quiet", "pytest", "-q", cwd=folder))
