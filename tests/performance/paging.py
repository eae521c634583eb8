"""What a page deep in a list costs, against the first: `uv run python -m tests.performance.paging`.

Serves 200,000 orders, follows the list past row 190,000, and asks for that page and the first in turn. The cost is the
processor time of the service and its PostgreSQL together; each round gives one ratio.
"""

import argparse
import http.client
import json
import statistics
from urllib.parse import quote

from tests.performance import rendered

PAGE = "/v1/orders?limit=100"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="orders in the table")
    parser.add_argument("--skip", type=int, default=190_000, help="rows before the deep page")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--requests", type=int, default=150, help="requests for each page in a round")
    parser.add_argument("--port", type=int, default=8765)
    options = parser.parse_args()
    with rendered.start(options.rows, options.port) as folder:
        client = Client(options.port, rendered.sign_in(folder))
        deep = f"{PAGE}&cursor={quote(find_cursor(client, options.skip))}"
        pids = rendered.find_processes(folder)
        ratios, first_costs = [], []
        for _ in range(options.rounds):
            first, last = (measure(client, page, options.requests, pids) for page in (PAGE, deep))
            ratios.append(last / first)
            first_costs.append(first / options.requests)
    ratios.sort()
    print(f"{options.rows:,} orders, pages of 100, {options.rounds} rounds of {options.requests} requests each")
    print(f"first page: {statistics.median(first_costs) * 1e6:,.0f} µs of processor time")
    spread = f"{statistics.median(ratios):.2f} times that, from {ratios[0]:.2f} to {ratios[-1]:.2f}"
    print(f"page after row {options.skip:,}: {spread}")


class Client:
    """A connection, and what is sent along with each request."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.headers = headers


def find_cursor(client: Client, skip: int) -> str:
    """Follow the list until `skip` rows have passed, and return the cursor of what comes next."""
    page = fetch(client, PAGE)
    for passed in range(100, skip, 100):
        page = fetch(client, f"{PAGE}&cursor={quote(page['next'])}")
        if passed % 20_000 == 0:
            print(f"passed row {passed:,}", flush=True)
    return page["next"]


def fetch(client: Client, path: str) -> dict:
    """Return the JSON at a path."""
    client.connection.request("GET", path, headers=client.headers)
    response = client.connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise SystemExit(f"{path} answered {response.status}: {body.decode()}")
    return json.loads(body)


def measure(client: Client, path: str, requests: int, pids: list[int]) -> float:
    """Return the processor seconds that many requests for one page take."""
    before = rendered.read_cpu_seconds(pids)
    for _ in range(requests):
        fetch(client, path)
    return rendered.read_cpu_seconds(pids) - before


if __name__ == "__main__":
    main()
