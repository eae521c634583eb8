"""Who owns what: the list in copier.yml, the first line of each file, and what an update really touches agree."""

import pytest

from tests.harness import owners, service
from tests.harness.owners import owner
from tests.harness.service import ANSWERS
from tests.harness.snapshot import CURRENT, NEWER

MARK = "kit: updated by the template"

UNMARKED = (".json", ".copier-answers.yml", "py.typed", ".tmpl")
"""How kit files end that allow no comment, that say themselves who writes them, or that become files of the team."""


@pytest.fixture
def tree(render):
    return service.read(render())


def owned(tree, who):
    return {path: content for path, content in tree.items() if owner(path) == who}


def test_the_list_keeps_only_an_update_from_files():
    assert owners.excluded("copy") == []
    assert owners.excluded("update") != []


@pytest.mark.parametrize("pattern", owners.excluded("update"))
def test_every_pattern_of_the_list_matches_a_file(pattern, tree):
    assert [path for path in tree if owners.matches([pattern.removeprefix("!")], path)]


def test_every_owner_has_files_and_what_is_merged_is_not_also_yours(tree):
    assert owned(tree, "merged").keys() == owners.MERGED
    assert "src/service/app.py" in owned(tree, "yours")
    assert "src/service/kit/db/pool.py" in owned(tree, "kit")


@pytest.mark.parametrize("folder", ["src/service/kit/", "src/service_tools/", "tests/kit/"])
def test_a_kit_folder_is_the_templates_as_a_whole(folder, tree):
    inside = {path: content for path, content in tree.items() if path.startswith(folder)}
    assert inside
    assert owned(inside, "kit") == inside


def test_the_first_lines_of_a_file_say_that_it_is_the_kits_if_it_is(tree):
    marked = {path for path, (content, _) in tree.items() if MARK in "".join(content.decode().splitlines()[:2])}
    assert marked == {path for path in owned(tree, "kit") if not path.endswith(UNMARKED)}


@pytest.mark.parametrize("answers", ["default", "odd"])
def test_an_update_brings_the_kit_and_touches_nothing_that_is_yours(answers, render, tmp_path):
    before, after = render(CURRENT, **ANSWERS[answers]), service.read(render(NEWER, **ANSWERS[answers]))
    folder = service.adopt(before, tmp_path / "shop")
    yours = sorted(owned(service.read(folder), "yours"))
    for path in yours:
        (folder / path).write_bytes((folder / path).read_bytes() + b"# the team was here\n")
    deleted = yours[:: len(yours) - 1]
    for path in deleted:
        (folder / path).unlink()
    service.save(folder)
    edited = owned(service.read(folder), "yours")

    service.update(folder, NEWER)

    updated = service.read(folder)
    assert owned(updated, "yours") == edited
    assert owned(updated, "kit") == owned(after, "kit")
    assert owned(updated, "merged") == owned(after, "merged")
    assert len(deleted) == 2
    assert not set(deleted) & updated.keys()


def test_git_ignores_what_holds_secrets_and_what_can_be_made_again(render, tmp_path):
    folder = service.adopt(render(), tmp_path / "shop")
    for name in (".env", ".signing-key", ".postgres/data", ".venv/bin", ".pytest_cache/x", "src/service/__pycache__/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret")
    assert service.changes(folder) == ""
