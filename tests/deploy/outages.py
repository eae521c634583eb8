"""The table of outages as a test of promtool: what Prometheus scrapes meanwhile, and what rings at each minute."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.harness.snapshot import ROOT

TABLE = ROOT / "tests/inside/alerts/outages.toml"

SERVICE, NEIGHBOUR = "my-service", "other-service"

BEFORE, AFTER = 90, 40
"""Minutes of calm around an outage: more than the half hour that pages remember."""

LONG_BEFORE = 1020
"""Minutes of calm before an outage that a service of two hours could not afford in its budget."""

COUNTER = ("_total", "_count", "_bucket", "_sum")

FIRING = 'group by (namespace, alertname, severity) (ALERTS{alertstate="firing"})'

type Change = float | list[float] | str
"""What a series does: its increase in a second or its value, value and increase, or "gone"."""


@dataclass
class Outage:
    """One entry of the table."""

    name: str
    tells: str
    minutes: int
    rings: dict[str, list[int]]
    at: str = SERVICE
    all: str = ""
    never: list[str] = field(default_factory=list)
    old: bool = False
    series: dict[str, Change] = field(default_factory=dict)


def read_table() -> tuple[dict[str, Change], list[Outage]]:
    """Return what the series do in calm, and the outages."""
    table = tomllib.loads(TABLE.read_text())
    calm = table.pop("calm")
    return calm, [Outage(name, **entry) for name, entry in table.items()]


def make_test(calm: dict[str, Change], outages: list[Outage], *, jobs: bool) -> dict[str, Any]:
    """Return a test of promtool for outages at the same time, each in a namespace of its own."""
    is_old = any(outage.old for outage in outages)
    before = LONG_BEFORE if is_old else BEFORE
    step = 60 if is_old else 30
    after = max(outage.minutes for outage in outages) + AFTER
    series = []
    for outage in outages:
        phases = [minutes * 60 // step for minutes in (before, outage.minutes, after - outage.minutes)]
        has_neighbour = outage.at == NEIGHBOUR or outage.all == "gone"
        for service in (SERVICE, NEIGHBOUR) if has_neighbour else (SERVICE,):
            series += list_series(calm, outage, service, Writer(phases, step))
    return {
        "interval": f"{step}s",
        "input_series": [{"series": name, "values": values} for name, values in series if jobs or name[:3] != "job"],
        "promql_expr_test": [
            {"expr": FIRING, "eval_time": f"{before + minute}m", "exp_samples": list_firing(outages, minute, jobs)}
            for minute in range(-10, after)
        ],
    }


def list_series(calm: dict[str, Change], outage: Outage, service: str, writer: "Writer") -> Iterator[tuple[str, str]]:
    """Yield the series of a service, and the values of each as promtool writes them."""
    is_struck = outage.at == service
    changes = outage.series if is_struck else {}
    for name in [*calm, *(changes.keys() - calm.keys())]:
        usual: Change = calm.get(name, "gone")
        if is_struck and name.startswith(tuple(outage.never)):
            usual = "gone"
        if is_struck and outage.all == "replaced":
            yield label(name, outage.name, service, "old"), writer.write(name, usual, "gone", "gone")
            yield label(name, outage.name, service, "new"), writer.write(name, "gone", usual, usual)
            continue
        during = "gone" if is_struck and outage.all == "gone" else changes.get(name, usual)
        yield label(name, outage.name, service, "pod"), writer.write(name, usual, during, usual)


def label(name: str, namespace: str, service: str, pod: str) -> str:
    """Return the name of a series with what the service and Prometheus add to it."""
    metric, _, own = name.rstrip("}").partition("{")
    added = f'service_name="{service}",namespace="{namespace}",scrape="pods",pod="{service}-{pod}"'
    return f"{metric}{{{own}{',' if own else ''}{added}}}"


@dataclass
class Writer:
    """Writes the values of a series in promtool's notation: `first+stepxtimes`, `_` for none."""

    phases: list[int]
    """How many scrapes there are before, during and after."""
    step: int
    """Seconds between two."""

    def write(self, name: str, *changes: Change) -> str:
        is_counter = name.partition("{")[0].endswith(COUNTER)
        total = 0.0
        parts = []
        was_there = False
        for scrapes, change in zip(self.phases, changes, strict=True):
            if isinstance(change, str):
                parts += ["stale", f"_x{scrapes - 1}"] if was_there else [f"_x{scrapes}"]
                total = 0.0
            elif is_counter and isinstance(change, int | float):
                increase = round(change * self.step * 64) / 64  # which adds up exactly: less than before is a reset
                parts.append(f"{total + increase}+{increase}x{scrapes - 1}")
                total += increase * scrapes
            else:
                value, slope = change if isinstance(change, list) else (change, 0)
                parts.append(f"{value}+{slope * self.step}x{scrapes - 1}")
            was_there = not isinstance(change, str)
        return " ".join(parts)


def list_firing(outages: list[Outage], minute: int, jobs: bool) -> list[dict[str, Any]]:
    """Return what rings at a minute of these outages."""
    firing = []
    for outage in outages:
        for alert, (first, last) in outage.rings.items():
            name, severity = alert.split()
            if first <= minute <= last and (jobs or "Job" not in name):
                labels = f'alertname="{name}", namespace="{outage.name}", severity="{severity}"'
                firing.append({"labels": f"{{{labels}}}", "value": 1})
    return firing
