"""A generated service works as it is: its types, its whole test suite, and its command."""

import re

import pytest

from tests.harness import packages, service, shell
from tests.harness.service import ANSWERS, PASSED
from tests.harness.snapshot import ROOT

NAMED = re.compile(r"`(?:uv run )?(service(?: [a-z]+(?:-[a-z]+)*)+)([^`\n]*)")
OPTION = re.compile(r"(?<= )--[a-z-]+")


@pytest.fixture(scope="module", params=["default", "odd"])
def folder(request, render, workshop):
    folder = service.adopt(render(**ANSWERS[request.param]), workshop / request.param)
    packages.install(folder)
    return folder


def test_its_types_are_right(folder):
    shell.run("uv", "run", "--quiet", "ty", "check", cwd=folder)


@pytest.mark.slow
def test_other_checkers_find_no_error_of_ours_either(folder):
    """Mypy counts what libraries without types do to us; pyright does not."""
    python = str(folder / ".venv/bin/python")
    shell.run("uvx", "--quiet", "pyright", "--pythonpath", python, "src", cwd=folder)
    _, output = shell.attempt(
        "uvx", "--quiet", "--python", python, "mypy", "--strict", "--python-executable", python, "src", cwd=folder
    )
    found = [line for line in output.splitlines() if ": error: " in line]
    assert [line for line in found if not line.endswith(("[import-untyped]", "[no-untyped-call]"))] == []
    assert "checked" in output or not found, output


@pytest.mark.parametrize("command", [("format", "--diff"), ("check",)])
def test_its_formatter_and_linter_have_nothing_to_do(folder, command):
    shell.run("uv", "run", "--quiet", "ruff", *command, "--no-cache", cwd=folder)


@pytest.mark.parametrize("command", [("service",), ("service", "dev"), ("service", "serve")])
def test_its_command_explains_itself(folder, command):
    assert "Usage: " in shell.run("uv", "run", "--quiet", *command, "--help", cwd=folder)


WALK = """
import click
from service.__main__ import main
from service.kit.server.cli import service

def walk(command, name, context):
    options = (option for given in command.params for option in (*given.opts, *given.secondary_opts))
    print(name, *(option for option in options if option.startswith("--")))
    for sub in command.list_commands(context) if isinstance(command, click.Group) else ():
        walk(command.get_command(context, sub), f"{name} {sub}", context)

walk(service, "service", click.Context(service))
"""


@pytest.mark.parametrize("folder", ["default"], indirect=True)
def test_every_command_that_a_text_names_is_there(folder):
    lines = shell.run("uv", "run", "--quiet", "python", "-c", WALK, cwd=folder).splitlines()
    known = {line.partition(" --")[0]: {"--help", *OPTION.findall(line)} for line in lines}
    groups = {name.rpartition(" ")[0] for name in known}
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/contributing/*.md")]
    texts = [*pages, *folder.rglob("*.md"), *folder.glob("src/**/*.py")]
    named = {(path.name, *found) for path in texts for found in NAMED.findall(path.read_text())}
    assert named
    for path, words, rest in sorted(named):
        while words not in known:
            words, _, argument = words.rpartition(" ")
            assert words not in groups, f"{path}: `{words}` has no command {argument}"
        for option in OPTION.findall(rest):
            assert option in known[words], f"{path}: `{words}` has no option {option}"


@pytest.mark.parametrize("folder", ["default", pytest.param("odd", marks=pytest.mark.slow)], indirect=True)
def test_its_suite_passes_without_a_skip_and_leaves_nothing_for_git(folder):
    output = shell.run("uv", "run", "--quiet", "pytest", "-q", cwd=folder)
    passed = PASSED.search(output)
    assert passed, output
    assert int(passed[1]) > 0
    assert service.changes(folder) in ("", "?? uv.lock\n")
