# kit: updated by the template; extend it from app.py
"""Results of the checks of `service doctor`."""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from service_tools.dev.programs import ProgramError

type Findings = Iterable[tuple[str, str]]
"""What is wrong, and how to fix it."""


class CheckResult(msgspec.Struct, frozen=True):
    """A result of a check: `ok`, a `finding` with its fix, or `unknown` if it cannot be checked."""

    check: str
    state: str
    says: str
    fix: str | None = None


def report_findings(check: str, good: str, findings: Findings) -> Iterator[CheckResult]:
    """Yield a result for each finding, or `good` if there is none."""
    is_good = True
    try:
        for says, fix in findings:
            is_good = False
            yield CheckResult(check, "finding", says, fix)
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
            results.append(CheckResult(check, "finding", says, fix))
    return results
