"""Every command that a document tells somebody to type is typed by a test, and every link leads somewhere."""

import re

import pytest

from tests.harness import shell
from tests.harness.snapshot import ROOT

BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
MEASUREMENT = re.compile(r"`(uv run python -m tests\.performance\.\w+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

MEASUREMENTS = {
    "update": ["--rounds", "1"],
    "conduit": ["--rounds", "1", "--seconds", "0.5"],
    "tokens": [],
    "flood": ["--rounds", "1"],
    "paging": ["--rows", "900", "--skip", "500", "--rounds", "2", "--requests", "5"],
    "first_request": ["--warm-only"],
    "keys": ["--rounds", "2", "--requests", "5"],
    "start": ["--rounds", "1", "--workers", "1", "--requests", "5"],
    "pool": ["--rounds", "2", "--statements", "50"],
    "compression": ["--rows", "2000", "--rounds", "1"],
    "compare": ["--rows", "900", "--rounds", "1", "--seconds", "0.2", "--overload", "0.5"],
    "export": ["--rows", "900", "--rounds", "1"],
    "parts": ["--rows", "900", "--rounds", "1", "--seconds", "0.2"],
    "versions": ["--rows", "900", "--rounds", "1", "--seconds", "0.2"],
    "neighbours": ["--rows", "900", "--rounds", "1", "--seconds", "0.5"],
    "jobs": ["--rounds", "1", "--seconds", "0.2", "--jobs", "200", "--held", "20"],
    "streams": ["--streams", "10", "--seconds", "0.2"],
    "capacity": ["--rows", "900", "--rounds", "1", "--seconds", "0.2"],
    "offload": ["--rows", "900", "--rounds", "1", "--seconds", "0.5"],
}
"""The modules of tests/performance that are run, with what makes it short."""

TESTS = {
    "conduit/test_conduit.py::test_the_command_makes_it_in_a_folder": [
        "uv run python -m tests.conduit ../conduit",
    ],
    "commands/test_readme.py::test_try_starts_a_service_that_answers_and_ctrl_c_ends_all_of_it": [
        "python3 run.py try",
        "uv run service dev",
    ],
    "commands/test_readme.py::test_the_test_command_runs_pytest": ["python3 run.py test"],
    "commands/test_journey.py::test_a_team_copies_and_updates": [
        "uvx copier copy https://…/copier-async-service.git order-service",
        'git init && git add --all && git commit --message "Render the template"',
        "uvx copier update --defaults",
        "git status",
    ],
    "commands/test_journey.py::test_a_contributor_renders_a_change": [
        "uv run copier copy --defaults --vcs-ref HEAD . ../scratch"
    ],
    "commands/test_journey.py::test_an_operator_migrates_and_serves_without_the_development_group": [
        "uv sync --no-dev --no-editable",
        "export DATABASE_URL=postgresql://user:password@host:5432/name",
        ".venv/bin/service key",
        ".venv/bin/service migrate",
        ".venv/bin/service serve",
        ".venv/bin/service worker",
    ],
    "commands/test_debugging.py::test_a_request_and_its_job_stop_at_the_terminal_and_end_as_if_nothing_were": [
        "uv run service dev --debug",
    ],
    "commands/test_debugging.py::test_a_test_stops_for_longer_than_a_transaction_may_be_idle_and_passes": [
        "uv run pytest -s -k NAME",
    ],
    "commands/test_debugging.py::test_an_editor_stops_a_request_and_lets_it_go_on": [
        "uv run --with debugpy python -m debugpy --listen 5678 --wait-for-client -m service dev --debug",
    ],
    "commands/test_debugging.py::test_an_editor_stops_a_test_and_it_passes": [
        "uv run --with debugpy python -m debugpy --listen 5678 --wait-for-client -m pytest -s -k NAME",
    ],
    "port/test_port.py::test_the_command_brings_an_edit_back_and_names_what_is_no_service": [
        "uv run python -m tests.port ../scratch"
    ],
    "commands/test_journey.py::test_an_operator_names_who_issues_the_tokens_of_a_service_without_an_example": [
        "export AUTH_ISSUER=https://id.example.com AUTH_AUDIENCE=my-service AUTH_JWKS_URL=https://id.example.com/keys",
    ],
    "inside/auth/test_credentials.py::test_the_command_signs_scopes_and_other_claims": [
        "uv run service token --scope operator",
        "uv run service token --claim 'roles=[\"operator\"]' --claim tenant=acme",
    ],
    "slices/test_scaffold.py::test_a_new_slice_passes_its_tests_and_those_of_the_kit": [
        "uv run service new invoices number:text! customer:uuid@ total:money 'status:enum(open,paid)@' due:date?",
    ],
    "slices/test_scaffold.py::test_a_newcomer_measures_the_slice_by_one_command": ["uv run service perf load"],
    "doctor/test_defects.py::test_a_new_project_is_well_and_on_which_release_is_said": ["uv run service doctor"],
    "update/test_update.py::test_a_service_of_the_last_release_passes_its_suite_after_an_update": [
        "uv run python -m service_tools.dev.renames",
        "uv run ruff check --fix",
    ],
    "generated/test_generated.py::test_its_types_are_right": ["uv sync", "uv run ty check"],
    "generated/test_generated.py::test_its_formatter_and_linter_have_nothing_to_do": [
        "uv run ruff format",
        "uv run ruff check",
    ],
    "generated/test_generated.py::test_its_command_explains_itself": ["uv run service --help"],
    "generated/test_generated.py::test_its_suite_passes_without_a_skip_and_leaves_nothing_for_git": [
        "uv run pytest",
        "uv sync && uv run pytest",
    ],
    "generated/test_clients.py::test_a_strict_linter_finds_nothing": [
        "uv run service openapi > openapi.json",
        "npx @redocly/cli lint --extends recommended-strict openapi.json",
    ],
    "generated/test_clients.py::test_a_client_of_typescript_fits_its_types_and_works": [
        "npx openapi-typescript openapi.json --default-non-nullable false --output schema.ts",
    ],
    "generated/test_clients.py::test_a_client_of_python_works": [
        "uvx openapi-python-client generate --path openapi.json",
    ],
    "planted/test_planted.py::test_a_planted_fault_is_noticed": ["uv run pytest -m slow tests/planted/test_planted.py"],
    "update/test_older_major.py::test_a_fix_reaches_a_service_on_an_older_major": [
        "git switch --create v1 v1.3.0",
        "git checkout main -- .github/workflows/release.yml",
        "git cherry-pick -x --no-commit FIX",
        'git commit --all --message "Release v1.3.1"',
        "git tag v1.3.1 && git push origin v1 v1.3.1",
        "git switch main",
        "git merge --strategy ours --no-commit v1",
        'git commit --all --message "Take up v1.3.1"',
        "git push origin main",
        "uvx copier update --defaults --vcs-ref v1.3.1",
    ],
    "soak/test_soak.py::test_a_soak_of_a_minute_loses_nothing": ["uv run python -m tests.soak --minutes 10"],
    "documents/test_site.py::test_every_page_is_built_and_stands_in_the_navigation": [
        "uv run sphinx-build --fail-on-warning docs site",
    ],
    "repository/test_style.py::test_a_tool_has_nothing_to_say": [
        "uv run ruff format && uv run ruff check",
        "uv run ty check",
    ],
    "documents/test_documents.py::test_a_measurement_runs": [
        f"uv run python -m tests.performance.{it}" for it in MEASUREMENTS
    ],
}
"""Which commands each test runs."""


@pytest.fixture(scope="module")
def documents(render):
    """The text of every document, by its path: those of the template, and those of a service."""
    folders = [(ROOT, "*.md"), (ROOT, "docs/**/*.md"), *((render(example=it), "**/*.md") for it in ("orders", "none"))]
    return {path: path.read_text() for folder, pattern in folders for path in folder.glob(pattern)}


def list_commands(text):
    lines = [line.partition("  #")[0].strip() for block in BLOCK.findall(text) for line in block.splitlines()]
    return [line for line in [*lines, *MEASUREMENT.findall(text)] if line and not line.startswith("cd ")]


def test_every_command_is_run_by_a_test_that_exists(documents):
    commands = {command for text in documents.values() for command in list_commands(text)}
    assert commands == {command for ran in TESTS.values() for command in ran}
    for place in TESTS:
        module, function = place.split("::")
        assert f"def {function}(" in (ROOT / "tests" / module).read_text(), place


def list_anchors(text):
    """Return the anchors of the headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def test_every_link_leads_to_a_file_and_to_a_heading_of_it(documents):
    broken = [
        f"{path}: {target}#{anchor}"
        for path, text in documents.items()
        for target, anchor in LINK.findall(text)
        if not (linked := path.parent / target if target else path).exists()
        or (anchor and anchor not in list_anchors(linked.read_text()))
    ]
    assert not broken


def test_the_statements_of_the_page_on_rolling_back_are_those_that_a_test_applies():
    page = (ROOT / "docs/rollback.md").read_text()
    steps = sorted((ROOT / "tests/inside/migrate/rollback").glob("*.sql"))
    assert len(steps) == page.count("```sql") == 3
    assert all(path.read_text() in page for path in steps)


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASUREMENTS)
def test_a_measurement_runs(name):
    output = shell.run(
        "uv", "run", "--quiet", "python", "-m", f"tests.performance.{name}", *MEASUREMENTS[name], cwd=ROOT
    )
    assert re.search(r"\d\.\d", output), output
