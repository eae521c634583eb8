"""A security fix reaches services on an older major: the commands of release.md, one after the other."""

import re
import sys

import pytest

from tests.harness import service, shell
from tests.harness.snapshot import CURRENT, ROOT

SECTION = "## A security fix for an older major"
FIXED = "src/service/kit/edge/fixed.py"
ENTRY = "## v1.3.1\n\n- A fix.\n\n### By hand\n\nNothing.\n\n"


def read_commands():
    """Return the commands of the section: those for the template, and those for the service."""
    page = (ROOT / "docs/contributing/release.md").read_text().partition(SECTION)[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    return [[line.partition("  #")[0] for line in block.splitlines()] for block in blocks]


@pytest.fixture
def repository(template, tmp_path):
    """A clone of the template whose last commit on `main` is the fix, and its host."""
    host, folder = tmp_path / "host.git", tmp_path / "template"
    shell.run("git", "clone", "--quiet", "--bare", template, host, cwd=tmp_path)
    shell.run("git", "clone", "--quiet", host, folder, cwd=tmp_path)
    shell.run("git", "switch", "--quiet", "--force-create", "main", CURRENT, cwd=folder)
    (folder / "template" / FIXED).write_text('# kit: updated by the template\n"""The fix."""\n')
    service.save(folder)
    shell.run("git", "tag", "FIX", cwd=folder)
    return folder


def add_entry(changelog):
    """Put the section of the patch where its version has its place."""
    text = changelog.read_text()
    place = text.index("## v1.3.0\n")
    changelog.write_text(f"{text[:place]}{ENTRY}{text[place:]}")


def test_a_fix_reaches_a_service_on_an_older_major(repository, render, tmp_path):
    for_template, for_service = read_commands()
    for command in for_template:
        if command.startswith("git commit"):
            add_entry(repository / "CHANGELOG.md")
        shell.run("sh", "-e", "-c", command, cwd=repository)

    folder = service.adopt(render("v1.3.0"), tmp_path / "shop")
    answers = folder / ".copier-answers.yml"
    host = repository.parent / "host.git"
    answers.write_text(re.sub("^_src_path: .*", f"_src_path: {host}", answers.read_text(), flags=re.MULTILINE))
    service.save(folder)
    shell.run("sh", "-e", "-c", for_service[0], cwd=folder)
    assert (folder / FIXED).exists()
    assert "_commit: v1.3.1\n" in answers.read_text()
    assert shell.run("git", "diff", "--name-only", cwd=folder).split() == [".copier-answers.yml"]

    # `main` has its own files, and knows of the patch; so do its tests.
    assert shell.run("git", "diff", "--name-only", "FIX", "main", cwd=repository).split() == ["CHANGELOG.md"]
    checks = (sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", "tests/update/test_releases.py")
    shell.run(*checks, cwd=repository)
    listed = "from tests.harness import releases, snapshot; print(*releases.find(snapshot.ROOT))"
    found = shell.run(sys.executable, "-c", listed, cwd=repository).split()
    assert found[found.index("v1.3.0") : found.index("v2.0.0")] == ["v1.3.0", "v1.3.1"]
