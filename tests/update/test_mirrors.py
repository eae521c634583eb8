"""The addresses of the template: one in all documents, and one that changes in a service."""

import json
import re
import shutil

import pytest
import yaml

from tests.documents import address
from tests.harness import service, shell
from tests.harness.snapshot import CURRENT, NEWER, OLDER, ROOT

COPIED = re.compile(r"copier copy (?:--\S+ (?:v\S+ )?)*(\S+://\S+|git@\S+)")


def find_addresses(root):
    """Return the addresses that documents tell somebody to copy from, by document."""
    return {
        path.name: set(found) for path in address.list_documents(root) if (found := COPIED.findall(path.read_text()))
    }


def test_every_document_has_the_address_of_pyproject():
    found = find_addresses(ROOT)
    assert {"README.md", "start.md"} <= found.keys()
    assert {name: its for name, its in found.items() if its != {address.read(ROOT)}} == {}


@pytest.fixture(scope="module")
def fork(template, tmp_path_factory):
    """A clone of the template. Each test leaves its files as they were."""
    folder = tmp_path_factory.mktemp("fork") / "clone"
    shell.run("git", "clone", "--quiet", "--branch", CURRENT, template, folder, cwd=template)
    return folder


def run(folder, *arguments):
    return shell.attempt("python3", "run.py", "address", *arguments, cwd=folder)


def test_a_fork_sets_its_address_by_one_command(fork):
    url = "git@git.acme.com:platform/template.git"
    shell.run("git", "remote", "set-url", "origin", url, cwd=fork)
    code, output = run(fork)
    assert (code, output) == (
        0,
        f"{url} is now in pyproject.toml, README.md, docs/index.md, docs/mirrors.md, docs/start.md.\n",
    )
    assert set().union(*find_addresses(fork).values()) == {address.read(fork)} == {url}
    assert address.read(ROOT) not in "".join(path.read_text() for path in address.list_documents(fork))
    assert run(fork, url) == (0, f"{url} is there already.\n")
    assert run(fork, address.read(ROOT))[0] == 0
    assert service.changes(fork) == ""


@pytest.mark.parametrize(
    "wrong", ["../template", "gh:acme/template", "https://token@git.acme.com/template.git", "https://git.acme.com/x"]
)
def test_an_address_that_others_cannot_copy_from_or_may_not_see_is_refused(wrong, fork):
    code, output = run(fork, wrong)
    assert code == 1
    assert f"{wrong!r} is no address of a repository. Give one: python3 run.py address https://" in output
    assert service.changes(fork) == ""


def list_commands(heading):
    """Return the commands of a section of mirrors.md."""
    section = (ROOT / "docs/mirrors.md").read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL)).splitlines()


@pytest.fixture
def moved(template, tmp_path):
    """A mirror of the template, made as the page says."""
    mirror = tmp_path / "moved/template.git"
    mirror.parent.mkdir()
    bundle = tmp_path / "template.bundle"
    shell.run("git", "bundle", "create", "--quiet", bundle, "--all", cwd=template)
    shell.run("git", "clone", "--quiet", "--mirror", bundle, mirror, cwd=tmp_path)
    return mirror


@pytest.mark.slow
def test_a_service_follows_a_template_that_moved(template, moved, tmp_path):
    first = shutil.copytree(template, tmp_path / "first")
    folder = service.adopt(service.render(first, tmp_path / "rendered", {}, OLDER), tmp_path / "shop")
    shutil.rmtree(first)
    for command in list_commands("A template that moved"):
        shell.run("sh", "-e", "-c", command.replace(address.read(ROOT), str(moved)), cwd=folder)
    assert shell.run("git", "ls-files", "--unmerged", cwd=folder) == ""
    answers = yaml.safe_load((folder / ".copier-answers.yml").read_text())
    assert (answers["_src_path"], answers["_commit"]) == (str(moved), NEWER)
    made = service.read(service.render(moved, tmp_path / "new", {}, NEWER))
    updated = service.read(folder)
    assert updated["src/service/kit/db/pool.py"] == made["src/service/kit/db/pool.py"]
    assert updated["CONTRIBUTING.md"] == made["CONTRIBUTING.md"]


@pytest.mark.slow
def test_git_leads_a_service_to_a_mirror_that_it_does_not_know(render, moved, tmp_path):
    folder = service.adopt(render(OLDER), tmp_path / "shop")
    answers = folder / ".copier-answers.yml"
    url = "https://git.example.com/template.git"
    answers.write_text(re.sub("^_src_path: .*", f"_src_path: {url}", answers.read_text(), flags=re.MULTILINE))
    service.save(folder)
    (command,) = list_commands("A mirror")
    settings = {"GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"), "COPIER_CACHE_DIR": str(tmp_path / "cache")}
    shell.run("sh", "-c", command.replace("https://mirror.example.com/", f"{moved.parent}/"), cwd=folder, **settings)
    found = shell.run("uvx", "copier", "check-update", "--output-format", "json", cwd=folder, **settings)
    assert json.loads(found.splitlines()[-1])["latest_version"] == NEWER.removeprefix("v")
