# kit: updated by the template; extend it from app.py
"""Check the settings of the service, the database that they name, and its accepted findings."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from typing import Any

from service.kit.commands.definition import ServiceDefinition
from service.kit.db.capacity import check_capacity
from service.kit.migrate.files import find_pending
from service.kit.server.settings import KitSettings, SettingsError, is_set, read_settings
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials, embedded
from service_tools.dev.drift import find_drift
from service_tools.dev.results import CheckResult, report_findings
from service_tools.sql.accepted import list_accepted

PLACEHOLDER_URL = "postgresql://localhost/postgres"
"""Stands for the development database until there is one."""


def examine_environment(definition: ServiceDefinition) -> Iterator[CheckResult]:
    """Check the settings, the database that they name, and which findings in SQL were accepted."""
    good = "No accepted finding of the SQL contract is left."
    yield from report_findings("contract", good, list_accepted())

    is_given = is_set("DATABASE_URL")
    is_missing = not is_given and not embedded.DATA_FOLDER.exists()
    with ExitStack() as stack:
        given = {}
        if is_missing:
            given["database"] = {"url": PLACEHOLDER_URL}
        elif not is_given:
            given["database"] = {"url": stack.enter_context(embedded.run_postgresql())}
        if given or credentials.KEY_FILE.exists():
            credentials.accept_development_tokens(definition.settings)

        try:
            settings = read_settings(definition.settings, **given)
        except SettingsError as error:
            yield from describe_wrong_settings(error)
            return
        yield CheckResult("settings", "ok", "All are valid, and none is missing.")
        if is_missing:
            yield CheckResult("database", "unknown", "There is none yet; `service dev` makes it.")
        else:
            yield from examine_database(settings)


def describe_wrong_settings(error: SettingsError) -> Iterator[CheckResult]:
    fix = "Fix it where it is set; `service settings` explains each."
    for line in str(error).splitlines()[1:]:
        yield CheckResult("settings", "finding", line.strip(), fix)


def examine_database(settings: KitSettings) -> Iterator[CheckResult]:
    others = settings.count_worker_connections()
    capacity = check_capacity(settings.database, settings.server.workers, others)
    good = "PostgreSQL allows all connections that the service may open."
    yield run_kit_check("connections", good, capacity)

    pending = find_pending(settings.database, settings.migrations)
    good = "All are applied, and none was edited since."
    applied = run_kit_check("migrations", good, pending)
    yield applied
    if applied.state == "ok":
        good = "The database has what the migrations make, and nothing else."
        yield from report_findings("schema", good, find_drift(settings))


def run_kit_check(check: str, good: str, work: Coroutine[Any, Any, str | None]) -> CheckResult:
    """Return the result of a check of the kit. Its last sentence says what to do."""
    try:
        wrong = asyncio.run(work)
    except CommandError as error:
        wrong = str(error)
    if not wrong:
        return CheckResult(check, "ok", good)
    says, _, fix = wrong.rpartition(". " if ". " in wrong else ": ")
    return CheckResult(check, "finding", f"{says or wrong}.", fix[:1].upper() + fix[1:])
