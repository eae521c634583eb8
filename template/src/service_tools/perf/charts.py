# kit: updated by the template; extend it from app.py
"""Lines over a common axis, as SVG, and flame graphs, as nested lists that the browser lays out."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from math import floor, log10

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 360, 210, 44, 34, 10, 12
OWN, KIT, ELSEWHERE = 205, 150, 38
"""The hues of frames of the service, of the kit, and of all else."""
LEAST_SHARE = 0.002
"""Of a flame graph's width: narrower frames are left out."""


def choose_ticks(most: float) -> list[float]:
    """Return round values from 0 to at least `most`."""
    if most <= 0:
        return [0, 1]
    rough = most / 4
    unit = 10 ** floor(log10(rough))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough)
    return [number * step for number in range(int(-(-most // step)) + 1)]


def legend(names: Sequence[str]) -> str:
    marks = (
        f'<span><i style="background:var(--c{at})"></i>{escape(name)}</span>'
        for at, name in enumerate(names)
    )
    return f'<div class="legend">{"".join(marks)}</div>'


def lines(
    title: str,
    across: Sequence[float],
    series: Mapping[str, Sequence[float]],
    mark: float | None = None,
) -> str:
    """Return a plot of series over the values `across`, from zero, with a vertical line at
    `mark`.
    """
    most = max((value for values in series.values() for value in values), default=0)
    ticks, wide = choose_ticks(most), choose_ticks(max(across, default=1))
    plot_w, plot_h = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(value: float) -> float:
        return LEFT + value / wide[-1] * plot_w

    def y(value: float) -> float:
        return TOP + plot_h - value / ticks[-1] * plot_h

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for tick in ticks:
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="var(--line)"/>'
        )
        parts.append(
            f'<text x="{LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:,g}</text>'
        )
    for tick in wide:
        anchor = "end" if tick == wide[-1] else "middle"
        parts.append(
            f'<text x="{x(tick):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="{anchor}">{tick:,g}</text>'
        )
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 3}" text-anchor="end">requests a second</text>'
    )
    if mark is not None:
        parts.append(
            f'<line x1="{x(mark):.1f}" x2="{x(mark):.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" '
            'stroke="var(--soft)" stroke-dasharray="4 3"/>'
        )
    for place, values in enumerate(series.values()):
        points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in zip(across, values, strict=True))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="var(--c{place})" stroke-width="2"/>'
        )
        parts += [
            f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="2.6" fill="var(--c{place})"><title>{b:,.3g}</title></circle>'
            for a, b in zip(across, values, strict=True)
        ]
    shown = legend([*series]) if len(series) > 1 else ""
    return f"<figure><figcaption>{escape(title)}</figcaption>{''.join(parts)}</svg>{shown}</figure>"


type Stacks = Mapping[tuple[str, ...], float]
"""How much was found in each stack of frames, the outermost first."""


def flame(stacks: Stacks, unit: str) -> str:
    """Return a flame graph: each frame as wide as its share, above the frame that called it. Hover
    to read a frame.
    """
    total = sum(stacks.values())
    return f'<div class="scroll"><div class="flame">{draw(stacks, total, total, unit)}</div></div>'


def draw(stacks: Stacks, within: float, total: float, unit: str) -> str:
    """Return the boxes of the frames that one as wide as `within` called, each below those that it
    called.
    """
    frames: defaultdict[str, dict[tuple[str, ...], float]] = defaultdict(dict)
    for (name, *rest), weight in ((stack, weight) for stack, weight in stacks.items() if stack):
        frames[name][tuple(rest)] = weight
    boxes = []
    for name, above in sorted(frames.items()):
        weight = sum(above.values())
        if weight >= LEAST_SHARE * total:
            hue = KIT if "/kit/" in name else OWN if "service/" in name else ELSEWHERE
            about = f"{escape(name)}: {weight:,.0f} {unit}, {weight / total:.1%}"
            box = f'<p title="{about}" style="background: hsl({hue} 75% 68%)">{escape(name)}</p>'
            boxes.append(
                f'<li style="width: {weight / within:.3%}">{draw(above, weight, total, unit)}{box}</li>'
            )
    return f"<ul>{''.join(boxes)}</ul>" if boxes else ""
