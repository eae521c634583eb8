"""The template's own code is as tidy as the code it generates."""

import sys

import pytest

from tests.harness import shell
from tests.harness.snapshot import ROOT

MAX_LINES = 200
"""Of a module, as docs/contributing/style.md has it."""


@pytest.mark.parametrize("command", ["ruff format --no-cache --diff", "ruff check --no-cache", "ty check"])
def test_a_tool_has_nothing_to_say(command):
    shell.run(sys.executable, "-m", *command.split(), cwd=ROOT)


def test_every_module_of_the_tests_begins_with_a_sentence_and_is_short():
    for path in {*(ROOT / "tests").rglob("*.py")} - {*(ROOT / "tests/inside").rglob("*.py")}:
        lines = path.read_text().splitlines()
        assert lines[0].startswith('"""'), path
        assert len(lines) <= MAX_LINES, path
