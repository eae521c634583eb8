"""`service doctor` says what is wrong with a project: nothing with a new one, and each fault that is planted in one."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests import owners, service, shell
from tests.snapshot import CURRENT, NEWER, OLDER, commit


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
    shell.run("git", "clean", "--quiet", "-d", "--force", cwd=shop)
    shell.run("uv", "sync", "--quiet", cwd=shop)


def examine(folder, *options):
    """Return the exit code of the command, and what each check says."""
    code, output = shell.attempt(".venv/bin/service", "doctor", "--json", *options, cwd=folder)
    return code, [(it["check"], it["state"], it["says"], it["fix"]) for it in json.loads(output)]


def find(reports, check):
    return [report[1:] for report in reports if report[0] == check]


CHECKS = ("template", "kit", "pins", "packages", "conflicts", "git", "team", "settings")


def test_a_new_project_is_well_and_on_which_release_is_said(shop):
    code, reports = examine(shop)
    assert code == 0, reports
    assert {(check, state) for check, state, *_ in reports} == {
        *((check, "ok") for check in CHECKS),
        ("database", "unknown"),
    }
    newer = f"{NEWER.removeprefix('v')} is there, by `uvx copier update --defaults`"
    assert find(reports, "template") == [("ok", f"This is {CURRENT}; {newer}.", None)]


def append(text):
    """Return what appends a text to a file."""

    def plant(path):
        with path.open("a") as file:
            file.write(text)

    return plant


def write(text):
    """Return what writes a file anew."""
    return lambda path: path.write_text(text)


def swap(old, new):
    """Return what replaces a text in a file."""
    return lambda path: service.replace(path, (old, new))


def use_windows(path):
    """Give a file the line endings of Windows."""
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


KEY = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"

DEFECTS = {
    "src/service/kit/db/pool.py": (
        append("# edited\n"),
        "kit",
        "src/service/kit/db/pool.py was edited here, so an update may conflict.",
        "Take the edit out (`git log -p src/service/kit/db/pool.py`)",
    ),
    "src/service/kit/db/query.py": (
        use_windows,
        "kit",
        "src/service/kit/db/query.py has line endings of Windows, so an update conflicts",
        "Run `git ls-files --eol` to list them, `sed -i 's/\\r$//' FILE` for each",
    ),
    ".github/workflows/checks.yml": (
        Path.unlink,
        "kit",
        ".github/workflows/checks.yml was deleted here, and no update brings it back.",
        'Run `git checkout "$(git log -1 --diff-filter=AMR --format=%h -- .github/workflows/checks.yml)" -- .git',
    ),
    "tests/kit/test_contract.py": (
        Path.unlink,
        "kit",
        "tests/kit/test_contract.py was deleted here",
        "Run `git checkout",
    ),
    ".squawk.toml": (Path.unlink, "kit", ".squawk.toml was deleted here", "Run `git checkout"),
    "pyproject.toml": (
        swap('    "pgqueuer>=1.6,<1.7",\n', '    "pgqueuer>=1.6",\n'),
        "pins",
        "pyproject.toml says `pgqueuer>=1.6`, and is tested with `pgqueuer>=1.6,<1.7`.",
        "Write `pgqueuer>=1.6,<1.7` again, and run `uv lock`.",
    ),
    "uv.lock": (
        swap('name = "pgqueuer", specifier = ">=1.6,<1.7"', 'name = "pgqueuer", specifier = ">=1.5"'),
        "packages",
        "uv: The lockfile at `uv.lock` needs to be updated",
        "Run `uv lock`, and commit uv.lock.",
    ),
    "README.md": (
        append("<<<<<<< before updating\nold\n=======\nnew\n>>>>>>> after updating\n"),
        "conflicts",
        "README.md has the markers of a conflict.",
        "Resolve the conflict (`git diff README.md`), take the markers out, and commit.",
    ),
    "ruff.toml.rej": (
        write("@@ -1 +1 @@\n"),
        "conflicts",
        "ruff.toml.rej is what an update could not apply.",
        "Apply it by hand, and delete it.",
    ),
    ".env.production": (
        write("A=b\n"),
        "git",
        ".env.production is committed, for all who can read the repository.",
        "Run `git rm --cached .env.production`, commit, and replace every secret",
    ),
    "key.pem": (write("secret\n"), "git", "key.pem is committed", "Run `git rm --cached key.pem`"),
    "notes for us.txt": (
        write(KEY),
        "git",
        "notes for us.txt is committed",
        "Run `git rm --cached 'notes for us.txt'`",
    ),
    ".env": (
        write("SERVER_PORT=x\n"),
        "settings",
        "SERVER_PORT: ",
        "Correct it where it is set",
    ),
    "src/service/__init__.py": (
        append('\nNAME = "another"\n'),
        "team",
        "src/service/__init__.py calls the service another, and pyproject.toml my-service.",
        "Take NAME out of both files: ",
    ),
}
"""What is planted in which file, which check finds it, and how what it says and its fix begin."""

ALSO = {
    "pyproject.toml": {("packages", "uv: The lockfile at `uv.lock` needs to be updated")},
    ".env": {("git", ".env is committed, for all who can read the repository.")},
}
"""What another check finds in the same file: the check, and what it says."""

GOOD = {
    "renovate.json": Path.unlink,
    ".github/workflows/update.yml": Path.unlink,
    "deploy/compose.yaml": Path.unlink,
    "src/service/app.py": append("# the team's\n"),
    "ca.pem": write("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ".env.staging.example": write("A=\n"),
}
"""What a team may do, and is no finding."""


def stage(folder, *names):
    """Let git keep these files, but for what an update could not apply."""
    kept = [name for name in names if (folder / name).exists() and not name.endswith(".rej")]
    shell.run("git", "add", "--force", "--", *kept, cwd=folder)


def list_findings(reports):
    return {(check, says, fix) for check, state, says, fix in reports if state == "finding"}


def begins(found, wanted):
    return all(text.startswith(beginning) for text, beginning in zip(found, wanted, strict=True))


def test_every_planted_defect_is_found_with_its_fix_and_nothing_else_is(shop):
    for name, plant in GOOD.items():
        plant(shop / name)
    for name, (plant, *_) in DEFECTS.items():
        plant(shop / name)
    stage(shop, *GOOD, *DEFECTS)

    code, reports = examine(shop)

    found, left = list_findings(reports), {}
    assert code == 1
    for name, (_, *wanted) in DEFECTS.items():
        left[name] = [it for it in found if begins(it, wanted)]
    assert {name for name, its in left.items() if len(its) != 1} == set(), reports
    others = found - {its[0] for its in left.values()}
    assert sorted(says for _, says, _ in others) == [".env is committed, for all who can read the repository."]


@pytest.mark.slow
@pytest.mark.parametrize("name", DEFECTS)
def test_a_planted_defect_is_found_alone(name, shop):
    plant, *wanted = DEFECTS[name]
    plant(shop / name)
    stage(shop, name)
    code, reports = examine(shop)
    found = list_findings(reports)
    assert code == 1
    assert len([it for it in found if begins(it, wanted)]) == 1, reports
    others = {it for it in found if not begins(it, wanted)}
    assert all(any(begins(it[:2], also) for also in ALSO.get(name, ())) for it in others), others


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
        "import sys; from pathlib import Path; from service_tools.dev import differences as it\n"
        "root = Path(sys.argv[1])\n"
        "print(*(name for name in it.list_present(root) if it.is_edited(root, name)), sep='\\n')"
    )
    other = render(OLDER)  # each file of which is different
    found = shell.run(".venv/bin/python", "-c", compared, other, cwd=shop).split()
    ours = {path for path in service.read(other) if owners.owner(path) == "kit"} & service.read(shop).keys()
    assert set(found) == ours - {".copier-answers.yml"}


ANSWERS = {
    "a copy from an archive": (
        lambda text: re.sub("^_commit: .*\n", "", text, flags=re.MULTILINE),
        ".copier-answers.yml does not say where the project comes from",
        "Add `_src_path: URL`, the template's git repository, and `_commit: vX.Y.Z`",
    ),
    "a conflict": (
        lambda text: f"<<<<<<< before updating\n{text}=======\n{text}>>>>>>> after updating\n",
        ".copier-answers.yml cannot be read, so no update is possible: ",
        "Restore it from git (`git log -p .copier-answers.yml`), or take the conflict's markers out",
    ),
    "nothing": (
        lambda _: "",
        ".copier-answers.yml cannot be read, so no update is possible: ",
        "Restore it from git",
    ),
    "a commit that is not there": (
        lambda text: re.sub("^_commit: .*", "_commit: v0.9.9", text, flags=re.MULTILINE),
        ".copier-answers.yml names v0.9.9, which ",
        "Write as `_commit` the release that this was rendered from.",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_that_allow_no_update_are_a_finding(name, shop):
    damage, says, fix = ANSWERS[name]
    answers = shop / ".copier-answers.yml"
    answers.write_text(damage(answers.read_text()))
    code, reports = examine(shop)
    [(state, *told)] = find(reports, "template")
    assert (code, state) == (1, "finding")
    assert begins(told, (says, fix)), told
    assert [report[0] for report in find(reports, "kit")] == ["unknown"]
    markers = [says for _, says, _ in find(reports, "conflicts") if "has the markers" in says]
    assert markers == ([".copier-answers.yml has the markers of a conflict."] if name == "a conflict" else [])


@pytest.mark.slow
def test_an_answer_that_the_template_refuses_is_a_finding(shop):
    service.replace(shop / ".copier-answers.yml", ("ci: github", "ci: jenkins"))
    _, reports = examine(shop)
    [(state, says, fix)] = find(reports, "kit")
    assert state == "finding"
    assert "Invalid choice for 'ci': 'jenkins'" in says
    assert fix.startswith("Correct the answers in .copier-answers.yml")


def test_a_template_at_a_long_path_is_found_though_copier_wraps_it(shop, template, workshop):
    source = shutil.copytree(template, workshop / f"a template{' at a place with a long name' * 4}")
    folder = service.adopt(service.render(source, workshop / "far", {}), workshop / "far-away")
    assert "\n  " in (folder / ".copier-answers.yml").read_text()
    output = shell.attempt(shop / ".venv/bin/service", "doctor", "--json", cwd=folder)[1]
    states = {it["check"]: it["state"] for it in json.loads(output)}
    assert (states["template"], states["kit"]) == ("ok", "ok"), output


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["src/service/settings.py", "src/service/kit/jobs/job.py"])
def test_a_service_that_cannot_be_imported_is_a_finding_beside_the_others(broken, shop):
    append("<<<<<<< before updating\n")(shop / broken)
    code, reports = examine(shop)
    [(state, says, _)] = find(reports, "service")
    assert (code, state) == (1, "finding")
    assert says.startswith("The service cannot be imported: SyntaxError")
    assert broken in says
    assert [says for _, says, _ in find(reports, "conflicts")] == [f"{broken} has the markers of a conflict."]


@pytest.mark.slow
def test_where_no_command_starts_the_doctor_still_does(shop):
    append("<<<<<<< before updating\n")(shop / "src/service/kit/db/pool.py")
    code, output = shell.attempt(".venv/bin/python", "-m", "service_tools.dev.doctor", cwd=shop)
    assert code == 1
    assert "Traceback" not in output
    assert "src/service/kit/db/pool.py has the markers of a conflict." in output
    assert "The service cannot be imported: SyntaxError" in output


@pytest.fixture(scope="module")
def successor(template, workshop):
    """A template whose next release removes one file and moves another."""
    folder = workshop / "successor"
    shell.run("git", "clone", "--quiet", template, folder, cwd=workshop)
    shell.run("git", "rm", "--quiet", "template/.squawk.toml", cwd=folder)
    shell.run("git", "mv", "template/deploy/postgres/limits.sql", "template/deploy/postgres/roles.sql", cwd=folder)
    commit(folder, "v10001.0.0")
    return folder


def test_edits_that_the_next_update_drops_are_named_beforehand(shop, successor, tmp_path):
    answers = shop / ".copier-answers.yml"
    answers.write_text(re.sub("^_src_path: .*", f"_src_path: {successor}", answers.read_text(), flags=re.MULTILINE))
    edited = (".squawk.toml", "deploy/postgres/limits.sql", "ruff.toml")
    for name in edited:
        append(f"{'--' if name.endswith('.sql') else '#'} ours\n")(shop / name)

    _, reports = examine(shop)

    found = find(reports, "kit")
    assert sorted(says for _, says, _ in found) == [
        ".squawk.toml was edited here, and the next update removes it: it drops the edit without a word.",
        "deploy/postgres/limits.sql was edited here, and the next update moves it to deploy/postgres/roles.sql:"
        " it drops the edit without a word.",
        "ruff.toml was edited here, so an update may conflict.",
    ]
    assert len({fix for *_, fix in found}) == 3
    # It says so because copier does so.
    service.save(shop)
    shell.run("uvx", "copier", "update", "--defaults", cwd=shop)
    assert not (shop / ".squawk.toml").exists()
    assert "-- ours" not in (shop / "deploy/postgres/roles.sql").read_text()


@pytest.mark.slow
def test_edits_that_another_answer_drops_are_named_when_it_is_given(shop):
    append("# ours\n")(shop / ".github/workflows/checks.yml")
    found = find(examine(shop, "--data", "ci=gitlab")[1], "kit")
    assert [says for _, says, _ in found] == [
        ".github/workflows/checks.yml was edited here, and the next update removes it:"
        " it drops the edit without a word."
    ]
