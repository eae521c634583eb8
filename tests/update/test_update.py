"""Updates: from every release to the working tree, on a service as it was rendered and on one that a team works in."""

import sys
from itertools import product

import pytest
import yaml

from tests.harness import packages, releases, service, shell
from tests.harness.owners import owner
from tests.harness.service import ANSWERS, PASSED
from tests.harness.snapshot import CURRENT, OLDER, ROOT
from tests.performance import update as costs

VERSIONS = [*releases.find(ROOT), OLDER]
SOON = {(version, "default") for version in (VERSIONS[0], *VERSIONS[-2:])}  # however many releases there are
UPDATES = [pytest.param(*it, marks=() if it in SOON else pytest.mark.slow) for it in product(VERSIONS, ANSWERS)]


@pytest.fixture
def shop(render, tmp_path):
    """A service of the version before the current one."""
    return service.adopt(render(OLDER), tmp_path / "shop")


def not_yours(folder):
    return {path: content for path, content in service.read(folder).items() if owner(path) != "yours"}


def answered(folder):
    recorded = yaml.safe_load((folder / ".copier-answers.yml").read_text())
    return {name: answer for name, answer in recorded.items() if not name.startswith("_")}


@pytest.mark.parametrize(("version", "answers"), UPDATES)
def test_an_updated_service_is_what_a_new_one_would_be(version, answers, render, tmp_path):
    before, fresh = render(version, **ANSWERS[answers]), render(CURRENT, **ANSWERS[answers])
    folder = service.adopt(before, tmp_path / "shop")
    service.update(folder)
    assert not_yours(folder) == not_yours(fresh)
    assert not_yours(folder) != not_yours(before)
    assert answered(before) == {name: answered(folder)[name] for name in answered(before)}


@pytest.mark.slow
def test_a_service_of_the_last_release_passes_its_suite_after_an_update(render, workshop):
    *_, last = VERSIONS[:-1] or VERSIONS
    folder = service.adopt(render(last), workshop / "updated")
    service.update(folder)
    packages.install(folder)
    assert PASSED.search(shell.run("uv", "run", "--quiet", "pytest", "-q", cwd=folder))
    shell.run("uv", "run", "--quiet", "python", "-m", "service_tools.dev.renames", cwd=folder)
    shell.run("uv", "run", "--quiet", "ruff", "check", "--fix", cwd=folder)
    shell.run("uv", "run", "--quiet", "pytest", "-q", "-W", "error::DeprecationWarning", "tests/accounts", cwd=folder)


@pytest.mark.slow
def test_an_update_costs_what_copier_takes_for_as_many_files():
    assert costs.compare(costs.measure(rounds=3), "copied") < 1.5


def test_a_second_update_changes_nothing(shop):
    service.update(shop)
    assert service.changes(shop) != ""
    service.save(shop)
    service.update(shop)
    assert service.changes(shop) == ""


def test_a_file_of_the_kit_comes_changes_and_goes_with_the_versions(shop):
    kit = shop / "src/service/kit"
    (kit / "db/pool.py").unlink()
    assert (kit / "older.py").exists()
    assert "# older" in (kit / "edge/health.py").read_text()
    service.save(shop)

    service.update(shop)

    assert not (kit / "older.py").exists()
    assert "# older" not in (kit / "edge/health.py").read_text()
    assert not (kit / "db/pool.py").exists()  # deleted by the team, and copier respects that


def test_the_work_of_a_team_survives(shop):
    added = {"src/service/carts/__init__.py": '"""Carts."""\n', "tests/carts/test_carts.py": "", "notes.txt": "a \n"}
    for path, text in added.items():
        (shop / path).parent.mkdir(parents=True, exist_ok=True)
        (shop / path).write_text(text)
    project = shop / "pyproject.toml"
    project.write_text(project.read_text().replace("dependencies = [\n", 'dependencies = [\n    "aiofiles>=1",\n', 1))
    app = shop / "src/service/app.py"
    app.write_text(app.read_text() + "# carts\n")
    (shop / "migrations/0001_orders.sql").unlink()
    service.save(shop)

    service.update(shop)

    assert {path: (shop / path).read_text() for path in added} == added
    assert '    "aiofiles>=1",\n' in project.read_text()
    assert "# older" not in project.read_text()
    assert app.read_text().endswith("# older\n# carts\n")
    assert not (shop / "migrations/0001_orders.sql").exists()


CHANGED = {
    "less": ({}, {"jobs": False, "deploy": "none", "example": "none"}, "jobs: no             take out the imports"),
    "manifests": (
        {"deploy": "compose"},
        {"deploy": "kubernetes"},
        "deploy: kubernetes   write deploy/kubernetes/overlays",
    ),
    "more": (
        {"deploy": "none", "example": "none"},
        {"deploy": "compose", "example": "orders"},
        "example: orders      counts in a new service only",
    ),
}
"""What was answered, what is answered later, and what the message says of it."""


@pytest.mark.parametrize("name", CHANGED)
def test_an_answer_that_changes_gives_the_files_of_a_new_service_but_for_yours(name, render, tmp_path, capsys):
    before, changed, told = CHANGED[name]
    folder, fresh = service.adopt(render(**before), tmp_path / "shop"), render(**(before | changed))
    yours = {path: content for path, content in service.read(folder).items() if owner(path) == "yours"}
    service.update(folder, CURRENT, changed)
    assert not_yours(folder) == not_yours(fresh)
    assert {path: content for path, content in service.read(folder).items() if owner(path) == "yours"} == yours
    assert f"\n    {told}" in capsys.readouterr().err


def test_a_machine_without_a_locale_copies_and_updates_the_same(render, template, tmp_path):
    bare = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    (tmp_path / "answers.yml").write_text((ROOT / "tests/answers/odd.yml").read_text())
    copier = (sys.executable, "-m", "copier")
    copy = (*copier, "copy", "--defaults", "--vcs-ref", OLDER, "--data-file", "answers.yml", template, "shop")
    shell.run(*copy, cwd=tmp_path, **bare)
    folder = tmp_path / "shop"
    shell.run("git", "init", "--quiet", cwd=folder)
    service.save(folder)
    shell.run(*copier, "update", "--defaults", "--vcs-ref", CURRENT, cwd=folder, **bare)
    assert not_yours(folder) == not_yours(render(CURRENT, **ANSWERS["odd"]))
    assert "naïve 訂單 🚀" in (folder / "README.md").read_text()


def test_the_message_after_an_update_names_the_next_commands(shop, template, capsys):
    service.update(shop)
    message = capsys.readouterr().err
    for command in ("git status", "uv sync", "uv run service --help", "uv run pytest"):
        assert f"\n    {command}" in message
    assert "UPDATES.md says which edits" in message
    assert f"## {CURRENT}" not in (shop / "UPDATES.md").read_text()
