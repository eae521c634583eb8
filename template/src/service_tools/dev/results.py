# kit: updated by the template; extend it from app.py
"""Results of the checks of `service doctor`."""

from collections.abc import Iterable, Iterator

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
    try:
        results = [CheckResult(check, "finding", says, fix) for says, fix in findings]
    except ProgramError as error:
        results = [CheckResult(check, "unknown", str(error))]
    yield from results or [CheckResult(check, "ok", good)]


def guard_check(check: str, results: Iterable[CheckResult]) -> Iterator[CheckResult]:
    """Yield results. If the check fails, that is a finding, and the other checks go on."""
    try:
        yield from results
    except Exception as error:
        says = f"The check failed: {type(error).__name__}: {error}"
        fix = "Fix the file that this names, or tell the maintainers of the template."
        yield CheckResult(check, "finding", says, fix)
