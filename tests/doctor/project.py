"""A project as a team keeps it, and what `service doctor` says of it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.harness import packages, service, shell


class Said(NamedTuple):
    """What a check of the doctor says."""

    check: str
    state: str
    says: str
    fix: str


def keep(rendered: Path, folder: Path) -> Path:
    """Copy a render to a folder, with its lock and its packages, in git."""
    service.adopt(rendered, folder)
    packages.install(folder)
    service.save(folder)
    shell.run("git", "tag", "good", cwd=folder)
    return folder


def restore(folder: Path) -> None:
    """Take out whatever was planted."""
    shell.run("git", "reset", "--quiet", "--hard", "good", cwd=folder)
    shell.run("git", "clean", "--quiet", "-d", "--force", cwd=folder)
    packages.install(folder)


def examine(folder: Path, *options: str) -> tuple[int, list[Said]]:
    """Return the exit code of the command, and what each check says."""
    code, report = read_report(folder, *options)
    return code, [Said(it["check"], it["state"], it["says"], it["fix"] or "") for it in report["results"]]


def read_report(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code of the command, and what it prints for programs."""
    code, output = shell.attempt(".venv/bin/service", "doctor", "--json", *options, cwd=folder)
    return code, json.loads(output)


def find(said: list[Said], check: str) -> list[tuple[str, str, str]]:
    """Return the state, the text and the fix of all that a check says."""
    return [it[1:] for it in said if it.check == check]


def list_findings(said: list[Said]) -> set[tuple[str, str, str]]:
    """Return the check, the text and the fix of each finding."""
    return {(it.check, it.says, it.fix) for it in said if it.state == "finding"}


def begins(found: Sequence[str], wanted: Sequence[str]) -> bool:
    """Return whether each text begins as it is wanted."""
    return all(text.startswith(start) for text, start in zip(found, wanted, strict=True))
