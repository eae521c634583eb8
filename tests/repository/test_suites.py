"""The tests of the template, of the kit and of a service have names of their own: a name leads to one file."""

import re
from collections import Counter
from itertools import chain
from pathlib import Path

from tests.harness.snapshot import ROOT

SUITES = {
    "the template's": [path for path in ROOT.glob("tests/**/test_*.py") if "inside" not in path.parts],
    "the kit's": list(ROOT.glob("tests/inside/**/test_*.py")),
    "a service's": list(ROOT.glob("template/tests/**/test_*.py")),
}


def test_no_two_suites_have_a_test_file_of_one_name():
    names = Counter(chain.from_iterable({path.name for path in paths} for paths in SUITES.values()))
    assert [name for name, count in names.items() if count > 1] == []


def test_no_test_is_skipped():
    skips = re.compile(r"pytest\.(skip|importorskip|mark\.skip)|unittest\.skip")
    paths = {*SUITES["the template's"], *SUITES["the kit's"]} - {Path(__file__)}
    assert [path for path in paths if skips.search(path.read_text())] == [], "mark it slow, and let it fail"


def test_a_suite_of_the_template_has_each_name_once():
    for suite in ("the template's", "the kit's"):
        names = Counter(path.name for path in SUITES[suite])
        assert [name for name, count in names.items() if count > 1] == [], suite
