# kit: updated by the template; extend it from app.py
"""`service doctor`: what is wrong with this project as it stands here, and what to do about it.

Where the kit is so broken that no command of the service starts:
`uv run python -m service_tools.dev.doctor`.
"""

import sys
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING

import click
import msgspec

from service_tools.dev import checkout
from service_tools.dev.report import Report, guard

if TYPE_CHECKING:
    from service.kit.commands.definition import ServiceDefinition


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option(
    "--data",
    "changed",
    multiple=True,
    metavar="ANSWER=VALUE",
    help="An answer that the next update is to change: say which edits that drops.",
)
@click.pass_obj
def examine(
    definition: "ServiceDefinition | Exception", as_json: bool, changed: tuple[str, ...]
) -> None:
    """Check this project, and say how to fix what is wrong.

    Looks at the template's release; at those of its files that were edited or deleted here, and
    which edits the next update drops; at packages, at what git keeps, and at settings, connections
    and migrations. The database is that of `service dev`, or of DATABASE_URL. Exits with 1 if there
    is a finding. A newer release of the template is none, nor is what cannot be checked, as without
    a network.
    """
    reports = [*checkout.examine(changed), *guard("service", examine_service(definition))]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(reports), indent=2))
    for it in [] if as_json else reports:
        click.echo(f"{it.state:9}{it.check:13}{it.says}")
        if it.fix:
            click.echo(f"{'':22}Fix: {it.fix}")
    raise SystemExit(any(it.fix for it in reports))


def examine_service(definition: "ServiceDefinition | Exception") -> Iterator[Report]:
    """Check what takes the service itself; it may be why app.py could not be imported."""
    if isinstance(definition, Exception):
        place = (
            f" ({definition.filename}:{definition.lineno})"
            if isinstance(definition, SyntaxError)
            else ""
        )
        says = f"The service cannot be imported: {type(definition).__name__}: {definition}{place}"
        advice = "Correct it; `uv run ruff check` and `uv run ty check` say more."
        yield Report("service", "finding", says, advice)
        return
    yield from import_module("service_tools.dev.environment").examine(definition)


def main() -> None:
    """Examine the project, whether or not its kit can be imported."""
    try:
        start = import_module("service.__main__").main
    except Exception as error:
        examine(obj=error)
    else:
        sys.argv[1:1] = ["doctor"]
        start()


if __name__ == "__main__":
    main()
