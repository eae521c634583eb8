# kit: updated by the template; extend it from app.py
"""From a scenario to requests: what is taken from the service before the run, and the bytes of each request."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from string import Template
from typing import Any

import httpx

from service_tools.perf.client import Call
from service_tools.perf.scenario import Scenario, ScenarioError, Source, Step
from service_tools.perf.values import FRESH, Values, write_escaped, write_plain, write_quoted

HEADERS = {"accept": "application/json", "accept-encoding": "gzip, br, zstd", "user-agent": "service perf"}
"""What clients send, and so what they cause: answers are compressed as for them."""

type Taken = Mapping[str, list[object]]


class Writer:
    """Fills in the templates of a scenario. A header whose value is not taken yet is left out."""

    def __init__(self, scenario: Scenario, taken: Taken, token: str | None = None) -> None:
        self.in_url, self.in_body = Values(taken, write_quoted), Values(taken, write_escaped)
        in_header = Values(taken, write_plain)
        bearer = {"authorization": f"Bearer {token}"} if token else {}
        headers = {name: Template(text) for name, text in (HEADERS | bearer | dict(scenario.headers)).items()}
        known = taken.keys() | FRESH.keys()
        self.headers = {
            name: template.substitute(in_header)
            for name, template in headers.items()
            if known.issuperset(template.get_identifiers())
        }

    def write(self, request: Step | Source) -> tuple[str, str, dict[str, str], bytes]:
        """Return method, path, headers and body of a request."""
        method, _, path = Template(request.request).substitute(self.in_url).partition(" ")
        body = Template(request.body).substitute(self.in_body).encode()
        return method, path, self.headers | ({"content-type": "application/json"} if body else {}), body


def take(url: str, scenario: Scenario, token: str | None = None) -> Taken:
    """Return what the values of a scenario are, from answers of the service. Raises `ScenarioError`."""
    taken: dict[str, list[object]] = {}
    with httpx.Client(base_url=url, timeout=30) as client:
        for name, source in scenario.values.items():
            found = [
                value
                for page in go_through(client, Writer(scenario, taken, token), source)
                for value in pick(page, source.take)
            ]
            taken[name] = list(dict.fromkeys(value for value in found if isinstance(value, str | int | float)))
            if not taken[name]:
                advice = "add rows by --rows, or correct the path"
                raise ScenarioError(f"{name}: nothing is at {source.take} in the answer to {source.request}; {advice}.")
    return taken


def go_through(client: httpx.Client, writer: Writer, source: Source) -> Iterator[Any]:
    """Yield the JSON of an answer, and of the pages that follow."""
    method, path, headers, body = writer.write(source)
    headers |= {"accept-encoding": "identity"}  # httpx offers to read less than clients do
    try:
        for _ in range(source.pages):
            response = client.request(method, path, headers=headers, content=body)
            if not response.is_success:
                advice = "correct the scenario, or add its slice to app.py"
                raise ScenarioError(f"{source.request} is answered {response.status_code}: {advice}.")
            yield response.json()
            if "next" not in response.links:
                return
            path = str(response.url.join(response.links["next"]["url"]))
    except (httpx.HTTPError, ValueError) as error:
        raise ScenarioError(f"{source.request} has no answer that can be read: {error}") from None


def pick(document: object, path: str) -> list[object]:
    """Return what is at a path like "data.id": of each entry, where there is a list on the way."""
    found = [document]
    for part in path.split("."):
        entries = [entry for value in found for entry in (value if isinstance(value, list) else [value])]
        found = [entry[part] for entry in entries if isinstance(entry, dict) and part in entry]
    return found


def make(step: Step, writer: Writer, host: str) -> Callable[[], Call]:
    """Return what makes the requests of a step, each with values of its own."""

    def call() -> Call:
        method, path, headers, body = writer.write(step)
        lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *(f"{name}: {text}" for name, text in headers.items())]
        if body or method not in ("GET", "HEAD"):
            lines.append(f"content-length: {len(body)}")
        return Call(step.name, "\r\n".join([*lines, "", ""]).encode() + body)

    return call


def mix(steps: Sequence[Step], writer: Writer, host: str) -> Iterator[Call]:
    """Yield requests without end, of all steps by their weights, and the same ones every time."""
    makers = [make(step, writer, host) for step in steps]
    bounds = list(accumulate(step.weight for step in steps))
    draw = random.Random(0)
    while True:
        yield draw.choices(makers, cum_weights=bounds)[0]()
