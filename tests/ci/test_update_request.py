"""The weekly job of a service that updates it, and asks its team for a review."""

import re

import pytest

from tests.ci import scripts, weekly
from tests.ci.weekly import BRANCH, COLLEAGUE, write_program
from tests.harness import service, shell
from tests.harness.snapshot import BY_HAND, CURRENT, NEWER, commit

TITLE = "Update the template and the dependencies"

MOMENTS = {
    "while the job works": "post-commit",
    "between its look at the host and its push": "pre-push",
}
"""When a colleague may push, and the hook that git runs at that moment."""


@pytest.fixture(params=["github", pytest.param("gitlab", marks=pytest.mark.slow)])
def outdated(request, render, tmp_path):
    return weekly.make(render, request.param, tmp_path)


@pytest.fixture
def colleague(outdated, tmp_path):
    """A program that pushes a commit to the branch of the week, from another clone."""
    shell.run("git", "clone", "--quiet", outdated.host, tmp_path / "desk", cwd=tmp_path)
    return COLLEAGUE.format(desk=tmp_path / "desk", branch=BRANCH)


def test_a_weekly_update_asks_for_a_review(outdated):
    outdated.update()
    [message] = outdated.read_branch()
    assert message.startswith(f"{TITLE}\n\n")
    assert f"\n    git fetch origin && git switch {BRANCH}\n    uv sync && uv run pytest\n" in message
    assert f"\nNew in UPDATES.md, for your own files:\n\n## {NEWER}\n\n{BY_HAND}\n" in message
    assert "Conflicts" not in message
    assert "v2.1.0" not in message, "what older releases asked for is not new"
    assert f"_commit: {NEWER}" in (outdated.folder / ".copier-answers.yml").read_text()
    assert (outdated.folder / "uv.lock").exists()
    assert ("pr create --fill" in outdated.read_asked()) == ("gh pr create" in outdated.script)


@pytest.mark.slow
@pytest.mark.parametrize("outdated", ["gitlab"], indirect=True)  # that of GitHub has the same line
def test_a_weekly_update_stays_on_the_branch_that_a_variable_names(outdated, render, template, tmp_path):
    workflow = (render() / ".github/workflows/update.yml").read_text()
    assert "TEMPLATE_REF: ${{ vars.TEMPLATE_REF }}" in workflow
    updates = [line.partition(" #")[0].strip() for line in outdated.script.splitlines() if "copier@" in line]
    assert [line for line in updates if line not in workflow] == []
    source = tmp_path / "source.git"
    shell.run("git", "clone", "--quiet", "--bare", template, source, cwd=tmp_path)
    shell.run("git", "branch", "--force", "v9999", CURRENT, cwd=source)
    answers = outdated.folder / ".copier-answers.yml"
    answers.write_text(re.sub("^_src_path: .*", f"_src_path: {source}", answers.read_text(), flags=re.MULTILINE))
    service.save(outdated.folder)
    outdated.update(TEMPLATE_REF="v9999")
    assert f"_commit: {CURRENT}\n" in answers.read_text()


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
    assert "pool.py" not in message, "a file without a conflict is not listed"
    assert BY_HAND in message


@pytest.mark.slow
def test_a_request_has_room_for_all_that_an_update_brings(outdated, template, tmp_path):
    successor = tmp_path / "successor"
    shell.run("git", "clone", "--quiet", template, successor, cwd=tmp_path)
    with (successor / "CHANGELOG.md").open("a") as changelog:
        changelog.write("\n## v0.9.0\n\n### By hand\n\n" + "- Write ü for ue.\n" * 9000)
    with (successor / "template/ruff.toml").open("a") as ruff:
        ruff.write("# theirs, ü\n" * 9000)
    commit(successor, "v10001.0.0")
    answers, ruff = outdated.folder / ".copier-answers.yml", outdated.folder / "ruff.toml"
    answers.write_text(answers.read_text().replace(str(template), str(successor)))
    ruff.write_text(ruff.read_text().replace("# older\n", "# ours\n"))
    service.save(outdated.folder)
    shell.run("git", "push", "--quiet", cwd=outdated.folder)

    outdated.update()

    [message] = outdated.read_branch()
    assert 50_000 < len(message) < 65_536
    assert "\n\n## v0.9.0\n\n- Write ü for ue.\n" in message
    assert message.endswith("``````")
    assert {it for it in message.splitlines() if "ü" in it} == {"- Write ü for ue.", "+ # theirs, ü"}


@pytest.mark.slow
def test_an_update_with_nothing_new_asks_for_nothing(outdated):
    outdated.update()
    shell.run("git", "branch", "--quiet", "--delete", "--force", BRANCH, cwd=outdated.host)
    outdated.log.unlink(missing_ok=True)
    outdated.update()
    assert (outdated.read_branch(), outdated.read_asked()) == ([], "")


@pytest.mark.slow
def test_a_second_request_in_the_same_week_is_asked_for_once_the_first_is_merged(outdated):
    outdated.update()
    shell.run("git", "branch", "--quiet", "--delete", "--force", BRANCH, cwd=outdated.host)
    outdated.log.with_suffix(".log.merged").touch()
    outdated.log.unlink(missing_ok=True)
    shell.run("git", "switch", "--quiet", "-", cwd=outdated.folder)  # as the host begins each job

    outdated.update()

    assert [it.splitlines()[0] for it in outdated.read_branch()] == [TITLE]
    assert ("pr create --fill" in outdated.read_asked()) == ("gh pr create" in outdated.script)


def test_what_others_pushed_stays_when_the_job_runs_again_in_the_same_week(outdated, colleague, tmp_path):
    outdated.update()
    write_program(tmp_path / "bin/colleague", colleague)
    shell.run(tmp_path / "bin/colleague", cwd=tmp_path)
    pushed = outdated.read_branch()
    assert [it.splitlines()[0] for it in pushed] == ["Resolve the conflicts", TITLE]
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
    script = next(filter(scripts.is_update, scripts.list_commands(render() / ".github/workflows/update.yml")))
    code, output = scripts.type_script(script, tmp_path, GH_TOKEN="")
    assert code != 0
    assert "Set the secret UPDATE_TOKEN" in output
