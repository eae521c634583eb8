"""Between two releases, documents say so, and which release a new service is of."""

import re

import pytest

from tests.harness.snapshot import ROOT

FIRST_PAGES = ("README.md", "docs/index.md", "docs/start.md")
"""What somebody reads before making a service."""

BEGINNING = "A service that you make today is of the last release"
NOTICE = f"{BEGINNING}, v{{}}; its documents are at the tag of that name. These are of the coming one."
SUPPORTED = "Today, v{} is the newest; v{} gets security fixes until v{}.0.0, and at least until "

HEADING = re.compile(r"^## (?:v([\d.]+)|Unreleased)$", re.MULTILINE)


def list_notices(changelog):
    """Return the notice that the first pages have, if any, as a list."""
    first, *others = HEADING.findall(changelog)
    return [] if first else [NOTICE.format(others[0])]


@pytest.mark.parametrize(
    ("headings", "notices"),
    [
        ("## Unreleased\n\n## v2.1.0\n\n## v2.0.0\n", [NOTICE.format("2.1.0")]),
        ("## v3.0.0\n\n## v2.1.0\n", []),
    ],
)
def test_a_notice_is_there_between_releases_and_gone_with_the_next(headings, notices):
    assert list_notices(headings) == notices


@pytest.mark.parametrize("page", FIRST_PAGES)
def test_a_first_page_says_of_which_release_a_new_service_is(page):
    lines = (ROOT / page).read_text().splitlines()
    notices = [line for line in lines if BEGINNING in line]
    assert notices == list_notices((ROOT / "CHANGELOG.md").read_text()), page


def test_the_page_on_updates_says_what_is_supported_today():
    newest = next(filter(None, HEADING.findall((ROOT / "CHANGELOG.md").read_text())))
    major = int(newest.partition(".")[0])
    assert SUPPORTED.format(newest, major - 1, major + 1) in (ROOT / "docs/update.md").read_text()
