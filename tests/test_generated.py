"""A generated service works as it is: its types, its whole test suite, and its command."""

import os
import re
import shutil

import pytest

from tests import service, shell
from tests.service import ANSWERS

# PgBouncer does not come from a package index: .ci/run installs it, and where it is missing its tests are skipped.
HAS_PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
SKIPPED = "" if HAS_PGBOUNCER else r"(, \d+ skipped)?"
PASSED = re.compile(rf"^(?:=+ )?(\d+) passed{SKIPPED}(, \d+ warnings?)? in ", re.MULTILINE)


@pytest.fixture(scope="module", params=["default", "odd"])
def folder(request, render, workshop):
    folder = service.adopt(render(**ANSWERS[request.param]), workshop / request.param)
    shell.run("uv", "sync", "--quiet", cwd=folder)
    return folder


def test_its_types_are_right(folder):
    shell.run("uv", "run", "--quiet", "ty", "check", cwd=folder)


@pytest.mark.parametrize("command", [("format", "--diff"), ("check",)])
def test_its_formatter_and_linter_have_nothing_to_do(folder, command):
    shell.run("uv", "run", "--quiet", "ruff", *command, "--no-cache", cwd=folder)


@pytest.mark.parametrize("command", [("service",), ("service", "dev"), ("service", "serve")])
def test_its_command_explains_itself(folder, command):
    assert "Usage: " in shell.run("uv", "run", "--quiet", *command, "--help", cwd=folder)


def test_its_suite_passes_without_a_skip_and_leaves_nothing_for_git(folder):
    output = shell.run("uv", "run", "--quiet", "pytest", "-q", cwd=folder)
    passed = PASSED.search(output)
    assert passed, output
    assert int(passed[1]) > 0
    assert service.changes(folder) in ("", "?? uv.lock\n")
