import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import psutil
import pytest
from service.kit.auth.keys import AuthOptions
from service.kit.commands.definition import ServiceDefinition
from service.kit.db.query import Seed
from service.kit.server.settings import KitSettings
from service.kit.web.routes import NEEDS_TOKEN, PUBLIC, Routes, Slice
from service_tools.dev import embedded
from service_tools.dev.announcement import find_curl

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


def test_an_edited_newest_migration_is_applied_again_and_only_rows_that_do_not_fit_are_lost(project: Path):
    port = str(find_port())
    newest = project / "migrations" / "9000_notes.sql"
    newest.write_text("create table note (id int primary key); create table other as select 7 as seven;")
    insert = "insert into note values (1), (2)"
    with start("dev", "--port", port, cwd=project, MIGRATIONS_FOLDER="migrations") as process:
        read_output(project, process)
        assert run("psql", "-c", insert, cwd=project).stdout.strip() == "INSERT 0 2"
        newest.write_text(newest.read_text() + "alter table note add number int not null default 3;")
        wait_for("9000_notes.sql, applied on", project)
        wait_for("Built the database anew by its migrations.", project)
        found = run("psql", "-At", "-c", "select * from note, other", cwd=project)
        assert found.stdout.split() == ["1|3|7", "2|3|7"], found.stderr
        newest.write_text("create table note (id int primary key, text text not null);")
        wait_for("public.note: 2 rows are gone\npublic.other: 1 rows are gone", project)
    newest.write_text("create table note (id int primary key);")
    with start("dev", "--port", port, cwd=project, MIGRATIONS_FOLDER="migrations") as process:
        assert "Built the database anew" in read_output(project, process)


def test_the_database_of_others_is_never_built_anew_unasked(project: Path, database_url: str):
    newest = project / "migrations" / "9000_notes.sql"
    newest.write_text("create table note (id int);")
    folder = str(project / "migrations")
    assert "Applied 9000" in run("migrate", DATABASE_URL=database_url, MIGRATIONS_FOLDER=folder).stdout
    newest.write_text("create table memo (id int);")
    result = run("dev", cwd=project, DATABASE_URL=database_url, MIGRATIONS_FOLDER=folder)
    assert result.returncode == 1
    assert "9000_notes.sql, applied on" in result.stderr
    assert "`service migrate redo`" in result.stderr


@pytest.mark.parametrize(("options", "expected"), [(["--port"], 0), ([], 1)], ids=["option", "variable"])
def test_the_port_is_that_of_the_option_or_else_of_the_variable(project: Path, options: list[str], expected: int):
    ports = [find_port(), find_port()]
    chosen = [*options, str(ports[0])] if options else []
    (project / ".env.development").write_text(f"SERVER_PORT={ports[1]}\n")
    with start("dev", *chosen, "--seed", "0", cwd=project, MIGRATIONS_FOLDER="migrations") as process:
        assert f"http://127.0.0.1:{ports[expected]}\n" in read_output(project, process)


def test_the_files_of_variables_are_read_again_at_a_restart_and_what_is_set_wins(project: Path):
    url = f"http://127.0.0.1:{find_port()}"
    variables = project / ".env.development"
    variables.write_text("EDGE_HOSTS=here.test\nEDGE_BODY_BYTES=10\n")
    given = {"SERVER_PORT": url.rpartition(":")[2], "EDGE_LOG": "false", "MIGRATIONS_FOLDER": "migrations"}
    with start("dev", "--seed", "0", cwd=project, **given) as process:
        read_output(project, process)
        assert httpx2.get(f"{url}/nothing").status_code == 400
        variables.write_text("EDGE_HOSTS=127.0.0.1\nSERVER_PORT=1\nEDGE_LOG=true\nLOG_FORMAT=json\n")
        (project / "migrations" / "9000_later.sql").write_text("select 1")
        wait_for("Applied 9000_later.sql", project)
        deadline = time.monotonic() + 60
        while ask_for_nothing(url) != 404:
            assert time.monotonic() < deadline, (project / "output").read_text()
            time.sleep(0.05)
    output = (project / "output").read_text()
    assert '"event":"Started worker-1"' in output, "a default of development may change as well"
    assert "/nothing" not in output, "a variable of the shell has changed"


def ask_for_nothing(url: str) -> int:
    try:
        return httpx2.get(f"{url}/nothing", timeout=1).status_code
    except httpx2.TransportError:
        return 0


class Elsewhere(KitSettings):
    auth: AuthOptions


class OnePath(BaseHTTPRequestHandler):
    """Answers one path, and only to those without a token."""

    def do_GET(self) -> None:
        is_right = self.path == "/v1/readable" and "authorization" not in self.headers
        self.send_response(200 if is_right else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


async def answer() -> None: ...


def test_what_it_says_to_try_is_the_first_request_that_answers(monkeypatch: pytest.MonkeyPatch):
    seeded = Routes("/v1/things", access=NEEDS_TOKEN)
    seeded.get("/{thing_id}")(answer)
    others = Routes("/v1", access=PUBLIC)
    others.post("/made")(answer)
    others.get("/needs-a-parameter")(answer)
    others.get("/readable")(answer)
    slices = [Slice(others), Slice(seeded, seed=Seed("things", lambda number: {}))]
    definition = ServiceDefinition(Elsewhere, slices, "nothing:create")
    monkeypatch.setenv("AUTH_JWKS_URL", "https://id.example.com/keys")
    monkeypatch.delenv("AUTH_SIGNING_KEY", raising=False)
    with HTTPServer(("127.0.0.1", 0), OnePath) as server:
        base = f"http://127.0.0.1:{server.server_port}"
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            assert find_curl(definition, base) == f"curl -s {base}/v1/readable"
            assert find_curl(ServiceDefinition(Elsewhere, [], ""), base) == f"curl -s {base}/readyz"
        finally:
            server.shutdown()
            serving.join()


def test_with_a_database_url_it_uses_that_database_and_adds_no_rows(project: Path, database_url: str):
    port = str(find_port())
    with start("dev", "--port", port, cwd=project, DATABASE_URL=database_url) as process:
        output = read_output(project, process)
    assert "sample rows" not in output
    assert not (project / ".postgres").exists()
