# kit: updated by the template; extend it from app.py
"""Line plots as SVG, and flame graphs as nested lists. The page's CSS has their colours."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from itertools import chain
from math import ceil, floor, log10

from service.kit import PACKAGE

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 44, 340, 10, 176
"""The size of a plot, and where its axes end, in units of its SVG."""

MIN_SHARE = 0.002
"""Of a flame graph's width: narrower frames are left out."""


def choose_ticks(highest: float) -> list[float]:
    """Return round values from 0 to at least the highest."""
    if highest <= 0:
        return [0, 1]
    rough = highest / 4
    unit = 10 ** floor(log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough)
    return [number * step for number in range(ceil(highest / step) + 1)]


def plot_lines(
    title: str, rates: Sequence[float], series: Mapping[str, Sequence[float]], mark: float
) -> str:
    """Return a plot of series over rates, with a vertical line at a mark, unless that is 0."""
    x_ticks = choose_ticks(max(rates))
    y_ticks = choose_ticks(max(chain.from_iterable(series.values()), default=0))

    def x(value: float) -> float:
        return round(LEFT + value / x_ticks[-1] * (RIGHT - LEFT), 1)

    def y(value: float) -> float:
        return round(BOTTOM - value / y_ticks[-1] * (BOTTOM - TOP), 1)

    parts = [f'<text x="{RIGHT}" y="{HEIGHT - 3}">requests a second</text>']
    for tick in y_ticks:
        parts.append(f'<path class="grid" d="M{LEFT} {y(tick)}H{RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(tick)}" dy="4">{tick:,g}</text>')
    below = f'class="x" y="{BOTTOM + 16}"'
    parts += [f'<text {below} x="{x(tick)}">{tick:,g}</text>' for tick in x_ticks]
    if mark:
        parts.append(f'<path class="mark" d="M{x(mark)} {TOP}V{BOTTOM}"/>')

    legend = ""
    for number, (name, values) in enumerate(series.items()):
        colour = f'style="color: var(--c{number})"'
        legend += f"<span {colour}>{name}</span>"
        places = [(x(rate), y(value)) for rate, value in zip(rates, values, strict=True)]
        parts.append(f"<g {colour}>{draw_series(places, values)}</g>")
    drawing = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}">{"".join(parts)}</svg>'
    return f"<figure><figcaption>{title}</figcaption>{drawing}<p>{legend}</p></figure>"


def draw_series(places: Sequence[tuple[float, float]], values: Sequence[float]) -> str:
    """Return a line through places, and a dot at each that shows its value."""
    points, dots = "", ""
    for (x, y), value in zip(places, values, strict=True):
        points += f" {x},{y}"
        dots += f'<circle cx="{x}" cy="{y}" r="2.6"><title>{value:,.3g}</title></circle>'
    return f'<polyline points="{points}"/>{dots}'


type Stacks = Mapping[tuple[str, ...], float]
"""How much was found in each stack of frames, the outermost first."""


def draw_flame_graph(stacks: Stacks, unit: str) -> str:
    """Return a flame graph: each frame as wide as its share, above the frame that called it."""
    total = sum(stacks.values())
    frames = draw_frames(stacks, total, total, unit)
    return f'<div class="scroll"><div class="flame">{frames}</div></div>'


def draw_frames(stacks: Stacks, caller: float, total: float, unit: str) -> str:
    """Return the boxes of the frames that a caller called, each below those that it called.

    `caller` and `total` are how much was found in the caller, and in all.
    """
    callees: defaultdict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for stack, weight in stacks.items():
        if stack:
            callees[stack[0]][stack[1:]] = weight

    boxes = ""
    for name, above in sorted(callees.items()):
        weight = sum(above.values())
        if weight >= MIN_SHARE * total:
            title = f"{escape(name)}: {weight:,.0f} {unit}, {weight / total:.1%}"
            box = f'<p class="{classify(name)}" title="{title}">{escape(name)}</p>'
            inner = draw_frames(above, weight, total, unit)
            boxes += f'<li style="width: {weight / caller:.3%}">{inner}{box}</li>'
    return boxes and f"<ul>{boxes}</ul>"


def classify(name: str) -> str:
    if "/kit/" in name:
        return "kit"
    return "own" if f"{PACKAGE}/" in name else "other"
