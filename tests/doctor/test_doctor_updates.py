"""What `service doctor` says before an update: whether one is possible, and which edits it would drop."""

import json
import re
import shutil

import pytest

from tests.doctor import project
from tests.doctor.defects import append
from tests.doctor.project import begins, examine, find
from tests.harness import service, shell
from tests.harness.snapshot import CURRENT
from tests.harness.snapshot import commit as commit_all


@pytest.fixture(scope="module")
def shop(render, workshop):
    return project.keep(render(), workshop / "before-an-update")


@pytest.fixture(autouse=True)
def _restored(shop):
    yield
    project.restore(shop)


ANSWERS = {
    "a copy from an archive": (
        lambda text: re.sub("^_commit: .*\n", "", text, flags=re.MULTILINE),
        ".copier-answers.yml does not say where the project comes from",
        "Restore it from git (`git log -p .copier-answers.yml`), or add `_src_path: URL`",
    ),
    "a conflict": (
        lambda text: f"<<<<<<< before updating\n{text}=======\n{text}>>>>>>> after updating\n",
        ".copier-answers.yml cannot be read, so no update is possible: ",
        "Restore it from git (`git log -p .copier-answers.yml`), or remove the markers of the conflict",
    ),
    "nothing": (
        lambda _: "",
        ".copier-answers.yml does not say where the project comes from",
        "Restore it from git",
    ),
    "a commit that is not there": (
        lambda text: re.sub("^_commit: .*", "_commit: v0.9.9", text, flags=re.MULTILINE),
        ".copier-answers.yml names v0.9.9, which ",
        "Set `_commit` to the release that this was rendered from, or `_src_path`",
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


CHECK = """
from service_tools.dev import template
result = template.check_release(template.read_origin())
print(result.check, result.state, result.says, result.fix, sep="\\n")
"""


@pytest.mark.slow
def test_a_commit_that_is_no_release_is_a_finding_that_says_when_to_update(shop, template, tmp_path):
    source = tmp_path / "source"
    shell.run("git", "clone", "--quiet", "--no-tags", "--branch", "main", template, source, cwd=tmp_path)
    answers = (shop / ".copier-answers.yml").read_text()

    def check(commit):
        changed = re.sub("^_src_path: .*", f"_src_path: {source}", answers, flags=re.MULTILINE)
        (shop / ".copier-answers.yml").write_text(changed.replace(f"_commit: {CURRENT}", f"_commit: '{commit}'"))
        return shell.run(".venv/bin/python", "-c", CHECK, cwd=shop).splitlines()

    commit = shell.run("git", "rev-parse", "--short", "HEAD", cwd=source).strip()
    untagged = f"{source} has no tags, so each update follows its newest commit."
    assert check(commit)[1:3] == ["finding", untagged]
    assert "`python3 run.py tags` and `git push --tags`" in check(commit)[3]

    shell.run("git", "tag", "v2.0.0", "HEAD~1", cwd=source)
    past = shell.run("git", "describe", "--tags", cwd=source).strip()
    for name in (commit, past):
        assert check(name)[1:] == [
            "finding",
            f"This is {name}, which is no release.",
            "Update when there is a release after 2.0.0: until then, Copier refuses.",
        ]

    shell.run("git", "tag", "v3.0.0", cwd=source)
    assert check("v2.0.0")[1:3] == [
        "ok",
        "This is v2.0.0; update to 3.0.0 with `uvx copier update --defaults`."
        f" Its documents: docs/index.md of {source}, tag v2.0.0",
    ]
    assert check(commit)[1] == "ok"  # it has its tag by now

    (source / "more").touch()
    commit_all(source, "v4.0.0")
    shell.run("git", "tag", "--delete", "v3.0.0", cwd=source)
    assert check(past)[1:] == [
        "finding",
        f"This is {past}, which is no release.",
        "Update to 4.0.0 with `uvx copier update --defaults`.",
    ]


@pytest.mark.slow
def test_an_answer_that_the_template_refuses_is_a_finding(shop):
    service.replace(shop / ".copier-answers.yml", ("ci: github", "ci: jenkins"))
    _, reports = examine(shop)
    [(state, says, fix)] = find(reports, "kit")
    assert state == "finding"
    assert "Invalid choice for 'ci': 'jenkins'" in says
    assert fix.startswith("Fix the answers in .copier-answers.yml")


def test_a_template_at_a_long_path_is_found_though_copier_wraps_it(shop, template, workshop):
    source = shutil.copytree(template, workshop / f"a template{' at a place with a long name' * 4}")
    folder = service.adopt(service.render(source, workshop / "far", {}), workshop / "far-away")
    assert "\n  " in (folder / ".copier-answers.yml").read_text()
    output = shell.attempt(shop / ".venv/bin/service", "doctor", "--json", cwd=folder)[1]
    states = {it["check"]: it["state"] for it in json.loads(output)["results"]}
    assert (states["template"], states["kit"]) == ("ok", "ok"), output


@pytest.fixture(scope="module")
def successor(template, workshop):
    """A template whose next release removes one file and moves another."""
    folder = workshop / "successor"
    shell.run("git", "clone", "--quiet", template, folder, cwd=workshop)
    shell.run("git", "rm", "--quiet", "template/.squawk.toml", cwd=folder)
    shell.run("git", "mv", "template/deploy/postgres/limits.sql", "template/deploy/postgres/roles.sql", cwd=folder)
    commit_all(folder, "v10001.0.0")
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
        ".squawk.toml was edited here, and the next update removes it: the edit is lost silently.",
        "deploy/postgres/limits.sql was edited here, and the next update moves it to deploy/postgres/roles.sql:"
        " the edit is lost silently.",
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
        ".github/workflows/checks.yml was edited here, and the next update removes it: the edit is lost silently."
    ]
