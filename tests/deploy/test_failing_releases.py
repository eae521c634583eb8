"""One machine: a release that fails on its way leaves what serves, and says what runs."""

import fcntl
import os

import pytest

from tests.deploy.docker_stub import Host

OLD, NEW = "my-service:1", "my-service:2"

UP = "docker compose up --detach --no-deps --wait --wait-timeout 90"


@pytest.fixture
def host(render, tmp_path):
    """A machine that runs the first version."""
    made = Host(render(deploy="compose"), tmp_path)
    made.prepare(OLD)
    assert made.run("./release.sh", OLD)[0] == 0
    made.take_calls()
    return made


def read_image(host):
    return (host.deploy / ".env").read_text()


def test_the_replica_that_failed_is_back_before_a_healthy_one_is_touched(host):
    code, printed = host.run("./release.sh", NEW, failing=f"{NEW}:*web-b")  # its logs as well
    assert code == 1
    assert printed.endswith(f"web-b did not become ready with {NEW}: its last lines are above. {OLD} runs again.\n")
    taken_back = [call for call in host.take_calls() if call.startswith(OLD)]
    assert taken_back == [f"{OLD}: {UP} {service}" for service in ("web-b", "web-a", "worker")]
    assert read_image(host) == f"DOMAIN=api.example.com\nIMAGE={OLD}\n"


def test_a_version_that_nothing_replaces_leaves_the_healthy_ones_alone(host):
    code, printed = host.run("./release.sh", NEW, failing="*--wait-timeout*web-b")
    assert code == 1
    assert printed == f"web-b does not become ready with {OLD} either.\n"
    assert [call for call in host.take_calls() if call.startswith(OLD)] == [f"{OLD}: {UP} web-b"]


@pytest.mark.parametrize(
    ("failing", "code", "message"),
    [
        ("*--wait caddy", 1, f"{NEW} runs, but Caddy does not. See: docker compose logs caddy\n"),
        (
            "*--wait backup",
            0,
            f"{NEW} runs.\nWarning: the backups do not work. See: docker compose logs backup\n",
        ),
    ],
    ids=["caddy", "backup"],
)
def test_the_version_that_runs_is_the_one_of_the_next_start_whatever_else_fails(host, failing, code, message):
    (host.deploy / ".env").chmod(0o600)
    assert host.run("./release.sh", NEW, failing=failing) == (code, message)
    assert read_image(host) == f"DOMAIN=api.example.com\nIMAGE={NEW}\n"
    assert [path.name for path in host.deploy.glob(".env*")] == [".env"]
    assert (host.deploy / ".env").stat().st_mode & 0o777 == 0o600


def test_the_first_version_is_written_down_as_well(render, tmp_path):
    host = Host(render(deploy="compose"), tmp_path)
    host.prepare(OLD)
    assert host.run("./release.sh", OLD, failing="*--wait caddy")[0] == 1
    assert read_image(host) == f"DOMAIN=api.example.com\nIMAGE={OLD}\n"


def test_one_release_runs_at_a_time(host):
    folder = os.open(host.deploy, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    code, printed = host.run("./release.sh", NEW)
    os.close(folder)
    assert (code, printed) == (1, "Another release runs here. Wait until it ends, then try again.\n")
    assert host.take_calls() == []
    assert host.run("./release.sh", NEW)[0] == 0


def test_the_folder_may_have_a_space_in_its_name(render, tmp_path):
    (tmp_path / "our services").mkdir()
    host = Host(render(deploy="compose"), tmp_path / "our services")
    host.prepare(OLD)
    (host.deploy / "secrets/database_url").write_text("")
    missing = f"{host.deploy}/secrets/database_url is missing or empty. ./secrets.sh makes those of the template.\n"
    assert host.run("./release.sh", OLD) == (1, missing)
    (host.deploy / "secrets/database_url").write_text("postgresql://")
    assert host.run("./release.sh", OLD) == (0, f"{OLD} runs.\n")
