"""buildah builds the Dockerfile, and what it makes runs as in Kubernetes: a user, no tools, a read-only root."""

import json
import os
import re
import signal
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.deploy.built import Images, list_files
from tests.generated import old_postgresql
from tests.harness import packages, service, shell
from tests.harness.programs import fail_without

pytestmark = pytest.mark.slow

MAX_MEGABYTES = 135
"""What the image adds to its base."""

TOOLS = {
    "pip",
    "pip3",
    "uv",
    "uvx",
    "gcc",
    "cc",
    "g++",
    "clang",
    "make",
    "ld",
    "as",
    "cargo",
    "git",
    "curl",
    "pytest",
    "ruff",
}


@pytest.fixture(scope="module")
def context(render, workshop):
    """What is built, where the repository also holds what must not get in."""
    folder = service.adopt(render(), workshop / "built-context")
    packages.lock(folder)
    (folder / ".env").write_text("DATABASE_URL=secret")
    return folder


@pytest.fixture(scope="module")
def images(context, workshop):
    assert os.geteuid() == 0, "mounting needs root, as .ci/run has it"
    images = Images(workshop / "images")
    images.build(context)
    return images


@pytest.fixture(scope="module")
def root(images):
    return images.mount()


def test_every_step_of_the_dockerfile_runs_without_a_warning(images):
    steps = images.log.count("STEP ")
    assert steps > 15
    warnings = [line for line in images.log.splitlines() if "warning" in line.lower()]
    assert warnings == []


def test_its_user_has_a_name_and_no_rights_and_a_probe_and_a_signal_are_set(images, root):
    assert images.config["User"] == "10001:10001"
    account = "^service:.:10001:10001:.*:/usr/sbin/nologin$"
    assert re.search(account, (root / "etc/passwd").read_text(), re.MULTILINE)
    assert re.search("^service:.:10001:$", (root / "etc/group").read_text(), re.MULTILINE)
    assert images.config["StopSignal"] == "SIGTERM"
    assert images.config["Healthcheck"]["Interval"] == 10_000_000_000
    assert images.config["Cmd"] == ["service", "serve"]


def list_added(images, root):
    """Return the files that are not the base's, without those of accounts, and those that a running container has."""
    added = list_files(root) - list_files(images.folder / "base")
    return {name for name in added if not name.startswith(("etc/", "run/", "var/log/"))}


def test_it_adds_the_service_and_the_migrations_to_its_base_and_no_tool(images, root):
    added = list_added(images, root)
    assert [name for name in added if not name.startswith(("opt/service/", "srv/migrations/"))] == []
    programs = {Path(name).name for name in added if os.access(root / name, os.X_OK)}
    assert "service" in programs
    assert not programs & TOOLS
    assert not [name for name in added if name.startswith("opt/service/lib") and "/pip/" in name]
    size = sum((root / name).lstat().st_size for name in added) / 1_000_000
    print(f"the image adds {size:.0f} MB to its base")
    assert size < MAX_MEGABYTES


def test_nothing_that_it_adds_can_be_written_by_its_user(images, root):
    files = [root / name for name in list_added(images, root) if not (root / name).is_symlink()]
    open_to_others = [path for path in files if path.stat().st_uid != 0 or path.stat().st_mode & 0o022]
    assert open_to_others == []


@pytest.fixture(scope="module")
def server():
    """A PostgreSQL whose socket every user may open."""
    programs = old_postgresql.find(17) or old_postgresql.find(15)
    if programs is None:
        fail_without("PostgreSQL", "apt-get install postgresql")
    with old_postgresql.run(programs) as url:
        yield url


def test_it_serves_on_a_read_only_root_and_stops_in_order(images, root, server, ports):
    port, metrics_port, *_ = ports
    parts = urlsplit(server)
    [socket_folder] = parse_qs(parts.query)["host"]
    url = parts._replace(query="host=/tmp/shared").geturl()
    key = shell.run(*service_command(root), "key", cwd=root).split()[0].partition("=")[2]
    (secret := Path(socket_folder) / "signing-key").write_text(key)
    secret.chmod(0o644)
    settings = {
        "DATABASE_URL": url,
        "SERVER_PORT": str(port),
        "SERVER_HOST": "127.0.0.1",
        "METRICS_HOST": "127.0.0.1",
        "METRICS_PORT": str(metrics_port),
        "SERVER_WORKERS": "2",
        "AUTH_SIGNING_KEY_FILE": "/tmp/shared/signing-key",
    }

    def run(*command):
        with images.start(root, Path(socket_folder), *command, **settings) as process:
            output, _ = process.communicate(timeout=60)
        return process.returncode, output

    code, output = run("sh", "-c", "id -u; id -g; touch /srv/x; touch /opt/service/x; touch /tmp/x && echo written")
    assert output.split()[:2] == ["10001", "10001"]
    assert output.count("Read-only file system") == 2
    assert output.endswith("written\n")
    code, output = run("service", "migrate")
    assert (code, "Applied" in output) == (0, True), output

    with images.start(root, Path(socket_folder), **settings) as process:
        wait_until_ready(f"http://127.0.0.1:{port}/readyz", process)
        users = {read_user(pid) for pid in (process.pid, *list_children(process.pid))}
        assert users == {10001}
        health = images.config["Healthcheck"]["Test"]
        assert health[0] == "CMD"
        code, output = run(*health[1:])
        assert code == 0, output
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "Traceback" not in output
    code, _ = run(*health[1:])
    assert code != 0


def service_command(root):
    return "chroot", root, "/opt/service/bin/service"


def wait_until_ready(url, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(URLError, OSError), urllib.request.urlopen(url, timeout=5) as response:
            assert json.load(response)["status"] == "ok"
            return
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"it did not get ready: {process.stdout.read()}")


def read_user(pid):
    return int(Path(f"/proc/{pid}/status").read_text().partition("\nUid:\t")[2].split()[0])


def list_children(pid):
    return [int(it) for it in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
