import re

import pytest
from service_tools.pages import Page
from service_tools.perf import charts, report, usage
from service_tools.perf.generator import NO_ANSWER, Sample
from service_tools.perf.report import Report
from service_tools.perf.scenario import Step
from service_tools.perf.usage import Usage


def make_sample(milliseconds: float, status: int = 200, timing: str = "") -> Sample:
    return Sample("read", status, milliseconds / 1000, 0, timing.encode(), status == 200)


def test_percentiles_are_those_of_the_samples():
    row = report.summarise("read", [make_sample(number) for number in range(200, 0, -1)], 10, None)
    assert (row.p50, row.p95, row.p99, row.most) == pytest.approx((100, 190, 198, 200))
    assert (row.requests, row.per_second, row.cpu_us) == (200, 20, None)
    assert report.summarise("read", [], 10, 0.5).most == 0


def test_what_was_not_expected_is_counted_by_status():
    samples = [make_sample(1), make_sample(1, 503), make_sample(1, 503), make_sample(1, NO_ANSWER)]
    assert report.summarise("read", samples, 1, None).errors == {"503": 2, "no answer": 1}


def test_processor_time_is_shared_among_the_requests_and_layers_are_means_of_those_that_tell():
    samples = [
        make_sample(1, timing="pool;dur=1, database;dur=3.5"),
        make_sample(1, timing="database;dur=1.5"),
        make_sample(1),
    ]
    row = report.summarise("read", samples, 1, 0.003)
    assert row.cpu_us == pytest.approx(1000)
    assert row.layers == {"pool": 0.5, "database": 2.5}


def test_unexpected_answers_and_an_exceeded_budget_are_reported():
    rows = [report.summarise("read", [make_sample(9), make_sample(1, 404)], 1, 0.002)]
    wrong = "read: 1 of 2 were not answered 200, but 404"
    slow = "read: its p99 of 9.0 ms is over its budget of 5 ms"
    assert list(report.find_exceeded([Step("read", "GET /", p99_ms=5)], rows)) == [wrong, slow]
    assert list(report.find_exceeded([Step("read", "GET /", p99_ms=9)], rows)) == [wrong]


def test_the_table_has_a_line_for_each_step_and_warns_of_a_busy_machine(capsys: pytest.CaptureFixture[str]):
    rows = [report.summarise("read", [make_sample(2, timing="pool;dur=1")], 1, None)]
    made = Report("carts", "1 a second", 1, rows, 12.0, Usage(80.0, 0, 0, 0), ["read: something"])
    report.show_steps(made, Page("load", "Load"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "carts: 1 a second; times in ms"
    assert "p99" in lines[1]
    assert lines[1].endswith("pool")
    assert lines[2].split() == ["read", "1", "1.0", "2.0", "2.0", "2.0", "2.0", "-", "1.000"]
    assert "80 MB" in lines[3]
    assert "12 ms late" in lines[4]
    assert lines[5] == "read: something."


def test_the_usage_of_a_run_is_its_highest_values_and_the_lag_of_the_loop():
    lag = "event_loop_lag_seconds_bucket"
    before = {lag: {"0.025": 100.0, "0.1": 100.0, "+Inf": 100.0}}
    during = {"db_pool_connections_in_use": {"main": 3.0, "health": 1.0}}
    after = {lag: {"0.025": 200.0, "0.1": 298.0, "+Inf": 300.0}}
    assert usage.summarise_usage([before, during, after], 80.0) == Usage(80.0, 4.0, 0.0, 100.0)
    assert usage.summarise_usage([{}, {}], None) == Usage(None, 0.0, 0.0, 0.0)


def test_a_flame_graph_has_a_box_of_its_share_for_each_frame_that_can_be_seen():
    stacks = {("main", "<lambda>"): 600.0, ("main", "service/orders"): 399.0, ("seldom",): 1.0}
    drawn = charts.draw_flame_graph(stacks, "samples")
    boxes = re.findall(r'<li style="width: ([\d.]+)%">|title="([^"]+)"', drawn)
    assert [width for width, _ in boxes if width] == ["99.900", "60.060", "39.940"]
    assert [title for _, title in boxes if title] == [
        "&lt;lambda&gt;: 600 samples, 60.0%",
        "service/orders: 399 samples, 39.9%",
        "main: 999 samples, 99.9%",
    ]
    assert drawn.index(">service/orders<") < drawn.index(">main<"), "what was called stands above"
    assert "<ul>" not in charts.draw_flame_graph({}, "samples")
