# kit: updated by the template; extend it from app.py
"""From a scenario to requests: what is taken from the service before the run, and the bytes of each
request.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, count
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from service.kit.work.command_error import CommandError
from service_tools.perf.load import Call
from service_tools.perf.scenario import FRESH, VALUE, Scenario, Source, Step

HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip, br, zstd",
    "user-agent": "service perf",
}
"""What clients send, and so what they cause: answers are compressed as for them."""

type Taken = Mapping[str, list[object]]


def write_plain(value: object) -> str:
    """Return a value as a header has it."""
    return value if isinstance(value, str) else json.dumps(value)


def write_quoted(value: object) -> str:
    """Return a value as a URL has it."""
    return quote(write_plain(value), safe="")


def write_escaped(value: object) -> str:
    """Return a value as JSON has it, without the quotation marks of a string."""
    return json.dumps(value)[1:-1] if isinstance(value, str) else json.dumps(value)


class Writer:
    """Writes requests with taken or fresh values. A header is left out until its value is taken."""

    def __init__(self, scenario: Scenario, taken: Taken, token: str | None = None) -> None:
        self.taken, self.draw = taken, random.Random(0)
        # Microseconds, so that a later run has others. Less than 2^53, and so exact in JSON, until
        # the year 2255.
        self.numbers = count(time.time_ns() // 1000)
        bearer = {"authorization": f"Bearer {token}"} if token else {}
        known = {"", *taken, *FRESH}
        headers = HEADERS | bearer | dict(scenario.headers)
        self.headers = {
            name: self.fill(text, write_plain)
            for name, text in headers.items()
            if known.issuperset(VALUE.findall(text))
        }

    def choose(self, name: str) -> object:
        """Return one of the values taken under a name, or a fresh one."""
        found = self.taken.get(name)
        return self.draw.choice(found) if found else FRESH[name](next(self.numbers))

    def fill(self, text: str, form: Callable[[object], str]) -> str:
        """Return a text with its values, each written in a form."""
        return VALUE.sub(lambda found: form(self.choose(found[1])) if found[1] else "$", text)

    def write(self, request: Step | Source) -> tuple[str, str, dict[str, str], bytes]:
        """Return method, path, headers and body of a request."""
        method, _, path = self.fill(request.request, write_quoted).partition(" ")
        body = self.fill(request.body, write_escaped).encode()
        return (
            method,
            path,
            self.headers | ({"content-type": "application/json"} if body else {}),
            body,
        )


def prepare(url: str, scenario: Scenario, token: str | None) -> Iterator[Call]:
    """Return the requests of a scenario, without end. Raises `CommandError`."""
    return mix(scenario.steps, Writer(scenario, take(url, scenario, token), token), url)


def take(url: str, scenario: Scenario, token: str | None = None) -> Taken:
    """Return what the values of a scenario are, from answers of the service. Raises
    `CommandError`.
    """
    taken: dict[str, list[object]] = {}
    with httpx2.Client(base_url=url, timeout=30) as client:
        for name, source in scenario.values.items():
            pages = follow(client, Writer(scenario, taken, token), source)
            found = [value for page in pages for value in pick(page, source.take)]
            taken[name] = list(
                dict.fromkeys(value for value in found if isinstance(value, str | int | float))
            )
            if not taken[name]:
                advice = "add rows by --rows, or correct the path"
                raise CommandError(
                    f"{name}: nothing is at {source.take} in the answer to {source.request}; {advice}."
                )
    return taken


def follow(client: httpx2.Client, writer: Writer, source: Source) -> Iterator[Any]:
    """Yield the JSON of an answer, and of the pages that follow."""
    method, path, headers, body = writer.write(source)
    headers |= {"accept-encoding": "identity"}  # httpx2 may read fewer encodings than clients do
    try:
        for _ in range(source.pages):
            response = client.request(method, path, headers=headers, content=body)
            if not response.is_success:
                advice = "correct the scenario, or add its slice to app.py"
                raise CommandError(
                    f"{source.request} was answered {response.status_code}: {advice}."
                )
            yield response.json()
            if "next" not in response.links:
                return
            path = str(response.url.join(response.links["next"]["url"]))
    except (httpx2.HTTPError, ValueError) as error:
        raise CommandError(f"{source.request} has no answer that can be read: {error}") from None


def pick(document: object, path: str) -> list[object]:
    """Return what is at a path like "data.id": of each entry, where there is a list on the way."""
    found = [document]
    for part in path.split("."):
        entries = [
            entry for value in found for entry in (value if isinstance(value, list) else [value])
        ]
        found = [entry[part] for entry in entries if isinstance(entry, dict) and part in entry]
    return found


def mix(steps: Sequence[Step], writer: Writer, url: str) -> Iterator[Call]:
    """Yield requests without end, of all steps by their weights, and the same ones every time."""
    bounds, draw, host = (
        list(accumulate(step.weight for step in steps)),
        random.Random(0),
        urlsplit(url).netloc,
    )
    while True:
        (step,) = draw.choices(steps, cum_weights=bounds)
        method, path, headers, body = writer.write(step)
        lines = [
            f"{method} {path} HTTP/1.1",
            f"host: {host}",
            *(f"{name}: {text}" for name, text in headers.items()),
        ]
        if body or method not in ("GET", "HEAD"):
            lines.append(f"content-length: {len(body)}")
        yield Call(step.name, "\r\n".join([*lines, "", ""]).encode() + body)
