"""Each planted slowness is named first by the command that the documents name for it."""

import pytest

from tests import slow
from tests.slow import bench

CASES = slow.read()


@pytest.fixture(scope="module")
def planted(render, workshop):
    with bench.open_bench(render(), workshop / "slow") as prepared:
        yield prepared


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_command_names_what_is_slow(case, planted):
    outcome = planted.attempt(case)
    assert outcome.missing == [], outcome.printed
