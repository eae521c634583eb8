import json
from collections.abc import Generator
from pathlib import Path

import pytest
from service.settings import Settings
from service_tools.dev import credentials
from service_tools.perf import runs, scenario
from service_tools.perf.target import Target

from tests.kit.processes import find_port, run, start, wait_until_live

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


@pytest.fixture
def target(settings: Settings, tmp_path: Path) -> Generator[Target]:
    """The service, as a process of its own."""
    port = str(find_port())
    url = settings.database.url.get_secret_value()
    with start("serve", cwd=tmp_path, DATABASE_URL=url, SERVER_PORT=port) as process:
        wait_until_live(process, f"http://127.0.0.1:{port}")
        yield Target(f"http://127.0.0.1:{port}", token=credentials.sign(Settings))


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
    assert "ping: its p99 of" in measured["exceeded"][0]


def test_each_step_goes_alone_at_full_speed_over_some_connections(target: Target, tmp_path: Path):
    (tmp_path / "ping.toml").write_text(PING)
    measured = runs.run("ping", scenario.read(tmp_path / "ping.toml"), target, seconds=0.2, connections=2)
    assert [row.step for row in measured.rows] == ["ping", "miss"]
    assert min(row.requests for row in measured.rows) > 2
    assert measured.exceeded == []


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path):
    done = run("perf", "load", cwd=tmp_path)
    assert done.returncode == 1
    assert "There is no scenario in" in done.stderr
    assert "`service new` writes one" in done.stderr
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
