"""What an Idempotency-Key costs: `uv run python -m tests.performance.keys`.

Creates orders without a key, with a new key each, and again with a key that was used, in turn. The cost is processor
time, of the service alone and with its PostgreSQL; each round gives one ratio to the orders without a key.
"""

import argparse
import http.client
import itertools
import json
import statistics
from pathlib import Path
from uuid import uuid4

from tests.performance import rendered

NUMBERS = itertools.count(1)
KINDS = ("without a key", "with a new key", "sent again with its key")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=200, help="requests of each kind in a round")
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    with rendered.start(1000, options.port) as folder:
        sign_in = rendered.sign_in(folder)
        client = http.client.HTTPConnection("127.0.0.1", options.port)
        create(client, sign_in, KINDS[0])  # so that there are backends to look for
        commands = {pid: read_command(pid) for pid in rendered.find_processes(folder)}
        everything = [pid for pid, command in commands.items() if "autovacuum worker" not in command]  # those end
        service = [pid for pid in everything if f"{folder}/.venv" in commands[pid]]
        costs = {kind: [] for kind in KINDS}
        for _ in range(options.rounds):
            for kind, spent in costs.items():
                spent.append(measure(client, sign_in, kind, options.requests, service, everything))
    print(f"{options.rounds} rounds of {options.requests} requests of each kind, processor time for each request")
    for part, name in enumerate(("service", "service and PostgreSQL")):
        plain = [spent[part] for spent in costs[KINDS[0]]]
        for kind, spent in costs.items():
            ratios = [cost[part] / base for cost, base in zip(spent, plain, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            cost = statistics.median(cost[part] for cost in spent) * 1e6
            spread = f"{middle:.2f} times, half of the rounds from {low:.2f} to {high:.2f}"
            print(f"{name:22}  {kind:23}  {cost:7,.0f} µs  {spread}")


def read_command(pid: int) -> str:
    """Return the command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def measure(
    client: http.client.HTTPConnection, sign_in: dict[str, str], kind: str, requests: int, *groups: list[int]
) -> tuple[float, ...]:
    """Return the processor seconds of each group of processes for one request."""
    before = [rendered.read_cpu_seconds(pids) for pids in groups]
    order, key = new_order(), str(uuid4())
    for _ in range(requests):
        create(client, sign_in, kind, order, key)
    return tuple((rendered.read_cpu_seconds(pids) - was) / requests for pids, was in zip(groups, before, strict=True))


def new_order() -> dict[str, object]:
    """Return an order that is not there yet."""
    reference = f"KEY-{next(NUMBERS)}"
    return {
        "reference": reference,
        "customer_email": "ada@example.com",
        "currency": "EUR",
        "total_minor": 1999,
        "item_count": 3,
    }


def create(
    client: http.client.HTTPConnection, sign_in: dict[str, str], kind: str, order: dict | None = None, key: str = ""
) -> None:
    """Send an order: a new one, or the same under the same key."""
    again = kind == KINDS[2]
    headers = sign_in | {"content-type": "application/json"}
    if kind != KINDS[0]:
        headers["idempotency-key"] = key if again else str(uuid4())
    client.request("POST", "/v1/orders", json.dumps(order if again else new_order()), headers)
    response = client.getresponse()
    body = response.read()
    if response.status != 201:
        raise SystemExit(f"{kind}: {response.status} {body.decode()}")


if __name__ == "__main__":
    main()
