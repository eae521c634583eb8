"""What a report says of the amounts of orders: a computation that keeps a processor busy for a while."""

import random
from statistics import fmean, quantiles

from service.orders.model import Amounts, Summary

MOST = 20_000
"""Orders that a report covers: what a process computes in some 0.3 s."""

RESAMPLES = 200
FAR_OUT = 3.0
"""Interquartile ranges above the third quartile from which an amount is far out (J. Tukey, 1977)."""


def summarize(groups: list[Amounts]) -> list[Summary]:
    """Return the summary of each currency. It runs in another process, so it takes and returns plain data."""
    return [describe(group) for group in groups]


def describe(group: Amounts) -> Summary:
    """Return what is typical of some amounts, and how sure that is."""
    amounts = sorted(group.totals)
    low, middle, high = quantiles(amounts, n=4, method="inclusive") if len(amounts) > 1 else amounts * 3
    lowest, highest = estimate_mean(amounts)
    return Summary(
        currency=group.currency,
        orders=len(amounts),
        median=round(middle),
        mean=round(fmean(amounts)),
        mean_from=lowest,
        mean_to=highest,
        far_out=sum(amount > high + FAR_OUT * (high - low) for amount in amounts),
    )


def estimate_mean(amounts: list[int]) -> tuple[int, int]:
    """Return the 95 % interval of the mean, by the bootstrap: from the means of many samples of the same size."""
    draw = random.Random(len(amounts))
    means = sorted(fmean(draw.choices(amounts, k=len(amounts))) for _ in range(RESAMPLES))
    skipped = RESAMPLES * 25 // 1000
    return round(means[skipped]), round(means[-1 - skipped])
