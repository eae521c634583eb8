# kit: updated by the template; extend it from app.py
"""How the CPU of two trees compares, and when rounds of measurements are enough to say so."""

import math
from collections.abc import Sequence
from itertools import accumulate
from statistics import median
from typing import NamedTuple

import msgspec

TOLERANCE = 1.01
"""Ratios up to this, or down to its inverse, are no difference."""

MAX_ROUNDS = 50
MIN_ROUNDS = 8
"""Fewer rounds could all agree by chance."""

RISK = 0.01
"""How often one check finds a difference between equal trees."""

SAME = "no difference"


class Costs(NamedTuple):
    """µs of CPU for a request of this tree and of the other one meanwhile, and their ratio."""

    ratio: float
    this_us: float
    other_us: float


class Ratio(msgspec.Struct, frozen=True):
    """How the CPU of this tree compares with the other's: 1.2 is a fifth more here.

    The true ratio is between `low` and `high`, except with a probability of RISK. `costs` has the
    rounds.
    """

    scenario: str
    verdict: str
    rounds: int
    ratio: float
    low: float
    high: float
    this_us: float
    other_us: float
    costs: Sequence[Costs]

    @property
    def interval(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"

    def explain(self) -> str:
        """Return a sentence that also says what is not excluded."""
        if self.rounds < MIN_ROUNDS:
            return f"{self.scenario}: {self.verdict}."
        if self.verdict == SAME:
            return (
                f"{self.scenario}: no difference was found, but a slowdown of up to "
                f"{max(0, self.high - 1):.1%} is not excluded, nor a gain of up to "
                f"{max(0, 1 - self.low):.1%}."
            )
        change = abs(self.ratio - 1)
        return f"{self.scenario}: {self.verdict} by {change:.1%}; the ratio is {self.interval}."


def take_medians(costs: Sequence[Costs]) -> Costs:
    """Return the median of each number by itself."""
    return Costs(*map(median, zip(*costs, strict=True)))


def is_decided(rounds: Sequence[Costs], max_rounds: int) -> bool:
    """Return whether the first rounds agree on a difference, or no further one could change it."""
    if len(rounds) < MIN_ROUNDS:
        return False
    ratios = [costs.ratio for costs in rounds]
    if len(rounds) == MIN_ROUNDS and find_verdict(ratios) != SAME:
        return True
    left = max_rounds - len(rounds)
    lowest = find_verdict([*ratios, *left * [0.0]])
    highest = find_verdict([*ratios, *left * [math.inf]])
    return lowest == highest


def find_verdict(ratios: Sequence[float]) -> str:
    if len(ratios) < MIN_ROUNDS:
        return f"not known: fewer than {MIN_ROUNDS} rounds"
    low, high = bound_median(ratios, RISK)
    if low > TOLERANCE:
        return "slower"
    return "faster" if high < 1 / TOLERANCE else SAME


def judge_rounds(name: str, rounds: Sequence[Costs]) -> Ratio:
    """Return the median ratio of the rounds, and its interval."""
    ratios = [costs.ratio for costs in rounds]
    low, high = bound_median(ratios, RISK)
    medians = take_medians(rounds)
    return Ratio(
        scenario=name,
        verdict=find_verdict(ratios),
        rounds=len(rounds),
        ratio=medians.ratio,
        low=low,
        high=high,
        this_us=medians.this_us,
        other_us=medians.other_us,
        costs=rounds,
    )


def bound_median(values: Sequence[float], risk: float) -> tuple[float, float]:
    """Return the values between which the true median is, except with a probability of `risk`.

    Each value is above or below the median, like the toss of a coin. As many are cut off at both
    ends as the risk allows.
    """
    ordered = sorted(values)
    count = len(values)
    ways = accumulate(math.comb(count, ends) for ends in range(count))
    allowed = [total for total in ways if 2 * total / 2**count <= risk]
    cut = max(0, len(allowed) - 1)
    return ordered[cut], ordered[-1 - cut]
