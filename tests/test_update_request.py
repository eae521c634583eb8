"""The weekly job of a service that updates it, and asks its team for a review."""

import os

import pytest

from tests import ci, service, shell
from tests.snapshot import NEWER, OLDER

STAND_IN = '#!/bin/sh\necho "$@" >> "$GH_LOG"\n[ "$2" != view ]\n'
"""A `gh` that finds no pull request, and notes what it is asked for."""


@pytest.fixture(params=["github", pytest.param("gitlab", marks=pytest.mark.slow)])
def outdated(request, render, tmp_path):
    """A service of an older version, cloned from its host; the script that updates it; and the host's repository."""
    origin = service.adopt(render(OLDER, ci=request.param), tmp_path / "origin")
    shell.run("git", "config", "receive.advertisePushOptions", "true", cwd=origin)
    shell.run("git", "clone", "--quiet", origin, "clone", cwd=tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/gh").write_text(STAND_IN)
    (tmp_path / "bin/gh").chmod(0o755)
    file = {"github": ".github/workflows/update.yml", "gitlab": ".gitlab-ci.yml"}[request.param]
    script = next(filter(ci.is_update, ci.list_commands(render(ci=request.param) / file)))
    return tmp_path / "clone", script, origin


def update(outdated):
    """Run the script, and return the message of the commit that it pushed, with what `gh` was asked for."""
    folder, script, origin = outdated
    path = os.pathsep.join([str(folder.parent / "bin"), os.environ["PATH"]])
    log = folder.parent / "gh.log"
    host = {"GH_TOKEN": "x", "GH_LOG": str(log), "REMOTE": str(origin), "CI_DEFAULT_BRANCH": "main", "PATH": path}
    code, output = ci.type_script(script, folder, **host)
    assert code == 0, output
    branch = shell.run("git", "branch", "--format=%(refname:short)", "--list", "update-*", cwd=origin).strip()
    message = shell.run("git", "log", "-1", "--format=%B", branch, cwd=origin) if branch else ""
    return message, log.read_text() if log.exists() else ""


def test_a_weekly_update_asks_for_a_review(outdated):
    message, asked = update(outdated)
    assert message.strip() == "Update the template and the dependencies"
    folder, script, _ = outdated
    assert f"_commit: {NEWER}" in (folder / ".copier-answers.yml").read_text()
    assert (folder / "uv.lock").exists()
    assert ("pr create --fill" in asked) == ("gh pr create" in script)


@pytest.mark.slow
def test_a_weekly_update_shows_its_conflicts(outdated):
    folder, *_ = outdated
    ruff = folder / "ruff.toml"
    ruff.write_text(ruff.read_text().replace("# older\n", "# ours\n"))
    service.save(folder)
    message, _ = update(outdated)
    assert "Conflicts to resolve in this branch:" in message
    assert "ruff.toml" in message
    assert "# ours" in message
    assert "# newer" in message


@pytest.mark.slow
def test_an_update_with_nothing_new_asks_for_nothing(outdated):
    update(outdated)
    folder, _, origin = outdated
    branch = shell.run("git", "branch", "--show-current", cwd=folder).strip()
    shell.run("git", "branch", "--quiet", "--delete", "--force", branch, cwd=origin)
    (folder.parent / "gh.log").unlink(missing_ok=True)
    assert update(outdated) == ("", "")


def test_an_update_without_a_token_says_which_to_set(render, tmp_path):
    script = next(filter(ci.is_update, ci.list_commands(render() / ".github/workflows/update.yml")))
    code, output = ci.type_script(script, tmp_path, GH_TOKEN="")
    assert code != 0
    assert "Set the secret UPDATE_TOKEN" in output
