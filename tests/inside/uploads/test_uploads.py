"""Uploads on a real server: of clients that are fast, slow, too many, or gone, and of a worker that ends."""

import asyncio
import hashlib
import resource
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

import httpx2
import psutil
import pytest
from inside.sending import FILE, START, Sender, connect
from inside.shown import read_metrics

from tests.kit.fixtures import make_headers
from tests.kit.processes import ROOT, find_port, start, wait_until_live

pytestmark = pytest.mark.faults

LARGE = 200_000_000
MAX_GROWTH = 5_000_000
"""Bytes by which an upload lets the memory of its worker grow, however large it is."""


@dataclass
class Server:
    """A process that serves inside/uploading.py, and keeps files in `folder`."""

    port: int
    metrics_port: int
    folder: Path
    process: Popen[bytes]

    @property
    def worker(self) -> psutil.Process:
        """The process that answers requests."""
        children = psutil.Process(self.process.pid).children()
        return next(child for child in children if "spawn_main" in " ".join(child.cmdline()))

    async def read_metric(self, name: str) -> float:
        """Return the sum of a metric's lines that begin with a name."""
        text = await asyncio.to_thread(read_metrics, self.metrics_port)
        return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))

    async def wait_for(self, name: str, is_reached: Callable[[float], bool]) -> None:
        """Return when a metric is as wanted, which it has to be within seconds."""
        deadline = time.monotonic() + 20
        while not is_reached(value := await self.read_metric(name)):
            assert time.monotonic() < deadline, f"{name} is {value}"
            await asyncio.sleep(0.05)

    async def wait_until_idle(self) -> None:
        """Return when no upload is left, nor anything of one."""
        await self.wait_for("http_uploads_in_flight", lambda value: value == 0)
        await self.wait_for("http_upload_disk_bytes", lambda value: value == 0)
        assert find_open_files(self.worker, self.folder) == []
        assert [*self.folder.iterdir()] == []


def find_open_files(process: psutil.Process, folder: Path) -> list[str]:
    """Return the files of a folder that a process has open, also those without a name."""
    links = [Path(f"/proc/{process.pid}/fd/{number}") for number in range(200)]
    targets = [str(link.readlink()) for link in links if link.is_symlink()]
    return [target for target in targets if target.startswith(str(folder))]


@asynccontextmanager
async def serve(tmp_path: Path, **settings: str) -> AsyncGenerator[Server]:
    """Serve with these settings until the block ends."""
    port, metrics_port = find_port(), find_port()
    folder = tmp_path / "files"
    folder.mkdir()
    fixed = {
        "DATABASE_URL": "postgresql://nobody@localhost/nothing",
        "SERVER_PORT": str(port),
        "METRICS_PORT": str(metrics_port),
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(folder),
    }
    command = [sys.executable, "-m", "inside.uploading"]
    with start(cwd=tmp_path, command=command, **fixed | settings) as process:
        wait_until_live(process, f"http://127.0.0.1:{port}")
        yield Server(port, metrics_port, folder, process)


async def send(port: int, path: str, size: int, chunked: bool = False) -> int:
    """Send a whole form whose file has so many bytes, and return the status of the answer."""
    async with connect(port) as client:
        await client.begin(path, None if chunked else size)
        status = asyncio.create_task(client.read_status())
        with suppress(ConnectionError):  # it is refused before all is sent
            await client.send_file(size)
            await client.finish()
        return await status


async def trickle(client: Sender) -> None:
    """Send a kilobyte each tenth of a second, for much longer than a server may take it."""
    for _ in range(300):
        await client.send(bytes(1_000))
        await asyncio.sleep(0.1)


@pytest.mark.parametrize("path", ["/large/a", "/parts"])
async def test_200_megabytes_grow_the_worker_by_less_than_5(tmp_path: Path, path: str):
    async with serve(tmp_path, EDGE_UPLOAD_DISK="250000000") as server:
        assert await send(server.port, path, 1_000_000) == 201  # so that what is only loaded once is loaded
        before = server.worker.memory_info().rss
        async with connect(server.port) as client:
            await client.begin(path, LARGE)
            await client.send_file(LARGE)
            while_sending = server.worker.memory_info().rss
            await client.finish()
            assert await client.read_status() == 201
        assert max(while_sending, server.worker.memory_info().rss) - before < MAX_GROWTH
        await server.wait_until_idle()


