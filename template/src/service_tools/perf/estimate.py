# kit: updated by the template; extend it from app.py
"""The median of repeated measurements, and how far chance may have moved it."""

import random
from collections.abc import Sequence
from statistics import median

RESAMPLES = 4000


def estimate(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the median, and the least and the most that it is for 95 % of resamples (the percentile bootstrap)."""
    draw = random.Random(0)
    medians = sorted(median(draw.choices(values, k=len(values))) for _ in range(RESAMPLES))
    return median(values), medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES)]
