"""What an update finds in older statements is accepted once, and nothing else ever is."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from operator import itemgetter
from pathlib import Path

import click
import pytest
from _pytest.outcomes import OutcomeException
from service.kit.db.query import find_queries
from service_tools.sql import accepted
from service_tools.sql.statement import Finding, Statement

from tests.kit.test_contract import keep_contract

OLD = """
from service.kit.db import Query

read_note = Query("select body from notes where id = $1", str, tuple[int])
parts = {"all": Query("select body from parts", str)}
"""
NEW = 'read_new = Query("select body from news", str)\n'
FILE = Path("src/service/notes/queries.py")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository with a slice, whose last commit is a release of the template before an update."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write_slice()
    Path(".gitignore").write_text("__pycache__/\n")
    git("init", "--quiet")
    release("v3.0.0")
    commit()
    yield tmp_path
    forget()


def write_slice() -> None:
    FILE.parent.mkdir(parents=True)
    Path("shop").symlink_to("src/service")  # another name, for the package `service` is that of the kit
    FILE.write_text(OLD)


def forget() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def git(*arguments: str) -> None:
    user = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    subprocess.run(["git", *user, *arguments], check=True)


def commit() -> None:
    git("add", "--all")
    git("commit", "--quiet", "--allow-empty", "--message", "Change")


def release(tag: str) -> None:
    """Write down a release of the template, as an update does."""
    Path(".copier-answers.yml").write_text(f"_commit: {tag}\n_src_path: https://example.com/template.git\n")


def check(**rules: str) -> list[Statement]:
    """Return the statements of the slice as they are now, with findings by name."""
    forget()
    statements = [Statement(*named) for named in sorted(find_queries(import_module("shop")), key=itemgetter(0))]
    for statement in statements:
        name = statement.name.removeprefix("notes.").replace(".", "_")
        statement.findings += [Finding(rule, "it is slow", "Be quick.") for rule in rules.get(name, "").split()]
    return statements


def accept(**rules: str) -> list[str]:
    """Accept what can be, and return what is left."""
    statements = check(**rules)
    accepted.accept_findings(statements)
    return list_open(**rules)


def list_open(*, is_new: bool = False, **rules: str) -> list[str]:
    """Return what fails the suite, or what an update brought and does not."""
    lines = accepted.list_broken(check(**rules))[is_new]
    found = [re.fullmatch(r"shop/notes/queries.py:\d+ (\w+) \[(\w+)\] it is slow\. Be quick\.", line) for line in lines]
    return [f"{it[1]} {it[2]}" for it in found if it]


@pytest.mark.usefixtures("project")
def test_findings_in_statements_from_before_an_update_are_accepted_except_leaks():
    release("v3.1.0")
    assert list_open(read_note="filter scope") == ["read_note scope"]
    assert list_open(read_note="filter scope", is_new=True) == ["read_note filter"]
    left = accept(read_note="sort filter scope", parts_all="scan")
    assert left == ["read_note scope"]
    [(check, says, fix, file, _)] = accepted.list_accepted()
    assert (check, file, fix) == ("contract-accepted", "perf/accepted.json", "")
    assert says == (
        "Accepted findings of the SQL contract: 3, of notes.parts.all [scan], notes.read_note [filter, sort]."
    )


@pytest.mark.usefixtures("project")
def test_the_suite_tells_what_an_update_finds_and_fails_for_a_leak():
    release("v3.1.0")
    told = r"uv run service plans --accept\n.* read_note \[filter\]"
    for rules, end, says in (("filter", "Skipped", told), ("filter scope", "AssertionError", r"read_note \[scope\]")):
        with pytest.raises((OutcomeException, AssertionError), match=says) as ended:
            keep_contract(check(read_note=rules))
        assert ended.typename == end


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("file", ["migrations/0002_drop.sql", "perf/budgets.toml", "src/service/notes/model.py"])
@pytest.mark.parametrize("is_there", [True, False])
def test_what_an_update_finds_fails_the_suite_once_it_may_come_from_a_change_of_the_team(file: str, is_there: bool):
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    if is_there:
        path.write_text("1")
    commit()
    release("v3.1.0")
    commit()
    assert list_open(read_note="filter") == []
    path.write_text("2")
    assert list_open(read_note="filter") == ["read_note filter"]
    commit()
    assert accept(read_note="filter") == ["read_note filter"]
    path.unlink()
    if is_there:
        path.write_text("1")
    assert accept(read_note="filter") == []
    path.write_text("2")
    assert list_open(read_note="filter") == []


@pytest.mark.usefixtures("project")
def test_what_an_update_finds_fails_the_suite_where_its_history_is_missing(tmp_path: Path):
    commit()
    release("v3.1.0")
    commit()
    assert list_open(read_note="filter") == []
    git("clone", "--quiet", "--depth=1", f"file://{tmp_path}", str(tmp_path / "clone"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "clone")
        [broken], new = accepted.list_broken(check(read_note="filter"))
    assert "[filter]" in broken
    assert new == []


@pytest.mark.usefixtures("project")
def test_nothing_is_accepted_without_an_update():
    assert accept(read_note="filter") == ["read_note filter"]
    FILE.write_text(OLD + NEW)
    commit()
    assert accept(read_note="filter", read_new="scan") == ["read_new scan", "read_note filter"]
    assert not [*accepted.list_accepted()]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("is_committed", [False, True])
def test_a_statement_that_came_with_or_after_an_update_is_not_accepted(is_committed: bool):
    release("v3.1.0")
    if is_committed:
        commit()
    assert accept(read_note="filter") == []
    FILE.write_text(OLD + NEW)
    if is_committed:
        commit()
    assert accept(read_note="filter", read_new="scan") == ["read_new scan"]
    assert list_open(read_note="filter sort") == ["read_note sort"]


@pytest.mark.usefixtures("project")
def test_each_update_is_accepted_anew():
    release("v3.1.0")
    assert accept(read_note="filter") == []
    FILE.write_text(OLD + NEW)
    commit()
    assert accept(read_note="filter", read_new="scan") == ["read_new scan"]
    release("v3.2.0")
    assert accept(read_note="filter", read_new="scan") == []
    FILE.write_text(OLD + NEW + NEW)
    assert list_open(read_note="filter", read_new="scan") == []


@pytest.mark.usefixtures("project")
def test_an_edited_statement_is_a_new_one():
    release("v3.1.0")
    assert accept(read_note="filter") == []
    FILE.write_text(OLD.replace("where id", "where not id"))
    assert list_open(read_note="filter") == ["read_note filter"]
    assert accept(read_note="filter") == ["read_note filter"]


@pytest.mark.usefixtures("project")
def test_what_is_gone_is_taken_off_and_does_not_come_back():
    release("v3.1.0")
    accept(read_note="filter sort", parts_all="scan")
    assert accept(read_note="sort") == []
    FILE.write_text(OLD + NEW)
    assert list_open(read_note="filter sort", parts_all="scan") == ["all scan", "read_note filter"]
    assert accepted.ACCEPTED_FILE.exists()
    assert accept() == []
    assert not accepted.ACCEPTED_FILE.exists()


@pytest.mark.usefixtures("project")
def test_a_file_that_cannot_be_read_says_what_to_do():
    accepted.ACCEPTED_FILE.parent.mkdir(exist_ok=True)
    accepted.ACCEPTED_FILE.write_text("<<<<<<< ours\n")
    with pytest.raises(click.ClickException, match=r"perf/accepted.json: .* Restore the file from git\."):
        accepted.read_accepted()


def test_without_git_nothing_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write_slice()
    release("v3.1.0")
    assert accept(read_note="filter") == ["read_note filter"]
    forget()