async def test_a_file_arrives_as_it_was_sent(tmp_path: Path):
    content = b"".join(bytes([number % 251]) * 997 for number in range(3000))
    async with serve(tmp_path) as server, httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as client:
        response = await client.post("/pictures", data={"title": "x"}, files={"picture": content}, timeout=30)
        assert response.json()["digest"] == hashlib.sha256(content).hexdigest()


async def test_a_slow_upload_is_received_and_one_that_is_too_slow_is_cut_off(tmp_path: Path):
    """At 20 kB a second: twice the rate that is needed, so it could go on for the hours that 200 MB take."""
    settings = {"EDGE_BODY_GRACE": "2", "EDGE_REQUEST_TIMEOUT": "1", "DATABASE_COMMAND_TIMEOUT": "0.9"}
    settings |= {"DATABASE_STATEMENT_TIMEOUT": "0.8", "DATABASE_LOCK_TIMEOUT": "0.7", "DATABASE_ACQUIRE_TIMEOUT": "0.6"}
    async with serve(tmp_path, **settings) as server, connect(server.port) as slow, connect(server.port) as slower:
        await slow.begin("/large/a", 80_000)
        await slower.begin("/large/a", 80_000)
        for client in (slow, slower):
            await client.send(START, FILE)
        before = server.worker.memory_info().rss
        began_at = time.monotonic()
        too_slow = asyncio.create_task(slower.read_status())
        for number in range(40):
            await asyncio.sleep(max(0, began_at + number * 0.1 - time.monotonic()))
            await slow.send(bytes(2_000))
            with suppress(ConnectionError):  # it is cut off
                await slower.send(bytes(200))
        async with asyncio.timeout(15):
            assert await too_slow == 408
        assert server.worker.memory_info().rss - before < MAX_GROWTH
        await slow.finish()
        assert await slow.read_status() == 201
        await server.wait_until_idle()


async def test_a_client_that_stops_sending_is_cut_off_however_much_it_has_sent(tmp_path: Path):
    async with serve(tmp_path, EDGE_STALL_TIMEOUT="2") as server, connect(server.port) as client:
        await client.begin("/large/a", 20_000_000)
        await client.send_file(10_000_000)
        async with asyncio.timeout(15):
            assert await client.read_status() == 408
        await server.wait_until_idle()


async def test_a_client_that_leaves_leaves_no_file(tmp_path: Path):
    async with serve(tmp_path) as server:
        async with connect(server.port) as client:
            await client.begin("/large/a", 20_000_000)
            await client.send_file(10_000_000)
            await server.wait_for("http_upload_disk_bytes", lambda value: value > 5_000_000)
            assert len(find_open_files(server.worker, server.folder)) == 1
            assert [*server.folder.iterdir()] == [], "it has no name"
        await server.wait_until_idle()


async def test_a_worker_that_is_killed_leaves_no_file(tmp_path: Path):
    async with serve(tmp_path) as server, connect(server.port) as client:
        await client.begin("/large/a", 20_000_000)
        await client.send_file(10_000_000)
        await server.wait_for("http_upload_disk_bytes", lambda value: value > 5_000_000)
        server.worker.kill()
        assert await client.read_status() == 0
        wait_until_live(server.process, f"http://127.0.0.1:{server.port}")
        await server.wait_until_idle()
        assert await send(server.port, "/pictures", 1_000_000) == 201


async def test_files_use_so_much_of_the_disk_and_no_more(tmp_path: Path):
    async with serve(tmp_path, EDGE_UPLOAD_DISK="3000000") as server, connect(server.port) as first:
        await first.begin("/large/a", 2_000_000)
        await first.send_file(2_000_000)
        await server.wait_for("http_upload_disk_bytes", lambda value: value == 2_000_000)
        assert await send(server.port, "/pictures", 2_000_000, chunked=True) == 503
        await server.wait_for("http_upload_disk_bytes", lambda value: value == 2_000_000)
        await first.finish()
        assert await first.read_status() == 201
        await server.wait_until_idle()
        assert await send(server.port, "/pictures", 2_000_000) == 201
        refused = 'http_requests_refused_total{reason="upload-disk"}'
        await server.wait_for(refused, lambda value: value == 1)


