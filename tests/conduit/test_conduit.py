"""An application that others specified is built on a render, passes its suite, and starts."""

import pytest

from tests import conduit
from tests.harness import packages, shell
from tests.harness.service import PASSED
from tests.harness.snapshot import ROOT


@pytest.fixture(scope="module")
def folder(template, workshop):
    """The application with its packages."""
    folder = conduit.make(template, workshop / "conduit")
    packages.install(folder)
    return folder


@pytest.mark.slow
def test_its_suite_with_the_contract_and_the_fuzz_test_passes(folder):
    assert PASSED.search(shell.run("uv", "run", "--quiet", "pytest", "-q", cwd=folder))


def test_the_document_counts_its_lines_and_lists_where_it_works_against_the_template():
    document = (ROOT / "docs/given.md").read_text()
    for kind, count in conduit.count_lines().items():
        assert f"| {kind} | {count:,} |" in document
    against = conduit.find_against()
    assert 0 < len(against) <= 5
    assert [line for line in document.splitlines() if line.startswith("- `")] == [
        f"- `{path}`: {reason}" for path, reason in against
    ]


@pytest.mark.slow
def test_the_command_makes_it_in_a_folder(tmp_path):
    command = ("uv", "run", "--quiet", "python", "-m", "tests.conduit", str(tmp_path / "conduit"))
    assert "uv run service dev" in shell.run(*command, cwd=ROOT)
    assert (tmp_path / "conduit/src/service/articles/http.py").is_file()
    code, output = shell.attempt(*command, cwd=ROOT)
    assert code == 1
    assert "is there already" in output


@pytest.mark.slow
@pytest.mark.parametrize("command", [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("ty", "check")])
def test_its_code_is_clean(folder, command):
    shell.run("uv", "run", "--quiet", *command, cwd=folder)
