"""Show services as a table, with what could not be told below it."""

from fleet.releases import Release
from fleet.services import Service

HEADERS = ("SERVICE", "VERSION", "AGE", "BEHIND", "EDITED", "DELETED", "UPDATE", "FINDINGS", "PYTHON")

MAX_FILES = 10
"""How many files of a kind are named below the table."""


def format_table(services: list[Service], newest: Release | None) -> str:
    """Return the table, and below it what each service needs."""
    rows = [HEADERS, *(list_cells(service) for service in services)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADERS))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append("  ".join(cells).rstrip())
    for service in services:
        lines += describe(service)
    if newest:
        lines += ["", f"The newest release in this clone of the template is {newest.version}, of {newest.day}."]
    return "\n".join(lines)


def list_cells(service: Service) -> tuple[str, ...]:
    """Return the cells of a service's row."""
    name = service.name or service.repository
    if service.error:
        return (name, "cannot be read", *[""] * 7)
    behind = "?"
    if service.behind:
        missing = service.behind.releases
        behind = f"{missing} ({service.behind.days} d)" if missing else "-"
    return (
        name,
        service.version or "?",
        "?" if service.age is None else f"{service.age} d",
        behind,
        "?" if service.edited is None else str(len(service.edited)),
        "?" if service.deleted is None else str(len(service.deleted)),
        show_update(service),
        str(len(service.findings)),
        service.python or "?",
    )


def show_update(service: Service) -> str:
    """Return the branch of the weekly update, what it brings, and how many files have a conflict."""
    update = service.update
    if not update:
        return "?" if any("update is open" in note for note in service.notes) else "-"
    text = update.branch
    if update.version and update.version != service.version:
        text += f" to {update.version}"
    if update.conflicts:
        text += f", conflicts: {len(update.conflicts)}"
    return text


def describe(service: Service) -> list[str]:
    """Return lines on why a service could not be read, and on what was found in it."""
    told = [service.error] if service.error else []
    told += list_files("edited", service.edited or [])
    told += list_files("deleted", service.deleted or [])
    if service.update:
        told += list_files(f"conflict in {service.update.branch}", service.update.conflicts)
    for finding in service.findings:
        told += [f"{finding.severity}: {finding.says}", f"  Fix: {finding.fix}"]
    told += service.notes
    if not told:
        return []
    return ["", service.repository, *(f"  {line}" for line in told)]


def list_files(what: str, names: list[str]) -> list[str]:
    """Return a line for each of the first files, and one for how many more there are."""
    lines = [f"{what}: {name}" for name in names[:MAX_FILES]]
    if len(names) > MAX_FILES:
        lines.append(f"{what}: {len(names) - MAX_FILES} more, which --json lists")
    return lines