async def test_a_disk_that_takes_no_more_is_a_507(tmp_path: Path):
    async with serve(tmp_path) as server:
        resource.prlimit(server.worker.pid, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        assert await send(server.port, "/pictures", 2_000_000) == 507
        await server.wait_until_idle()
        assert await send(server.port, "/pictures", 500_000) == 201


async def test_one_upload_too_many_is_refused_at_once_and_other_requests_are_not(tmp_path: Path):
    async with serve(tmp_path, EDGE_UPLOADS="10", EDGE_CONCURRENCY="2") as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connect(server.port)) for _ in range(10)]
        for client in clients:
            await client.begin("/large/a", 100_000)
            await client.send_file(100_000)
        await server.wait_for("http_uploads_in_flight", lambda value: value == 10)
        assert await send(server.port, "/pictures", 10) == 503
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}") as other:
            assert (await other.post("/comments", data={"text": "a"})).status_code == 201
        for client in clients:
            await client.finish()
        assert [await client.read_status() for client in clients] == [201] * 10
        await server.wait_for('http_requests_refused_total{reason="upload"}', lambda value: value == 1)
        await server.wait_until_idle()


async def test_who_calls_and_how_often_is_decided_before_the_body_is_read(tmp_path: Path):
    token = make_headers()["Authorization"]
    async with serve(
        tmp_path,
    ) as server:
        async with connect(server.port) as nobody:
            await nobody.begin("/guarded", 1_000_000)
            assert await nobody.read_status() == 401
        async with connect(server.port) as first:
            await first.begin("/guarded", 1_000_000, f"authorization: {token}")
            await first.send_file(1_000_000)
            await first.finish()
            assert await first.read_status() == 201
        async with connect(server.port) as second:
            await second.begin("/guarded", 1_000_000, f"authorization: {token}")
            assert await second.read_status() == 429


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_route_has_a_limit_of_its_own(tmp_path: Path, chunked: bool):
    async with serve(tmp_path, EDGE_UPLOAD_BYTES="1000000") as server:
        assert await send(server.port, "/large/a", 2_000_000, chunked) == 201
        assert await send(server.port, "/pictures", 2_000_000, chunked) == 413
        await server.wait_until_idle()


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/pictures", 12_000_000, 413), ("/comments", 12_000_000, 413), ("/guarded", 8_000_000, 401)],
)
async def test_a_client_that_goes_on_sending_what_was_refused_reads_the_answer(
    tmp_path: Path, path: str, size: int, status: int
):
    settings = {"EDGE_UPLOAD_BYTES": "10000000", "PATIENCE": "60"}
    async with serve(tmp_path, **settings) as server, connect(server.port) as client:
        await client.begin(path, size)
        assert await client.read_status() == status
        await client.send_file(size)  # fails if the connection is closed meanwhile
        await client.finish()
        await server.wait_until_idle()


async def test_a_client_that_sends_what_was_refused_for_seconds_is_cut_off(tmp_path: Path):
    async with serve(tmp_path, EDGE_UPLOAD_BYTES="1000000") as server, connect(server.port) as client:
        await client.begin("/pictures", 8_000_000)
        assert await client.read_status() == 413
        with pytest.raises(ConnectionError):
            await trickle(client)


async def test_a_stop_ends_an_upload_that_cannot_be_complete_in_time(tmp_path: Path):
    settings = {"SERVER_DRAIN_TIMEOUT": "1", "EDGE_REQUEST_TIMEOUT": "0.9", "DATABASE_COMMAND_TIMEOUT": "0.8"}
    settings |= {"DATABASE_STATEMENT_TIMEOUT": "0.7", "DATABASE_LOCK_TIMEOUT": "0.6", "DATABASE_ACQUIRE_TIMEOUT": "0.5"}
    async with serve(tmp_path, **settings) as server, connect(server.port) as client:
        await client.begin("/large/a", 20_000_000)
        await client.send_file(1_000_000)
        await server.wait_for("http_uploads_in_flight", lambda value: value == 1)
        server.process.send_signal(signal.SIGTERM)
        assert await client.read_status() == 503
        assert await asyncio.to_thread(server.process.wait, 15) == 0
