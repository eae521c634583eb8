# kit: updated by the template; extend it from app.py
"""Line plots as SVG, and flame graphs as nested lists. The page's CSS has their colours."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from itertools import chain
from math import ceil, floor, log10

LEFT, RIGHT, TOP, BOTTOM = 44, 340, 10, 176
"""The edges of a plot's axes, in units of its SVG."""

MIN_SHARE = 0.002
"""A share of a flame graph's width: narrower frames are left out."""


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
    """Return a plot of series over rates, with a vertical line at a mark."""
    x_ticks = choose_ticks(max(rates))
    y_ticks = choose_ticks(max(chain.from_iterable(series.values()), default=0))
    x_scale = (RIGHT - LEFT) / x_ticks[-1]
    y_scale = (BOTTOM - TOP) / y_ticks[-1]

    labels = f'<text x="{RIGHT}" y="{BOTTOM + 31}">requests a second</text>'
    for tick in x_ticks:
        x = LEFT + tick * x_scale
        labels += f'<text class="x" x="{x}" y="{BOTTOM + 16}">{tick:,g}</text>'
    lines = f'<path class="mark" d="M{mark} 0V{y_ticks[-1]}"/>'
    for tick in y_ticks:
        y = BOTTOM + 4 - tick * y_scale
        labels += f'<text x="{LEFT - 6}" y="{y}">{tick:,g}</text>'
        lines += f'<path class="grid" d="M0 {tick}H{x_ticks[-1]}"/>'
    legend = ""
    for number, (name, values) in enumerate(series.items()):
        colour = f'style="color: var(--c{number})"'
        legend += f"<span {colour}>{name}</span>"
        lines += f"<g {colour}>{draw_series(rates, values)}</g>"

    parts = [
        "<figure>",
        f"<figcaption>{title}</figcaption>",
        '<svg viewBox="0 0 360 210">',
        labels,
        f'<g transform="translate({LEFT} {BOTTOM}) scale({x_scale} {-y_scale})">',
        lines,
        "</g>",
        "</svg>",
        f"<p>{legend}</p>",
        "</figure>",
    ]
    return "".join(parts)


def draw_series(rates: Sequence[float], values: Sequence[float]) -> str:
    """Return a line through values, with a dot at each that shows it, without a scale."""
    points, dots = "", ""
    for rate, value in zip(rates, values, strict=True):
        points += f" {rate},{value}"
        dots += f'<path class="dot" d="M{rate} {value}h0"><title>{value:,.3g}</title></path>'
    return f'<polyline points="{points}"/>{dots}'


type Stacks = Mapping[tuple[str, ...], float]
"""The weight of each stack. Its frames are listed from the outermost."""


def draw_flame_graph(stacks: Stacks, unit: str) -> str:
    """Return a flame graph: each frame as wide as its share, above the frame that called it."""
    total = sum(stacks.values())

    def draw_callees(stacks: Stacks, caller: float) -> str:
        callees: defaultdict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
        for stack, weight in stacks.items():
            if stack:
                callees[stack[0]][stack[1:]] = weight
        boxes = ""
        for name, above in sorted(callees.items()):
            weight = sum(above.values())
            if weight >= MIN_SHARE * total:
                text = escape(name)
                title = f"{text}: {weight:,.0f} {unit}, {weight / total:.1%}"
                boxes += f'<li style="width: {weight / caller:.3%}">'
                boxes += draw_callees(above, weight)
                boxes += f'<p title="{title}">{text}</p>'
                boxes += "</li>"
        return boxes and f"<ul>{boxes}</ul>"

    return f'<div class="scroll"><div class="flame">{draw_callees(stacks, total)}</div></div>'
