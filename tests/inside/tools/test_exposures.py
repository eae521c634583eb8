"""What `service doctor` finds in files of the team that earlier releases made."""

import shutil
from pathlib import Path

import pytest
from service_tools.dev import team_files

from tests.kit.processes import ROOT

ACCOUNTS = Path("src/service/accounts")
HTTP, PASSWORDS, MAIL = ACCOUNTS / "http.py", ACCOUNTS / "passwords.py", Path("src/service/mail.py")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of this service's own code."""
    shutil.copytree(ROOT / "src/service", tmp_path / "src/service")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def replace_text(path: Path, text: str, instead: str) -> None:
    content = path.read_text()
    assert content.count(text) == 1, text
    path.write_text(content.replace(text, instead))


@pytest.mark.usefixtures("project")
def test_a_new_service_exposes_nothing():
    assert list(team_files.find_exposures()) == []


@pytest.mark.parametrize(
    ("path", "text", "instead", "says", "fix"),
    [
        (HTTP, ", limit=SIGN_UPS", "", "hash passwords by create_account", "limit=Rate(10, per=60)"),
        (HTTP, "limit=SIGN_UPS", "limit=None", "hash passwords by create_account", "limit=Rate(10, per=60)"),
        (PASSWORDS, "scope, email)", "scope, email.lower())", "lowers a name", "what the client sent"),
        (PASSWORDS, "throttle.count_attempt(scope, email)", "guesses.begin(email.lower())", "lowers", "client"),
        (MAIL, "id=mail.id)", "id=mail.id, to=mail.to)", "writes mail.to to the log", "Leave it out"),
    ],
)
def test_what_an_earlier_release_made_is_found_with_its_line(
    project: Path, path: Path, text: str, instead: str, says: str, fix: str
):
    replace_text(project / path, text, instead)
    [found] = team_files.find_exposures()
    line = (project / path).read_text().splitlines()[(found.line or 0) - 1]
    assert found.file == str(path)
    assert found.says.startswith(f"{path}:{found.line} ")
    assert "create_account" in line or instead.strip(", ") in line
    assert says in found.says
    assert fix in found.fix


def test_a_rate_of_all_routes_counts(project: Path):
    replace_text(project / HTTP, ", limit=SIGN_UPS", "")
    replace_text(project / HTTP, 'Routes("/v1", tags', 'Routes("/v1", limit=SIGN_UPS, tags')
    assert list(team_files.find_exposures()) == []


def test_a_file_that_is_no_python_is_left_to_other_checks(project: Path):
    (project / MAIL).write_text("def (")
    assert list(team_files.find_exposures()) == []
