"""WebSockets on a real server, with a real client: who may open them, and how each of them ends."""

import json
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any, NoReturn

import httpx2
import psutil
import pytest
from inside.edge.test_event_streams import fall_silent
from inside.logged import read_lines
from inside.stand_in import wait_for
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from service.kit.auth import IssuerOptions, keys
from websockets.exceptions import ConnectionClosed, InvalidStatus  # deptry: ignore[DEP003]
from websockets.sync.client import ClientConnection, connect  # deptry: ignore[DEP003]
from websockets.typing import Origin, Subprotocol  # deptry: ignore[DEP003]

from tests.kit.processes import ROOT, find_port, start, wait_until_live

pytestmark = pytest.mark.faults

KEY = keys.make_key()
PAGE = "https://app.example.com"


def make_token(seconds: int = 3600) -> str:
    options = IssuerOptions(signing_key=SecretStr(KEY))
    key = keys.read_private_key(KEY)
    return keys.sign_token(key, options.issuer, options.audience, "ada", seconds)


@dataclass
class Service:
    """The running service of WebSockets."""

    process: Popen[bytes]
    port: int
    metrics_port: int
    folder: Path

    def open(self, path: str, *protocols: str, origin: str | None = None, **options: Any) -> ClientConnection:
        address = f"ws://127.0.0.1:{self.port}{path}"
        offered = [Subprotocol(name) for name in protocols] or None
        return connect(address, subprotocols=offered, origin=Origin(origin) if origin else None, **options)

    def open_with_token(self, path: str = "/me", seconds: int = 3600) -> ClientConnection:
        return self.open(path, "bearer", make_token(seconds))

    def refuse(self, path: str, *protocols: str, origin: str | None = None, **options: Any) -> dict[str, Any]:
        """Return the problem that answers a handshake."""
        with pytest.raises(InvalidStatus) as caught, self.open(path, *protocols, origin=origin, **options):
            pass
        response = caught.value.response
        problem = json.loads(response.body)
        assert problem["status"] == response.status_code
        assert problem["request_id"] == response.headers["x-request-id"]
        return problem

    def list_ends(self) -> list[str]:
        """Return how handlers have ended."""
        return httpx2.get(f"http://127.0.0.1:{self.port}/ends", timeout=20).json()

    def read_metric(self, name: str, **labels: str) -> float:
        text = httpx2.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=20).text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return sum(it.value for it in samples if it.name == name and labels.items() <= it.labels.items())

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The log lines of WebSockets."""
        lines = map(json.loads, read_lines(self.folder))
        return [line for line in lines if line["event"] == "request" and line["method"] == "WEBSOCKET"]


@contextmanager
def serve(folder: Path, url: str = "postgresql://nobody@127.0.0.1:1/none", **settings: str) -> Generator[Service]:
    """Serve WebSockets with these settings until the block ends."""
    port, metrics_port = find_port(), find_port()
    fixed = {
        "DATABASE_URL": url,
        "SERVER_PORT": str(port),
        "SERVER_WEBSOCKETS": "true",
        "METRICS_PORT": str(metrics_port),
        "PYTHONPATH": str(ROOT),
        "AUTH_SIGNING_KEY": KEY,
        "LOG_FORMAT": "json",
        "EDGE_ORIGINS": PAGE,
    }
    command = [sys.executable, "-m", "inside.talking"]
    with start(cwd=folder, command=command, **fixed | settings) as process:
        wait_until_live(process, f"http://127.0.0.1:{port}")
        yield Service(process, port, metrics_port, folder)


def read_end(client: ClientConnection) -> tuple[int, str]:
    """Return the code and the reason with which the server closes."""
    with pytest.raises(ConnectionClosed) as caught:
        read_all(client)
    assert caught.value.rcvd, "the connection was cut"
    return caught.value.rcvd.code, caught.value.rcvd.reason


def read_all(client: ClientConnection) -> NoReturn:
    """Read until the server closes, and raise how."""
    while True:
        client.recv(timeout=30)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Generator[Service]:
    with serve(tmp_path_factory.mktemp("service")) as service:
        yield service


def test_messages_have_the_types_of_the_handler(service: Service):
    with service.open("/doubled") as client:
        client.send("4")
        assert json.loads(client.recv(timeout=30)) == {"doubled": 8}
        client.send(b"5")
        assert json.loads(client.recv(timeout=30)) == {"doubled": 10}
        client.send("0")
        assert read_end(client) == (1000, "")
    assert service.list_ends()[-1] == "doubled"


@pytest.mark.parametrize(("message", "says"), [('"x"', "invalid: "), ("nothing", "malformed: "), ("", "malformed: ")])
def test_a_message_that_does_not_fit_closes_with_what_is_wrong(service: Service, message: str, says: str):
    with service.open("/doubled") as client:
        client.send(message)
        code, reason = read_end(client)
    assert code == 1008
    assert reason.startswith(says)
    assert "request failed" not in (service.folder / "output").read_text()


def test_a_token_opens_it_from_a_program_and_from_a_browser(service: Service):
    with service.open("/me", additional_headers={"Authorization": f"Bearer {make_token()}"}) as client:
        assert (json.loads(client.recv(timeout=30)), client.subprotocol) == ("ada", None)
    with service.open_with_token() as client:
        assert (json.loads(client.recv(timeout=30)), client.subprotocol) == ("ada", "bearer")


@pytest.mark.parametrize("protocols", [(), ("bearer",), ("bearer", "x"), ("chat", "bearer")])
def test_without_a_good_token_the_handshake_is_a_401(service: Service, protocols: tuple[str, ...]):
    assert service.refuse("/me", *protocols)["status"] == 401


def test_a_problem_before_it_is_open_answers_the_handshake(service: Service):
    assert service.refuse("/rooms/2")["detail"] == "Room 2 does not exist."
    assert service.refuse("/nothing")["type"] == "urn:problem:not-found"
    assert service.refuse("/broken")["status"] == 500
    with service.open("/rooms/1") as client:
        assert json.loads(client.recv(timeout=30)) == "welcome"


def test_only_pages_of_its_own_host_and_of_listed_origins_open_it(service: Service):
    for origin in (PAGE, f"http://127.0.0.1:{service.port}", f"https://127.0.0.1:{service.port}"):
        with service.open("/rooms/1", origin=origin) as client:
            assert json.loads(client.recv(timeout=30)) == "welcome"
    for origin in ("https://evil.example.com", "null", f"http://127.0.0.1:{service.port}.evil.example.com"):
        assert service.refuse("/rooms/1", origin=origin)["type"] == "urn:problem:origin-refused"


def test_a_fault_closes_with_1011_and_is_logged_and_counted(service: Service):
    with service.open("/failing") as client:
        assert read_end(client) == (1011, "")
    wait_for(lambda: service.read_metric("http_responses_failed_total", route="/failing") == 1)
    wait_for(lambda: '"exc_value":"planted"' in (service.folder / "output").read_text())


def test_a_message_that_is_too_large_closes_it(service: Service):
    with service.open("/plain") as client:
        client.send("x" * 65_536)
        assert len(client.recv(timeout=30)) == 65_536
        client.send("é" * 32_769)
        assert read_end(client) == (1009, "A message has at most 65,536 bytes.")
    wait_for(lambda: service.read_metric("http_requests_refused_total", reason="socket-size") == 1)


def test_a_function_of_starlette_notices_the_end(service: Service):
    with service.open("/plain") as client:
        client.send("hello")
        assert client.recv(timeout=30) == "hello"
        client.close(4001, "bye")
    wait_for(lambda: "plain 4001" in service.list_ends())
    wait_for(lambda: [line.get("close_code") for line in service.lines][-1:] == [4001])
    line = service.lines[-1]
    assert (line["route"], line["status"], line["bytes"]) == ("/plain", 101, 5)
    assert line["open_s"] >= 0


def test_a_client_that_leaves_ends_what_never_listens(service: Service):
    for path, end in (("/quiet", "quiet"), ("/flood", "flood")):
        with service.open(path) as client:
            wait_for(lambda: service.read_metric("http_websockets_open") == 1)
            client.close()
        wait_for(lambda end=end: end in service.list_ends())
    wait_for(lambda: service.read_metric("http_websockets_open") == 0)


def test_a_connection_or_a_message_too_many_is_refused_at_once(tmp_path: Path):
    refused = "http_requests_refused_total"
    with serve(tmp_path, EDGE_SOCKETS="2", EDGE_SOCKET_RATE="1") as service:
        with service.open("/plain") as client:
            with suppress(ConnectionClosed):  # it may be closed before the last
                for _ in range(10):
                    client.send("x")
            assert read_end(client) == (1008, "At most 1 messages a second are taken.")
        wait_for(lambda: service.read_metric(refused, reason="socket-rate") == 1)
        with service.open("/quiet"), service.open("/quiet"):
            wait_for(lambda: service.read_metric("http_websockets_open") == 2)
            assert service.refuse("/quiet")["status"] == 503
            assert service.read_metric(refused, reason="socket") == 1
            assert "quiet" not in service.list_ends()
        wait_for(lambda: service.read_metric("http_websockets_open") == 0)
        with service.open("/rooms/1") as client:
            assert json.loads(client.recv(timeout=30)) == "welcome"


def test_the_time_of_the_handshake_of_the_token_and_of_the_connection_is_limited(tmp_path: Path):
    durations = {
        "EDGE_REQUEST_TIMEOUT": "1",
        "DATABASE_COMMAND_TIMEOUT": "0.9",
        "DATABASE_STATEMENT_TIMEOUT": "0.8",
        "DATABASE_LOCK_TIMEOUT": "0.7",
        "DATABASE_ACQUIRE_TIMEOUT": "0.6",
        "EDGE_STREAM_LIFETIME": "4",
    }
    with serve(tmp_path, **durations) as service:
        with service.open_with_token(seconds=2) as client, service.open("/quiet") as quiet:
            assert service.refuse("/unopened")["status"] == 504
            assert read_end(client) == (3000, "The token has expired. Get a new one, and connect again.")
            assert read_end(quiet) == (1001, "The connection has been open for long enough. Connect again.")
        wait_for(lambda: sorted(service.list_ends()) == ["me", "quiet"])


def test_a_client_that_stops_reading_costs_no_memory_and_is_given_up(tmp_path: Path):
    with serve(tmp_path, EDGE_STALL_TIMEOUT="1.5", SERVER_SEND_TIMEOUT="2") as service:
        worker = find_worker(service)
        before = worker.memory_info().rss
        with Stalled(service.port, "/flood"):
            wait_for(lambda: service.read_metric("http_websockets_open") == 1)
            wait_for(lambda: service.list_ends() == ["flood"])
            wait_for(lambda: service.read_metric("http_websockets_open") == 0)
            assert worker.memory_info().rss - before < 20_000_000
        assert "request failed" not in (tmp_path / "output").read_text()


def test_a_quiet_client_whose_network_is_gone_is_noticed(tmp_path: Path):
    with (
        serve(tmp_path, SERVER_SEND_TIMEOUT="1") as service,
        service.open("/quiet", ping_interval=None) as gone,
        service.open("/doubled", ping_interval=None) as there,
    ):
        wait_for(lambda: service.read_metric("http_websockets_open") == 2)
        fall_silent(gone.socket)
        wait_for(lambda: service.list_ends() == ["quiet"])
        there.send("4")
        assert json.loads(there.recv(timeout=30)) == {"doubled": 8}


class Stalled:
    """A client that opens a WebSocket, and reads nothing of it."""

    def __init__(self, port: int, path: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        handshake = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: "
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nhost: test\r\n{handshake}MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n".encode()
        )

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def find_worker(service: Service) -> psutil.Process:
    """Return the process that serves."""
    (worker,) = [
        child for child in psutil.Process(service.process.pid).children() if "--multiprocessing-fork" in child.cmdline()
    ]
    return worker


def test_a_stop_closes_all_with_1001_at_once_and_runs_their_ends(tmp_path: Path, database_url: str):
    settings = {"SERVER_DRAIN_TIMEOUT": "300", "SERVER_KILL_TIMEOUT": "301"}
    with (
        serve(tmp_path, database_url, **settings) as service,
        service.open_with_token() as idle,
        service.open("/quiet") as quiet,
        service.open("/holding") as holding,
        Stalled(service.port, "/flood"),
    ):
        idle.recv(timeout=30)
        wait_for(lambda: service.read_metric("http_websockets_open") == 4)
        service.process.send_signal(signal.SIGTERM)
        for client in (idle, quiet, holding):
            assert read_end(client) == (1001, "The service restarts. Connect again.")
        assert service.process.wait(30) == 0, "it waited for its WebSockets"
    assert "drain deadline passed" not in (tmp_path / "output").read_text()
    assert [line["close_code"] for line in service.lines] == [1001] * 4


def test_without_the_setting_the_answer_names_it(tmp_path: Path):
    with serve(tmp_path, SERVER_WEBSOCKETS="false") as service:
        assert "SERVER_WEBSOCKETS" in service.refuse("/doubled")["detail"]
