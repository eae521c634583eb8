"""Everyday tasks are done as their page says, all in one service."""

import re

import pytest

from tests.harness import service, shell
from tests.harness.service import PASSED
from tests.harness.snapshot import ROOT

PAGE = ROOT / "docs/tasks.md"

BLOCK = re.compile(r"```(\w+)\n(?:(?:#|--) ((?:src|migrations)/\S+)\n)?(.*?)```", re.DOTALL)
ROW = re.compile(r"^\| (?!task|---)([^|]+) \| (.+) \|$", re.MULTILINE)


def take_up(folder):
    """Make all changes of the page in a service, in its order."""
    for language, path, content in BLOCK.findall(PAGE.read_text()):
        if language == "diff":
            (folder / "change.diff").write_text(content)
            shell.run("git", "apply", "change.diff", cwd=folder)
            (folder / "change.diff").unlink()
        else:
            (folder / path).write_text(content)


def test_twelve_tasks_have_their_place():
    rows = ROW.findall(PAGE.read_text())
    assert len(rows) == 12
    assert all("](" in place for _, place in rows)


def test_the_changes_fit_together_and_into_a_service(render, tmp_path):
    folder = service.adopt(render(), tmp_path / "service")
    take_up(folder)
    assert "EVERY_NIGHT" in (folder / "src/service/app.py").read_text()


@pytest.mark.slow
def test_a_service_with_all_of_them_passes_its_tests(render, workshop):
    folder = service.adopt(render(), workshop / "tasks")
    take_up(folder)
    for command in ("ruff check", "ruff format --check", "ty check"):
        shell.run("uv", "run", "--quiet", *command.split(), cwd=folder)
    shell.run("uv", "run", "--quiet", "service", "plans", "--record", cwd=folder)
    suite = ("uv", "run", "--quiet", "pytest", "-q")
    assert PASSED.search(shell.run(*suite, cwd=folder))
    code, output = shell.attempt("uv", "run", "--quiet", "service", "settings", cwd=folder)
    assert code == 0
    assert "for-development-only" not in output
