import os
import socket
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx2
import psutil
import pytest
from inside import stand_in
from inside.stand_in import LARGE, Server, wait_for
from service.kit.server.metrics_endpoint import MetricsOptions, serve_metrics
from service.kit.work.metrics import MULTIPROC_DIR

pytestmark = pytest.mark.faults

REQUEST = b"GET /work HTTP/1.1\r\nhost: test\r\n\r\n"


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def test_a_client_that_says_nothing_or_half_or_no_more_is_cut_off(tmp_path: Path):
    with stand_in.run(tmp_path, idle_timeout=0.5) as server:
        for said in (b"", REQUEST[:10], REQUEST):
            with connect(server) as client:
                client.sendall(said)
                while client.recv(1000):  # nothing is left to read once the server has closed
                    pass


def test_a_connection_too_many_waits_until_another_ends(tmp_path: Path):
    with ExitStack() as stack:
        server = stack.enter_context(stand_in.run(tmp_path, connections=2, idle_timeout=60))
        first, second, third = (stack.enter_context(connect(server)) for _ in range(3))
        for client in (first, second):
            client.sendall(REQUEST)
            assert client.recv(1000).startswith(b"HTTP/1.1 200")
        third.sendall(REQUEST)
        third.settimeout(0.5)
        with pytest.raises(TimeoutError):
            third.recv(1000)
        first.close()
        third.settimeout(10)
        assert third.recv(1000).startswith(b"HTTP/1.1 200")


def test_a_client_that_does_not_read_a_body_is_cut_off_and_one_that_reads_slowly_is_not(tmp_path: Path):
    with (
        stand_in.run(tmp_path, send_timeout=1, idle_timeout=2) as server,
        connect(server) as idle,
        connect(server) as slow,
    ):
        (worker,) = [psutil.Process(pid) for pid in server.find_workers()]
        for client in (idle, slow):
            client.sendall(b"GET /large HTTP/1.1\r\nhost: test\r\n\r\n")

        pieces = []

        def read_on_until_the_other_is_gone() -> bool:
            pieces.append(slow.recv(100_000))
            return idle.getsockname() not in [it.raddr for it in worker.net_connections()]

        wait_for(read_on_until_the_other_is_gone)
        pieces += iter(partial(slow.recv, 1_000_000), b"")
        assert b"".join(pieces).partition(b"\r\n\r\n")[2] == LARGE


@pytest.mark.parametrize("wanted", [True, False])
def test_the_servers_own_threads_take_the_core_from_nobody_if_so_set(tmp_path: Path, wanted: bool):
    with stand_in.run(tmp_path, batch_threads=wanted) as server:
        (worker,) = server.find_workers()

        def find_policies() -> dict[bool, set[int]]:
            """By whether they are the server's own."""
            found: dict[bool, set[int]] = {True: set(), False: set()}
            for thread in Path(f"/proc/{worker}/task").iterdir():
                is_servers = (thread / "comm").read_text().startswith("tokio")
                found[is_servers].add(os.sched_getscheduler(int(thread.name)))
            return found

        wait_for(lambda: os.sched_getscheduler(worker) == os.SCHED_OTHER)
        assert find_policies()[True] == {os.SCHED_BATCH if wanted else os.SCHED_OTHER}
        assert os.SCHED_OTHER in find_policies()[False]
        assert httpx2.get(f"{server.url}/work").status_code == 200


def test_a_line_of_the_server_has_the_form_of_ours(tmp_path: Path):
    with stand_in.run(tmp_path) as server:
        assert httpx2.get(f"{server.url}/work").status_code == 200
        wait_for(lambda: '"event":"Started worker-1"' in server.output.replace(": ", ":"))
        assert all(line.startswith("{") for line in server.output.splitlines())


def test_a_port_for_metrics_that_is_taken_and_that_nobody_chose_does_not_stop_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        options = MetricsOptions.model_construct(set(), host="127.0.0.1", port=taken.getsockname()[1])
        with serve_metrics(options, tmp_path):
            assert MULTIPROC_DIR not in os.environ
    assert "Set METRICS_PORT" in capsys.readouterr().out
