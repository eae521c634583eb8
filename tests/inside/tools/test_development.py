import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil
import pytest
from service_tools.dev import embedded

from tests.kit.processes import COMMAND, ROOT, find_port, run, start, wait_until_live


@pytest.fixture
def project() -> Generator[Path]:
    """A folder with nothing but the migrations, to run `service dev` in.

    It is not pytest's: under root, PostgreSQL runs as another user, from whom each start of pytest locks its folders.
    """
    with tempfile.TemporaryDirectory(prefix="service-dev-") as folder:
        shutil.copytree(ROOT / "migrations", Path(folder, "migrations"))
        yield Path(folder)


def find_servers(folder: Path) -> list[psutil.Process]:
    """Return the PostgreSQL servers that run on a data folder."""
    return [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres" and str(folder) in (process.info["cmdline"] or [])
    ]


def is_sleeping(project: Path) -> bool:
    """Return whether a session of the server runs a statement: PostgreSQL shows it in the title of its process."""
    for server in find_servers(project / ".postgres"):
        with suppress(psutil.NoSuchProcess):  # it ended since it was listed
            if any("[local] DO" in " ".join(session.cmdline()) for session in server.children()):
                return True
    return False


def wait_for(text: str, project: Path) -> None:
    """Return when `service dev` has printed a text."""
    deadline = time.monotonic() + 60
    while text not in (output := (project / "output").read_text()):
        assert time.monotonic() < deadline, output
        time.sleep(0.05)


def read_health(port: int) -> dict[str, str]:
    """Return what /livez answers, or nothing while nobody answers."""
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/livez", timeout=1).json()
    except httpx2.TransportError:
        return {}


def read_output(project: Path, process: subprocess.Popen[bytes]) -> str:
    """Return what `service dev` printed, once it serves."""
    deadline = time.monotonic() + 60
    while "  Ready " not in (output := (project / "output").read_text()):
        assert process.poll() is None, output
        assert time.monotonic() < deadline, output
        time.sleep(0.05)
    return output


def test_it_prints_a_curl_that_works_and_ctrl_c_stops_all_of_it(project: Path):
    port = find_port()
    with start("dev", "--port", str(port), "--seed", "30", cwd=project, MIGRATIONS_FOLDER="migrations") as process:
        output = read_output(project, process)
        curl = re.search(r"curl .*", output)
        assert curl
        answer = subprocess.run(shlex.split(curl[0] + " --fail"), check=False, capture_output=True)
        assert answer.returncode == 0, "it says that it is ready before it answers"
        assert httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        assert httpx2.get(f"http://127.0.0.1:{port}/docs").status_code == 200
        assert find_servers(project / ".postgres")
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        assert process.wait(15) == 0
    assert not find_servers(project / ".postgres")


def test_impatience_while_it_ends_leaves_nothing_behind(project: Path):
    port = find_port()
    with start("dev", "--port", str(port), cwd=project, MIGRATIONS_FOLDER="migrations") as process:
        wait_until_live(process, f"http://127.0.0.1:{port}")
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 60
        while "shutdown completed" not in (printed := (project / "output").read_text()):
            assert time.monotonic() < deadline, printed
            time.sleep(0.005)
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
    assert process.returncode == 0
    assert "Traceback" not in (project / "output").read_text()
    assert not find_servers(project / ".postgres")


@pytest.mark.parametrize("shell", [[], ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]], ids=["terminal", "background"])
def test_it_stops_postgresql_when_it_is_ended_before_it_serves(project: Path, shell: list[str]):
    (project / "migrations" / "9000_slow.sql").write_text("select pg_sleep(60)")
    with start("dev", cwd=project, command=[*shell, *COMMAND], MIGRATIONS_FOLDER="migrations") as process:
        deadline = time.monotonic() + 60
        while not is_sleeping(project):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert not find_servers(project / ".postgres")


def test_what_a_killed_run_left_behind_is_taken_over_and_stopped(project: Path):
    port = str(find_port())
    with start("dev", "--port", port, cwd=project, MIGRATIONS_FOLDER="migrations") as process:
        read_output(project, process)
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait(15)
    assert find_servers(project / ".postgres"), "the database outlives a kill -9, as any daemon does"
    with start("dev", "--port", port, cwd=project, MIGRATIONS_FOLDER="migrations") as process:
        read_output(project, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    assert not find_servers(project / ".postgres")


def test_a_lock_file_of_a_process_that_is_gone_or_another_one_now_is_ignored(project: Path):
    data = project / ".postgres"
    with embedded.run_postgresql(data):
        assert find_servers(data)
    for content in ("", "garbage", f"{os.getpid()}\n{project}\n0\n5432\n{project}\n\n0 0\nready\n"):
        (data / "postmaster.pid").write_text(content)
        with embedded.run_postgresql(data):
            assert find_servers(data)
    assert not find_servers(data)


def test_a_folder_that_postgresql_cannot_use_is_explained_and_kept(project: Path):
    data = project / ".postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("9\n")
    result = run("dev", cwd=project)
    assert result.returncode == 1
    assert "PostgreSQL did not start on .postgres: pg_ctl: " in result.stderr
    assert "delete .postgres" in result.stderr
    assert "Traceback" not in result.stderr
    assert (data / "PG_VERSION").exists()


def test_a_change_of_the_code_is_taken_up_and_a_broken_one_outlived(project: Path):
    port = find_port()
    shutil.copytree(ROOT / "src", project / "src", ignore=shutil.ignore_patterns("__pycache__"))  # others write there
    module = project / "src" / "service" / "kit" / "edge" / "health.py"
    code = module.read_text()
    with start("dev", "--port", str(port), cwd=project, PYTHONPATH=str(project / "src")) as process:
        read_output(project, process)
        module.write_text("def (")
        wait_for("SyntaxError", project)
        module.write_text(code.replace('{"status":"ok"}', '{"status":"changed"}'))
        deadline = time.monotonic() + 60
        while read_health(port) != {"status": "changed"}:
            assert time.monotonic() < deadline, (project / "output").read_text()
            time.sleep(0.05)


def test_a_new_migration_is_taken_up_and_a_broken_one_outlived(project: Path):
    port = find_port()
    migrations = project / "migrations"
    with start("dev", "--port", str(port), cwd=project, MIGRATIONS_FOLDER="migrations") as process:
        read_output(project, process)
        (migrations / "9001_broken.sql").write_text("create tabel broken ()")
        wait_for("9001_broken.sql, line 1: syntax error", project)
        (migrations / "9001_broken.sql").unlink()
        (migrations / "9000_later.sql").write_text("select 1")
        wait_for("Applied 9000_later.sql", project)
        wait_until_live(process, f"http://127.0.0.1:{port}")
        assert httpx2.get(f"http://127.0.0.1:{port}/readyz").status_code == 200


def test_with_a_database_url_it_uses_that_database_and_adds_no_rows(project: Path, database_url: str):
    port = str(find_port())
    with start("dev", "--port", port, cwd=project, DATABASE_URL=database_url) as process:
        output = read_output(project, process)
    assert "sample rows" not in output
    assert not (project / ".postgres").exists()
