"""`service new` makes a slice that passes everything as it is, registers it, and measures it."""

import re
import time

import pytest

from tests.harness import packages, service, shell
from tests.harness.service import ANSWERS, PASSED

FIELDS = ["number:text!", "customer:uuid@", "total:money", "status:enum(open,paid)@", "due:date?"]

TESTS = [
    "tests/invoices",
    *(f"tests/kit/test_{name}.py" for name in ("layout", "constraints", "contract", "scenarios")),
]


@pytest.fixture(scope="module")
def folder(render, workshop):
    """A service with the slice of the README."""
    folder = service.adopt(render(), workshop / "scaffold")
    packages.install(folder)
    began = time.monotonic()
    output = shell.run("uv", "run", "--quiet", "service", "new", "invoices", *FIELDS, cwd=folder)
    assert time.monotonic() - began < 60, "a newcomer waits for it"
    assert "src/service/app.py" in output
    assert "perf/plans/invoices.txt" in output
    return folder


@pytest.mark.parametrize("command", ["ruff format --no-cache --diff", "ruff check --no-cache", "ty check"])
def test_a_tool_has_nothing_to_say_about_a_new_slice(folder, command):
    shell.run("uv", "run", "--quiet", *command.split(), cwd=folder)


def test_a_new_slice_passes_its_tests_and_those_of_the_kit(folder):
    assert PASSED.search(shell.run("uv", "run", "--quiet", "pytest", "-q", *TESTS, cwd=folder))


def test_a_newcomer_measures_the_slice_by_one_command(folder):
    load = ("uv", "run", "service", "perf", "load", "invoices")
    output = shell.run(*load, "--rate", "100", "--seconds", "2", "--check", cwd=folder)
    for step in ("read", "first page", "later page", "page by customer", "page by status", "create", "all"):
        assert re.search(rf"^  {step} +\d", output, re.MULTILINE), output
    changed = [line for line in service.changes(folder).splitlines() if not line.startswith("??")]
    assert changed == [" M src/service/app.py"]


def test_a_slice_that_is_there_is_refused_and_git_takes_it_away(folder):
    code, output = shell.attempt("uv", "run", "--quiet", "service", "new", "invoices", *FIELDS, cwd=folder)
    assert code == 1
    assert "Traceback" not in output
    shell.run("git", "restore", "src/service/app.py", cwd=folder)
    shell.run("git", "clean", "-fd", "src/service/invoices", "tests/invoices", "migrations", "perf", cwd=folder)
    assert [line for line in service.changes(folder).splitlines() if "invoices" in line or "app.py" in line] == []


@pytest.mark.slow
def test_a_service_without_an_example_passes_its_suite_before_and_after_its_first_slice(render, workshop):
    folder = service.adopt(render(**ANSWERS["minimal"]), workshop / "empty")
    packages.install(folder)
    assert PASSED.search(shell.run("uv", "run", "--quiet", "pytest", "-q", cwd=folder))
    output = shell.run("uv", "run", "--quiet", "service", "new", "invoices", *FIELDS, cwd=folder)
    assert "belong to the account that creates them" in output
    nested = ("sku:text(80)!", "count:int=1", "above:references:lines?", "--in", "invoices")
    shell.run("uv", "run", "--quiet", "service", "new", "lines", *nested, cwd=folder)
    shell.run("uv", "run", "--quiet", "ty", "check", cwd=folder)
    assert PASSED.search(shell.run("uv", "run", "--quiet", "pytest", "-q", cwd=folder))
    load = ("uv", "run", "service", "perf", "load", "--rate", "100", "--seconds", "2", "--check")
    assert re.search(r"^status: (.|\n)*^  read +\d", shell.run(*load, cwd=folder), re.MULTILINE)
