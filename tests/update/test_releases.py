"""The releases in git and the entries of CHANGELOG.md are the same."""

import re
import tomllib

from tests.harness import releases
from tests.harness.snapshot import ROOT

HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
VERSION = re.compile(r"v\d+\.\d+\.\d+")


def entries():
    """Return the versions that have an entry, newest first."""
    headings = HEADING.findall((ROOT / "CHANGELOG.md").read_text())
    assert headings
    if headings[0] == "Unreleased":
        del headings[0]
    found = [VERSION.match(heading) for heading in headings]
    return [match[0] if match else heading for match, heading in zip(found, headings, strict=True)]


def test_every_entry_names_a_version_and_the_newest_stands_first():
    listed = entries()
    assert [entry for entry in listed if not VERSION.fullmatch(entry)] == []
    assert listed == sorted(set(listed), key=releases.number, reverse=True)


def test_every_release_has_an_entry_and_every_entry_but_a_new_one_a_release():
    listed, released = entries(), list(releases.find(ROOT))[::-1]
    assert [version for version in released if version not in listed] == []
    assert listed in (released, listed[:1] + released)


def test_each_later_release_says_what_a_service_may_add_by_hand():
    *later, _ = re.split(HEADING, (ROOT / "CHANGELOG.md").read_text())[2::2]
    assert later
    assert [text for text in later if "### By hand" not in text] == []


def test_the_license_is_the_one_that_the_package_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (ROOT / "LICENSE").read_text().splitlines()[0] == f"{project['license']} License"


def test_what_services_get_of_the_changelog_needs_no_file_beside_it_and_is_no_template():
    text = (ROOT / "CHANGELOG.md").read_text()
    assert re.findall(r"\{[{%#]", text) == [], "UPDATES.md of a service is rendered from it"
    parts = [part for part in text.replace("\n## ", "\n### ").split("\n### ") if part.startswith("By hand")]
    assert len(parts) > 4
    links = [link for part in parts for link in re.findall(r"\]\((?!https://)([^)]+)\)", part)]
    assert links == [], "a service does not have the documents"
