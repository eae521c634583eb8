"""`service doctor` says what is wrong with a project: nothing with a new one, and each fault that is planted in one."""

import json
from datetime import UTC, date, datetime

import pytest

from tests.doctor import project
from tests.doctor.defects import ALSO, DEFECTS, GOOD, append
from tests.doctor.project import begins, examine, find, list_findings
from tests.harness import owners, service, shell
from tests.harness.snapshot import CURRENT, NEWER, OLDER

CHECKS = ("template", "kit", "pins", "packages", "conflicts", "git", "team", "contract", "settings")


@pytest.fixture(scope="module")
def shop(render, workshop):
    return project.keep(render(), workshop / "doctor")


@pytest.fixture(autouse=True)
def _restored(shop):
    yield
    project.restore(shop)


def test_a_new_project_is_well_and_on_which_release_is_said(shop):
    code, reports = examine(shop)
    assert code == 0, reports
    assert {(check, state) for check, state, *_ in reports} == {
        *((check, "ok") for check in CHECKS),
        ("database", "unknown"),
    }
    newer = f"update to {NEWER.removeprefix('v')} with `uvx copier update --defaults`"
    [(state, says, _)] = find(reports, "template")
    assert state == "ok"
    assert says.startswith(f"This is {CURRENT}; {newer}. Its documents: ")
    assert says.endswith(f", tag {CURRENT}")


def stage(folder, *names):
    """Let git keep these files, but for what an update could not apply."""
    kept = [name for name in names if (folder / name).exists() and not name.endswith(".rej")]
    shell.run("git", "add", "--force", "--", *kept, cwd=folder)


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
    assert {(check, says) for check, says, _ in others} == ALSO[".env"]


def test_programs_are_told_the_release_its_age_and_which_files_of_the_template_changed(shop):
    append("# edited\n")(shop / "src/service/kit/db/pool.py")
    service.replace(shop / "src/service/accounts/http.py", (", limit=SIGN_UPS", ""))
    (shop / "renovate.json").unlink()
    (shop / ".squawk.toml").unlink()

    code, report = project.read_report(shop)

    assert code == 1
    released = date.fromisoformat(report["released"])
    assert report["age"] == (datetime.now(UTC).date() - released).days
    assert report["age"] in (0, 1), "the template's repository was made by this run"
    assert (report["service"], report["version"]) == ("my-service", CURRENT)
    assert report["edited"] == ["src/service/kit/db/pool.py"]
    assert report["deleted"] == [".squawk.toml", "renovate.json"]
    findings = {
        (it["id"], it["severity"], it["file"], bool(it["line"])) for it in report["results"] if it["state"] == "finding"
    }
    assert findings == {
        ("kit-edited", "warning", "src/service/kit/db/pool.py", False),
        ("kit-deleted", "error", ".squawk.toml", False),
        ("team-flood", "error", "src/service/accounts/http.py", True),
    }


def test_programs_get_a_whole_report_of_a_folder_that_is_no_project(shop, tmp_path):
    code, output = shell.attempt(shop / ".venv/bin/service", "doctor", "--json", cwd=tmp_path)
    report = json.loads(output)
    assert code == 1
    assert {name: it for name, it in report.items() if name != "results"} == {
        **dict.fromkeys(("service", "version", "released", "age")),
        "edited": [],
        "deleted": [],
    }
    assert {"template", "git-none"} <= {it["id"] for it in report["results"] if it["state"] == "finding"}


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
        "import sys; from pathlib import Path; from service_tools.dev import differences\n"
        "print(*differences.compare_files(Path(sys.argv[1])).edited, sep='\\n')"
    )
    other = render(OLDER)  # each file of which is different
    found = shell.run(".venv/bin/python", "-c", compared, other, cwd=shop).split()
    ours = {path for path in service.read(other) if owners.owner(path) == "kit"} & service.read(shop).keys()
    assert set(found) == ours - {".copier-answers.yml"}


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
