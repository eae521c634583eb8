"""A service in a container, which has another root and other process ids, is looked at from outside, by its process."""

import shlex
from pathlib import Path

import psutil
import pytest
from inside.tools.test_perf_faults import run_perf

from tests.kit.processes import COMMAND, find_port, start, wait_until_live

pytestmark = pytest.mark.faults

HIDE = """
set -e
mount --bind /dev/shm /mnt
mount -t tmpfs tmpfs /dev/shm
for path in /mnt/*/; do  # what is there already, such as the database, and where the tests themselves may be
    name=$(basename "$path")
    mkdir "/dev/shm/$name"
    mount --bind "$path" "/dev/shm/$name" || true  # another test has just removed it
done
umount /mnt
"""
"""Gives a process a /dev/shm of its own: what it makes there is not seen from outside."""


def test_a_service_in_namespaces_of_its_own_answers_and_its_source_is_shown(tmp_path: Path, database_url: str):
    port = str(find_port())
    script = f"{HIDE}exec {shlex.join([*COMMAND, 'serve'])}"
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    settings = {"DATABASE_URL": database_url, "SERVER_PORT": port, "WATCHDOG_CONSOLE": "true"}
    with start(cwd=tmp_path, command=[*namespaces, "sh", "-c", script], **settings) as process:
        wait_until_live(process, f"http://127.0.0.1:{port}", seconds=120)
        done = run_perf(tmp_path, "tasks", "--plain", "--pid", str(process.pid))
        for service in psutil.Process(process.pid).children():
            service.terminate()
    assert done.returncode == 0, done.stderr
    assert "await self.stop_requested.wait()" in done.stdout
