# kit: updated by the template; extend it from app.py
"""Plots as SVG, and bars. The page's CSS has their colours."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import chain
from math import ceil, floor, log10

LEFT, RIGHT, TOP, BOTTOM = 44, 334, 10, 176
"""The edges of a plot's axes, in units of its SVG."""

type Series = Mapping[str, Sequence[float | None]]
"""Values by the name of their line. None is a value that was not measured."""

type Spans = Sequence[tuple[float, float]]
"""Parts of the x axis, from and to. One of no length is a line."""


def choose_ticks(lowest: float, highest: float) -> list[float]:
    """Return round values from at most the lowest to at least the highest."""
    if highest <= lowest:
        highest = lowest + 1
    rough = (highest - lowest) / 4
    unit = 10 ** floor(log10(rough))
    steps = [factor * unit for factor in (1, 2, 2.5, 5, 10)]
    step = next(step for step in steps if step >= rough)
    first = floor(lowest / step)
    last = ceil(highest / step)
    return [number * step for number in range(first, last + 1)]


def plot_lines(
    title: str,
    xs: Sequence[float],
    series: Series,
    x_title: str,
    spans: Spans = (),
    is_joined: bool = False,
) -> str:
    """Return a plot of series, as dots or as lines, with parts of the x axis shaded.

    The y axis begins at 0. A plot of nothing is left out.
    """
    drawn_values = chain.from_iterable(series.values())
    known = [value for value in drawn_values if value is not None]
    if not known:
        return ""
    x_bounds = [*xs, *chain.from_iterable(spans)]
    x_ticks = choose_ticks(min(x_bounds), max(x_bounds))
    y_ticks = choose_ticks(0, max(known))
    first, last = x_ticks[0], x_ticks[-1]
    top = y_ticks[-1]
    x_scale = (RIGHT - LEFT) / (last - first)
    y_scale = (BOTTOM - TOP) / top

    labels = [draw_label(x_title, RIGHT, BOTTOM + 31)]
    lines = ""
    for tick in x_ticks:
        x = LEFT + (tick - first) * x_scale
        labels.append(draw_label(f"{tick:,g}", x, BOTTOM + 16, "x"))
    for low, high in spans:
        lines += f'<path class="span" d="M{low} 0H{high}V{top}H{low}z"/>'
    for tick in y_ticks:
        y = BOTTOM + 4 - tick * y_scale
        labels.append(draw_label(f"{tick:,g}", LEFT - 6, y))
        lines += f'<path class="grid" d="M{first} {tick}H{last}"/>'
    for number, values in enumerate(series.values()):
        drawn = draw_series(xs, values, is_joined)
        lines += f'<g style="color: {name_colour(number)}">{drawn}</g>'

    to_axes = f"translate({LEFT} {BOTTOM})"
    scale = f"scale({x_scale} {-y_scale})"
    to_first = f"translate({-first} 0)"
    parts = [
        "<figure>",
        f"<figcaption>{escape(title)}</figcaption>",
        f'<svg viewBox="0 0 360 210" role="img" aria-label="{escape(title)}">',
        *labels,
        f'<g transform="{to_axes} {scale} {to_first}">{lines}</g>',
        "</svg>",
        draw_legend(series),
        "</figure>",
    ]
    return "".join(parts)


def draw_label(text: str, x: float, y: float, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<text{mark} x="{x}" y="{y}">{escape(text)}</text>'


def plot_runs(title: str, values: Sequence[float], run: str, x_title: str, spans: Spans) -> str:
    """Return a plot of the value of each run as a dot, the first one at the bottom."""
    numbers = range(1, len(values) + 1)
    return plot_lines(title, values, {run: numbers}, x_title, spans)


def name_colour(number: int) -> str:
    """Return the colour of a line or part. There are thirteen."""
    return f"var(--c{number % 13})"


def draw_legend(names: Iterable[str]) -> str:
    entries = ""
    for number, name in enumerate(names):
        entries += f'<span style="color: {name_colour(number)}">{escape(name)}</span>'
    return f"<p>{entries}</p>"


def draw_series(xs: Sequence[float], values: Sequence[float | None], is_joined: bool) -> str:
    """Return a line through values, or a dot at each that shows it, without a scale."""
    points, dots = "", ""
    for x, value in zip(xs, values, strict=True):
        if value is not None:
            points += f" {x},{value}"
            said = f"<title>{x:,.4g}: {value:,.4g}</title>"
            dots += f'<path class="dot" d="M{x} {value}h0">{said}</path>'
    return f'<polyline points="{points}"/>' if is_joined else dots


def stack_bars(title: str, rows: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """Return a bar for each row, as long as the sum of its parts, each part in its colour."""
    names = [*dict.fromkeys(chain.from_iterable(rows.values()))]
    colours = {name: name_colour(number) for number, name in enumerate(names)}
    totals = {row: sum(parts.values()) for row, parts in rows.items()}
    longest = max(totals.values(), default=0) or 1
    lines = ""
    for row, parts in rows.items():
        bar = ""
        for name, value in parts.items():
            said = f"{escape(name)}: {value:,.3g} {unit}"
            width = 70 * value / longest
            style = f"width: {width:.2f}%; background: {colours[name]}"
            bar += f'<i style="{style}" title="{said}"></i>'
        bar += f"&nbsp;{totals[row]:,.3g} {unit}"
        lines += f"<div><b>{escape(row)}</b><span>{bar}</span></div>"
    head = f'<figure class="bars"><figcaption>{escape(title)}</figcaption>'
    return f"{head}{lines}{draw_legend(colours)}</figure>"
