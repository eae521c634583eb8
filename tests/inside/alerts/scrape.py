"""What Prometheus would scrape, and whether it moves as the table of outages says."""

import tomllib
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2
from prometheus_client.parser import text_string_to_metric_families

TABLE: dict[str, dict[str, Any]] = tomllib.loads(Path(__file__).with_name("outages.toml").read_text())
CALM = TABLE["calm"]

COUNTER = ("_total", "_count", "_bucket", "_sum")

type Key = tuple[str, frozenset[tuple[str, str]]]
type Scrape = Mapping[Key, float]
"""Values by the metric and its labels, added up over the processes that were scraped."""


def scrape(*ports: int) -> Scrape:
    """Return what the processes on these ports show. One that does not answer shows nothing."""
    values: dict[Key, float] = defaultdict(float)
    for port in ports:
        try:
            text = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=20).text
        except httpx2.TransportError:
            continue
        for key, value in parse(text):
            values[key] += value
    return values


def parse(text: str) -> list[tuple[Key, float]]:
    """Return the samples of a text. Each has the name of the service, which is taken away here."""
    found = []
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = dict(sample.labels)
            assert labels.pop("service_name"), sample
            found.append(((sample.name, frozenset(labels.items())), sample.value))
    return found


def read_key(series: str) -> Key:
    """Return the key of a series as the table writes it."""
    metric, _, labels = series.rstrip("}").partition("{")
    own = f"{labels},service_name=" if labels else "service_name="
    ((key, _),) = parse(f'{metric}{{{own}"any"}} 1\n')
    return key


def find_contradictions(outage: str, since: Scrape, now: Scrape, besides: str = "-") -> list[str]:
    """Return the series of an outage that do not do between two scrapes what the table says."""
    changes = {name: change for name, change in TABLE[outage]["series"].items() if not name.startswith(besides)}
    return [name for name, change in changes.items() if not moves(name, change, since, now)]


def moves(series: str, change: Any, since: Scrape, now: Scrape) -> bool:
    key = read_key(series)
    if change == "gone":
        return key not in now
    if key not in now:
        return bool(change == 0 and series.partition("{")[0].endswith(COUNTER))
    increase = now[key] - since.get(key, 0)
    if isinstance(change, list):
        return increase > 0
    if key[0].endswith(COUNTER):
        return increase > 0 if change else increase == 0
    return now[key] > 0 if change else now[key] == 0


def read(values: Scrape, series: str) -> float | None:
    """Return the value of a series, or None if it is not there."""
    return values.get(read_key(series))


type Look = Callable[[], Scrape]
