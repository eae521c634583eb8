import os
import re
import signal
import sys
import time
from pathlib import Path

import httpx2
import pytest
from inside import stand_in
from inside.stand_in import Server, wait_for
from prometheus_client import CollectorRegistry, start_http_server
from service.kit.server.metrics_endpoint import add_probes
from service.kit.server.supervision import MAX_SILENCE, Supervision
from service.kit.server.watchdog import WatchdogOptions

from tests.kit.processes import ROOT, find_port, start

pytestmark = pytest.mark.faults

DEATHS = 'service_worker_deaths_total{cause="ended"}'


def test_a_killed_worker_is_replaced_while_the_other_serves_and_what_it_counted_stays(tmp_path: Path):
    with stand_in.run(tmp_path, workers=2) as server:
        wait_for(lambda: server.read_metric("service_workers") == 2)
        sent = sum(send_request(server) for _ in range(40))
        assert sent == 40
        wait_for(lambda: count_requests(server) == 40)  # they are counted some moments after they are answered
        killed = server.find_workers()[0]
        os.kill(killed, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while server.read_metric("service_worker_starts_total") < 3:
            assert time.monotonic() < deadline, "nobody replaced the worker"
            sent += send_request(server)
        assert '"seconds_to_next":0.25' in server.output, "what else it takes is the start of a process"
        wait_for(lambda: server.read_metric("service_workers") == 2)
        sent += sum(send_request(server) for _ in range(40))
        wait_for(lambda: count_requests(server) == sent)
        assert sent >= 80
        assert killed not in server.find_workers()


def count_requests(server: Server) -> float:
    return server.read_metric('http_requests_total{method="GET",route="/work",status="200"}')


def send_request(server: Server) -> bool:
    """Return whether a request on a new connection is answered. One that the dead worker had taken is lost."""
    try:
        return httpx2.get(f"{server.url}/work").status_code == 200
    except httpx2.TransportError:
        return False


def test_a_service_whose_workers_keep_ending_goes_on_and_says_so(tmp_path: Path):
    with stand_in.run(tmp_path, workers=2) as server:
        wait_for(lambda: server.read_metric("service_workers") == 2)
        victim = server.find_workers()[0]
        served = 0
        for deaths in range(1, 4):
            os.kill(victim, signal.SIGKILL)
            wait_for(lambda deaths=deaths: server.read_metric(DEATHS) == deaths)
            if deaths > 1:
                wait_for(lambda: is_unready(server), 3)
            before = set(server.find_workers())
            while not (new := set(server.find_workers()) - before):
                served += send_request(server)
            (victim,) = new
        assert served
        wait_for(lambda: server.read_metric("service_workers") == 2, 15)
        wait_for(lambda: send_request(server))
        wait_for(lambda: httpx2.get(f"{server.url}/readyz").status_code == 200)
        assert server.process.poll() is None
        pauses = re.findall(r'"seconds_to_next":([0-9.]+)', server.output)
        assert [float(pause) for pause in pauses] == [0.25, 0.5, 1.0]


def is_unready(server: Server) -> bool:
    try:
        answer = httpx2.get(f"{server.url}/readyz")
    except httpx2.TransportError:
        return False
    return answer.status_code == 503 and "keep ending" in answer.json()["detail"]


def test_a_service_whose_workers_cannot_start_ends(tmp_path: Path):
    command = [sys.executable, "-m", "inside.stand_in", "{}", "0"]
    with start(cwd=tmp_path, command=command, PYTHONPATH=str(ROOT), BROKEN="1") as process:
        assert process.wait(20) == 1
    assert "no worker can start" in (tmp_path / "output").read_text()


def test_a_main_process_that_no_longer_checks_its_workers_is_not_live(tmp_path: Path):
    supervision = Supervision(tmp_path, WatchdogOptions())
    port = find_port()
    server, thread = start_http_server(port, "127.0.0.1", CollectorRegistry())
    try:
        add_probes(server, {"/livez": supervision.is_live})
        assert httpx2.get(f"http://127.0.0.1:{port}/livez").status_code == 200
        supervision.checked_at -= MAX_SILENCE
        assert httpx2.get(f"http://127.0.0.1:{port}/livez").status_code == 503
        assert httpx2.get(f"http://127.0.0.1:{port}/metrics").status_code == 200
        supervision.check_workers([])
        assert httpx2.get(f"http://127.0.0.1:{port}/livez").status_code == 200
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
