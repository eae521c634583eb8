"""What a flood of offloaded calls does to itself and to others: `uv run python -m tests.performance.flood`.

Sixty clients ask at the same moment for a call that waits a second in a thread, where eight may run and four may wait
for a place: `tests/inside/busy.py`. Meanwhile others ask the database and /livez, one after the other.
The service has one core; the database and the load have the other.
"""

import argparse
import asyncio
import shutil
import statistics
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.harness.ports import find_ports
from tests.performance import rendered, servers

CALLS, RUNNING, WAITING = 60, 8, 4
BESIDE = ("/database", "/livez")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    with (
        rendered.make() as folder,
        servers.provide_database(folder, 0, 0) as database,
        start(folder, database["url"]) as port,
    ):
        asyncio.run(flood(port, options.rounds))


@contextmanager
def start(folder: Path, url: str) -> Generator[int]:
    """Yield the port of the server."""
    [port] = find_ports(1)
    command = [servers.python(folder), "-m", "inside.busy", str(port)]
    shutil.copytree(Path(__file__).parents[1] / "inside", folder / "inside")
    variables = {"PYTHONPATH": str(folder), "DATABASE": url, "TIMEOUT": "10"}
    process = servers.spawn(command, folder, servers.SERVER_CORE, log=folder.parent / "busy.log", **variables)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(30)


async def flood(port: int, rounds: int) -> None:
    """Flood the server, and print what became of the calls."""
    clients = [await Client.connect(port) for _ in range(CALLS)]
    beside = {path: await Client.connect(port) for path in BESIDE}
    alone = {path: [await client.ask(path) for _ in range(50 * rounds)] for path, client in beside.items()}
    meanwhile: dict[str, list[tuple[int, float]]] = {path: [] for path in beside}
    refused: list[float] = []
    for _ in range(rounds):
        calls = [asyncio.create_task(client.ask("/thread?1")) for client in clients]
        while not all(call.done() for call in calls):
            for path, client in beside.items():
                meanwhile[path].append(await client.ask(path))
        late = sorted(seconds for status, seconds in (call.result() for call in calls) if status == 503)
        refused += late[: CALLS - RUNNING - WAITING]
    print(f"{rounds} times {CALLS} calls at once, {RUNNING} may run and {WAITING} wait: {len(refused)} refused at once")
    print(f"refusals: {describe(refused)}")
    for path in beside:
        failed = sum(status != 200 for status, _ in meanwhile[path])
        print(f"{path}: {describe([seconds for _, seconds in alone[path]])}, alone")
        print(f"{path}: {describe([seconds for _, seconds in meanwhile[path]])}, meanwhile; {failed} failed")


def describe(seconds: list[float]) -> str:
    """Return the median and the 99th percentile."""
    return (
        f"median {statistics.median(seconds) * 1e3:.1f} ms, p99 {statistics.quantiles(seconds, n=100)[98] * 1e3:.1f} ms"
    )


class Client:
    """A connection to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> "Client":
        """Return a new connection, as soon as the server listens."""
        for _ in range(200):
            try:
                return cls(*await asyncio.open_connection("127.0.0.1", port))
            except ConnectionRefusedError:
                await asyncio.sleep(0.1)
        raise SystemExit("the server did not start")

    async def ask(self, path: str) -> tuple[int, float]:
        """Return the status of an answer, and the seconds until it is there."""
        began = time.perf_counter()
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: service.test\r\n\r\n".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        await self.reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r")[0]))
        return int(head[9:12]), time.perf_counter() - began


if __name__ == "__main__":
    main()
