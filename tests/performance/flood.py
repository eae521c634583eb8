"""What a flood of offloaded calls does to itself and to others: `uv run python -m tests.performance.flood`.

Sixty clients log in at the same moment, again and again, where eight passwords may be hashed at once and nobody waits.
Meanwhile one client asks for an order and one for /livez. The service has one core; the database and the load have the
other.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

from tests import service, shell, snapshot
from tests.performance import servers
from tests.performance.servers import Server

ACCOUNT = json.dumps({"email": "ada@example.com", "password": "correct horse battery staple"})
LIMITS = {"OFFLOAD_THREADS": "8", "OFFLOAD_THREAD_WAITERS": "0"}
CALLS = 60


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="measure-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when this one is root
        made = service.render(snapshot.take(folder / "template"), folder / "service", {})
        shell.run("uv", "sync", "--quiet", cwd=made)
        with (
            servers.provide_database(made, 1000, 1) as database,
            servers.start("service", made, database["url"], **LIMITS) as server,
        ):
            servers.post(server, "/v1/accounts", ACCOUNT)
            asyncio.run(flood(server, f"/v1/orders/{database['keys'][0]}", options.rounds))


async def flood(server: Server, order: str, rounds: int) -> None:
    """Flood the server, and print what became of the calls."""
    clients = [await Client.connect(server) for _ in range(CALLS)]
    beside = {path: await Client.connect(server) for path in (order, "/livez")}
    answers: list[tuple[int, float]] = []
    alone = {path: [await client.ask("GET", path) for _ in range(rounds)] for path, client in beside.items()}
    others: dict[str, list[tuple[int, float]]] = {path: [] for path in beside}
    for _ in range(rounds):
        calls = [asyncio.create_task(client.ask("POST", "/v1/sessions", ACCOUNT)) for client in clients]
        while not all(call.done() for call in calls):
            for path, client in beside.items():
                others[path].append(await client.ask("GET", path))
        answers += [call.result() for call in calls]
    refused = [seconds for status, seconds in answers if status == 503]
    print(f"{rounds} times {CALLS} logins at once, 8 may run: {len(refused) / rounds:.0f} of them are refused")
    print(f"refusals: {describe(refused)}")
    for path, name in ((order, "an order"), ("/livez", "/livez")):
        statuses = {status for status, _ in others[path]}
        print(f"{name} meanwhile: {describe([seconds for _, seconds in others[path]])}, answers {statuses}")
        print(f"{name} alone: {describe([seconds for _, seconds in alone[path]])}")


def describe(seconds: list[float]) -> str:
    """Return the median and the 99th percentile."""
    return (
        f"median {statistics.median(seconds) * 1e3:.1f} ms, p99 {statistics.quantiles(seconds, n=100)[98] * 1e3:.1f} ms"
    )


class Client:
    """A connection to a server."""

    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer

    @classmethod
    async def connect(cls, server: Server) -> "Client":
        """Return a new connection."""
        return cls(server, *await asyncio.open_connection("127.0.0.1", server.port))

    async def ask(self, method: str, path: str, body: str = "") -> tuple[int, float]:
        """Return the status of an answer, and the seconds until it is there."""
        headers = self.server.headers | {"Host": "service.test", "Content-Length": str(len(body))}
        headers |= {"Content-Type": "application/json"} if body else {}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", body]
        began = time.perf_counter()
        self.writer.write("\r\n".join(lines).encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        await self.reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r")[0]))
        return int(head[9:12]), time.perf_counter() - began


if __name__ == "__main__":
    main()
