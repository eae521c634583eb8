"""The weekly job of a service that updates it, and asks its team for a review."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import ci, service, shell
from tests.snapshot import NEWER, OLDER

BRANCH = "update-2026-48"

STAND_IN = '#!/bin/sh\necho "$@" >> "$GH_LOG"\n[ "$2" != view ]\n'
"""A `gh` that finds no pull request, and notes what it is asked for."""

COLLEAGUE = """#!/bin/sh -e
unset $(git rev-parse --local-env-vars)
cd "{desk}"
git fetch --quiet origin
git switch --quiet {branch} 2>/dev/null || git switch --quiet --create {branch}
git commit --quiet --allow-empty --message "Resolve the conflicts"
git push --quiet origin {branch}
"""
"""A colleague at their own desk, who pushes work to the branch of the week."""

CLOCK = "#!/bin/sh\necho 2026-48\n"
"""A `date` whose week does not end while a test runs."""

MOMENTS = {
    "while the job works": "post-commit",
    "between its look at the host and its push": "pre-push",
}
"""When a colleague may push, and the hook that git runs at that moment."""


class Outdated(NamedTuple):
    """A service of an older version."""

    folder: Path
    """Its clone on the machine of CI."""
    script: str
    """What updates it."""
    host: Path
    """Its bare repository on the host."""

    @property
    def log(self) -> Path:
        return self.folder.parent / "gh.log"

    def update(self, succeeds: bool = True) -> str:
        """Run the script, which has to succeed or to fail, and return its output."""
        path = os.pathsep.join([str(self.folder.parent / "bin"), os.environ["PATH"]])
        tokens = {"GH_TOKEN": "x", "GH_LOG": str(self.log), "REMOTE": str(self.host), "CI_DEFAULT_BRANCH": "main"}
        code, output = ci.type_script(self.script, self.folder, **tokens, PATH=path)
        assert (code == 0) == succeeds, output
        return output

    def read_branch(self) -> list[str]:
        """Return the messages of the commits that the host has on the branch of the week, newest first."""
        if not shell.run("git", "branch", "--list", BRANCH, cwd=self.host):
            return []
        log = shell.run("git", "log", "-z", "--format=%B", f"HEAD..{BRANCH}", cwd=self.host)
        return [message.strip() for message in log.split("\0") if message]

    def read_asked(self) -> str:
        """Return what `gh` was asked for."""
        return self.log.read_text() if self.log.exists() else ""


@pytest.fixture(params=["github", pytest.param("gitlab", marks=pytest.mark.slow)])
def outdated(request, render, tmp_path):
    host, folder = tmp_path / "host.git", tmp_path / "clone"
    team = service.adopt(render(OLDER, ci=request.param), tmp_path / "team")
    shell.run("git", "clone", "--quiet", "--bare", team, host, cwd=tmp_path)
    shell.run("git", "config", "receive.advertisePushOptions", "true", cwd=host)
    shell.run("git", "clone", "--quiet", host, folder, cwd=tmp_path)
    write_program(tmp_path / "bin/gh", STAND_IN)
    write_program(tmp_path / "bin/date", CLOCK)
    file = {"github": ".github/workflows/update.yml", "gitlab": ".gitlab-ci.yml"}[request.param]
    script = next(filter(ci.is_update, ci.list_commands(render(ci=request.param) / file)))
    return Outdated(folder, script, host)


@pytest.fixture
def colleague(outdated, tmp_path):
    """A program that pushes a commit to the branch of the week, from another clone."""
    shell.run("git", "clone", "--quiet", outdated.host, tmp_path / "desk", cwd=tmp_path)
    return COLLEAGUE.format(desk=tmp_path / "desk", branch=BRANCH)


def write_program(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def test_a_weekly_update_asks_for_a_review(outdated):
    outdated.update()
    assert outdated.read_branch() == ["Update the template and the dependencies"]
    assert f"_commit: {NEWER}" in (outdated.folder / ".copier-answers.yml").read_text()
    assert (outdated.folder / "uv.lock").exists()
    assert ("pr create --fill" in outdated.read_asked()) == ("gh pr create" in outdated.script)


@pytest.mark.slow
def test_a_weekly_update_shows_its_conflicts(outdated):
    ruff = outdated.folder / "ruff.toml"
    ruff.write_text(ruff.read_text().replace("# older\n", "# ours\n"))
    service.save(outdated.folder)
    shell.run("git", "push", "--quiet", cwd=outdated.folder)
    outdated.update()
    [message] = outdated.read_branch()
    assert "Conflicts to resolve in this branch:" in message
    assert "ruff.toml" in message
    assert "# ours" in message
    assert "# newer" in message


@pytest.mark.slow
def test_an_update_with_nothing_new_asks_for_nothing(outdated):
    outdated.update()
    shell.run("git", "branch", "--quiet", "--delete", "--force", BRANCH, cwd=outdated.host)
    outdated.log.unlink(missing_ok=True)
    outdated.update()
    assert (outdated.read_branch(), outdated.read_asked()) == ([], "")


def test_what_others_pushed_stays_when_the_job_runs_again_in_the_same_week(outdated, colleague, tmp_path):
    outdated.update()
    write_program(tmp_path / "bin/colleague", colleague)
    shell.run(tmp_path / "bin/colleague", cwd=tmp_path)
    pushed = outdated.read_branch()
    assert pushed == ["Resolve the conflicts", "Update the template and the dependencies"]
    outdated.log.unlink(missing_ok=True)
    shell.run("git", "switch", "--quiet", "-", cwd=outdated.folder)  # as the host begins each job

    output = outdated.update()

    assert outdated.read_branch() == pushed
    assert "is there already, and is left as it is" in output
    # It may be there because the last run could not ask for the review.
    assert ("pr create --fill" in outdated.read_asked()) == ("gh pr create" in outdated.script)


@pytest.mark.parametrize(
    "moment", ["between its look at the host and its push", pytest.param("while the job works", marks=pytest.mark.slow)]
)
def test_what_others_push_while_the_job_runs_is_never_overwritten(moment, outdated, colleague):
    write_program(outdated.folder / ".git/hooks" / MOMENTS[moment], colleague)
    output = outdated.update()
    assert outdated.read_branch() == ["Resolve the conflicts"]
    assert "is there already, and is left as it is" in output


def test_a_push_that_the_host_refuses_fails_the_job(outdated):
    write_program(outdated.host / "hooks/pre-receive", "#!/bin/sh\necho The token is too old.\nexit 1\n")
    output = outdated.update(succeeds=False)
    assert "The token is too old." in output
    assert "is there already" not in output
    assert outdated.read_branch() == []


def test_an_update_without_a_token_says_which_to_set(render, tmp_path):
    script = next(filter(ci.is_update, ci.list_commands(render() / ".github/workflows/update.yml")))
    code, output = ci.type_script(script, tmp_path, GH_TOKEN="")
    assert code != 0
    assert "Set the secret UPDATE_TOKEN" in output
