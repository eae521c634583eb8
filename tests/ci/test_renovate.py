"""Renovate proposes nothing for what the template pins: those pins are raised by a release of the template."""

import json
import re
import tomllib
from fnmatch import fnmatch
from itertools import chain

import pytest

from tests.harness import service
from tests.harness.owners import owner

PINS = re.compile(
    r"uses: [\w/-]+@\w+|(?:image|image=|FROM|--from=):? ?[\w./-]+:\$?\{?[\w.-]+|(?:uv|copier)[=@]{1,2}[\d.]+"
    r"|python-version: \S+|releases?/(?:download/)?[\w./]*v\d[\w./-]+"
)
"""What Renovate may take for a version: actions, images, packages in a script, addresses of releases."""


def read_rules(folder):
    return json.loads((folder / "renovate.json").read_text())["packageRules"]


def is_enabled(rules, **dependency):
    """Apply the rules in their order, as Renovate does: the last one that fits decides."""
    enabled = True
    for rule in rules:
        fits = [
            any(fnmatch(value, pattern) for pattern in rule[name]) for name, value in dependency.items() if name in rule
        ]
        if all(fits) and rule.keys() & dependency.keys() == {name for name in rule if name.startswith("match")}:
            enabled = rule.get("enabled", enabled)
    return enabled


@pytest.mark.parametrize(
    "answers",
    [{}, {"ci": "gitlab"}, {"deploy": "compose"}, {"deploy": "none"}],
    ids=["default", "gitlab", "one", "none"],
)
def test_every_pin_of_a_template_file_is_left_to_the_template(answers, render):
    folder = render(**answers)
    rules = read_rules(folder)
    pinned = {}
    for name, (content, _) in service.read(folder).items():
        if owner(name) == "kit" and not name.endswith((".py", ".md", ".json")):
            pinned[name] = PINS.findall(content.decode())
    pinned = {name: pins for name, pins in pinned.items() if pins}
    assert ".github/workflows/update.yml" in pinned or ".gitlab-ci.yml" in pinned
    assert ("deploy/Dockerfile" in pinned) == (answers.get("deploy") != "none")
    assert [name for name in pinned if is_enabled(rules, matchFileNames=name)] == []


def test_what_is_the_teams_is_updated(render):
    rules = read_rules(render())
    for name in (".github/workflows/ours.yml", "deploy/kubernetes/overlays/production/kustomization.yaml"):
        assert is_enabled(rules, matchFileNames=name)
    assert is_enabled(rules, matchManagers="pep621", matchPackageNames="a-package-of-ours")


def test_every_ceiling_in_pyproject_is_left_to_the_template(render):
    folder = render()
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    requirements = chain(project["project"]["dependencies"], *project["dependency-groups"].values())
    ceilings = {re.split(r"[\[=<>;]", line)[0] for line in requirements if re.search("==|<", line.split(";")[0])}
    [rule] = [rule for rule in read_rules(folder) if "matchPackageNames" in rule]
    assert sorted(ceilings | {"python"}) == rule["matchPackageNames"]
    assert not is_enabled(read_rules(folder), matchManagers="pep621", matchPackageNames="ruff")
