import os
import subprocess
import sys
from pathlib import Path

import httpx2
import psutil
import pytest
from inside import stand_in
from inside.stand_in import wait_for
from prometheus_client import CollectorRegistry
from service.kit.server.metrics_endpoint import SummedMetrics

from tests.kit.processes import ROOT

COUNT = """
import sys
from service.kit.work import metrics
from service.kit.server.metrics_endpoint import take_slot
take_slot()
for _ in range(int(sys.argv[1])):
    metrics.count_requests("GET", sys.argv[2], 200, [0.02])
metrics.get_metrics().in_flight.set(3)
if len(sys.argv) > 3:
    print("ready", flush=True)
    sys.stdin.read()
"""


def count_requests(folder: Path, times: int, route: str) -> None:
    """Count some requests in a process, which then ends."""
    subprocess.run(
        [sys.executable, "-c", COUNT, str(times), route], env=make_environment(folder), check=True, timeout=30
    )


def make_environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder), "PYTHONPATH": str(ROOT / "src")}


def read_metrics(folder: Path) -> dict[str, float]:
    """Return the values that matter here, by short names."""
    registry = CollectorRegistry()
    registry.register(SummedMetrics(folder, "orders"))
    get = registry.get_sample_value
    labels = {"method": "GET", "route": "/a", "service_name": "orders"}
    values = {
        "requests": get("http_requests_total", {**labels, "status": "200"}),
        "timed": get("http_request_duration_seconds_count", labels),
        "seconds": get("http_request_duration_seconds_sum", labels),
        "quick": get("http_request_duration_seconds_bucket", {**labels, "le": "0.01"}),
        "slow": get("http_request_duration_seconds_bucket", {**labels, "le": "0.025"}),
        "in flight": get("http_requests_in_flight", {"service_name": "orders"}),
    }
    return {name: value for name, value in values.items() if value is not None}


def test_what_dead_workers_counted_stays_and_takes_no_more_room_for_each(tmp_path: Path):
    for _ in range(3):
        count_requests(tmp_path, 5, "/a")
    expected = {"requests": 15, "timed": 15, "seconds": pytest.approx(0.3), "quick": 0, "slow": 15}
    assert read_metrics(tmp_path) == expected
    files = ["counter_slot0.db", "histogram_slot0.db", "slot0.lock"]
    assert sorted(path.name for path in tmp_path.iterdir()) == files
    count_requests(tmp_path, 1, "/b")
    assert read_metrics(tmp_path) == expected
    count_requests(tmp_path, 5, "/a")
    assert read_metrics(tmp_path) == {
        "requests": 20,
        "timed": 20,
        "seconds": pytest.approx(0.4),
        "quick": 0,
        "slow": 20,
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == files


def test_nothing_is_lost_when_processes_are_killed_and_others_take_their_slots(tmp_path: Path):
    for _ in range(3):
        running = [start_counting(tmp_path, 5), start_counting(tmp_path, 5)]
        assert read_metrics(tmp_path)["in flight"] == 6
        for process in running:
            process.kill()
            process.communicate()
    assert read_metrics(tmp_path)["requests"] == read_metrics(tmp_path)["timed"] == 30
    assert "in flight" not in read_metrics(tmp_path)
    assert len(list(tmp_path.glob("*.lock"))) == 2


def start_counting(folder: Path, times: int) -> subprocess.Popen[bytes]:
    """Start a process that has counted some requests, and stays."""
    command = [sys.executable, "-c", COUNT, str(times), "/a", "stay"]
    process = subprocess.Popen(command, env=make_environment(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    return process


def test_a_gauge_is_the_sum_over_the_living(tmp_path: Path):
    count_requests(tmp_path, 1, "/a")
    with start_counting(tmp_path, 1) as living:
        assert read_metrics(tmp_path)["in flight"] == 3
        assert read_metrics(tmp_path)["requests"] == 2
        living.communicate(timeout=30)
    assert "in flight" not in read_metrics(tmp_path)
    assert read_metrics(tmp_path)["requests"] == 2


def test_what_each_living_process_takes_is_shown(tmp_path: Path):
    count_requests(tmp_path, 1, "/a")
    registry = CollectorRegistry()
    registry.register(SummedMetrics(tmp_path, "orders"))
    with start_counting(tmp_path, 1) as living:
        process = {"process": "slot0", "service_name": "orders"}
        seen = psutil.Process(living.pid)
        assert registry.get_sample_value("process_cpu_seconds_total", process) == pytest.approx(
            sum(seen.cpu_times()[:2]), abs=0.1
        )
        assert registry.get_sample_value("process_resident_memory_bytes", process) == pytest.approx(
            seen.memory_info().rss, rel=0.5
        )
        assert registry.get_sample_value("process_open_fds", process) == seen.num_fds()
        assert registry.get_sample_value("process_open_fds", {**process, "process": "slot1"}) is None
        living.communicate(timeout=30)
    assert registry.get_sample_value("process_open_fds", process) is None


@pytest.mark.faults
def test_the_workers_add_up_to_exactly_what_was_asked_on_a_port_of_its_own(tmp_path: Path):
    with stand_in.run(tmp_path, workers=2) as server:
        for _ in range(60):  # each on its own connection, so that both workers get some
            assert httpx2.get(f"{server.url}/work").status_code == 200
        assert httpx2.get(f"{server.url}/metrics").text == "done", "that is the application, and not the metrics"
        # Requests are counted some moments after they are answered, and gauges are up to a second old.
        wait_for(lambda: server.read_metric('http_layer_duration_seconds_count{layer="pool"}') == 60)
        wait_for(lambda: server.read_metric("http_requests_in_flight") == 0)
        assert server.read_metric("service_workers") == 2
        for name in ("main", "slot1", "slot2"):
            assert server.read_metric(f'process_resident_memory_bytes{{process="{name}"}}') > 1e6
        assert server.read_metric('http_requests_total{method="GET",route="/work",status="200"}') == 60
        assert server.read_metric('http_request_duration_seconds_count{method="GET",route="/work"}') == 60
