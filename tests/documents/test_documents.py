"""Every command that a document tells somebody to type is typed by a test, and every link leads somewhere."""

import re

import pytest

from tests.documents.commands import TESTS
from tests.documents.measurements import MEASUREMENTS
from tests.harness import shell
from tests.harness.snapshot import ROOT

BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
MEASUREMENT = re.compile(r"`(uv run python -m tests\.performance\.\w+(?: [a-z]+)?)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

RUNBOOK = "runbook.md"
"""tests/deploy/test_alerts.py types its commands."""


@pytest.fixture(scope="module")
def documents(render):
    """The text of every document, by its path: those of the template, and those of a service."""
    folders = [(ROOT, "*.md"), (ROOT, "docs/**/*.md"), *((render(example=it), "**/*.md") for it in ("orders", "none"))]
    return {path: path.read_text() for folder, pattern in folders for path in folder.glob(pattern)}


def list_commands(text):
    lines = [line.partition("  #")[0].strip() for block in BLOCK.findall(text) for line in block.splitlines()]
    return [line for line in [*lines, *MEASUREMENT.findall(text)] if line and not line.startswith("cd ")]


def test_every_command_is_run_by_a_test_that_exists(documents):
    texts = [text for path, text in documents.items() if path.name != RUNBOOK]
    commands = {command for text in texts for command in list_commands(text)}
    assert commands == {command for ran in TESTS.values() for command in ran}
    for place in TESTS:
        module, function = place.split("::")
        assert f"def {function}(" in (ROOT / "tests" / module).read_text(), place


def list_anchors(text):
    """Return the anchors of the headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def test_every_link_leads_to_a_file_and_to_a_heading_of_it(documents):
    broken = [
        f"{path}: {target}#{anchor}"
        for path, text in documents.items()
        for target, anchor in LINK.findall(text)
        if not (linked := path.parent / target if target else path).exists()
        or (anchor and anchor not in list_anchors(linked.read_text()))
    ]
    assert not broken


def test_the_statements_of_the_page_on_rolling_back_are_those_that_a_test_applies():
    page = (ROOT / "docs/rollback.md").read_text()
    steps = sorted((ROOT / "tests/inside/migrate/rollback").glob("*.sql"))
    assert len(steps) == page.count("```sql") == 6
    assert all(path.read_text() in page for path in steps)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_measurement_runs(name):
    words = f"uv run --quiet python -m tests.performance.{name}".split()
    output = shell.run(*words, *MEASUREMENTS[name], cwd=ROOT)
    assert re.search(r"\d\.\d", output), output
