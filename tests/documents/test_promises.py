"""Each promise has a fault and tests that exist, and its figures are those of the page that it links to."""

import re

import pytest

from tests.harness.snapshot import ROOT

PLACE = re.compile(r"`([\w./]+\.py)::(test_\w+)`")
FIGURE = re.compile(r"\d[\d.,]*\d|\d")
LINK = re.compile(r"\]\(([\w-]+\.md)[^)]*\)")


@pytest.fixture(scope="module")
def page():
    return (ROOT / "docs/promises.md").read_text()


@pytest.fixture(scope="module")
def sections(page):
    """The text of each numbered promise, by its heading."""
    _, *parts = re.split(r"^#{2,3} ", page, flags=re.MULTILINE)
    return {part.partition("\n")[0]: part for part in parts if part[0].isdigit()}


def find_missing_tests(text):
    return [
        f"{path}::{test}"
        for path, test in PLACE.findall(text)
        if not (ROOT / path).is_file() or f"def {test}(" not in (ROOT / path).read_text()
    ]


def test_every_test_that_it_names_is_there(page):
    assert len(PLACE.findall(page)) == page.count("::")
    assert find_missing_tests(page) == []
    assert find_missing_tests("`tests/documents/test_promises.py::test_nothing`") == [
        "tests/documents/test_promises.py::test_nothing"
    ]


def test_every_promise_has_a_fault_and_a_proof(sections):
    assert [int(heading.partition(".")[0]) for heading in sections] == list(range(1, 13))
    for heading, text in sections.items():
        assert all(f"**{part}.**" in text for part in ("Fault", "Promise", "Proof")), heading
        assert PLACE.findall(text), heading


def test_every_promise_in_its_lists_has_a_proof(page):
    _, _, lists = page.partition("\n## What holds every day")
    told = re.split(r"^- ", lists, flags=re.MULTILINE)[1:]
    assert len(told) > 10
    assert [it for it in told if not PLACE.search(it)] == []


def test_every_figure_stands_on_the_page_that_it_links_to(sections):
    told = [
        part for text in sections.values() for part in re.findall(r"\*\*Figures\.\*\* .*?(?=\n\n)", text, re.DOTALL)
    ]
    assert told
    for part in told:
        (linked,) = LINK.findall(part)
        measured = FIGURE.findall((ROOT / "docs" / linked).read_text())
        said = FIGURE.findall(re.sub(r"\[.*", "", part, flags=re.DOTALL))
        assert [figure for figure in said if figure not in measured] == [], linked
