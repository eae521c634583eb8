"""What the files of CI run, by file: the commands of GitHub's workflows and of GitLab's pipeline."""

from pathlib import Path
from typing import Any

import yaml

from tests.harness import shell
from tests.harness.snapshot import ROOT

HOSTED = {
    "pip install uv==0.13.9": "makes a new machine ready",
    "sudo apt-get update && sudo apt-get install --yes postgresql-common": "makes a new machine ready",
    "sudo /usr/share/postgresql-common/pgdg/apt.*.sh -y": "makes a new machine ready",
    "sudo .ci/install": "makes a new machine ready",
    "docker build --file deploy/Dockerfile .": "needs a container engine; test_image.py follows the Dockerfile itself",
    "uv audit --preview-features audit-command": "asks a database of vulnerabilities on the internet",
    "apk add --no-cache bash curl git skopeo": "makes a new machine ready",
}
"""The commands that no test runs, and why."""

COVERED = {
    'python3 run.py test -m "$MARKS"': "commands/test_readme.py::test_the_test_command_runs_pytest",
    'python3 run.py test tests/generated/test_generated.py tests/generated/test_inside.py -k "default or package"': (
        "commands/test_readme.py::test_the_test_command_runs_pytest"
    ),
    'uv run service perf compare "$BASE"': (
        "inside/tools/test_perf_compare.py::test_another_commit_is_checked_out_and_a_slower_tree_fails_a_check"
    ),
    'uv run service openapi --against "$BASE"': (
        "inside/tools/test_openapi_command.py::test_a_change_that_breaks_clients_fails_the_command_and_is_named"
    ),
    'export RELEASE_FILE="$GITHUB_OUTPUT"\ndeploy/delivery.sh image': (
        "ci/test_signed_images.py::test_an_image_is_scanned_pushed_as_it_was_built_and_signed_with_its_bill_of_materials"
    ),
    "deploy/delivery.sh image": "ci/test_signed_images.py::test_a_commit_has_one_image_and_an_older_one_is_found_again",
    'deploy/delivery.sh deploy "$ENVIRONMENT"': (
        "ci/test_delivery.py::test_the_overlay_of_the_environment_is_deployed_with_the_image_by_its_digest"
    ),
    'deploy/delivery.sh deploy "$CI_ENVIRONMENT_NAME"': (
        "ci/test_delivery.py::test_the_overlay_of_the_environment_is_deployed_with_the_image_by_its_digest"
    ),
    "uv run python -m tests.performance.compare": "documents/test_documents.py::test_a_measurement_runs",
    "uv run sphinx-build --fail-on-warning docs site": (
        "documents/test_site.py::test_every_page_is_built_and_stands_in_the_navigation"
    ),
    'python3 run.py test -k "test_releases or test_compatibility"': (
        "update/test_older_major.py::test_a_fix_reaches_a_service_on_an_older_major_which_later_takes_the_newest"
    ),
}
"""The commands that other tests run."""

SLOW = {"uv run pytest", "uv run pytest tests/kit/test_migration_lint.py tests/kit/test_contract.py"}
"""The commands that take longer than an ordinary test may."""


def list_commands(file: Path) -> list[str]:
    """Return the scripts that a file of CI runs, in its order."""
    content = load(file)
    if file.name == ".gitlab-ci.yml":
        parts: list[dict[str, Any]] = [part for part in content.values() if isinstance(part, dict)]
        scripts = [script for part in parts for key in ("before_script", "script") for script in part.get(key, ())]
    else:
        steps = [step for job in content["jobs"].values() for step in job["steps"]]
        scripts = [step["run"] for step in steps if "run" in step]
    return [script.strip() for script in scripts]


def load(file: Path) -> dict[Any, Any]:
    """Return what a file of CI says."""
    return yaml.safe_load(file.read_text())


def list_workflows(folder: Path = ROOT) -> list[Path]:
    """Return the workflows of a repository."""
    return sorted(folder.glob(".github/workflows/*"))


def is_update(command: str) -> bool:
    """Tell whether it is the script that asks for a review of an update."""
    return "copier@" in command


def is_delivery(command: str) -> bool:
    """Tell whether it makes an image or deploys one, and is no check."""
    return "deploy/delivery.sh" in command or command.startswith("apk add")


def type_script(command: str, cwd: Path, **environment: str) -> tuple[int, str]:
    """Run a script the way both hosts do, and return its exit code and output."""
    return shell.attempt("bash", "-e", "-o", "pipefail", "-c", command, cwd=cwd, **environment)
