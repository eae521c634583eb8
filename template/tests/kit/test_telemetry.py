# kit: updated by the template
import json
import logging

import pytest
import structlog

from service.kit import telemetry
from service.kit.telemetry import LogOptions


@pytest.fixture(autouse=True)
def restored():
    """Leave logging as it was: other tests read what it prints."""
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()


def test_a_line_is_one_object_whatever_is_in_it(capsys: pytest.CaptureFixture[str]):
    telemetry.configure(LogOptions())
    structlog.get_logger().info("odd", half="\ud800", line="a\nb", thing=object)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["half"] == "\ud800"
    assert json.loads(line)["thing"] == "<class 'object'>"


def test_a_line_of_a_library_takes_the_same_form(capsys: pytest.CaptureFixture[str]):
    telemetry.configure(LogOptions())
    logging.getLogger("library").warning("careful: %s", "hot")
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp")
    assert line == {"event": "careful: hot", "level": "warning"}


def test_a_request_is_short_for_people(capsys: pytest.CaptureFixture[str]):
    telemetry.configure(LogOptions(format="console"))
    structlog.get_logger().info(
        "request", method="GET", path="/v1", status=200, total_ms=1.26, database_ms=1.0, route=""
    )
    line = capsys.readouterr().out
    assert "GET /v1 200 in 1.3 ms" in line
    assert "database" not in line
    assert "\x1b" not in line
