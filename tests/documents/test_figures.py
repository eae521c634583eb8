"""The figures that docs/ shows are those that were measured."""

import json
import shutil

import pytest

from tests.harness.snapshot import ROOT
from tests.performance import report


@pytest.fixture
def figures():
    """The latest figures."""
    return json.loads((ROOT / "docs/figures/compare.json").read_text())


def test_the_page_and_its_plot_are_made_from_the_data(figures, tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    report.write(figures, tmp_path / "docs")
    for name in ("performance.md", "figures/compare.svg", "figures/compare.json"):
        assert (tmp_path / "docs" / name).read_text() == (ROOT / "docs" / name).read_text(), name


def test_a_missed_target_is_told(figures):
    for part in figures["slices"]:
        part["cpu"] = 1.0
    missed = {target.name for target in report.list_targets(figures) if not target.met}
    assert {"one order by key, cheaper than conventional", "page of 50, cheaper than conventional"} <= missed
    assert "one order by key, against the floor" not in missed


def test_overload_is_judged_by_goodput_refusals_and_failures():
    answers = {"200": {"count": 90}, "503": {"count": 100, "p99": 20.0}, "500": {"count": 2}}
    done = {"capacity": 100.0, "seconds": 1.0, "unanswered": 3, "answers": answers}
    goodput, refusals, rest = report.judge_overload("it", done)
    assert (goodput.met, refusals.met, rest.met) == (True, True, False)
    assert rest.measured == "2 500, 3 without an answer"
