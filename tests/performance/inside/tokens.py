"""What the token of a request costs. `tests/performance/tokens.py` runs it inside of a generated service."""

import statistics
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from copy import copy
from typing import Any

from pydantic import SecretStr
from service.kit.auth import keys
from service.kit.auth.bearer import Auth
from service.kit.auth.keys import IssuerOptions
from service.orders.http import read_order

ROUNDS = 9


def main() -> None:
    """Measure and print."""
    options = IssuerOptions(signing_key=SecretStr(keys.make_key()))
    auth, token = Auth(options), options.sign("ada")
    headers = [(b"host", b"service.test"), (b"authorization", f"Bearer {token}".encode())]
    calls: dict[str, tuple[Callable[[], object], int]] = {
        "a token that is known": (lambda: run(auth.identify(headers)), 20_000),
        "a token that is new": (lambda: auth.verify_token(token), 500),
        "making a token": (lambda: options.sign("ada"), 500),
        "copying a route handler, as a guard would": (lambda: copy(read_order), 5_000),
    }
    for name, (call, times) in calls.items():
        print(f"{name}: {statistics.median(measure(call, times) for _ in range(ROUNDS)):.1f} µs of processor time")


def run(work: Coroutine[Any, Any, object]) -> None:
    """Run what never waits."""
    with suppress(StopIteration):
        work.send(None)


def measure(call: Callable[[], object], times: int) -> float:
    """Return the processor time of a call in microseconds."""
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) / times * 1e6


if __name__ == "__main__":
    main()
