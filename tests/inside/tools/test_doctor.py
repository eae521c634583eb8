"""What `service doctor` finds in the settings and the database, and how it runs programs."""

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from service.app import SLICES
from service.kit.commands.definition import ServiceDefinition
from service.settings import Settings
from service_tools.dev import checkout, environment, packages, programs, results

from tests.kit.processes import run

MIGRATIONS = Path(__file__).parents[2] / "migrations"


def run_check(check: str) -> list[results.CheckResult]:
    definition = ServiceDefinition(Settings, SLICES, create="service.app:create")
    return [result for result in environment.examine_environment(definition) if result.check == check]


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A migrated database, as DATABASE_URL."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    return database_url


@pytest.mark.usefixtures("database")
def test_all_is_well_with_a_new_database():
    assert [it.state for check in ("settings", "connections", "migrations") for it in run_check(check)] == ["ok"] * 3


def test_each_setting_that_is_wrong_or_missing_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "postgresql://host/name")
    monkeypatch.delenv("AUTH_SIGNING_KEY")
    monkeypatch.setenv("SERVER_PORT", "70000")
    found = run_check("settings")
    assert [it.says.partition(":")[0] for it in found] == ["AUTH_SIGNING_KEY", "SERVER_PORT"]
    assert {it.state for it in found} == {"finding"}
    assert all("service settings" in (it.fix or "") for it in found)


def test_where_there_is_no_database_yet_none_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert [it.state for it in run_check("settings")] == ["ok"]
    assert [it.says for it in run_check("database")] == ["There is none yet; `service dev` makes it."]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("database")
def test_more_connections_than_the_server_admits_are_a_finding(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_RESERVE", "1000")
    [found] = run_check("connections")
    assert "and 1000 for others (DATABASE_RESERVE)" in found.says
    assert (found.fix or "").startswith("Lower one of these settings, raise max_connections, or put a PgBouncer")


def test_a_database_that_does_not_answer_is_a_finding(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://me@127.0.0.1:1/name")
    for check in ("connections", "migrations"):
        [found] = run_check(check)
        assert found.says.startswith("Cannot reach PostgreSQL at 127.0.0.1:1/name")
        assert found.fix == "Check DATABASE_URL and the server."


def test_pending_migrations_are_a_finding(monkeypatch: pytest.MonkeyPatch, empty_database_url: str):
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    [found] = run_check("migrations")
    assert found.says.startswith("Migrations are pending, from ")
    assert found.fix == "Run `service migrate`."


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("name", "text", "says", "fix"),
    [
        ("0001_orders.sql", "select 1;\n", "has been edited since.", "Restore it, and put the change into a new file;"),
        ("0009_draft.sql", "-- Soon.\n", "0009_draft.sql holds no statement yet.", "Write it, or delete the file."),
        ("A.sql", "", "A.sql.", "Name it like 0002_add_customers.sql"),
    ],
)
def test_migrations_that_contradict_the_database_are_a_finding(
    name: str, text: str, says: str, fix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    folder = shutil.copytree(MIGRATIONS, tmp_path / "migrations")
    (folder / name).write_text(text)
    monkeypatch.setenv("MIGRATIONS_FOLDER", str(folder))
    [found] = run_check("migrations")
    assert says in found.says
    assert (found.fix or "").startswith(fix)


def test_a_program_is_ended_at_its_timeout_with_what_it_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(programs, "TIMEOUT", 0.5)
    noted = tmp_path / "pid"
    with pytest.raises(programs.ProgramError, match=r"bash took longer than 0.5 s"):
        programs.run_program("bash", "-c", f"sleep 1000 & echo $! > {noted}; wait")
    child = int(noted.read_text())
    while Path(f"/proc/{child}/stat").exists() and Path(f"/proc/{child}/stat").read_text().split()[2] != "Z":
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("import sys; print('Stderr: | fatal: no such host', file=sys.stderr); exit(1)", "no such host"),
        ("raise ValueError('Unknown revision')", "Unknown revision"),
        ("exit('nothing to see')", "nothing to see"),
        ("exit(3)", "it failed"),
    ],
)
def test_a_program_that_fails_says_why_itself(script: str, said: str):
    with pytest.raises(programs.ProgramError, match=f": {said}$"):
        programs.run_program(sys.executable, "-c", script)


