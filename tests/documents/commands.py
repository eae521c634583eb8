"""Which test runs each command that a document tells somebody to type."""

from tests.documents import address
from tests.documents.measurements import MEASUREMENTS
from tests.harness.snapshot import ROOT

TESTS = {
    "conduit/test_conduit.py::test_the_command_makes_it_in_a_folder": [
        "uv run python -m tests.conduit ../conduit",
    ],
    "commands/test_readme.py::test_try_starts_a_service_that_answers_and_ctrl_c_ends_all_of_it": [
        f"git clone {address.read(ROOT)}",
        "python3 run.py try",
        "uv run service dev",
    ],
    "commands/test_readme.py::test_the_test_command_runs_pytest": ["python3 run.py test"],
    "commands/test_journey.py::test_a_team_copies_and_updates": [
        f"uvx copier copy {address.read(ROOT)} order-service",
        'git init --initial-branch main && git add --all && git commit --message "Render the template"',
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
    "deploy/test_host_scripts.py::test_the_commands_of_the_page_lead_through_it": [
        "echo DOMAIN=api.example.com >> .env",
        "docker build --file Dockerfile --tag my-service:0.1.0 ..",
        "./secrets.sh my-service:0.1.0",
        "./release.sh my-service:0.1.0",
        "curl --fail https://api.example.com/readyz",
        "git pull",
        "docker build --file Dockerfile --tag my-service:0.2.0 ..",
        "./release.sh my-service:0.2.0",
        "docker compose ps",
        "docker compose logs --follow --tail 100 web-a web-b",
        "docker compose exec postgres psql --username postgres service",
        "docker compose exec web-a service queries",
        "docker compose --profile monitoring up --detach --no-deps prometheus grafana",
        "docker compose exec backup sh /opt/backup/backup.sh now",
        "docker compose exec backup sh /opt/backup/backup.sh check",
        "docker compose logs --tail 20 backup",
        "docker compose stop web-a web-b worker",
        "docker compose exec backup sh /opt/backup/restore.sh /backups/service-2026-01-31T030000Z.dump",
        "docker compose run --rm migrate",
        "docker compose start web-a web-b worker",
        "docker compose exec postgres dropdb --username postgres service_before_20260131t093000",
        "./rotate-password.sh",
        "docker compose pull --ignore-pull-failures",
        "docker compose up --detach --wait",
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
    "commands/test_fleet.py::test_the_table_has_a_row_for_each_and_below_it_what_they_need": [
        "git pull --tags",
        "python3 run.py fleet ../orders ../billing https://git.example.com/team/search.git",
    ],
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
    "sql/test_accepted_findings.py::test_what_an_update_finds_is_told_then_accepted_and_nothing_new_with_it": [
        "uv run service plans --accept",
    ],
    "planted/test_planted.py::test_a_planted_fault_is_noticed": ["uv run pytest -m slow tests/planted/test_planted.py"],
    "update/test_older_major.py::test_a_fix_reaches_a_service_on_an_older_major_which_later_takes_the_newest": [
        "git push origin v2.1.0^0:refs/heads/v2",
        "git switch v2",
        "git checkout main -- .github/workflows/release.yml",
        "git cherry-pick -x --no-commit FIX",
        'git commit --all --message "Release v2.1.1"',
        "git push origin v2",
        "git switch main",
        "git merge --strategy ours --no-commit v2",
        'git commit --all --message "Take up v2.1.1"',
        "git push origin main",
        "uvx copier update --defaults --vcs-ref v2",
    ],
    "update/test_mirrors.py::test_a_fork_sets_its_address_by_one_command": [
        f"python3 run.py address {address.read(ROOT)}",
    ],
    "update/test_mirrors.py::test_a_service_follows_a_template_that_moved": [
        f"sed -i 's|^_src_path: .*|_src_path: {address.read(ROOT)}|' .copier-answers.yml",
        'git commit --all --message "Follow the template to its new address"',
    ],
    "update/test_mirrors.py::test_git_leads_a_service_to_a_mirror_that_it_does_not_know": [
        'git config --global url."https://mirror.example.com/".insteadOf "https://git.example.com/"',
    ],
    "update/test_commits.py::test_a_clone_without_tags_gets_and_pushes_them": [
        "python3 run.py tags",
        "git push --tags",
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
