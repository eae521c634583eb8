"""What compression saves and costs: `uv run python -m tests.performance.compression`.

Fetches orders from the default service, and measures in its own environment: each coder over one order, a page of 50,
260 kB and a streamed export; the coders' memory for each open stream; and the two layers around an answer.
"""

import argparse
import json
import tempfile
import urllib.request
from pathlib import Path
from urllib.parse import quote

from tests.performance import rendered


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000, help="orders in the table")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--port", type=int, default=8767)
    options = parser.parse_args()
    with rendered.start(options.rows, options.port) as folder, tempfile.TemporaryDirectory() as name:
        bodies = Path(name)
        fetch_bodies(f"http://127.0.0.1:{options.port}/v1/orders", rendered.sign_in(folder), options.rows, bodies)
        rendered.run_inside(folder, "compression.py", name, "--rounds", options.rounds)


def fetch_bodies(url: str, headers: dict[str, str], rows: int, folder: Path) -> None:
    """Write what the service answers: single orders, pages, and all of it as one JSON array and as NDJSON."""
    pages = {"one order": 1, "3 orders": 3, "page of 50": 50}
    for name, limit in pages.items():
        (folder / name).write_bytes(fetch(f"{url}?limit={limit}", headers))
    orders, cursor = [], ""
    while len(orders) < rows:
        page = json.loads(fetch(f"{url}?limit=100{cursor}", headers))
        orders += page["data"]
        if page["next"] is None:
            break
        cursor = f"&cursor={quote(page['next'])}"
    lines = [json.dumps(order, separators=(",", ":"), ensure_ascii=False) for order in orders]
    (folder / "260 kB").write_text(f"[{','.join(lines)}]"[:260_000])
    (folder / "export").write_text("".join(f"{line}\n" for line in lines))


def fetch(url: str, headers: dict[str, str]) -> bytes:
    """Return what is at a URL, not compressed."""
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
        return response.read()


if __name__ == "__main__":
    main()
