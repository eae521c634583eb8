"""`service doctor` says what is wrong with a project: nothing with a new one, and each fault that is planted in one."""

import json

import pytest

from tests import owners, service, shell
from tests.snapshot import CURRENT, NEWER, OLDER


class IsLike(str):
    """Equals each text that begins so."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        return isinstance(other, str) and other.startswith(str(self))


@pytest.fixture(scope="module")
def shop(render, workshop):
    """A project as a team keeps it, with its lock."""
    folder = service.adopt(render(), workshop / "doctor")
    shell.run("uv", "sync", "--quiet", cwd=folder)
    service.save(folder)
    shell.run("git", "tag", "good", cwd=folder)
    return folder


@pytest.fixture(autouse=True)
def _restored(shop):
    yield
    shell.run("git", "reset", "--quiet", "--hard", "good", cwd=shop)
    shell.run("uv", "sync", "--quiet", cwd=shop)


def examine(folder):
    """Return the exit code of the command, and what each check says."""
    code, output = shell.attempt(".venv/bin/service", "doctor", "--json", cwd=folder)
    return code, [(it["check"], it["state"], it["says"], it["fix"]) for it in json.loads(output)]


def find(reports, check):
    return [report[1:] for report in reports if report[0] == check]


def test_a_new_project_is_well_and_on_which_release_is_said(shop):
    code, reports = examine(shop)
    assert code == 0, reports
    assert {(check, state) for check, state, *_ in reports} == {
        *((check, "ok") for check in ("template", "kit", "team", "packages", "git", "settings")),
        ("database", "unknown"),
    }
    newer = f"{NEWER.removeprefix('v')} is there, by `uvx copier update --defaults`"
    assert find(reports, "template") == [("ok", f"This is {CURRENT}; {newer}.", None)]


def test_each_fault_is_found_with_its_fix(shop):
    kit = shop / "src/service/kit/db/pool.py"
    kit.write_text(kit.read_text() + "# edited\n")
    (shop / "renovate.json").unlink()
    app = shop / "src/service/app.py"
    app.write_text(app.read_text() + "# the team's\n")
    service.replace(shop / "pyproject.toml", ('    "asyncpg>=0.31",\n', '    "asyncpg>=0.30",\n'))
    (shop / ".env").write_text("SERVER_PORT=x\n")
    shell.run("git", "add", "--force", ".env", cwd=shop)
    shell.run("git", "rm", "--quiet", "--cached", "uv.lock", cwd=shop)

    code, reports = examine(shop)

    assert code == 1
    assert [(says, fix) for _, state, says, fix in reports if state == "finding"] == [
        (IsLike(says), IsLike(fix))
        for says, fix in (
            (
                "src/service/kit/db/pool.py was edited here",
                "Take the edit out (`git log -p src/service/kit/db/pool.py`)",
            ),
            ("uv: The lockfile at `uv.lock` needs to be updated", "Run `uv lock`, and commit uv.lock."),
            (".env is committed", "Run `git rm --cached .env`"),
            ("uv.lock is not committed", "Run `git add uv.lock`"),
            ("SERVER_PORT: ", "Correct it where it is set"),
        )
    ]


def test_packages_that_are_not_those_of_the_lock_are_a_finding(shop):
    shell.run("uv", "pip", "uninstall", "--quiet", "squawk-cli", cwd=shop)
    code, reports = examine(shop)
    assert code == 1
    [(state, _, fix)] = find(reports, "packages")
    assert (state, fix) == ("finding", "Run `uv sync`.")


@pytest.mark.parametrize(
    ("origin", "why"),
    [("https://localhost:1/template.git", "unable to access"), ("/nowhere", "only supported in git-tracked templates")],
)
def test_a_template_out_of_reach_is_said_and_is_no_finding(origin, why, shop):
    answers = shop / ".copier-answers.yml"
    text = answers.read_text()
    line = next(line for line in text.splitlines() if line.startswith("_src_path: "))
    answers.write_text(text.replace(line, f"_src_path: {origin}"))
    code, reports = examine(shop)
    assert code == 0
    assert [state for check in ("template", "kit") for state, *_ in find(reports, check)] == ["unknown", "unknown"]
    assert why in find(reports, "template")[0][1]


def test_it_compares_all_that_is_the_templates_and_nothing_else(shop, render):
    compared = (
        "import sys; from pathlib import Path; from service_tools.dev import checkout; root = Path(sys.argv[1])\n"
    )
    compared += "print(*(path for path in root.rglob('*') if checkout.is_edited(path, root)), sep='\\n')"
    other = render(OLDER)  # each file of which is different
    found = shell.run(".venv/bin/python", "-c", compared, other, cwd=shop).split()
    ours = {path for path in service.read(other) if owners.owner(path) == "kit"} & service.read(shop).keys()
    assert {str(path).removeprefix(f"{other}/") for path in found} == ours - {".copier-answers.yml"}
