"""A security fix reaches services on an older major: the commands of release.md, one after the other."""

import re
import sys

import pytest

from tests.ci.test_release import STAND_IN, Forge, list_steps
from tests.ci.weekly import write_program
from tests.harness import releases, service, shell
from tests.harness.owners import owner
from tests.harness.snapshot import CURRENT, ROOT

SECTION = "## A security fix for an older major"
FIXED = "src/service/kit/edge/fixed.py"
ENTRY = "## v2.1.1\n\n- A fix.\n\n### By hand\n\nNothing.\n\n"
NEWEST = "v10000.0.1"


def read_commands():
    """Return the commands of the section: those for the branch, for the patch, and for the service."""
    page = (ROOT / "docs/contributing/release.md").read_text().partition(SECTION)[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return [[line.partition("  #")[0] for line in block.splitlines()] for block in blocks]


@pytest.fixture
def forge(template, tmp_path):
    """A clone of the template whose `main` has a fix, released as the newest version, and its host."""
    host, folder = tmp_path / "host.git", tmp_path / "template"
    shell.run("git", "clone", "--quiet", "--bare", template, host, cwd=tmp_path)
    shell.run("git", "clone", "--quiet", host, folder, cwd=tmp_path)
    shell.run("git", "switch", "--quiet", "--force-create", "main", CURRENT, cwd=folder)
    (folder / "template" / FIXED).write_text('# kit: updated by the template\n"""The fix."""\n')
    service.save(folder)
    for name in ("FIX", NEWEST):
        shell.run("git", "tag", name, cwd=folder)
    shell.run("git", "push", "--quiet", "origin", NEWEST, cwd=folder)
    write_program(tmp_path / "bin/gh", STAND_IN)
    return Forge(folder, host, tmp_path / "gh.log")


def add_entry(changelog):
    """Put the section of the patch where its version has its place."""
    text = changelog.read_text()
    place = text.index("## v2.1.0\n")
    changelog.write_text(f"{text[:place]}{ENTRY}{text[place:]}")


def check_releases(folder):
    """Run those of a checkout's tests of releases that need no render, chosen as the workflow does."""
    (command,) = [step for step in list_steps("release") if step.startswith("python3 run.py test")]
    pytest_here = f"{sys.executable} -m pytest -n0 -q -p no:cacheprovider --deselect tests/test_compatibility.py"
    pytest_here += " --deselect tests/update/test_compatibility.py"
    passed = shell.run("sh", "-c", command.replace("python3 run.py test", pytest_here), cwd=folder)
    assert re.search(r"^[4-9] passed", passed, re.MULTILINE), passed


def update(folder, command):
    shell.run("sh", "-e", "-c", command, cwd=folder)
    assert shell.run("git", "ls-files", "--unmerged", cwd=folder) == ""


def not_yours(folder):
    return {path: content for path, content in service.read(folder).items() if owner(path) != "yours"}


@pytest.mark.slow
def test_a_fix_reaches_a_service_on_an_older_major_which_later_takes_the_newest(forge, render, tmp_path):
    for_branch, for_patch, for_service = read_commands()
    for command in [*for_branch, *for_patch]:
        if command.startswith("git commit"):
            add_entry(forge.folder / "CHANGELOG.md")
        shell.run("sh", "-e", "-c", command, cwd=forge.folder)
        if command == "git push origin v2":
            check_releases(forge.folder)
            outputs, failed = forge.run()
            assert (outputs["version"], outputs["newest"], failed) == ("v2.1.1", "false", "")

    folder = service.adopt(render("v2.1.0"), tmp_path / "shop")
    answers = folder / ".copier-answers.yml"
    answers.write_text(re.sub("^_src_path: .*", f"_src_path: {forge.host}", answers.read_text(), flags=re.MULTILINE))
    service.save(folder)
    update(folder, for_service[0])
    assert (folder / FIXED).exists()
    assert "_commit: v2.1.1\n" in answers.read_text()
    assert shell.run("git", "diff", "--name-only", cwd=folder).split() == [".copier-answers.yml"]

    # `main` has its own files, and knows of the patch; so do its tests.
    changed = shell.run("git", "diff", "--name-only", "FIX", "main", cwd=forge.folder).split()
    assert changed == ["CHANGELOG.md"]
    check_releases(forge.folder)
    found = [*releases.find(forge.folder)]
    assert found[found.index("v2.1.0") :][:2] == ["v2.1.0", "v2.1.1"]

    service.save(folder)
    update(folder, "uvx copier update --defaults")
    assert f"_commit: {NEWEST}\n" in answers.read_text()
    assert not_yours(folder) == not_yours(service.render(forge.host, tmp_path / "new", {}, NEWEST))
