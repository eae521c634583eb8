"""What `service doctor` says before an update: whether one is possible, and which edits it would drop."""

import json
import re
import shutil

import pytest

from tests.doctor import project
from tests.doctor.defects import append
from tests.doctor.project import begins, examine, find
from tests.harness import service, shell
from tests.harness.snapshot import commit


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
        "Set `_commit` to the release that this was rendered from.",
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
    assert fix.startswith("Fix the answers in .copier-answers.yml")


def test_a_template_at_a_long_path_is_found_though_copier_wraps_it(shop, template, workshop):
    source = shutil.copytree(template, workshop / f"a template{' at a place with a long name' * 4}")
    folder = service.adopt(service.render(source, workshop / "far", {}), workshop / "far-away")
    assert "\n  " in (folder / ".copier-answers.yml").read_text()
    output = shell.attempt(shop / ".venv/bin/service", "doctor", "--json", cwd=folder)[1]
    states = {it["check"]: it["state"] for it in json.loads(output)}
    assert (states["template"], states["kit"]) == ("ok", "ok"), output


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
