# kit: updated by the template; extend it from app.py
"""What the checks of `service doctor` say."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from service_tools.dev.programs import ProgramError

type Findings = Iterable[tuple[str, str]]
"""What is wrong, and what to do about it."""


class Report(msgspec.Struct, frozen=True):
    """What a check says. A finding has a fix; what could not be checked is `unknown`."""

    check: str
    state: str
    says: str
    fix: str | None = None


def report(check: str, good: str, find: Callable[[], Findings]) -> Iterator[Report]:
    """Yield the findings, or what is said where there is none."""
    return guard(check, list_reports(check, good, find))


def list_reports(check: str, good: str, find: Callable[[], Findings]) -> Iterator[Report]:
    try:
        findings = [*find()]
    except ProgramError as error:
        yield Report(check, "unknown", str(error))
        return
    yield from [Report(check, "finding", *it) for it in findings] or [Report(check, "ok", good)]


def guard(check: str, reports: Iterable[Report]) -> Iterator[Report]:
    """Yield reports, and in place of an error a finding. A check never ends the doctor."""
    try:
        yield from reports
    except Exception as error:  # the other checks go on
        says = f"The check failed: {type(error).__name__}: {error}"
        fix = "Correct the file that this names, or tell those who keep the template."
        yield Report(check, "finding", says, fix)
