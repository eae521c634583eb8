import json
from pathlib import Path

from service_tools.perf import scenario

from tests.kit.processes import run

PING = """
[[steps]]
name = "ping"
request = "GET /livez"
p99_ms = 0.0001

[[steps]]
name = "miss"
request = "GET /nothing"
expect = 404
"""


def test_a_service_is_started_and_measured_and_a_budget_that_is_not_met_fails_a_check(
    tmp_path: Path, database_url: str
):
    folder = tmp_path / scenario.FOLDER
    folder.mkdir(parents=True)
    (folder / "ping.toml").write_text(PING)
    options = ["--rate", "100", "--seconds", "0.5", "--rows", "10", "--json", "--check"]
    done = run("perf", "load", "ping", *options, cwd=tmp_path, DATABASE_URL=database_url)
    assert done.returncode == 1, done.stderr
    (measured,) = json.loads(done.stdout)
    assert [row["step"] for row in measured["rows"]] == ["ping", "miss", "all"]
    assert measured["rows"][-1]["requests"] == 50
    assert measured["rows"][-1]["errors"] == {}
    assert measured["rows"][-1]["cpu_us"] > 0
    assert measured["usage"]["memory_mb"] > 20
    assert len(measured["exceeded"]) == 1
    assert measured["exceeded"] == ["ping: 16 of 16 took longer than 0.0001 ms, the budget of its p99"]


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path):
    done = run("perf", "load", cwd=tmp_path)
    assert done.returncode == 1
    assert "There is no scenario in" in done.stderr
    assert "run `service new` for a slice" in done.stderr
    folder = tmp_path / scenario.FOLDER
    folder.mkdir(parents=True)
    (folder / "ping.toml").write_text(PING)
    done = run("perf", "load", "pong", cwd=tmp_path)
    assert done.returncode == 1
    assert "There is no scenario pong. There are ping" in done.stderr
    done = run("perf", "load", cwd=tmp_path, DATABASE_URL="postgresql://me@127.0.0.1:1/nothing")
    assert done.returncode == 1
    assert "Cannot reach PostgreSQL" in done.stderr
    assert "Traceback" not in done.stderr
