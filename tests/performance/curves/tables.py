"""The figures of curves as Markdown, and the page in docs/ with its picture."""

import json
import re
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.performance.curves import chart
from tests.performance.curves.curve import KNEE, Curve, Points, compare, find_knee

type Figures = dict[str, dict[str, Any]]
"""By the name of the curve."""


def read_points(figures: dict[str, Any]) -> Points:
    """Return what was measured, by the size."""
    return {int(size): values for size, values in figures["points"].items()}


def draw(curve: Curve, figures: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a curve's table: medians over the rounds, and for costs how many times the first."""
    points = read_points(figures)
    yield f"Taken on {figures['taken']}: {figures['machine']}; {figures['rounds']} rounds."
    yield ""
    heads = [f"{name}, {column.unit}" for name, column in curve.columns.items()]
    yield f"| {' | '.join([curve.size, *heads])} |"
    yield "|---" * (len(heads) + 1) + "|"
    cells = {name: list_cells(curve, points, name) for name in curve.columns}
    for number, size in enumerate(points):
        yield f"| {' | '.join([f'{size:,}', *(column[number] for column in cells.values())])} |"
    knees = [describe_knee(points, name) if column.is_cost else "" for name, column in curve.columns.items()]
    yield f"| {' | '.join(['**knee**', *knees])} |"


def list_cells(curve: Curve, points: Points, name: str) -> list[str]:
    """Return a column of the table."""
    column = curve.columns[name]
    medians = [f"{statistics.median(values[name]):,.{column.digits}f}" for values in points.values()]
    if not column.is_cost:
        return medians
    ratios = compare(points, name)
    return [f"{median} ({ratio:.2f})" for median, (_, ratio) in zip(medians, ratios, strict=True)]


def describe_knee(points: Points, name: str) -> str:
    """Return where a cost begins to grow."""
    knee = find_knee(compare(points, name))
    return "none" if knee is None else f"at {knee:,}"


def sum_up(curves: Mapping[str, Curve], figures: Figures) -> Iterator[str]:
    """Yield the lines of a table that says of each cost whether it is flat."""
    yield f"| what grows | from, to | flat: less than {KNEE} times the first | knee |"
    yield "|---|---|---|---|"
    for name, curve in curves.items():
        if name in figures:
            points = read_points(figures[name])
            [first, *_, last] = points
            knees = {cost: find_knee(compare(points, cost)) for cost in curve.list_costs()}
            flat = ", ".join(cost for cost, knee in knees.items() if knee is None)
            grown = ", ".join(f"{cost} at {knee:,}" for cost, knee in knees.items() if knee is not None)
            anchor = curve.title.lower().replace(" ", "-")
            yield f"| [{curve.title}](#{anchor}) | {first:,} to {last:,} | {flat} | {grown} |"


def write(curves: Mapping[str, Curve], figures: Figures, docs: Path) -> None:
    """Renew the page of the curves in `docs`, its picture and its data."""
    figures = {name: figures[name] for name in curves if name in figures}
    (docs / "figures/growth.json").write_text(encode(figures))
    (docs / "figures/growth.svg").write_text(chart.draw(curves, {it: read_points(figures[it]) for it in figures}))
    page = docs / "growth.md"
    text = replace_block(page.read_text(), "growth", sum_up(curves, figures))
    for name, measured in figures.items():
        text = replace_block(text, f"growth {name}", draw(curves[name], measured))
    page.write_text(text)


def replace_block(text: str, mark: str, lines: Iterator[str]) -> str:
    """Return the text of a page with other lines between the marks of that name."""
    block = re.compile(rf"(?<=<!-- {mark} -->\n).*(?=<!-- end of {mark} -->)", re.DOTALL)
    return block.sub(lambda _: "\n".join([*lines, ""]), text)


def encode(figures: Figures) -> str:
    """Return the figures as JSON, with a line for each size."""
    curves = []
    for name, measured in figures.items():
        head = {key: value for key, value in measured.items() if key != "points"}
        points = [f"  {json.dumps(size)}: {json.dumps(values)}" for size, values in measured["points"].items()]
        body = ",\n".join(points)
        curves.append(f'{json.dumps(name)}: {json.dumps(head)[:-1]}, "points": {{\n{body}\n }}}}')
    return "{\n" + ",\n".join(curves) + "\n}\n"
