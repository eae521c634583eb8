"""`python3 run.py fleet` reads many services, and one that cannot be read does not keep it from the others."""

import json
from datetime import date

import pytest

from tests.commands.platform import BRANCH, LAST, list_git_files, make_folders, serve_private, show
from tests.harness import releases, shell
from tests.harness.snapshot import CURRENT, NEWER, OLDER, ROOT


@pytest.fixture(scope="module")
def fleet(template, render, tmp_path_factory):
    """The template's clone, the folder of the services, and what the command says of them."""
    folder = tmp_path_factory.mktemp("fleet")
    clone = folder / "template"
    shell.run("git", "clone", "--quiet", template, clone, cwd=folder)
    make_folders(render, folder)
    with serve_private() as private:
        listed = f"""
# Services
last
old
host.git
clone
file://{folder}/host.git  # by its address
unknown
conflict
notes
other
nothing
http://127.0.0.1:1/team/service.git
http://{private}/team/service.git
http://name:s3cret@{private}/team/service.git
"""
        (folder / "list").write_text(listed)
        before = list_git_files(folder)
        code, output, errors = show(clone, "--from", "list", "last", "--json", "--jobs", "3", cwd=folder)
        assert list_git_files(folder) == before
    assert "Traceback" not in errors
    return clone, folder, code, json.loads(output), errors


@pytest.fixture(scope="module")
def services(fleet):
    """Return what is known of each repository."""
    return {it["repository"].removesuffix("/team/service.git"): it for it in fleet[3]["services"]}


pytestmark = pytest.mark.slow


def test_each_repository_is_read_once_whatever_becomes_of_the_others(fleet):
    _, _, code, report, errors = fleet
    assert code == 1
    assert report["latest"] == NEWER
    assert date.fromisoformat(report["released"])
    assert [it["repository"] for it in report["services"]][:2] == ["last", "old"]
    assert len(report["services"]) == 13
    assert "[13/13] " in errors
    assert "s3cret" not in errors + json.dumps(report)


def test_a_service_is_as_far_behind_as_there_are_later_releases(services):
    last, old = services["last"], services["old"]
    ahead = [OLDER, CURRENT, NEWER]
    assert (last["version"], last["behind"]["releases"]) == (LAST, len(ahead))
    assert old["behind"]["releases"] == len(releases.find(ROOT)) - 1 + len(ahead)
    assert old["behind"]["days"] <= old["age"]
    assert (last["edited"], last["deleted"], last["python"]) == ([], [], ">=3.12")
    assert (last["error"], last["update"]) == (None, None)
    assert any("no remote `origin`" in note for note in last["notes"])


def test_edited_and_deleted_files_and_findings_are_those_of_the_doctor(services):
    old = services["old"]
    assert old["name"] == "old-service"
    assert old["edited"] == ["src/service/kit/db/pool.py"]
    assert old["deleted"] == ["renovate.json"]
    found = {(it["id"], it["file"]) for it in old["findings"]}
    assert {("git-secret", ".env"), ("team-flood", "src/service/accounts/http.py")} <= found
    assert not {"kit-edited", "packages-lock"} & {it["id"] for it in old["findings"]}


@pytest.mark.parametrize("name", ["host.git", "clone"])
def test_the_branch_of_an_update_is_seen_with_what_it_brings_and_its_conflicts(name, services):
    found = services[name]
    assert found["name"] == "updated-service"
    day = found["update"]["day"]
    assert date.fromisoformat(day)
    assert found["update"] == {"branch": BRANCH, "version": NEWER, "conflicts": ["ruff.toml"], "day": day}
    assert "conflicts-markers" not in {it["id"] for it in found["findings"]}


def test_an_address_is_cloned(fleet, services):
    _, folder, *_ = fleet
    by_address = services[f"file://{folder}/host.git"]
    assert {**by_address, "repository": "host.git"} == services["host.git"]


def test_a_release_that_this_clone_does_not_know_is_said(services):
    unknown = services["unknown"]
    assert (unknown["error"], unknown["version"], unknown["behind"], unknown["edited"]) == (None, "--help", None, None)
    assert unknown["notes"][0] == "--help is no release that this clone of the template knows."


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("conflict", ".copier-answers.yml cannot be read"),
        ("notes", "There is no .copier-answers.yml here"),
        ("other", "It is no service of this template"),
        ("nothing", "There is no such folder"),
        ("http://127.0.0.1:1", "git: unable to access"),
    ],
)
def test_what_cannot_be_read_has_a_row_that_says_why(name, why, services):
    assert services[name]["error"].startswith(why)
    assert services[name]["version"] is None


def test_a_host_that_wants_a_password_is_not_waited_for(fleet):
    *_, report, _ = fleet
    errors = [it["error"] for it in report["services"][-2:]]
    assert "terminal prompts disabled" in errors[0]
    assert "Authentication failed" in errors[1]


def test_the_table_has_a_row_for_each_and_below_it_what_they_need(fleet):
    clone, folder, *_ = fleet
    code, output, _ = show(clone, "old", "clone", "notes", cwd=folder)
    assert code == 1
    header, old, updated, notes, *below = output.splitlines()
    assert header.split() == [
        "SERVICE",
        "VERSION",
        "AGE",
        "BEHIND",
        "EDITED",
        "DELETED",
        "UPDATE",
        "FINDINGS",
        "PYTHON",
    ]
    assert old.split()[:2] == ["old-service", "v1.0.0"]
    assert f"{BRANCH} to {NEWER}, conflicts: 1" in updated
    assert notes.split() == ["notes", "cannot", "be", "read"]
    for line in ("  edited: src/service/kit/db/pool.py", f"  conflict in {BRANCH}: ruff.toml"):
        assert line in below
    assert below[-1].startswith(f"The newest release in this clone of the template is {NEWER}, of ")


def test_it_says_how_it_is_used(fleet):
    clone, folder, *_ = fleet
    code, output, _ = show(clone, "--help", cwd=folder)
    assert code == 0
    assert "--from FILE" in output
    code, _, errors = show(clone, cwd=folder)
    assert code == 2
    assert "name at least one REPO" in errors
    code, _, errors = show(clone, "--from", "missing", cwd=folder)
    assert code == 2
    assert "--from missing cannot be read" in errors
