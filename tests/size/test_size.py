"""A service is small enough to be read: the bounds of its parts hold, and CONTRIBUTING.md tells how far they are."""

import pytest

from tests import size


@pytest.fixture(scope="module")
def parts(template, workshop):
    """The parts of a new service."""
    return size.measure(size.prepare(template, workshop / "size"))


def test_no_part_is_larger_than_it_may_be(parts):
    assert [part for part in parts if part.count > part.most] == []


def test_contributors_are_told_the_sizes_of_today(parts):
    told = size.TABLE.search(size.DOCUMENT.read_text())
    assert told
    assert told[0] == size.draw(parts), "renew it: uv run python -m tests.size --write"
