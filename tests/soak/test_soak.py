"""A service keeps what it acknowledged through every fault of the soak."""

import json
import sys

import pytest

from tests.harness import shell
from tests.harness.snapshot import ROOT


@pytest.mark.slow
def test_a_soak_of_a_minute_loses_nothing():
    code, output = shell.attempt(sys.executable, "-m", "tests.soak", "--minutes", "1", "--json", cwd=ROOT)
    assert code == 0, output
    report = json.loads(output[output.index("\n{") :])
    assert len(report["recoveries"]) == 14, "every fault came"
    assert report["orders"] > 100
    assert report["jobs"]["held"] == report["jobs"]["harmful"] >= 5
    assert report["broken"] == []
