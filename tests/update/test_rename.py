"""A service can be renamed by an update: no other file than pyproject.toml has its name."""

import json
import os
import signal
import subprocess

import pytest

from tests.harness import packages, service, shell
from tests.harness.client import wait_for_answer
from tests.harness.snapshot import CURRENT


@pytest.mark.parametrize("version", ["v2.0.0", pytest.param(CURRENT, marks=pytest.mark.slow)])
def test_a_service_that_is_renamed_runs_under_its_new_name(version, render, workshop, database_url, ports):
    folder = service.adopt(render(version), workshop / f"renamed-{version}")
    service.update(folder, CURRENT, {"project_name": "new-name"})
    packages.install(folder)
    command = folder / ".venv/bin/service"
    key = shell.run(command, "key", cwd=folder).split()[0].partition("=")[2]
    port, metrics_port, *_ = ports
    chosen = {"SERVER_PORT": str(port), "METRICS_PORT": str(metrics_port)}
    environment = shell.environment(DATABASE_URL=database_url, AUTH_SIGNING_KEY=key, SERVER_DOCS="true", **chosen)
    shell.run(command, "migrate", cwd=folder, **environment)
    with subprocess.Popen([command, "serve"], cwd=folder, env=environment, process_group=0) as server:
        try:
            described = json.loads(wait_for_answer(f"http://127.0.0.1:{port}/openapi.json", ""))
            metrics = wait_for_answer(f"http://127.0.0.1:{metrics_port}/metrics", "").decode()
        finally:
            os.killpg(server.pid, signal.SIGTERM)
    assert described["info"]["title"] == "new-name"
    assert shell.run(command, "--version", cwd=folder).startswith("new-name 0.1.0,")
    assert 'service_build_info{name="new-name",' in metrics
