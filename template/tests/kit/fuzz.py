# kit: updated by the template
"""What `test_fuzz.py` may be told by the fixture `fuzz` of tests/conftest.py."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.kit.calls import NOWHERE, name_variables, redirect_calls


@dataclass(frozen=True)
class Fuzz:
    """Who sends the requests, which routes get none, and further settings of the service.

    `sign_up` makes a user with a client of the running service, and returns the headers of the user's requests;
    without it, they have a development token. `leave_out` has routes, such as "POST /v1/payments". Calls to other
    services fail, unless `environment` is that of the fixture `calls`.
    """

    sign_up: Callable[[httpx2.Client], Mapping[str, str]] | None = None
    leave_out: Collection[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def make_environment(self) -> dict[str, str]:
        no_calls = {**redirect_calls(NOWHERE), **dict.fromkeys(name_variables("retries"), "0")}
        return {**no_calls, **self.environment}

    def configure(self, description: Mapping[str, Any]) -> str:
        """Return the file schemathesis.toml: which routes get no requests, and which may answer with a 5xx."""
        operations = {
            f"{method.upper()} {path}": operation
            for path, methods in description["paths"].items()
            for method, operation in methods.items()
        }
        unknown = {*self.leave_out} - operations.keys()
        assert not unknown, f"`fuzz` leaves out routes that the description does not have: {sorted(unknown)}"
        lines: list[str] = []
        for name, operation in operations.items():
            options = [*list_options(operation, is_left_out=name in self.leave_out)]
            if options:
                lines += ["[[operations]]", f"include-name = {json.dumps(name)}", *options]
        return "\n".join(lines)


def list_options(operation: Mapping[str, Any], *, is_left_out: bool) -> Iterator[str]:
    """Yield the options of one operation. What it declares to fail with is no fault of the service."""
    declared = [status for status in operation["responses"] if status.startswith("5")]
    if is_left_out:
        yield "enabled = false"
    elif declared:
        expected = ["2xx", "3xx", "4xx", *declared]
        yield f"checks.not_a_server_error.expected-statuses = {json.dumps(expected)}"
