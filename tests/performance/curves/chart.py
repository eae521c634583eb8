"""The curves as small pictures side by side: each cost as a multiple of what it is at the smallest size."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from tests.performance.curves.curve import KNEE, Curve, Points, compare, find_knee

COLUMNS = 2
WIDTH, HEIGHT, HEAD, FOOT = 400, 150, 34, 34
LEFT, RIGHT, LINE = 52, 26, 17
COLOURS = "#1f6fb2", "#d98032", "#5a9e4b", "#8a63b3", "#9aa5b1"
TICKS = 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000
LEAST, MOST = 0.7, 2.2
"""The multiples that each picture shows, at least."""
CROWDED = 5
"""With such a multiple, there is no room for the label of the dashed line between those of 1 and 2."""

CAPTION = "How many times the cost at the smallest size. Above the dashed line for good, it has a knee: a circle."

STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f} .title{font-weight:600} .tick{font-size:11px;fill:#6a737d} "
    ".ground{fill:#fff} .grid{stroke:#e6e9ec} .limit{stroke:#c0392b;stroke-dasharray:4 4} "
    ".line{fill:none;stroke-width:2}"
)


def draw(curves: Mapping[str, Curve], points: Mapping[str, Points]) -> str:
    """Return an SVG document with a picture for each curve that has points."""
    shapes = [f'<text x="{LEFT}" y="22">{CAPTION}</text>']
    top = 40
    names = list(points)
    for first in range(0, len(names), COLUMNS):
        row = names[first : first + COLUMNS]
        for place, name in enumerate(row):
            shapes += [f'<g transform="translate({place * WIDTH} {top})">']
            shapes += [*draw_picture(curves[name], points[name]), "</g>"]
        top += HEAD + HEIGHT + FOOT + LINE * max(len(curves[name].list_costs()) for name in row) + 14
    width = WIDTH * COLUMNS
    size = f'width="{width}" height="{top}" viewBox="0 0 {width} {top}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>'
    return "\n".join([head, '<rect class="ground" width="100%" height="100%"/>', *shapes, "</svg>", ""])


def draw_picture(curve: Curve, points: Points) -> Iterator[str]:
    """Yield the shapes of one curve."""
    costs = {name: compare(points, name) for name in curve.list_costs()}
    ratios = [ratio for line in costs.values() for _, ratio in line]
    scale = Scale(len(points), min(LEAST, *ratios), max(MOST, *ratios))
    yield f'<text class="title" x="{LEFT}" y="18">{escape(curve.title)}</text>'
    for tick in TICKS:
        if tick <= scale.most:
            yield from draw_level(scale.find_y(tick), str(tick), "grid")
    label = str(KNEE) if scale.most < CROWDED else ""
    yield from draw_level(scale.find_y(KNEE), label, "limit")
    for number, size in enumerate(points):
        x = scale.find_x(number)
        label = shorten(size)
        yield f'<text class="tick" x="{x:.1f}" y="{HEAD + HEIGHT + 16}" text-anchor="middle">{label}</text>'
    for number, (name, line) in enumerate(costs.items()):
        yield from draw_line(scale, line, COLOURS[number])
        first, last = (statistics.median(values[name]) for values in get_ends(points))
        column = curve.columns[name]
        text = f"{name}: {first:,.{column.digits}f} to {last:,.{column.digits}f} {column.unit}"
        y = HEAD + HEIGHT + FOOT + LINE * number
        yield f'<rect x="{LEFT}" y="{y - 5}" width="14" height="4" fill="{COLOURS[number]}"/>'
        yield f'<text x="{LEFT + 20}" y="{y}">{escape(text)}{describe_knee(line)}</text>'


class Scale:
    """Where a size and a multiple stand in a picture: sizes one beside the other, multiples by their logarithm."""

    def __init__(self, count: int, least: float, most: float) -> None:
        self.count, self.least, self.most = count, least, most

    def find_x(self, number: int) -> float:
        """Return the place of the size of this number."""
        return LEFT + 14 + (WIDTH - LEFT - RIGHT - 28) * number / max(self.count - 1, 1)

    def find_y(self, ratio: float) -> float:
        """Return the place of a multiple."""
        share = math.log(ratio / self.least) / math.log(self.most / self.least)
        return HEAD + HEIGHT * (1 - share)


def draw_level(y: float, label: str, kind: str) -> Iterator[str]:
    """Yield a line across a picture, with its label."""
    yield f'<path class="{kind}" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
    yield f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'


def draw_line(scale: Scale, line: Sequence[tuple[int, float]], colour: str) -> Iterator[str]:
    """Yield the line of a cost, and a circle at its knee."""
    places = [(scale.find_x(number), scale.find_y(ratio)) for number, (_, ratio) in enumerate(line)]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    yield f'<path class="line" stroke="{colour}" d="M{path}"/>'
    knee = find_knee(line)
    for (x, y), (size, _) in zip(places, line, strict=True):
        if size == knee:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="#fff" stroke="{colour}" stroke-width="2"/>'


def describe_knee(line: Sequence[tuple[int, float]]) -> str:
    """Return what the legend says of a knee."""
    knee = find_knee(line)
    return "" if knee is None else f", knee at {shorten(knee)}"


def get_ends(points: Points) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return what was measured at the smallest size and at the largest."""
    [first, *_, last] = points.values()
    return first, last


def shorten(size: int) -> str:
    """Return a size in few characters."""
    for unit, word in ((1_000_000, "M"), (1_000, "k")):
        if size >= unit:
            return f"{size / unit:g}{word}"
    return str(size)
