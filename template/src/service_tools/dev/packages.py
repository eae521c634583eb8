# kit: updated by the template; extend it from app.py
"""The packages of a project: whether they fit the lock, and what the template is tested with."""

import re
import tomllib
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

from service_tools.dev.programs import ExitError, run

PROJECT = Path("pyproject.toml")
REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)\s*(?:\[[^]]*\])?\s*([^;]*)")
CLAUSE = re.compile(r"([<>=~!]+)\s*([\d.]+)")

type Requirements = dict[tuple[str, str], str]
"""Each requirement by its place in pyproject.toml and by the name of its package."""


class ProjectError(Exception):
    """A pyproject.toml cannot be read. The check of the packages says so."""


def find_unfit() -> Iterator[tuple[str, str]]:
    """Find a lock that does not fit pyproject.toml, or packages that do not fit the lock."""
    try:
        read_project()
    except ProjectError as error:
        yield str(error), "Correct it, or restore it from git (`git log -p pyproject.toml`)."
        return
    try:
        run("uv", "lock", "--check")
    except ExitError as error:
        yield str(error), "Run `uv lock`, and commit uv.lock."
        return
    try:
        run("uv", "sync", "--check", "--frozen", "--inexact")
    except ExitError as error:
        yield str(error), "Run `uv sync`."


def find_loosened(folder: Path) -> Iterator[tuple[str, str]]:
    """Find what pyproject.toml lets in, and the one that was rendered into a folder does not."""
    wanted = read_requirements(folder / PROJECT)
    try:
        here = read_requirements(PROJECT)
    except ProjectError:
        return
    for (place, name), requirement in wanted.items():
        elsewhere = (it for (_, other), it in here.items() if other == name)
        found = here.get((place, name)) or next(elsewhere, "")
        fix = f"Write `{requirement}` again, and run `uv lock`."
        if not found and place != "traces":
            yield f"pyproject.toml has no {name}, which the template's code or tests need.", fix
        elif found and "@" not in found and is_looser(found, requirement):
            yield f"pyproject.toml says `{found}`, and is tested with `{requirement}`.", fix


def read_project(file: Path = PROJECT) -> dict[str, Any]:
    """Return the content of a pyproject.toml. Raises `ProjectError` if it cannot be read."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ProjectError(f"{file} cannot be read: {error}") from None


def read_requirements(file: Path) -> Requirements:
    """Return what a pyproject.toml requires, its Python included."""
    content = read_project(file)
    project: dict[str, Any] = content.get("project", {})
    lists = {
        "dependencies": project.get("dependencies", []),
        "traces": project.get("optional-dependencies", {}).get("traces", []),
        "dev": content.get("dependency-groups", {}).get("dev", []),
    }
    found: Requirements = {}
    if python := project.get("requires-python"):
        found["python", "requires-python"] = f"requires-python {python}"
    for place, texts in lists.items():
        for text in texts:
            if isinstance(text, str) and (match := REQUIREMENT.match(text)):
                found[place, re.sub(r"[-_.]+", "-", match[1]).lower()] = text
    return found


def is_looser(found: str, wanted: str) -> bool:
    """Return whether a requirement lets in older or newer versions than the one that is wanted."""
    if "==" in found and "==" in wanted:
        return False  # another one, chosen as exactly
    (low, high), (least, most) = bound(found), bound(wanted)
    return low < least or high > most


def bound(requirement: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the lowest and the highest version that a requirement lets in."""
    match = REQUIREMENT.match(requirement)
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (inf,)
    for sign, version in CLAUSE.findall(match[2] if match else ""):
        number = tuple(float(part) for part in version.strip(".").split("."))
        if sign in (">=", ">", "==", "~="):
            low = max(low, number)
        if sign in ("<", "=="):
            high = min(high, number)
        elif sign == "<=":
            high = min(high, (*number, 0.0))
        elif sign == "~=":
            high = min(high, (*number[:-2], number[-2] + 1))
    return low, high
