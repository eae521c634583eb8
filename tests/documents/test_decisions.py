"""Each decision says whether it holds, and the index names all of them, and those to read first."""

import re

import pytest

from tests.harness.snapshot import ROOT

FOLDER = ROOT / "docs/contributing/decisions"
PAGES = sorted(FOLDER.glob("0*.md"))
STATUS = re.compile(r"# \d+\. [^\n]+\n\nStatus: (holds|replaced by \[(\d+)\]\((\d{4}-[\w-]+\.md)\))[^\n]*\.\n\n")
HOLDS = re.compile(r"# .+\n\nStatus: holds\b")
LISTED = re.compile(r"^(\d+)\. \[.+?\]\((.+?)\)$", re.MULTILINE)
FIRST = re.compile(r"^\| \[(\d+)\. .+?\]\((.+?)\) \| [A-Z].+?\. \|$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_says_whether_it_holds_or_what_replaced_it(page):
    status = STATUS.match(page.read_text())
    assert status, "begin with `Status: holds.` or `Status: replaced by [N](NNNN-name.md).` below the title"
    if status[3]:
        replacing = FOLDER / status[3]
        assert replacing.is_file()
        assert int(replacing.name[:4]) == int(status[2]) > int(page.name[:4])
        assert HOLDS.match(replacing.read_text()), "name the one that holds"


def test_the_index_names_every_decision_by_its_number():
    listed = LISTED.findall((FOLDER / "README.md").read_text())
    assert [name for _, name in listed] == [page.name for page in PAGES]
    assert [int(number) for number, _ in listed] == [int(page.name[:4]) for page in PAGES]


def test_the_index_names_fifteen_to_read_first_and_all_of_them_hold():
    first = FIRST.findall((FOLDER / "README.md").read_text())
    assert len(first) == 15
    for number, name in first:
        assert int(name[:4]) == int(number)
        assert HOLDS.match((FOLDER / name).read_text()), name
