# kit: updated by the template; extend it from app.py
"""`service doctor`: what is wrong with this project as it stands here, and what to do about it."""

import asyncio
import os
from collections.abc import Coroutine, Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click
import msgspec

from service.kit.db import check_capacity
from service.kit.edge import CommandError
from service.kit.migrate import find_pending
from service.kit.server import SettingsError, read_settings
from service_tools.dev import checkout, credentials, embedded
from service_tools.dev.report import Report, fail

if TYPE_CHECKING:
    from service.kit.server.cli import Wiring

SOMEWHERE = "postgresql://localhost/postgres"
"""Stands for the database of development before there is one."""


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--data",
    "changed",
    multiple=True,
    metavar="ANSWER=VALUE",
    help="An answer that the next update is to change, as for `copier update`: say which edits that drops.",
)
@click.pass_obj
def examine(wiring: "Wiring | Exception", as_json: bool, changed: tuple[str, ...]) -> None:
    """Check this project, and say how to fix what is wrong.

    Looks at the template's release; at those of its files that were edited or deleted here, and which edits the next
    update drops; at packages, at what git keeps, and at settings, connections and migrations. The database is that of
    `service dev`, or of DATABASE_URL. Exits with 1 if there is a finding. A newer release of the template is none, nor
    is what cannot be checked, as without a network.
    """
    service = describe_failure(wiring) if isinstance(wiring, Exception) else examine_service(wiring)
    reports = [*checkout.examine(changed), *guard(service)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(reports), indent=2))
    for it in [] if as_json else reports:
        click.echo(f"{it.state:9}{it.check:13}{it.says}" + (f"\n{'':22}Fix: {it.fix}" if it.fix else ""))
    raise SystemExit(any(it.fix for it in reports))


def describe_failure(error: Exception) -> Iterator[Report]:
    """Say why app.py could not be imported, so that nothing more can be checked."""
    place = f" ({error.filename}:{error.lineno})" if isinstance(error, SyntaxError) else ""
    says = f"app.py cannot be imported: {type(error).__name__}: {error}{place}"
    yield Report("service", "finding", says, "Correct it; `uv run ruff check` and `uv run ty check` say more.")


def guard(reports: Iterable[Report]) -> Iterator[Report]:
    """Yield reports. A check that fails never ends the doctor."""
    try:
        yield from reports
    except Exception as error:  # what the others found is still told
        yield fail("service", error)


def examine_service(wiring: "Wiring") -> Iterator[Report]:
    """Check the settings, and then the database that they name."""
    given, is_new = {}, not embedded.DATA.exists()
    with ExitStack() as stack:
        if "DATABASE_URL" not in os.environ:
            given["database"] = {"url": SOMEWHERE if is_new else stack.enter_context(embedded.run())}
        if given or credentials.FILE.exists():
            credentials.provide(wiring.settings)
        try:
            settings = read_settings(wiring.settings, **given)
        except SettingsError as error:
            advice = "Correct it where it is set; `service settings` says what each means."
            yield from (Report("settings", "finding", it.strip(), advice) for it in str(error).splitlines()[1:])
            return
        yield Report("settings", "ok", "All are valid, and none is missing.")
        if given and is_new:
            yield Report("database", "unknown", "There is none yet; `service dev` makes it.")
            return
        capacity = check_capacity(settings.database, settings.server.workers, settings.count_beside())
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
