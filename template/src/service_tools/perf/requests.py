# kit: updated by the template; extend it from app.py
"""Makes requests from a scenario, with values that are read from answers before the run."""

import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from service.kit.work.command_error import CommandError
from service_tools.perf.generator import Call
from service_tools.perf.scenario import (
    FRESH,
    PLACEHOLDER,
    Scenario,
    Source,
    Step,
)
from service_tools.perf.target import Target

HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip, br, zstd",
    "user-agent": "service perf",
}
"""What clients send, so that answers are compressed as for them."""

type Values = Mapping[str, list[object]]
"""What each `${name}` may stand for."""


def write_plain(value: object) -> str:
    """Return a value as a header has it."""
    return value if isinstance(value, str) else json.dumps(value)


def write_quoted(value: object) -> str:
    """Return a value as a URL has it."""
    return quote(write_plain(value), safe="")


def write_escaped(value: object) -> str:
    """Return a value as JSON has it, without the quotation marks of a string."""
    written = json.dumps(value)
    return written[1:-1] if isinstance(value, str) else written


class RequestWriter:
    """Writes requests with values. A header whose value is not taken yet is left out."""

    def __init__(self, scenario: Scenario, values: Values, token: str | None = None) -> None:
        self.values = values
        self.random = random.Random(0)
        # Microseconds, so that a later run has others. They are exact in JSON until the year 2255.
        self.numbers = count(time.time_ns() // 1000)
        headers = {**HEADERS}
        if token:
            headers["authorization"] = token if " " in token else f"Bearer {token}"
        headers.update(scenario.headers)
        known = {"", *values, *FRESH}
        self.headers = {}
        for name, text in headers.items():
            if known.issuperset(PLACEHOLDER.findall(text)):
                self.headers[name] = self.fill(text, write_plain)

    def choose(self, name: str) -> object:
        """Return one of the values of a name at random, or a fresh one."""
        values = self.values.get(name)
        if values:
            return self.random.choice(values)
        return FRESH[name](next(self.numbers))

    def fill(self, text: str, write_value: Callable[[object], str]) -> str:
        """Return a text with its values."""

        def write_found(found: re.Match[str]) -> str:
            name = found[1]
            return write_value(self.choose(name)) if name else "$"

        return PLACEHOLDER.sub(write_found, text)

    def write(self, request: Step | Source) -> tuple[str, str, dict[str, str], bytes]:
        """Return method, path, headers and body of a request."""
        method, _, path = self.fill(request.request, write_quoted).partition(" ")
        body = self.fill(request.body, write_escaped).encode()
        headers = {**self.headers}
        if body:
            headers["content-type"] = "application/json"
        return method, path, headers, body


def prepare_calls(scenario: Scenario, target: Target) -> Iterator[Call]:
    """Return the requests of a scenario, without end. Raises `CommandError`."""
    return mix_calls(scenario.steps, make_writer(scenario, target), target.url)


def make_writer(scenario: Scenario, target: Target) -> RequestWriter:
    """Return a writer with the values of a scenario, from answers. Raises `CommandError`."""
    values: dict[str, list[object]] = {}
    with httpx2.Client(base_url=target.url, timeout=30) as client:
        for name, source in scenario.values.items():
            writer = RequestWriter(scenario, values, target.token)
            found: dict[object, None] = {}
            for page in read_pages(client, writer, source, target):
                found |= dict.fromkeys(pick_values(page, source.take))
            if not found:
                raise CommandError(
                    f"{name}: nothing is at {source.take} in the answer to {source.request}; "
                    "add rows by --rows, or correct the path."
                )
            values[name] = [*found]
    return RequestWriter(scenario, values, target.token)


def read_pages(
    client: httpx2.Client, writer: RequestWriter, source: Source, target: Target
) -> Iterator[Any]:
    """Yield the JSON of an answer, and of the pages that follow."""
    method, path, headers, body = writer.write(source)
    headers["accept-encoding"] = "identity"  # httpx2 may read fewer encodings than clients do
    try:
        for _ in range(source.pages):
            response = client.request(method, path, headers=headers, content=body)
            if response.is_server_error:
                lines = [
                    f"{source.request} was answered {response.status_code}: the service failed."
                ]
                raise CommandError("\n".join([*lines, *target.find_traceback()]))
            if not response.is_success:
                raise CommandError(
                    f"{source.request} was answered {response.status_code}: "
                    "correct the scenario, or add its slice to app.py."
                )
            yield response.json()
            if "next" not in response.links:
                return
            path = str(response.url.join(response.links["next"]["url"]))
    except (httpx2.HTTPError, ValueError) as error:
        raise CommandError(f"{source.request} has no answer that can be read: {error}") from None


def pick_values(document: object, path: str) -> list[object]:
    """Return the scalars at a path like "data.id": of each entry, where a list is on the way."""
    found = [document]
    for key in path.split("."):
        found = [*pick_key(found, key)]
    return [value for value in found if isinstance(value, str | int | float)]


def pick_key(values: Sequence[object], key: str) -> Iterator[object]:
    """Yield what values have at a key, and the entries of values that are lists."""
    for value in values:
        if isinstance(value, list):
            yield from pick_key(value, key)
        elif isinstance(value, dict) and key in value:
            yield value[key]


def mix_calls(steps: Sequence[Step], writer: RequestWriter, url: str) -> Iterator[Call]:
    """Yield requests without end, of all steps by their weights, and the same ones every time."""
    weights = [step.weight for step in steps]
    draw = random.Random(0)
    host = urlsplit(url).netloc
    while True:
        (step,) = draw.choices(steps, weights)
        method, path, headers, body = writer.write(step)
        if body or method not in ("GET", "HEAD"):
            headers["content-length"] = str(len(body))
        lines = [f"{method} {path} HTTP/1.1", f"host: {host}"]
        lines += [f"{name}: {text}" for name, text in headers.items()]
        head = "\r\n".join([*lines, "", ""])
        yield Call(step.name, head.encode() + body, step.expect)
