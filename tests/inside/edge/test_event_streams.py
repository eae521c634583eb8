"""Event streams on a real server: of clients that are quiet, slow, or gone, and of a worker that stops."""

import asyncio
import ctypes
import re
import signal
import socket
import struct
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Self

import asyncpg
import httpx2
import psutil
import pytest
from inside.messages import DECODERS
from inside.stand_in import wait_for

from tests.kit.processes import ROOT, find_port, start, wait_until_live

pytestmark = pytest.mark.faults

END = b"0\r\n\r\n"
"""The end of a chunked response; a response that is cut off has none."""
NAPS = "select count(*) from pg_stat_activity where datname = current_database() and query like '%pg_sleep(60)%'"


class Client:
    """A connection on which one request is sent."""

    def __init__(self, port: int, path: str, coding: str = "") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.file = self.socket.makefile("rb")
        self.decode = DECODERS[coding]()
        self.socket.sendall(f"GET {path} HTTP/1.1\r\nhost: test\r\naccept-encoding: {coding}\r\n\r\n".encode())
        self.head = b"".join(iter(self.file.readline, b"\r\n"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()
        self.socket.close()

    def read(self) -> bytes:
        """Return the next chunk, decoded; nothing at the end."""
        chunk = self.file.read(int(self.file.readline(), 16) + 2)[:-2]
        return self.decode(chunk) if chunk else b""

    def read_until(self, text: bytes) -> bytes:
        """Return what comes up to a text."""
        received = b""
        while text not in received:
            received += self.read()
        return received

    def read_to_end(self) -> bytes:
        """Return the raw rest, until the server closes the connection."""
        return self.file.read()


@dataclass
class Service:
    """The running service of event streams."""

    process: Popen[bytes]
    port: int
    folder: Path

    def ask(self, path: str, coding: str = "") -> Client:
        return Client(self.port, path, coding)

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", timeout=20)

    def count_open(self) -> int:
        """Return how many generators are not closed."""
        return self.get("/open").json()["open"]

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text()


@contextmanager
def serve(folder: Path, url: str, **settings: str) -> Generator[Service]:
    """Serve event streams with these settings until the block ends."""
    port = find_port()
    command = [sys.executable, "-m", "inside.streaming"]
    fixed = {"DATABASE_URL": url, "SERVER_PORT": str(port), "PYTHONPATH": str(ROOT), "LOG_FORMAT": "json"}
    with start(cwd=folder, command=command, **fixed | settings) as process:
        wait_until_live(process, f"http://127.0.0.1:{port}")
        yield Service(process, port, folder)


def test_events_and_heartbeats_are_readable_as_they_come(tmp_path: Path, database_url: str):
    with serve(tmp_path, database_url, EDGE_HEARTBEAT="0.3") as service:
        for coding in ("", "zstd", "br", "gzip"):
            with service.ask("/count", coding) as client:
                assert (b"content-encoding" in client.head) == bool(coding)
                received = client.read_until(b"id: 5\ndata: 5\n\n")
                assert re.match(rb"retry: \d+\n\nevent: number\nid: 1\ndata: 1\n\n", received)
                assert [client.read() for _ in range(3)] == [b":\n\n"] * 3


def test_a_client_that_leaves_a_quiet_stream_frees_all_of_it(tmp_path: Path, database_url: str):
    with serve(tmp_path, database_url, EDGE_STREAMS="2", DATABASE_POOL_SIZE="2") as service:
        for _ in range(3):
            with service.ask("/holding") as first, service.ask("/holding") as second:
                for client in (first, second):
                    assert client.read().startswith(b"retry: ")
                wait_for(lambda: count_naps(database_url) == 2)
                assert service.count_open() == 2
                refused = service.get("/count")
                assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
            wait_for(lambda: count_naps(database_url) == 0)
            wait_for(lambda: service.count_open() == 0)
        with service.ask("/count") as client:
            client.read_until(b"data: 5")


def test_a_client_whose_network_is_gone_is_noticed_by_its_heartbeats(tmp_path: Path, database_url: str):
    with (
        serve(tmp_path, database_url, EDGE_HEARTBEAT="0.1", SERVER_SEND_TIMEOUT="1") as service,
        service.ask("/count") as gone,
        service.ask("/count") as there,
    ):
        for client in (gone, there):
            client.read_until(b"data: 5")
        assert service.count_open() == 2
        fall_silent(gone.socket)
        wait_for(lambda: service.count_open() == 1)
        assert [there.read() for _ in range(20)] == [b":\n\n"] * 20


def fall_silent(connection: socket.socket) -> None:
    """Let a connection hear nothing any more, and so acknowledge nothing, as when its network is gone."""
    drop = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))  # "return 0", as a packet filter
    attach = 26  # SO_ATTACH_FILTER of Linux, which Python does not name
    connection.setsockopt(socket.SOL_SOCKET, attach, struct.pack("HP", 1, ctypes.addressof(drop)))


def count_naps(url: str) -> int:
    """Return how many streams wait for PostgreSQL."""

    async def count() -> int:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(f"{NAPS} and state = 'active' and pid <> pg_backend_pid()")
        finally:
            await connection.close()

    return asyncio.run(count())


def test_a_stop_ends_streams_at_once_and_cleanly(tmp_path: Path, database_url: str):
    settings = {"SERVER_DRAIN_TIMEOUT": "300", "SERVER_KILL_TIMEOUT": "301"}
    with (
        serve(tmp_path, database_url, **settings) as service,
        service.ask("/count") as counting,
        service.ask("/holding") as holding,
    ):
        counting.read_until(b"data: 5")
        wait_for(lambda: count_naps(database_url) == 1)
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(30) == 0, "it waited for its streams"
        assert counting.read_to_end() == END
        assert holding.read_to_end().endswith(END)
    assert "drain deadline passed" not in service.output


def test_a_client_that_stops_reading_costs_no_memory_and_is_given_up(tmp_path: Path, database_url: str):
    with serve(tmp_path, database_url, EDGE_STALL_TIMEOUT="1.5", EDGE_HEARTBEAT="0.1") as service:
        assert service.count_open() == 0
        worker = find_worker(service)
        before = worker.memory_info().rss
        with service.ask("/flood") as client:
            wait_for(lambda: service.count_open() == 1)
            wait_for(lambda: service.count_open() == 0)
            assert worker.memory_info().rss - before < 20_000_000
            assert not client.read_to_end().endswith(END)


def find_worker(service: Service) -> psutil.Process:
    """Return the process that serves."""
    (worker,) = [
        child for child in psutil.Process(service.process.pid).children() if "--multiprocessing-fork" in child.cmdline()
    ]
    return worker


def test_a_generator_that_fails_breaks_its_stream_and_nothing_else(tmp_path: Path, database_url: str):
    with serve(tmp_path, database_url) as service:
        with service.ask("/failing") as client:
            received = client.read_to_end()
        assert b"data: 1\n\n" in received
        assert not received.endswith(END)
        with service.ask("/short") as client:
            assert client.read_until(b"data: 1\n\n").startswith(b"retry: ")
            assert client.read() == b""
        assert service.get("/open").status_code == 200
    assert "RuntimeError: planted" in service.output
