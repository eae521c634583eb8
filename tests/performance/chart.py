"""The comparison as a picture: a bar to the median of each program, a line from its least to its most."""

import statistics
from typing import Any
from xml.sax.saxutils import escape

COLOURS = {
    "floor": "#9aa5b1",
    "bare": "#7cb5d8",
    "service": "#1f6fb2",
    "conventional": "#d98032",
    "axum": "#a65a4a",
    "axum with duties": "#7d3c2f",
    "fastify": "#6f9e56",
}
NAME_WIDTH, BAR_WIDTH, LABEL_WIDTH = 130, 480, 130
BAR, GAP, HEAD = 18, 6, 34

STYLE = "text{font:13px system-ui,sans-serif;fill:#24292f} .work{font-weight:600} rect.ground{fill:#fff}"


def draw(figures: dict[str, Any]) -> str:
    """Return an SVG document."""
    groups: dict[str, dict[str, list[float]]] = {}
    for part in figures["slices"]:
        groups.setdefault(part["work"], {}).setdefault(part["program"], []).append(part["cpu"])
    longest = max(cost for programs in groups.values() for costs in programs.values() for cost in costs)
    shapes, top = [], 10
    for work, programs in groups.items():
        shapes.append(f'<text class="work" x="10" y="{top + 18}">{escape(work)}: µs of processor time</text>')
        top += HEAD
        for name, costs in programs.items():
            shapes += draw_bar(name, costs, BAR_WIDTH / longest, top)
            top += BAR + GAP
    width = NAME_WIDTH + BAR_WIDTH + LABEL_WIDTH
    size = f'width="{width}" height="{top + 10}" viewBox="0 0 {width} {top + 10}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{STYLE}</style>'
    return "\n".join([head, '<rect class="ground" width="100%" height="100%"/>', *shapes, "</svg>", ""])


def draw_bar(name: str, costs: list[float], scale: float, top: int) -> list[str]:
    """Return the shapes of one bar."""
    middle, least, most = (NAME_WIDTH + cost * scale for cost in (statistics.median(costs), min(costs), max(costs)))
    line, base = top + BAR / 2, top + 14
    return [
        f'<text x="{NAME_WIDTH - 8}" y="{base}" text-anchor="end">{escape(name)}</text>',
        f'<rect x="{NAME_WIDTH}" y="{top}" width="{middle - NAME_WIDTH:.1f}" height="{BAR}" fill="{COLOURS[name]}"/>',
        f'<path d="M{least:.1f} {line}H{most:.1f}" stroke="#24292f" stroke-width="1.5"/>',
        f'<text x="{most + 8:.1f}" y="{base}">{statistics.median(costs):,.0f}</text>',
    ]
