# kit: updated by the template; extend it from app.py
"""The settings of the service, and the database that they name: what is wrong with them."""

import asyncio
import os
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack
from typing import Any

from service.kit.commands.cli import Wiring
from service.kit.db.capacity import check_capacity
from service.kit.migrate.files import find_pending
from service.kit.server.settings import SettingsError, read_settings
from service.kit.work.command_error import CommandError
from service_tools.dev import credentials, embedded
from service_tools.dev.report import Report

SOMEWHERE = "postgresql://localhost/postgres"
"""Stands for the database of development before there is one."""


def examine(wiring: Wiring) -> Iterator[Report]:
    """Check the settings, and then the database that they name."""
    given, is_new = {}, not embedded.DATA.exists()
    with ExitStack() as stack:
        if "DATABASE_URL" not in os.environ:
            url = SOMEWHERE if is_new else stack.enter_context(embedded.run())
            given["database"] = {"url": url}
        if given or credentials.FILE.exists():
            credentials.provide(wiring.settings)
        try:
            settings = read_settings(wiring.settings, **given)
        except SettingsError as error:
            advice = "Correct it where it is set; `service settings` says what each means."
            for line in str(error).splitlines()[1:]:
                yield Report("settings", "finding", line.strip(), advice)
            return
        yield Report("settings", "ok", "All are valid, and none is missing.")
        if given and is_new:
            yield Report("database", "unknown", "There is none yet; `service dev` makes it.")
            return
        beside = settings.count_beside()
        capacity = check_capacity(settings.database, settings.server.workers, beside)
        yield judge("connections", "PostgreSQL admits all that the service may open.", capacity)
        pending = find_pending(settings.database, settings.migrations)
        yield judge("migrations", "All are applied, and none was edited since.", pending)


def judge(check: str, good: str, work: Coroutine[Any, Any, str | None]) -> Report:
    """Return what a check of the kit found. What it says ends with what to do."""
    try:
        wrong = asyncio.run(work)
    except CommandError as error:
        wrong = str(error)
    if not wrong:
        return Report(check, "ok", good)
    says, _, fix = wrong.rpartition(". " if ". " in wrong else ": ")
    return Report(check, "finding", f"{says}." if says else wrong, fix[:1].upper() + fix[1:])
