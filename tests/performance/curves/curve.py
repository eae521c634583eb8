"""A curve: what something costs at each of several sizes, and the size from which on it costs more."""

import statistics
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

type Values = dict[str, list[float]]
"""What was measured at one size, by the name of its column: a value for each round."""

type Points = dict[int, Values]
"""What was measured, by the size."""

KNEE = 1.25
"""How many times the cost at the smallest size is more than noise."""


@dataclass(frozen=True)
class Column:
    """What is measured at each size. Only costs have a knee; the rest is told beside them."""

    unit: str
    is_cost: bool = True
    digits: int = 0


@dataclass(frozen=True)
class Curve:
    """What grows, and what is measured meanwhile.

    `measure` gets the folder of a service and the options of the command.
    """

    title: str
    size: str
    columns: dict[str, Column]
    measure: Callable[[Path, Namespace], Points]

    def list_costs(self) -> list[str]:
        """Return the columns that may have a knee."""
        return [name for name, column in self.columns.items() if column.is_cost]


def take_turns(sizes: Sequence[int], rounds: int, measure: Callable[[int], dict[str, float]]) -> Points:
    """Measure at each size in turn, in the other order every second round, so that all see the same of the machine.

    A round before the first warms everything up, and is not counted.
    """
    points: Points = {size: {} for size in sizes}
    for number in range(rounds + 1):
        for size in sizes if number % 2 else reversed(sizes):
            for name, value in measure(size).items():
                if number:
                    points[size].setdefault(name, []).append(value)
        print(f"round {number} of {rounds} done" if number else "warmed up", flush=True)
    return points


def compare(points: Points, name: str) -> list[tuple[int, float]]:
    """Return each size with its cost as a multiple of that at the first, as the median over the rounds."""
    first = next(iter(points.values()))[name]
    return [
        (size, statistics.median(cost / base for cost, base in zip(values[name], first, strict=True)))
        for size, values in points.items()
    ]


def find_knee(costs: Sequence[tuple[int, float]], most: float = KNEE) -> int | None:
    """Return the size from which on each cost is more than `most` times the first, or None.

    A single cost between others that are less is noise, and no knee.
    """
    knee = None
    [(_, first), *rest] = costs
    for size, cost in rest:
        if cost <= most * first:
            knee = None
        elif knee is None:
            knee = size
    return knee
