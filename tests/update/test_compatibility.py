"""What services of the newest release rely on is still there, or CHANGELOG.md announces for a major that it goes."""

import ast
import re

import pytest
import yaml

from tests.harness import releases, service, shell
from tests.harness.owners import owner
from tests.harness.snapshot import CURRENT, ROOT


def list_promises(tree, questions):
    """Return what a service relies on: kit files, public names of the kit, questions and the answers offered."""
    promises = {f"file {path}" for path in tree if owner(path) == "kit"}
    for path, (content, _) in tree.items():
        if path.startswith("src/service/kit/") and path.endswith("/__init__.py"):
            package = path.removeprefix("src/").removesuffix("/__init__.py").replace("/", ".")
            promises |= {f"name {package}.{name}" for name in list_exports(content.decode())}
        if path == "src/service/kit/renamed.py":  # they work on, with a warning
            promises |= {f"name {name}" for name in list_renamed(content.decode())}
    for name, question in questions.items():
        if not name.startswith("_"):
            promises |= {f"question {name}", *(f"answer {name}={choice}" for choice in question.get("choices", []))}
    return promises


def list_exports(source):
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            yield from ast.literal_eval(node.value)


def list_renamed(source):
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RENAMED":
            yield from ast.literal_eval(node.value)


def find_unannounced(before, after, changelog, newest):
    """Return the promises that are broken: gone, and not named in the section of a later major."""
    section = changelog.split("\n## ")[1]
    heading = re.match(r"v(\d+)|Unreleased\s+This will be v(\d+)", section)
    major = int(next(filter(None, heading.groups()))) if heading else 0
    is_major = major > int(newest[1:].split(".")[0])
    return sorted(gone for gone in before - after if not (is_major and f"`{gone.split(' ')[1]}`" in section))


@pytest.fixture
def now(render):
    return list_promises(service.read(render(CURRENT)), yaml.safe_load((ROOT / "copier.yml").read_text()))


def test_nothing_goes_that_the_newest_release_promised(render, template, now):
    for newest in [*releases.find(ROOT)][-1:]:
        questions = yaml.safe_load(shell.run("git", "show", f"{newest}:copier.yml", cwd=template))
        before = list_promises(service.read(render(newest)), questions)
        assert find_unannounced(before, now, (ROOT / "CHANGELOG.md").read_text(), newest) == []


@pytest.mark.parametrize(
    "promise",
    [
        "file src/service/kit/db/pool.py",
        "name service.kit.db.Query",
        "question owner",
        "answer python_version=3.12",
    ],
)
def test_what_goes_is_noticed_unless_a_major_announces_it(promise, now):
    name = promise.split(" ")[1]
    assert promise in now
    for changelog, noticed in (
        ("# Changelog\n\n## v1.1.0\n\nMore.", [promise]),
        (f"# Changelog\n\n## v1.1.0\n\n`{name}` is gone.", [promise]),
        ("# Changelog\n\n## v2.0.0\n\nMore.", [promise]),
        (f"# Changelog\n\n## Unreleased\n\nThis will be v2.0.0.\n\n`{name}` is gone.", []),
        (f"# Changelog\n\n## v2.0.0\n\n`{name}` is gone.", []),
    ):
        assert find_unannounced(now, now - {promise}, changelog, "v1.0.0") == noticed
