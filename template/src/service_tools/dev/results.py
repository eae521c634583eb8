# kit: updated by the template; extend it from app.py
"""Results of the checks of `service doctor`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from service_tools.dev.programs import ProgramError

WARNINGS = ("kit-edited", "kit-windows", "packages-sync")
"""Findings that break neither the service nor an update."""


class Finding(NamedTuple):
    """What is wrong, and how to fix it; without a fix, what is worth knowing.

    `id` names the kind of fault, and stays the same in all releases.
    """

    id: str
    says: str
    fix: str
    file: str | None = None
    line: int | None = None


type Findings = Iterable[Finding]


class CheckResult(msgspec.Struct, frozen=True):
    """A result of a check: `ok`, a `finding` with its fix, or `unknown` if it cannot be checked.

    `severity` is that of a finding: `error` or `warning`.
    """

    check: str
    state: str
    says: str
    fix: str | None = None
    id: str = ""
    file: str | None = None
    line: int | None = None
    severity: str | None = None


def report_findings(check: str, good: str, findings: Findings) -> Iterator[CheckResult]:
    """Yield a result for each finding, or `good` if there is none."""
    is_good = True
    try:
        for kind, says, fix, file, line in findings:
            is_good = False
            state = "finding" if fix else "ok"
            yield CheckResult(check, state, says, fix or None, kind, file, line)
    except ProgramError as error:
        yield CheckResult(check, "unknown", str(error))
    else:
        if is_good:
            yield CheckResult(check, "ok", good)


def run_checks(checks: Mapping[str, Iterable[CheckResult]]) -> list[CheckResult]:
    """Return the results of all checks. One that raises is a finding, and the others still run."""
    results: list[CheckResult] = []
    for check, found in checks.items():
        try:
            results.extend(found)
        except Exception as error:
            says = f"The check failed: {type(error).__name__}: {error}"
            fix = "Fix the file that this names, or tell the maintainers of the template."
            results.append(CheckResult(check, "finding", says, fix, "check-failed"))
    return [complete_result(result) for result in results]


def complete_result(result: CheckResult) -> CheckResult:
    """Return a result with its severity, and with the name of its check if it has no other id."""
    severity = None
    if result.state == "finding":
        severity = "warning" if result.id in WARNINGS else "error"
    return msgspec.structs.replace(result, id=result.id or result.check, severity=severity)
