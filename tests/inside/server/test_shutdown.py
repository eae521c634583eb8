import asyncio
import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import httpx2
import pytest
from inside import stand_in
from inside.stand_in import wait_for

pytestmark = pytest.mark.faults


class Client:
    """Sends requests at a steady pace until it is refused, and knows which of them were answered."""

    def __init__(self, port: int, numbers: Iterator[int]) -> None:
        self.port = port
        self.numbers = numbers
        self.answered: set[str] = set()
        self.failed: set[str] = set()

    async def send_until_refused(self, keep_alive: bool) -> None:
        """Send some fifteen requests a second, on one connection as long as it lasts, or each on its own."""
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except ConnectionError:
                return
            while await self.send_one(reader, writer) and keep_alive:  # noqa: ASYNC110 - a pace, and no condition
                await asyncio.sleep(0.04)
            writer.close()
            await asyncio.sleep(0.04)

    async def send_long(self) -> None:
        """Send one request that takes a second."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        await self.send_one(reader, writer, "/long")
        writer.close()

    async def send_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str = "/work") -> bool:
        """Send one request; return whether the connection can take another."""
        number = str(next(self.numbers))
        try:
            writer.write(f"GET {path}?{number} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(4)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.failed.add(number)
            return False
        assert head.startswith(b"HTTP/1.1 200"), head
        self.answered.add(number)
        return b"connection: close" not in head.lower()


async def test_no_accepted_request_fails_when_it_is_told_to_stop_under_load(tmp_path: Path):
    with stand_in.run(tmp_path, workers=2) as server:
        numbers = count()
        clients = [Client(server.port, numbers) for _ in range(14)]
        loads = [
            asyncio.create_task(client.send_until_refused(keep_alive=at % 2 == 0)) for at, client in enumerate(clients)
        ]
        await asyncio.sleep(1.5)
        assert not [client.failed for client in clients if client.failed]
        loads.append(asyncio.create_task(clients[0].send_long()))
        while not any(line.startswith("/long") for line in server.ledger):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)
        server.stop()
        assert await asyncio.to_thread(server.process.wait, 12) == 0
        await asyncio.wait_for(asyncio.gather(*loads), 5)
    answered = {number for client in clients for number in client.answered}
    accepted = {line.split()[1] for line in server.ledger if line.startswith(("/work", "/long"))}
    assert len(answered) > 100
    assert accepted == answered


def test_it_closes_in_order_although_a_stream_stalls_and_a_body_never_ends(tmp_path: Path):
    with stand_in.run(tmp_path, drain_timeout=1, kill_timeout=10) as server:
        stalled, half = (socket.create_connection(("127.0.0.1", server.port)) for _ in range(2))
        with stalled, half:
            stalled.sendall(b"GET /stream HTTP/1.1\r\nhost: test\r\n\r\n")
            half.sendall(b"POST /upload HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\nhalf")
            wait_for(lambda: len(server.ledger) == 1 and server.read_metric("http_requests_receiving") == 1)
            server.stop()
            assert server.process.wait(8) == 0
            answer = half.recv(65_536).decode()
    assert server.ledger[-1] == "closed"
    assert answer.startswith("HTTP/1.1 503 "), answer
    assert '"type":"urn:problem:busy"' in answer
    assert "retry-after: 1" in answer
    assert "x-request-id: " in answer
    assert "drain deadline passed" in server.output


def test_a_worker_that_does_not_react_is_killed_in_time(tmp_path: Path):
    with stand_in.run(tmp_path, drain_timeout=0.5, kill_timeout=1) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET /block HTTP/1.1\r\nhost: test\r\n\r\n")
            wait_for(lambda: len(server.ledger) == 1)
            server.stop()
            assert server.process.wait(6) == 0
        assert "Killing worker-1" in server.output


def test_it_answers_while_readiness_says_that_it_drains(tmp_path: Path):
    # Each request has its own connection, so that both workers answer.
    with (
        stand_in.run(tmp_path, workers=2, drain_delay=5) as server,
        httpx2.Client(base_url=server.url, headers={"connection": "close"}) as client,
    ):
        assert client.get("/readyz").status_code == 200
        server.stop()
        try:
            wait_for(lambda: client.get("/readyz").status_code == 503)
        except httpx2.TransportError:
            pytest.fail("it stopped before readiness said that it drains")
        for _ in range(6):
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()["type"]) == (503, "urn:problem:draining")
            assert client.get("/work").status_code == 200
            assert client.get("/livez").status_code == 200
        assert server.process.wait(12) == 0


def test_a_second_signal_ends_it_at_once(tmp_path: Path):
    with ExitStack() as stack:
        server = stack.enter_context(stand_in.run(tmp_path, drain_delay=60, drain_timeout=60, kill_timeout=61))
        stalled = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        stalled.sendall(b"GET /stream HTTP/1.1\r\nhost: test\r\n\r\n")
        wait_for(lambda: len(server.ledger) == 1)
        server.stop()
        wait_for(lambda: "stop signal received" in server.output)
        server.stop()
        assert server.process.wait(10) == 0


def test_ctrl_c_in_a_terminal_is_for_the_main_process_alone(tmp_path: Path):
    with stand_in.run(tmp_path, workers=2, drain_delay=60) as server:
        wait_for(lambda: server.output.count("Started worker") == 2)
        for worker in server.find_workers():
            os.kill(worker, signal.SIGINT)
        time.sleep(0.5)  # in which a worker would begin to stop
        assert "Stopping worker" not in server.output
        os.killpg(server.process.pid, signal.SIGINT)
        assert server.process.wait(10) == 0
    events = {json.loads(line)["event"] for line in server.output.splitlines()}
    assert "Stopping worker-1" in events
    assert "second stop signal: ending at once" not in events
