import os
import signal
import time
from pathlib import Path

import httpx2
import pytest
from inside import stand_in
from inside.stand_in import Server, wait_for

pytestmark = pytest.mark.faults


def test_a_killed_worker_is_replaced_while_the_other_serves_and_what_it_counted_stays(tmp_path: Path):
    with stand_in.run(tmp_path, workers=2) as server:
        wait_for(lambda: server.read_metric("service_workers") == 2)
        sent = sum(serve_one(server) for _ in range(40))
        assert sent == 40
        wait_for(lambda: count_requests(server) == 40)  # they are counted some moments after they are answered
        killed = server.find_workers()[0]
        os.kill(killed, signal.SIGKILL)
        began = time.monotonic()
        while server.read_metric("service_worker_starts_total") < 3:
            sent += serve_one(server)
        assert time.monotonic() - began < 4, "promised are 2 s, on a machine that has nothing else to do"
        wait_for(lambda: server.read_metric("service_workers") == 2)
        sent += sum(serve_one(server) for _ in range(40))
        wait_for(lambda: count_requests(server) == sent)
        assert sent >= 80
        assert killed not in server.find_workers()


def count_requests(server: Server) -> float:
    return server.read_metric('http_requests_total{method="GET",route="/work",status="200"}')


def serve_one(server: Server) -> bool:
    """Return whether a request on a new connection is answered. One that the dead worker had taken is lost."""
    try:
        return httpx2.get(f"{server.url}/work").status_code == 200
    except httpx2.TransportError:
        return False
