# kit: updated by the template; extend it from app.py
"""`service doctor` finds the problems of a project, and says how to fix them.

If the kit is so broken that no command starts: `uv run python -m service_tools.dev.doctor`.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from importlib import import_module
from typing import TYPE_CHECKING

import click
import msgspec

from service_tools.dev import checkout, differences, packages, team_files, template
from service_tools.dev.programs import ProgramError
from service_tools.dev.results import CheckResult, report_findings, run_checks

if TYPE_CHECKING:
    from service.kit.commands.definition import ServiceDefinition

FILE_CHECKS = (
    ("packages", "uv.lock fits pyproject.toml, and is installed.", packages.find_stale_packages),
    ("conflicts", "No conflict of an update is left.", checkout.find_conflicts),
    ("git", "uv.lock is committed, and no secret is.", checkout.find_leaks),
    ("team", "Your own files fit the kit.", team_files.find_outdated_code),
)
"""Checks that need neither the template nor the service: name, message if all is well, function."""


class Report(msgspec.Struct, frozen=True):
    """What `service doctor --json` prints. Within a major release, fields are only added.

    `released` is the day on which the template's version was made, and `age` the days since then.
    They are null for a version that is no release, and without a network. `edited` and `deleted`
    are files of the template that were changed here, whether or not this is a finding.
    """

    service: str | None
    version: str | None
    released: date | None
    age: int | None
    edited: list[str]
    deleted: list[str]
    results: list[CheckResult]


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--data",
    "changed_answers",
    multiple=True,
    metavar="ANSWER=VALUE",
    help="An answer that the next update changes: name the edits that this drops.",
)
@click.pass_obj
def examine_project(
    definition: "ServiceDefinition | Exception", as_json: bool, changed_answers: tuple[str, ...]
) -> None:
    """Check this project, and say how to fix what is wrong.

    Checks the template's release; which of its files were edited or deleted here, and which edits
    the next update drops; packages, what is in git, settings, connections, migrations, and what
    differs from them in the database. That is the database of `service dev`, or of DATABASE_URL.
    Exits with 1 if there is a finding. A newer release of the template is not a finding, nor is
    what cannot be checked, as without a network.
    """
    checks = {"template": examine_template(changed_answers)}
    for check, good, find in FILE_CHECKS:
        checks[check] = report_findings(check, good, find())
    checks["service"] = examine_service(definition)
    results = run_checks(checks)

    if as_json:
        report = make_report(results)
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2))
    else:
        print_results(results)
    raise SystemExit(any(result.fix for result in results))


def make_report(results: list[CheckResult]) -> Report:
    """Return the results, with what is known of the template's version and files."""
    edited = {it.file for it in results if it.file and it.id in differences.EDIT_IDS}
    deleted = {it.file for it in results if it.file and it.id == differences.DELETED[0]}
    changes = sorted(edited), sorted(deleted)
    try:
        origin = template.read_origin()
    except template.OriginError:
        return Report(None, None, None, None, *changes, results)
    released = template.find_release_date(origin)
    age = (datetime.now(UTC).date() - released).days if released else None
    return Report(origin.project_name, origin.commit, released, age, *changes, results)


def print_results(results: Sequence[CheckResult]) -> None:
    for result in results:
        click.echo(f"{result.state:9}{result.check:13}{result.says}")
        if result.fix:
            click.echo(f"{'':22}Fix: {result.fix}")


def examine_template(changed_answers: Sequence[str]) -> Iterator[CheckResult]:
    """Check which release of the template this is, and how its files have changed."""
    try:
        origin = template.read_origin()
        release = template.check_release(origin)
    except template.OriginError as error:
        yield CheckResult("template", "finding", *error.args)
    except ProgramError as error:
        yield CheckResult("template", "unknown", str(error))
    else:
        yield release
        yield from compare_files(origin, changed_answers)
        return
    yield CheckResult("kit", "unknown", "Not compared with the template: see above.")


def compare_files(origin: template.Origin, changed_answers: Sequence[str]) -> Iterator[CheckResult]:
    """Check the template's files, and the requirements in pyproject.toml."""
    try:
        with template.render_again(origin) as rendered:
            good = "The template's files are as it made them."
            changes = differences.find_changes(rendered, changed_answers)
            yield from report_findings("kit", good, changes)

            good = "pyproject.toml allows what the template is tested with."
            loosened = packages.find_loosened_pins(rendered)
            yield from report_findings("pins", good, loosened)
    except ProgramError as error:
        says = f"The template cannot be rendered again: {error}"
        advice = "the template's copier.yml has the choices."
        fix = f"Fix the answers in {template.ANSWERS_FILE}: {advice}"
        yield CheckResult("kit", "finding", says, fix)


def examine_service(definition: "ServiceDefinition | Exception") -> Iterator[CheckResult]:
    """Check what needs the service itself, or say why it cannot be imported."""
    if not isinstance(definition, Exception):
        yield from import_module("service_tools.dev.environment").examine_environment(definition)
        return
    says = f"The service cannot be imported: {type(definition).__name__}: {definition}"
    if isinstance(definition, SyntaxError):
        says += f" ({definition.filename}:{definition.lineno})"
    fix = "Fix it; `uv run ruff check` and `uv run ty check` say more."
    yield CheckResult("service", "finding", says, fix)


def run_doctor() -> None:
    """Check the project, whether or not its kit can be imported."""
    try:
        start = import_module("service.__main__").main
    except Exception as error:
        examine_project(obj=error)
    else:
        sys.argv[1:1] = ["doctor"]
        start()


if __name__ == "__main__":
    run_doctor()
