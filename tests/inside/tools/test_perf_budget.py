"""The budget says what is worth a look, and does not blame the service for a busy machine."""

import json
import tempfile
from pathlib import Path

from service_tools.perf import budget
from service_tools.perf.report import Row
from service_tools.perf.target import Target


def make_row(mean: float, statements: float, **layers: float) -> Row:
    network = mean - sum(layers[layer] for layer in layers if layer != "cpu")
    told = {**layers, "statements": statements, "total": mean - network, "network": network}
    return Row("read", 100, 10.0, {}, mean, mean, mean, mean, mean, None, told)


def test_what_the_loop_did_not_compute_is_left_to_the_machine():
    times = budget.split_times(make_row(10, 0, handler=3.0, compression=1.0, cpu=1.0), 0.0)
    assert times == {"machine": 3.0, "network": 6.0, "handler": 0.75, "compression": 0.25}


def test_a_service_that_tells_less_is_split_as_far_as_it_does():
    older = make_row(4, 1, database=1.5, handler=0.0, cpu=0.2)
    del older.layers["statements"]
    assert budget.split_times(older, 1.0) == {
        "machine": 0.0,
        "network": 2.5,
        "round trip": 1.0,
        "database": 0.5,
        "handler": 0.0,
    }


def test_one_round_trip_of_each_request_is_not_to_blame():
    times = budget.split_times(make_row(4, 1, database=1.1, handler=0.5), 1.0)
    assert times["round trip"] == 1.0
    assert budget.find_first(times) == "handler"
    many = budget.split_times(make_row(24, 21, database=21.0, handler=0.5), 1.0)
    assert many["database"] == 20.0
    assert budget.find_first(many) == "database"


def test_nothing_is_worth_a_look_where_the_network_takes_the_time():
    times = budget.split_times(make_row(4, 1, database=0.3, handler=0.2), 0.2)
    assert budget.find_first(times) is None
    assert budget.give_advice(times).startswith("No part of the service is worth a look")


def test_what_waits_leads_to_the_command_that_sees_it():
    times = budget.split_times(make_row(24, 1, database=0.3, handler=0.4, waiting=20.0, cpu=0.5), 0.2)
    assert budget.find_first(times) == "waiting"
    assert "Look at waiting first" in budget.give_advice(times)


def test_the_last_traceback_of_the_log_is_found():
    frame = {"filename": __file__, "lineno": 1, "name": "read_order"}
    failed = {
        "event": "request failed",
        "exception": [{"exc_type": "ValueError", "exc_value": "no", "frames": [frame]}],
    }
    with tempfile.TemporaryFile() as output:
        lines = ["not JSON", json.dumps({"event": "started"}), json.dumps(failed, separators=(",", ":")), "{}", ""]
        output.write("\n".join(lines).encode())
        output.flush()
        found = Target("http://127.0.0.1:1", output=output).find_traceback()
    place = Path(__file__).relative_to(Path.cwd())
    assert found[0] == "ValueError: no"
    assert found[1].startswith(f"  {place}:1 read_order: ")
    assert Target("http://127.0.0.1:1").find_traceback() == []
