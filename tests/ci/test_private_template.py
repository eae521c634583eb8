"""A template and a service on a host that answers 401 to strangers: the first copy, and the weekly update."""

import shutil

import pytest

from tests.ci import private, scripts, weekly
from tests.ci.weekly import write_program
from tests.harness import service, shell
from tests.harness.snapshot import CURRENT, NEWER

GIT = """#!/bin/sh
echo "git $*" >> "{log}"
exec {git} "$@"
"""
"""A git that notes its arguments, which everybody on the machine can see."""

ANSWERS = ".copier-answers.yml"


@pytest.fixture(scope="module")
def host(template, workshop):
    (workshop / "host").mkdir()
    private.publish(template, workshop / "host", "template.git")
    with private.serve(workshop / "host", {"template.git": "of-the-template"}) as host:
        yield host


def make(render, answer, host, folder):
    """Return a service of a version ago, whose template and whose own repository are private."""
    made = weekly.make(render, answer, folder)
    answers = (made.folder / ANSWERS).read_text().splitlines()
    answers = [f"_src_path: {host.address}/template.git" if "_src_path" in line else line for line in answers]
    (made.folder / ANSWERS).write_text("\n".join(answers) + "\n")
    service.save(made.folder)
    shell.run("git", "push", "--quiet", cwd=made.folder)
    name = f"{folder.name}.git"
    private.publish(made.host, host.folder, name)
    host.tokens[name] = "of-the-service"
    shell.run("git", "remote", "set-url", "origin", f"{host.address}/{name}", cwd=made.folder)
    write_program(folder / "bin/git", GIT.format(log=folder / "git.log", git=shutil.which("git")))
    return made._replace(host=host.folder / name)


def update(outdated, host, token, succeeds=True, **variables):
    named = {"GH_TOKEN": token, "UPDATE_TOKEN": token, "CI_SERVER_URL": host.address, "TEMPLATE_USER": "oauth2"}
    return outdated.update(succeeds, **named, REMOTE=f"{host.address}/{outdated.host.name}", **variables)


def check_updated(outdated, host, output):
    [message] = outdated.read_branch()
    assert message.startswith("Update the template and the dependencies\n")
    assert f"_commit: {NEWER}" in shell.run("git", "show", f"{weekly.BRANCH}:{ANSWERS}", cwd=outdated.host)
    assert {path.split("/")[1] for path in host.refused} == {"template.git", outdated.host.name}
    told = [(outdated.folder.parent / "git.log").read_text(), (outdated.folder / ".git/config").read_text(), output]
    assert "git push" in told[0]
    assert not [text for text in told if "of-the-" in text], "anybody on the machine can see a token"


@pytest.mark.slow
def test_the_weekly_update_logs_in_before_it_reads_a_private_template(render, host, tmp_path):
    outdated = make(render, "github", host, tmp_path)
    host.refused.clear()
    host.tokens[outdated.host.name] = "of-the-template"
    check_updated(outdated, host, update(outdated, host, "of-the-template"))


@pytest.mark.slow
def test_a_template_that_the_services_token_may_not_read_has_a_token_of_its_own(render, host, tmp_path):
    outdated = make(render, "gitlab", host, tmp_path)
    host.refused.clear()
    output = update(outdated, host, "of-the-service", TEMPLATE_TOKEN="of-the-template")
    check_updated(outdated, host, output)


def test_both_hosts_give_git_the_token_of_the_template_in_the_same_way(render):
    files = (render() / ".github/workflows/update.yml", render(ci="gitlab") / ".gitlab-ci.yml")
    [ours, theirs] = [next(filter(scripts.is_update, scripts.list_commands(file))) for file in files]
    lines = [line for line in ours.splitlines() if "$template" in line]
    assert len(lines) == 3
    assert lines == [line for line in theirs.splitlines() if "$template" in line]


def test_an_update_that_may_not_read_the_template_says_which_token_to_set(render, host, tmp_path):
    outdated = make(render, "github", host, tmp_path)
    output = update(outdated, host, "of-the-service", succeeds=False)
    assert f"The template is {host.address}/template.git. If it is private, UPDATE_TOKEN or TEMPLATE_TOKEN" in output
    assert outdated.read_branch() == []


@pytest.mark.slow
def test_a_private_template_is_copied_with_the_login_that_git_has(host, tmp_path):
    write_program(tmp_path / "bin/helper", "#!/bin/sh\necho username=x\necho password=of-the-template\n")
    copy = ("uvx", "copier@9.19.1", "copy", "--defaults", "--vcs-ref", CURRENT)
    told = {"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig")}
    code, _ = shell.attempt(*copy, f"{host.address}/template.git", tmp_path / "stranger", cwd=tmp_path, **told)
    assert code != 0
    shell.run("git", "config", "--global", "credential.helper", str(tmp_path / "bin/helper"), cwd=tmp_path, **told)
    shell.run(*copy, f"{host.address}/template.git", tmp_path / "known", cwd=tmp_path, **told)
    assert f"_src_path: {host.address}/template.git" in (tmp_path / "known" / ANSWERS).read_text()
