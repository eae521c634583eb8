"""The service runs behind the shipped PgBouncer by the secrets of one host, and its password changes under load."""

import http.client
import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest

from tests.deploy.host_database import Database
from tests.deploy.one_host import Load, Replica
from tests.deploy.order_clients import read_orders
from tests.harness import shell
from tests.harness.client import SIGN
from tests.harness.ports import find_ports
from tests.harness.programs import find_program
from tests.harness.terminal import wait_for

pytestmark = pytest.mark.slow

DOCKER = """#!/bin/sh
case "$*" in
    "run --rm "*) exec {folder}/.venv/bin/service key ;;
    "compose exec -T postgres psql "*) shift 5; exec psql "$@" ;;
    "compose exec -T pgbouncer kill -HUP 1") exec kill -HUP "$(cat {pid})" ;;
    *) echo "unknown: $*" >&2; exit 1 ;;
esac
"""
"""A docker whose containers are processes of this machine."""


SERVER = """
import sys
from pathlib import Path
from service_tools.dev import embedded
with embedded.run_postgresql(Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
"""A PostgreSQL that counts statements, as that of compose.yaml does."""

SECRETS = ("database_url", "database_direct_url", "auth_signing_key")
"""What compose.yaml gives the service."""


class Plain:
    """The way to a replica without a proxy."""

    def __init__(self, port):
        self.port = port

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)


@contextmanager
def run_pgbouncer(deploy, folder, port):
    """Run PgBouncer with the shipped file, where its paths and addresses are those of this machine."""
    text = (deploy / "pgbouncer/pgbouncer.ini").read_text()
    for old, new in {
        "host=postgres port=5432": f"host={folder / 'data'}",
        "listen_addr = 0.0.0.0": f"listen_addr = 127.0.0.1\nunix_socket_dir =\npidfile = {folder / 'pgbouncer.pid'}",
        "listen_port = 6432": f"listen_port = {port}",
        "/run/secrets/pgbouncer_userlist": str(deploy / "secrets/pgbouncer_userlist"),
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "pgbouncer.ini").write_text(text)
    account = "embedded_postgres" if os.geteuid() == 0 else None  # it refuses to be root
    with (folder / "pgbouncer.log").open("w") as log:
        command = [find_program("pgbouncer"), folder / "pgbouncer.ini"]
        process = subprocess.Popen(command, user=account, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def host(render, synced, workshop):
    """The folder deploy/ with its secrets, and PostgreSQL behind PgBouncer, which both ask for the password."""
    folder = workshop / "password"
    shutil.copytree(render(deploy="compose") / "deploy", folder / "deploy")
    deploy, [port] = folder / "deploy", find_ports(1)
    for script in ("secrets.sh", "rotate-password.sh"):
        text = (deploy / script).read_text()
        text = text.replace("pgbouncer:6432/service", f"127.0.0.1:{port}/service")
        (deploy / script).write_text(text.replace("@postgres:5432/service", f"@/service?host={folder / 'data'}"))
    (programs,) = synced.glob(".venv/lib/python*/site-packages/embedded_postgres/pginstall/bin")
    (folder / "bin").mkdir()
    (folder / "bin/docker").write_text(DOCKER.format(folder=synced, pid=folder / "pgbouncer.pid"))
    (folder / "bin/docker").chmod(0o755)
    command = [synced / ".venv/bin/python", "-W", "ignore", "-c", SERVER, folder / "data"]
    with shell.hold(*command, cwd=synced) as url:
        if os.geteuid() == 0:
            shutil.chown(folder, "embedded_postgres")
        database = Database(deploy, folder, url, f"{folder / 'bin'}:{programs}")
        code, printed = database.run(deploy / "secrets.sh", "my-service:1")
        assert code == 0, printed
        (deploy / "secrets").chmod(0o755)  # PgBouncer is another user here, as in its container
        database.query("create database service", "postgres")
        password = str(deploy / "secrets/database_password")
        code, printed = database.run(deploy / "postgres/create-role.sh", DATABASE_PASSWORD_FILE=password)
        assert code == 0, printed
        database.run("psql", "--file", deploy / "postgres/limits.sql")
        (folder / "data/pg_hba.conf").write_text("local all service scram-sha-256\nlocal all all trust\n")
        database.query("select pg_reload_conf()")
        with run_pgbouncer(deploy, folder, port):
            yield database, deploy, port


def test_the_password_changes_while_the_service_answers(host, synced):
    database, deploy, port = host
    secrets = {name.upper() + "_FILE": str(deploy / "secrets" / name) for name in SECRETS}
    token = shell.run(
        ".venv/bin/python", "-c", SIGN, (deploy / "secrets/auth_signing_key").read_text(), cwd=synced
    ).strip()
    shell.run(".venv/bin/service", "migrate", cwd=synced, **secrets)
    web, metrics = find_ports(2)
    replica = Replica(synced, web, metrics, secrets | {"DATABASE_MAX_LIFETIME": "2"})
    try:
        replica.start()
        old = (deploy / "secrets/database_password").read_text()
        load = Load(Plain(replica.port), read_orders({"Authorization": f"Bearer {token}"}))
        with load.run(4):
            code, printed = database.run(deploy / "rotate-password.sh")
            assert code == 0, printed
            new = (deploy / "secrets/database_password").read_text()
            place = [
                "psql",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--username",
                "service",
                "--command",
                "select 1",
            ]
            wait_for(lambda: database.run(*place, PGPASSWORD=new)[0] == 0, 10, replica.show_log)
            assert database.run(*place, PGPASSWORD=old)[0] != 0
            changed = load.answers["200"]
            wait_for(lambda: load.answers["200"] > changed + 500, 60, lambda: str(load.answers))
        assert set(load.answers) == {"200"}, load.answers
        kept = database.query("select query from pg_stat_statements where query like '%role service%'")
        assert "alter role service in database" in kept, "it keeps such statements"
        assert old not in kept
        assert new not in kept
        assert 'outcome="taken"' in replica.read_metrics()
        assert replica.is_ready()
    finally:
        replica.kill()