def test_a_program_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(programs.ProgramError, match=r"^git is not installed\.$"):
        programs.run_program("git", "ls-files")


def test_a_folder_that_is_no_project_is_a_finding(tmp_path: Path):
    result = run("doctor", cwd=tmp_path, PATH=os.defpath)
    assert result.returncode == 1
    assert "finding  template     There is no .copier-answers.yml here" in result.stdout
    assert "Fix: Go to the project's folder" in result.stdout


@pytest.mark.parametrize(
    ("found", "is_looser"),
    [
        ("pgqueuer>=1.6,<1.7", False),
        ("pgqueuer>=1.6.2,<1.7", False),
        ("pgqueuer==1.6.5", False),
        ("pgqueuer~=1.6.2", False),
        ("pgqueuer >= 1.6, < 1.6.9 ; python_version < '4'", False),
        ("pgqueuer", True),
        ("pgqueuer>=1.6", True),
        ("pgqueuer<1.7", True),
        ("pgqueuer>=1.5,<1.7", True),
        ("pgqueuer>=1.6,<=1.7", True),
        ("pgqueuer>=1.6,<1.10", True),
        ("pgqueuer~=1.6", True),
        ("pgqueuer==1.5", True),
        ("pgqueuer[cli]>=1.6,<2", True),
    ],
)
def test_a_requirement_is_looser_if_it_lets_in_other_versions(found: str, is_looser: bool):
    assert packages.is_looser(found, "pgqueuer>=1.6,<1.7") == is_looser


def test_an_extra_may_be_missing_and_what_is_not_a_requirement_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    tested = (
        '[project]\ndependencies = ["click>=8"]\n[project.optional-dependencies]\ntraces = ["opentelemetry-sdk>=1"]\n'
    )
    (tmp_path / "tested").mkdir()
    (tmp_path / "tested/pyproject.toml").write_text(tested)
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["click", "not a requirement!"]\n')
    monkeypatch.chdir(tmp_path)
    found = packages.find_loosened_pins(tmp_path / "tested")
    assert [it.says for it in found] == ["pyproject.toml says `click`, but the template is tested with `click>=8`."]


def test_another_exact_version_is_a_choice():
    assert not packages.is_looser("ruff==0.18.0", "ruff==0.17.5")
    assert packages.is_looser("ruff>=0.17.5", "ruff==0.17.5")


@pytest.mark.parametrize(
    ("name", "text", "is_secret"),
    [
        (".env", "", True),
        (".env.production", "", True),
        (".env.development", "", False),
        (".env.example", "", False),
        (".env.staging.example", "", False),
        ("deploy/settings.env", "", False),
        ("id_ed25519", "", True),
        ("id_ed25519.pub", "", False),
        ("key.pem", "", True),
        ("tls.key", "-----BEGIN EC PRIVATE KEY-----", True),
        ("ca.pem", "-----BEGIN CERTIFICATE-----", False),
        ("token.pem", "-----BEGIN PUBLIC KEY-----", False),
    ],
)
def test_secrets_are_known_by_their_names(name: str, text: str, is_secret: bool, tmp_path: Path):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    assert checkout.is_secret(path) == is_secret


def test_a_check_that_fails_is_a_finding_and_ends_nothing():
    def find_wrong_encoding() -> Iterator[results.Finding]:
        yield results.Finding("kit-edited", "README.md is too long.", "Shorten it.", "README.md")
        raise UnicodeDecodeError("utf-8", b"x", 0, 1, "in settings.toml")

    kit = results.report_findings("kit", "", find_wrong_encoding())
    team = results.report_findings("team", "All is well.", ())
    found = results.run_checks({"kit": kit, "team": team})
    assert [(it.check, it.state) for it in found] == [("kit", "finding"), ("kit", "finding"), ("team", "ok")]
    assert [(it.id, it.severity) for it in found] == [
        ("kit-edited", "warning"),
        ("check-failed", "error"),
        ("team", None),
    ]
    assert found[1].says.startswith("The check failed: UnicodeDecodeError: ")
    assert (found[1].fix or "").startswith("Fix the file that this names")


def test_a_file_of_variables_that_cannot_be_read_is_named(tmp_path: Path):
    (tmp_path / ".env").write_bytes(b"SERVER_PORT=\xff\n")
    result = run("doctor", cwd=tmp_path)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: .env cannot be read: 'utf-8' codec can't decode")
