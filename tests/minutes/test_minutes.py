"""CONTRIBUTING.md tells the minutes of the slow tests, in groups that have each of them."""

import re
from itertools import chain
from pathlib import Path

from tests import minutes
from tests.harness.snapshot import ROOT

JUNIT = """
<testsuites><testsuite name="pytest">
<testcase classname="tests.planted.test_planted" name="test_a_planted_fault_is_noticed[web.cache]" time="90.5" />
<testcase classname="tests.planted.test_planted" name="test_a_planted_fault_is_noticed[web.rate]" time="29.5" />
<testcase classname="tests.ci.test_ci" name="test_a_check_passes" time="60"><failure message="no" /></testcase>
<testcase classname="tests.update.test_update" name="test_it" time="120" />
</testsuite></testsuites>
"""


def hide_numbers(table):
    return re.sub(r"\d+ \|$", "… |", table, flags=re.MULTILINE)


def test_each_folder_with_slow_tests_is_in_one_group():
    paths = {*ROOT.glob("tests/*/test_*.py")} - {Path(__file__)}
    slow = {path.parent.name for path in paths if "mark.slow" in path.read_text()}
    grouped = [*chain.from_iterable(minutes.GROUPS.values())]
    assert sorted(grouped) == sorted(slow)


def test_contributors_are_told_the_minutes_of_these_groups():
    told = minutes.TABLE.search(minutes.DOCUMENT.read_text())
    assert told
    assert hide_numbers(told[0]) == hide_numbers(minutes.draw({})), "renew it by tests.minutes, with --write"


def test_the_times_of_a_run_are_added_by_group(tmp_path):
    (tmp_path / "slow.xml").write_text(JUNIT)
    table = minutes.draw(minutes.count(tmp_path / "slow.xml"))
    assert re.findall(r"(\d+) \|$", table, re.MULTILINE) == ["2", "0", "3", "0", "0", "0", "5"]
