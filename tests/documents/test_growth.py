"""The curves of docs/growth.md: what counts as a knee, and that the page is made from its figures."""

import json
import shutil
from argparse import Namespace

import pytest

from tests.harness.snapshot import ROOT
from tests.performance import growth
from tests.performance.curves import chart, tables
from tests.performance.curves.curve import Column, Curve, compare, find_knee, take_turns


@pytest.mark.parametrize(
    ("costs", "knee"),
    [
        ([1.0, 1.0, 1.2, 1.25], None),
        ([1.0, 1.3, 2.0, 9.0], 10),
        ([1.0, 1.1, 1.26, 3.0], 100),
        ([1.0, 1.0, 1.0, 1.3], 1000),
        ([4.0, 4.4, 5.2, 6.0], 100),
        ([1.0, 0.5, 0.4, 0.2], None),
    ],
)
def test_the_knee_is_the_first_size_from_which_on_the_cost_is_a_quarter_higher(costs, knee):
    assert find_knee(list(zip((1, 10, 100, 1000), costs, strict=True))) == knee


def test_one_slow_slice_between_others_is_no_knee():
    assert find_knee([(1, 1.0), (10, 3.0), (100, 1.1), (1000, 1.2)]) is None
    assert find_knee([(1, 1.0), (10, 3.0), (100, 1.1), (1000, 1.3)]) == 1000


def test_costs_are_compared_within_a_round():
    points = {1: {"it": [100.0, 200.0, 300.0]}, 10: {"it": [150.0, 210.0, 330.0]}}
    assert compare(points, "it") == [(1, 1.0), (10, pytest.approx(1.1))]


def test_sizes_take_turns_in_the_other_order_every_second_round_after_one_that_is_not_counted():
    asked = []

    def measure(size):
        asked.append(size)
        return {"cost": float(len(asked))}

    points = take_turns([1, 2], 2, measure)
    assert asked == [2, 1, 1, 2, 2, 1]
    assert points == {1: {"cost": [3.0, 6.0]}, 2: {"cost": [4.0, 5.0]}}


@pytest.fixture
def curve():
    """A curve with a cost that grows, one that does not, and what is no cost."""
    columns = {"steep": Column("µs"), "flat": Column("ms", digits=1), "rate": Column("a second", is_cost=False)}
    return Curve("Things", "things", columns, lambda folder, options: {})


@pytest.fixture
def points():
    """What was measured of it in two rounds."""
    flat, rate = [2.0, 4.0], [9.0, 9.0]
    steep = {1: [10.0, 20.0], 1000: [11.0, 22.0], 2_000_000: [30.0, 60.0]}
    return {size: {"steep": costs, "flat": flat, "rate": rate} for size, costs in steep.items()}


def test_a_table_has_the_multiple_beside_each_cost_and_the_knee_below(curve, points):
    figures = {"taken": "today", "machine": "it", "rounds": 2, "points": points}
    *_, third, last, knees = tables.draw(curve, figures)
    assert third == "| 1,000 | 16 (1.10) | 3.0 (1.00) | 9 |"
    assert last == "| 2,000,000 | 45 (3.00) | 3.0 (1.00) | 9 |"
    assert knees == "| **knee** | at 2,000,000 | none |  |"


def test_a_summary_says_what_is_flat_and_what_has_a_knee(curve, points):
    figures = {"taken": "today", "machine": "it", "rounds": 2, "points": points}
    *_, line = tables.sum_up({"things": curve}, {"things": figures})
    assert line == "| [Things](#things) | 1 to 2,000,000 | flat | steep at 2,000,000 |"


def test_a_picture_has_a_line_for_each_cost_and_a_circle_at_each_knee(curve, points):
    drawn = chart.draw({"things": curve}, {"things": points})
    assert drawn.count('class="line"') == 2
    assert drawn.count("<circle") == 1
    assert "steep: 15 to 45 µs, knee at 2M" in drawn
    assert "rate" not in drawn
    assert ">2M<" in drawn


def test_the_page_and_its_picture_are_made_from_the_figures(tmp_path):
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    figures = json.loads((ROOT / "docs/figures/growth.json").read_text())
    assert figures.keys() == growth.CURVES.keys()
    tables.write(growth.CURVES, figures, tmp_path / "docs")
    for name in ("growth.md", "figures/growth.svg", "figures/growth.json"):
        assert (tmp_path / "docs" / name).read_text() == (ROOT / "docs" / name).read_text(), name


def test_sizes_are_bounded_or_given():
    usual = [1, 10, 100]
    assert growth.choose(Namespace(most=None, sizes=None), usual) == usual
    assert growth.choose(Namespace(most=50, sizes=None), usual) == [1, 10]
    assert growth.choose(Namespace(most=None, sizes=[3, 7]), usual) == [3, 7]
