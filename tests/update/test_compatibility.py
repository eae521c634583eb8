"""What services of the newest release rely on is still there, or CHANGELOG.md announces for a major that it goes."""

import ast
import re

import pytest
import yaml

from tests.harness import releases, service, shell
from tests.harness.owners import owner
from tests.harness.snapshot import CURRENT, ROOT

INTERNAL = re.compile(r"src/service_tools/.*\.py$|tests/kit/\w+\.py$")


def list_promises(tree, questions):
    """Return what a service relies on: kit files, public names of the kit, questions and the answers offered."""
    promises = {f"file {path}" for path in tree if owner(path) == "kit"} - list_internal(tree)
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


def list_internal(tree):
    """Return modules of the tools and of the kit's tests that nothing of a team imports: a minor may move them."""
    theirs = [content.decode() for path, (content, _) in tree.items() if path.endswith(".py") and owner(path) != "kit"]
    imported = {name for source in theirs for name in re.findall(r"^from (\S+) import", source, re.MULTILINE)}
    internal = set()
    for path in tree:
        module = path.removeprefix("src/").removesuffix(".py").replace("/", ".")
        if INTERNAL.match(path) and module not in imported:
            internal.add(f"file {path}")
    return internal


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
    is_major = find_major(changelog) > releases.number(newest)[0]
    return sorted(gone for gone in before - after if not (is_major and f"`{gone.split(' ')[1]}`" in section))


def find_hasty(gone, deprecated, major):
    """Return the public names that a major removes although they did not warn through the whole major before.

    The first major to which this applies is v4: v3 is the first that has old names.
    """
    names = {promise for promise in gone if promise.startswith("name ")}
    return sorted(names - deprecated) if major > 3 else []


@pytest.fixture
def now(render):
    return list_promises(service.read(render(CURRENT)), yaml.safe_load((ROOT / "copier.yml").read_text()))


def find_major(changelog):
    """Return the major that the newest section of the changelog is of, or 0 if it does not say."""
    heading = re.match(r"v(\d+)|Unreleased\s+This will be v(\d+)", changelog.split("\n## ")[1])
    return int(next(filter(None, heading.groups()))) if heading else 0


def test_nothing_goes_that_the_newest_release_promised(render, template, now):
    changelog = (ROOT / "CHANGELOG.md").read_text()
    for newest in [*releases.find(ROOT)][-1:]:
        questions = yaml.safe_load(shell.run("git", "show", f"{newest}:copier.yml", cwd=template))
        before = list_promises(service.read(render(newest)), questions)
        assert find_unannounced(before, now, changelog, newest) == []

        first = service.read(render(f"v{releases.number(newest)[0]}.0.0"))
        renamed, _ = first.get("src/service/kit/renamed.py", (b"", False))
        deprecated = {f"name {name}" for name in list_renamed(renamed.decode())}
        assert find_hasty(before - now, deprecated, find_major(changelog)) == []


def test_a_name_works_with_a_warning_through_a_whole_major_before_it_goes():
    gone = {"name service.kit.db.Pool", "name service.kit.db.EVERY", "question owner"}
    assert find_hasty(gone, {"name service.kit.db.EVERY"}, 4) == ["name service.kit.db.Pool"]
    assert find_hasty(gone, gone, 4) == []
    assert find_hasty(gone, set(), 3) == []


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
