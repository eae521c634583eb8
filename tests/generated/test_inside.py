"""The kit keeps its promises: its own tests, in tests/inside, run inside a rendered service, package by package."""

import pytest

from tests import size
from tests.harness import shell
from tests.harness.programs import find_program
from tests.harness.service import PASSED
from tests.harness.snapshot import ROOT

PACKAGES = sorted(path.name for path in (ROOT / "tests/inside").iterdir() if (path / "__init__.py").exists())

SLOW = {
    "accounts",
    "alerts",
    "browser",
    "jobs",
    "log_level",
    "migrate",
    "poison",
    "profiles",
    "secrets",
    "server",
    "tools",
    "traces",
    "uploads",
    "websockets",
}
"""Tests that start browsers, workers or PostgreSQL, kill workers, send large files, or are of what production lacks."""

PROGRAMS = {"browser": "chromium"}
"""What a package's tests need beside Python packages."""

PGBOUNCER = "inside/db/test_pgbouncer*.py"
"""These tests need a Debian package, so they are slow as well."""


@pytest.fixture(scope="module")
def folder(template, workshop):
    """A service with the kit's tests in it."""
    return size.prepare(template, workshop / "inside")


def run_tests(folder, *arguments):
    output = shell.run("uv", "run", "--quiet", "pytest", "-q", *arguments, cwd=folder)
    assert PASSED.search(output), output


@pytest.mark.parametrize("package", [pytest.param(it, marks=pytest.mark.slow if it in SLOW else ()) for it in PACKAGES])
def test_a_package_passes_its_tests(folder, package):
    if package in PROGRAMS:
        find_program(PROGRAMS[package])
    run_tests(folder, f"inside/{package}", f"--ignore-glob={PGBOUNCER}")


@pytest.mark.slow
def test_the_database_behind_pgbouncer_passes_its_tests(folder):
    find_program("pgbouncer")
    run_tests(folder, *sorted(folder.glob(PGBOUNCER)))
