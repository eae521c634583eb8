import re

import pytest
from service_tools.pages import Page
from service_tools.perf import flame, report, usage
from service_tools.perf.generator import NO_ANSWER, Sample
from service_tools.perf.report import Report
from service_tools.perf.scenario import Step
from service_tools.perf.usage import Metrics, Usage


def make_sample(milliseconds: float, status: int = 200, timing: str = "") -> Sample:
    return Sample("read", status, milliseconds / 1000, 0, timing.encode(), status == 200)


def test_percentiles_are_those_of_the_samples():
    row = report.summarise("read", [make_sample(number) for number in range(1000, 0, -1)], 10, None)
    assert (row.p50, row.p95, row.p99, row.most) == pytest.approx((500, 950, 990, 1000))
    assert (row.requests, row.per_second, row.cpu_us) == (1000, 100, None)
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
    assert row.layers == {"pool": 0.5, "database": 2.5, "network": 1.0}


def test_unexpected_answers_and_an_exceeded_budget_are_reported():
    samples = [make_sample(9), make_sample(1, 404)]
    row = report.summarise("read", samples, 1, 0.002)
    wrong = "read: 1 of 2 were not answered 200, but 404"
    slow = "read: 1 of 2 took longer than 5 ms, the budget of its p99"
    assert list(report.find_exceeded(Step("read", "GET /", p99_ms=5), row, samples)) == [wrong, slow]
    assert list(report.find_exceeded(Step("read", "GET /", p99_ms=9), row, samples)) == [wrong]
    fast = [*samples, *[make_sample(1)] * 98]
    assert list(report.find_exceeded(Step("read", "GET /", p99_ms=5), row, fast)) == [wrong]


