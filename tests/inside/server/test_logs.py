import asyncio
import json
import logging
import subprocess
import sys
from typing import Literal

import pytest
import structlog
from service.kit.server import logs
from service.kit.server.logs import LogOptions, configure_logs

from tests.kit.processes import ROOT


@pytest.fixture(autouse=True)
def restored():
    """Leave logging as it was: other tests read what it prints."""
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()


def test_a_line_is_one_object_whatever_is_in_it(capsys: pytest.CaptureFixture[str]):
    configure_logs(LogOptions())
    structlog.get_logger().info("odd", half="\ud800", line="a\nb", thing=object)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["half"] == "\ud800"
    assert json.loads(line)["thing"] == "<class 'object'>"


LONG = 5_000_000


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("library", [False, True])
def test_a_line_has_an_end_whatever_is_in_it(form: Literal["json", "console"], library: bool, capfd):
    configure_logs(LogOptions(format=form))
    log = logging.getLogger("library") if library else structlog.get_logger()
    try:
        raise ValueError("begin" + "x" * LONG + "end") from ExceptionGroup("many", [OSError("y" * LONG)] * 300)
    except ValueError:
        log.exception("z" * LONG)
    shown = "".join(capfd.readouterr())
    assert "characters left out" in shown
    assert "end" in shown[-100:] or "begin" in json.loads(shown)["exception"][0]["exc_value"]
    assert len(shown) < 2 * logs.MAX_LINE


def test_a_long_line_keeps_what_is_short_in_it(capsys: pytest.CaptureFixture[str]):
    configure_logs(LogOptions())
    structlog.get_logger().warning("long", path="/v1", ids=list(range(LONG // 10)), text="x" * LONG)
    line = json.loads(capsys.readouterr().out)
    assert (line["event"], line["path"], line["level"]) == ("long", "/v1", "warning")
    assert line["ids"].startswith("[0,1,2,")
    assert len(line["text"]) < 2 * logs.MAX_TEXT


def test_half_a_pair_is_written_for_people(capfd: pytest.CaptureFixture[str]):
    configure_logs(LogOptions(format="console"))
    structlog.get_logger().warning("odd", half="\ud800")
    assert r"\ud800" in capfd.readouterr().out


def test_a_line_of_a_library_takes_the_same_form(capsys: pytest.CaptureFixture[str]):
    configure_logs(LogOptions())
    logging.getLogger("library").warning("careful: %s", "hot")
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp")
    assert line == {"event": "careful: hot", "level": "warning"}


def test_a_request_is_short_for_people(capsys: pytest.CaptureFixture[str]):
    configure_logs(LogOptions(format="console"))
    structlog.get_logger().info(
        "request", method="GET", path="/v1", status=200, total_ms=1.26, database_ms=1.0, route=""
    )
    line = capsys.readouterr().out
    assert "GET /v1 200 in 1.3 ms" in line
    assert "database" not in line
    assert "\x1b" not in line


async def test_lines_wait_for_others_and_errors_do_not(capsys: pytest.CaptureFixture[str]):
    configure_logs(LogOptions())
    log = structlog.get_logger()
    log.info("first")
    log.info("second")
    assert capsys.readouterr().out == ""
    log.error("third")
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == ["first", "second", "third"]
    log.info("fourth")
    await asyncio.sleep(logs.BATCH_SECONDS + 0.1)
    assert "fourth" in capsys.readouterr().out


async def test_no_more_lines_wait_than_the_most(capsys: pytest.CaptureFixture[str]):
    configure_logs(LogOptions())
    for _ in range(logs.MAX_BATCH):
        structlog.get_logger().info("many")
    assert len(capsys.readouterr().out.splitlines()) == logs.MAX_BATCH


def test_what_waits_is_written_at_the_end():
    program = """
import asyncio, structlog
from service.kit.server.logs import LogOptions, configure_logs
configure_logs(LogOptions())
async def main():
    structlog.get_logger().info("last")
asyncio.run(main())
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(result.stdout)["event"] == "last"


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_traceback_tells_where_and_no_variables(form: Literal["json", "console"], capsys: pytest.CaptureFixture[str]):
    configure_logs(LogOptions(format=form))
    password = "hun" + "ter2"
    try:
        raise ValueError(f"a password of {len(password)} letters")
    except ValueError:
        structlog.get_logger().exception("failed")
    line = capsys.readouterr().out
    assert "test_logs.py" in line
    assert "a password of 7 letters" in line
    assert "hunter2" not in line
