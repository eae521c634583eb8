"""`python3 run.py fleet` reads many services, and one that cannot be read does not keep it from the others."""

import json
import subprocess
import sys
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.harness import releases, service, shell
from tests.harness.snapshot import CURRENT, NEWER, OLDER, ROOT

BRANCH = "update-2026-48"
LAST = list(releases.find(ROOT))[-1]


class Private(BaseHTTPRequestHandler):
    """A host that lets nobody in."""

    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="git"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format, *args):
        pass


@contextmanager
def serve_private():
    """Run that host, and yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Private)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def show(clone, *arguments, cwd):
    """Return the exit code of the command, and what it printed on each stream."""
    done = subprocess.run(
        [sys.executable, clone / "run.py", "fleet", *arguments],
        cwd=cwd,
        env=shell.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def make_folders(render, folder):
    """Make the services of a platform, and folders that are none."""
    service.adopt(render(LAST), folder / "last")
    old = service.adopt(render("v1.0.0", project_name="old-service"), folder / "old")
    with (old / "src/service/kit/db/pool.py").open("a") as pool:
        pool.write("# ours\n")
    (old / "renovate.json").unlink()
    (old / ".env").write_text("A=b\n")
    shell.run("git", "add", "--all", "--force", cwd=old)
    shell.run("git", "commit", "--quiet", "--message", "Edit the kit", cwd=old)

    ours = service.adopt(render(OLDER, project_name="updated-service"), folder / "ours")
    shell.run("git", "switch", "--quiet", "--create", BRANCH, cwd=ours)
    (ours / ".copier-answers.yml").write_text(f"_commit: {NEWER}\n_src_path: /nowhere\n")
    with (ours / "ruff.toml").open("a") as ruff:
        ruff.write("<<<<<<< before updating\n# ours\n=======\n# newer\n>>>>>>> after updating\n")
    service.save(ours)
    for older in ("update-2026-47", "update-to-3"):
        shell.run("git", "branch", older, cwd=ours)
    shell.run("git", "switch", "--quiet", "-", cwd=ours)
    shell.run("git", "clone", "--quiet", "--bare", ours, folder / "host.git", cwd=folder)
    shell.run("git", "clone", "--quiet", folder / "host.git", folder / "clone", cwd=folder)
    shell.run("git", "remote", "set-url", "origin", "../host.git", cwd=folder / "clone")

    unknown = service.adopt(render(), folder / "unknown")
    service.replace(unknown / ".copier-answers.yml", (f"_commit: {CURRENT}", "_commit: --help"))
    conflict = service.adopt(render(), folder / "conflict")
    answers = conflict / ".copier-answers.yml"
    answers.write_text(f"<<<<<<< before updating\n{answers.read_text()}")
    (folder / "notes").mkdir()
    (folder / "other").mkdir()
    (folder / "other/.copier-answers.yml").write_text("_commit: v1.0.0\n_src_path: gh:others/template\n")


def list_git_files(folder):
    """Return when each file in the repositories of the services was changed."""
    files = [path for path in folder.glob("*/.git/**/*") if not path.is_relative_to(folder / "template")]
    return {path: path.stat().st_mtime_ns for path in files}


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
        ("http://127.0.0.1:1", "unable to access"),
    ],
)
def test_what_cannot_be_read_has_a_row_that_says_why(name, why, services):
    assert why in services[name]["error"]
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