def test_the_table_has_a_line_for_each_step_and_warns_of_a_busy_machine(capsys: pytest.CaptureFixture[str]):
    rows = [report.summarise("read", [make_sample(2, timing="pool;dur=1")], 1, None)]
    made = Report("carts", "1 a second", 1, rows, 12.0, Usage(80.0, 0, 0, 0), ["read: something"])
    report.show_steps(made, Page("load", "Load"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "carts: 1 a second; times in ms"
    assert "p99" in lines[1]
    assert lines[1].split()[-2:] == ["pool", "network"]
    assert lines[2].split() == ["read", "1", "1.0", *["\N{EN DASH}"] * 3, "2.0", "\N{EN DASH}", "1.000", "2.000"]
    assert "a p99 needs 500" in lines[3]
    assert "80 MB" in lines[4]
    assert "12 ms late" in lines[5]
    assert lines[6] == "read: something."


def test_the_usage_of_a_run_is_its_highest_values_and_the_lag_of_the_loop():
    lag = "event_loop_lag_seconds_bucket"
    refused = "http_requests_refused_total"
    metrics: list[Metrics] = [
        {lag: {"0.025": 100.0, "0.1": 100.0, "+Inf": 100.0}, refused: {"pool": 2.0, "admission": 1.0}},
        {"db_pool_connections_in_use": {"main": 3.0, "health": 1.0}},
        {lag: {"0.025": 200.0, "0.1": 298.0, "+Inf": 300.0}, refused: {"pool": 5.0, "admission": 1.0}},
    ]
    sessions = [{"lock": 3}, {"lock": 1, "statement": 2}, {}]
    ran, starved = [{"1": 1.0, "2": 2.0}, {}, {"1": 1.1, "2": 3.0}], [{"1": 0.0, "2": 0.0}, {}, {"1": 0.4, "2": 0.1}]
    seen = [
        {**measured, "sessions": doing, "ran": run, "starved": wait}
        for measured, doing, run, wait in zip(metrics, sessions, ran, starved, strict=True)
    ]
    found = usage.summarise_usage(seen, 80.0, 2)
    assert (found.memory_mb, found.pool_in_use, found.lag_p99_ms) == (80, 4, 100)
    assert (found.ran, found.starved) == pytest.approx((0.5, 0.2))
    assert found.sessions == pytest.approx({"lock": 4 / 3, "statement": 2 / 3})
    assert found.refused == {"pool": 3}


def test_what_was_not_measured_is_not_zero():
    assert usage.summarise_usage([{}, {}], None, 2) == Usage()
    row = report.summarise("all", [make_sample(5)], 1, None)
    assert Report("carts", "", 1, [row], 0, Usage(), []).cores is None


def test_the_statements_of_a_run_are_those_that_were_counted_meanwhile():
    name = "db_statement_duration_seconds"
    before = {
        f"{name}_count": {"carts.find": 10.0, "carts.old": 3.0},
        f"{name}_sum": {"carts.find": 1.0, "carts.old": 1.0},
    }
    after = {
        f"{name}_count": {"carts.find": 30.0, "carts.new": 5.0, "carts.old": 3.0},
        f"{name}_sum": {"carts.find": 1.5, "carts.new": 0.25, "carts.old": 1.0},
    }
    used = usage.summarise_usage([before, after], None, 1.0, [0.001, 0.003])
    assert used.statements == {"carts.find": (20.0, 0.5), "carts.new": (5.0, 0.25)}
    assert used.round_trip_ms == pytest.approx(2.0)


def test_times_are_those_of_the_middle_half_of_the_expected_answers():
    timing = 'database;dur={0}.0;desc="statements: 21", handler;dur=1.0, cpu;dur=3.0, total;dur=0.5'
    right = [make_sample(ms, timing=timing.format(ms)) for ms in (1, 2, 4, 900)]
    wrong = [make_sample(8000, 500, timing.format(8000)) for _ in range(8)]
    row = report.summarise("read", [*right, *wrong], 1, None)
    told = {"database": 3.0, "statements": 21.0, "handler": 1.0, "cpu": 3.0, "total": 0.5}
    assert row.layers == told | {"network": 0.5}, "a quarter of them need less network"
    assert row.mean == 3.0
    assert (row.wrong, row.most) == (8, 8000.0)


def test_the_share_of_waiting_for_a_connection_counts_slow_requests_in_full():
    fast = [make_sample(2, timing="pool;dur=0.0, total;dur=1.0")] * 9
    slow = make_sample(92, timing="pool;dur=90.0, total;dur=91.0")
    assert report.find_pool_share([*fast, slow, make_sample(5)]) == pytest.approx(0.9)
    assert report.find_pool_share([make_sample(5)]) == 0


def test_the_times_of_all_steps_count_by_their_requests():
    often = report.summarise("read", [make_sample(1, timing="database;dur=1.0")] * 3, 1, None)
    rarely = report.summarise("create", [make_sample(5, timing="database;dur=4.0, pool;dur=4.0")], 1, None)
    both = report.combine_rows([often, rarely], [make_sample(1)] * 4, 1, None)
    assert both.mean == pytest.approx(2.0)
    assert both.layers == {"database": 1.75, "pool": 1.0, "network": 2.0}


def test_a_flame_graph_has_a_box_of_its_share_for_each_frame_that_can_be_seen():
    stacks = {("main", "<lambda>"): 600.0, ("main", "service/orders"): 399.0, ("seldom",): 1.0}
    drawn = flame.draw_flame_graph(stacks, "samples", lambda frame: ("team", frame, f"/{frame}:1"))
    boxes = re.findall(r'<li style="width: ([\d.]+)%">|title="([^"]+)"', drawn)
    assert [width for width, _ in boxes if width] == ["99.900", "60.060", "39.940"]
    assert [title for _, title in boxes if title] == [
        "&lt;lambda&gt;&#10;600 samples, 60.0%",
        "service/orders&#10;399 samples, 39.9%",
        "main&#10;999 samples, 99.9%",
    ]
    assert drawn.index(">service/orders<") < drawn.index(">main<"), "what was called stands above"
    assert "<ul>" not in flame.draw_flame_graph({}, "samples", lambda frame: ("", frame, ""))
