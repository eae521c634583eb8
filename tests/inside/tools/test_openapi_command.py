"""`service openapi`: printed from the code alone, and compared with another commit."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.processes import ROOT

NEEDED = ("DATABASE_URL", "AUTH_SIGNING_KEY", "AUTH_PUBLIC_KEY")

GIT = ("git", "-c", "user.name=tests", "-c", "user.email=tests@localhost")


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command on the service in a folder, without any setting."""
    environment = {name: value for name, value in os.environ.items() if name not in NEEDED}
    environment |= {"PYTHONPATH": str(folder / "src"), **settings}
    command = [sys.executable, "-m", "service", "openapi", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def commit(folder: Path) -> None:
    subprocess.run([*GIT, "add", "--all"], cwd=folder, check=True)
    subprocess.run([*GIT, "commit", "--quiet", "--message", "Work"], cwd=folder, check=True)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The service in a repository of its own."""
    shutil.copytree(ROOT / "src", tmp_path / "src")
    (tmp_path / ".gitignore").write_text("__pycache__\n")
    subprocess.run([*GIT, "init", "--quiet", "--initial-branch", "main"], cwd=tmp_path, check=True)
    commit(tmp_path)
    return tmp_path


def edit(project: Path, old: str, new: str) -> None:
    path = project / "src/service/orders/model.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_description_is_printed_without_settings_and_always_the_same(project: Path):
    printed = [run(project, EDGE_HOSTS="api.example.com", PYTHONHASHSEED=seed) for seed in ("1", "2")]
    description = json.loads(printed[0].stdout)
    assert printed[0].stdout == printed[1].stdout
    assert [*description["paths"]] == sorted(description["paths"])
    assert description["info"]["license"]["identifier"] == "LicenseRef-Proprietary"
    assert not [path for path in project.iterdir() if path.name not in (".git", ".gitignore", "src")]


def test_a_change_that_breaks_clients_fails_the_command_and_is_named(project: Path):
    edit(project, "    note: Note | None\n    version", "    version")
    result = run(project, "--against", "main")
    assert result.returncode == 1, result.stderr
    breaking, _, _ = result.stdout.partition("Breaks no client:")
    assert "GET /v1/orders/{} response 200 application/json note is gone\n" in breaking


def test_any_other_change_is_named_and_the_command_succeeds(project: Path):
    edit(project, "    note: Note | None = None", "    note: Note | None = None\n    colour: str = ''")
    result = run(project, "--against", "HEAD")
    assert result.returncode == 0, result.stderr
    assert result.stdout == ("Breaks no client:\n  POST /v1/orders request application/json colour is new\n")
    commit(project)
    assert run(project, "--against", "HEAD").stdout == "The API is as it is in HEAD.\n"


def test_with_a_commit_without_the_command_there_is_nothing_to_compare(project: Path):
    shutil.move(project / "src/service_tools/api", project / "api")
    commit(project)
    shutil.move(project / "api", project / "src/service_tools/api")
    result = run(project, "--against", "HEAD")
    assert (result.returncode, result.stderr) == (0, "")
    assert "nothing to compare with" in result.stdout


@pytest.mark.parametrize(("ref", "said"), [("nowhere", "nowhere"), ("HEAD", "service openapi` failed in HEAD")])
def test_what_cannot_be_compared_is_an_error(project: Path, ref: str, said: str):
    edit(project, "class Order(", "class Broken(")
    commit(project)
    edit(project, "class Broken(", "class Order(")
    result = run(project, "--against", ref)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr.partition("failed in")[0]
