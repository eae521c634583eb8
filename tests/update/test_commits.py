"""A service that was rendered from a commit that is no release still comes to the next one, and is told so."""

import re

import copier
import pytest
import yaml

from tests.harness import releases, service, shell
from tests.harness.owners import owner
from tests.harness.snapshot import CURRENT, OLDER, ROOT
from tests.update import tags

pytestmark = pytest.mark.slow

NEXT = "v9998.5.0"


@pytest.fixture
def repository(template, tmp_path):
    """The template without tags, as a push of `main` alone leaves it, with work after its last release."""
    folder = tmp_path / "repository"
    shell.run("git", "clone", "--quiet", "--no-tags", "--no-checkout", template, folder, cwd=tmp_path)
    shell.run("git", "switch", "--quiet", "--force-create", "main", find_commit(template, OLDER), cwd=folder)
    work(folder)
    return folder


def find_commit(folder, revision):
    return shell.run("git", "rev-parse", f"{revision}^{{commit}}", cwd=folder).strip()


def work(folder):
    """Commit to the kit."""
    with (folder / "template/src/service/kit/edge/health.py").open("a") as file:
        file.write("# work\n")
    service.save(folder)


def release(repository, template):
    """Make the working tree the next release."""
    shell.run("git", "tag", NEXT, find_commit(template, CURRENT), cwd=repository)


def copy(repository, folder, version=None):
    """Copy as `copier copy --defaults` does, and keep the service in git."""
    copier.run_copy(str(repository), folder, vcs_ref=version, defaults=True, unsafe=False)
    shell.run("git", "init", "--quiet", cwd=folder)
    service.save(folder)
    return folder


def read_commit(folder):
    return yaml.safe_load((folder / ".copier-answers.yml").read_text())["_commit"]


def read_templates(folder):
    """Return the template's files, apart from the answers, which name the repository."""
    files = {path: content for path, content in service.read(folder).items() if owner(path) != "yours"}
    del files[".copier-answers.yml"]
    return files


def test_a_service_past_a_release_takes_the_next_and_no_older_one(repository, template, render, tmp_path, capsys):
    tags.tag(repository)
    folder = copy(repository, tmp_path / "shop", "HEAD")
    assert re.fullmatch(r"v\d+\.\d+\.\d+-\d+-g[0-9a-f]+", read_commit(folder))
    assert f"CAUTION: {read_commit(folder)} is no release" in capsys.readouterr().err
    with pytest.raises(copier.errors.UserMessageError, match="You are downgrading"):
        service.update(folder, version=None)
    release(repository, template)
    service.update(folder, version=None)
    assert read_commit(folder) == NEXT
    assert read_templates(folder) == read_templates(render())
    assert "CAUTION" not in capsys.readouterr().err


def test_a_service_of_a_clone_without_tags_follows_its_head_until_there_are_tags(
    repository, template, render, tmp_path, capsys
):
    folder = copy(repository, tmp_path / "shop")
    first = read_commit(folder)
    assert re.fullmatch("[0-9a-f]{7,}", first)
    said = capsys.readouterr().err
    assert f"CAUTION: {first} is no release: the template has no tags" in said
    assert "\n    python3 run.py tags\n    git push --tags\n" in said

    work(repository)
    service.update(folder, version=None)
    assert read_commit(folder) == find_commit(repository, "HEAD")[: len(first)]
    assert f"CAUTION: {read_commit(folder)} is no release" in capsys.readouterr().err
    service.save(folder)

    assert tags.tag(repository) == [*releases.find(ROOT)]
    release(repository, template)
    service.update(folder, version=None)
    assert read_commit(folder) == NEXT
    assert read_templates(folder) == read_templates(render())


def test_a_service_of_changes_that_were_never_committed_names_the_commit_before_them(repository, template, tmp_path):
    tags.tag(repository)
    draft = "src/service/kit/draft.py"
    (repository / "template" / draft).write_text("# kit: updated by the template\n")
    with pytest.warns(copier.errors.DirtyLocalWarning):
        folder = copy(repository, tmp_path / "shop", "HEAD")
    release(repository, template)
    with pytest.raises(ValueError, match="Unknown revision"):
        service.update(folder, version=None)

    answers = folder / ".copier-answers.yml"
    answers.write_text(answers.read_text().replace(read_commit(folder), find_commit(repository, "HEAD")))
    service.save(folder)
    service.update(folder, version=None)
    assert read_commit(folder) == NEXT
    assert (folder / draft).exists()


def test_a_clone_without_tags_gets_and_pushes_them(repository, tmp_path):
    host = tmp_path / "host.git"
    shell.run("git", "clone", "--quiet", "--bare", repository, host, cwd=tmp_path)
    shell.run("git", "remote", "set-url", "origin", host, cwd=repository)
    made = [*releases.find(ROOT)]
    assert (
        shell.run("python3", "run.py", "tags", cwd=repository) == f"Tagged {', '.join(made)}. Next: git push --tags\n"
    )
    shell.run("git", "push", "--tags", cwd=repository)
    assert set(shell.run("git", "tag", cwd=host).split()) == set(made)
    assert shell.run("python3", "run.py", "tags", cwd=repository) == "Each release has its tag.\n"


RENDER = "import pathlib, sys, run; run.render(pathlib.Path(sys.argv[1]))"
"""What `run.py try` does before it starts the service."""


def test_a_render_to_try_the_template_says_that_it_takes_no_updates(repository, template, tmp_path):
    said = shell.run("python3", "-c", RENDER, tmp_path / "tried", cwd=repository)
    commit = read_commit(tmp_path / "tried")
    assert f"not to build on: `copier update` needs a release, and {commit} is none." in said
    assert f"\n  uvx copier copy {template} FOLDER\n" in said

    shell.run("git", "tag", "v3.0.0", cwd=repository)
    assert "copier update" not in shell.run("python3", "-c", RENDER, tmp_path / "released", cwd=repository)
