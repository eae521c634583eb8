# kit: updated by the template; extend it from app.py
"""Check the lock, the installed packages, and the requirements in pyproject.toml."""

import tomllib
from pathlib import Path
from typing import Any

from service_tools.dev.programs import ExitError, ProgramError, run_program
from service_tools.dev.results import Finding, Findings

PROJECT_FILE = Path("pyproject.toml")

UV_CHECKS = {
    ("lock", "--check"): "Run `uv lock`, and commit uv.lock.",
    ("sync", "--check", "--frozen", "--inexact"): "Run `uv sync`.",
}
"""Arguments of uv, each with the fix for what it finds."""


def find_stale_packages() -> Findings:
    """Yield a lock that does not fit pyproject.toml, or packages that do not fit the lock."""
    try:
        read_project()
    except ProgramError as error:
        fix = "Fix it, or restore it from git (`git log -p pyproject.toml`)."
        yield Finding("packages-project", str(error), fix, str(PROJECT_FILE))
        return
    for arguments, fix in UV_CHECKS.items():
        try:
            run_program("uv", *arguments)
        except ExitError as error:
            yield Finding(f"packages-{arguments[0]}", str(error), fix, "uv.lock")
            return


def find_loosened_pins(folder: Path) -> Findings:
    """Yield requirements that allow more versions here than in the project rendered to a folder."""
    rendered = read_project(folder / PROJECT_FILE)
    tested = dict(list_requirements(rendered))
    present = list_requirements(read_project())
    needed = tested.keys() - {name_package(text) for text in list_traces_extra(rendered)}
    for name in sorted(needed - dict(present).keys()):
        says = f"pyproject.toml has no {name}, which the template's code or tests need."
        yield Finding("pins-missing", says, advise_pin(tested[name]), str(PROJECT_FILE))
    for name, found in present:
        requirement = tested.get(name, found)
        if is_looser(found, requirement):
            says = (
                f"pyproject.toml says `{found}`, but the template is tested with `{requirement}`."
            )
            yield Finding("pins-loose", says, advise_pin(requirement), str(PROJECT_FILE))


def advise_pin(requirement: str) -> str:
    return f"Write `{requirement}` again, and run `uv lock`."


def read_project(file: Path = PROJECT_FILE) -> dict[str, Any]:
    """Return the content of a pyproject.toml. Raises `ProgramError` if it cannot be read."""
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ProgramError(f"{file} cannot be read: {error}") from None


def list_requirements(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the requirements of a pyproject.toml and its Python, each with the package's name."""
    project: dict[str, Any] = content.get("project", {})
    found = [
        *project.get("dependencies", []),
        *list_traces_extra(content),
        *content.get("dependency-groups", {}).get("dev", []),
    ]
    if python := project.get("requires-python"):
        found.append(f"requires-python{python}")
    named = []
    for text in found:
        name = name_package(text) if isinstance(text, str) else ""  # a group may include others
        if name:
            named.append((name, text))
    return named


def list_traces_extra(content: dict[str, Any]) -> list[str]:
    """Return the requirements of the extra `traces`, without which a service may do."""
    extras = content.get("project", {}).get("optional-dependencies", {})
    requirements: list[str] = extras.get("traces", [])
    return requirements


def name_package(text: str) -> str:
    """Return the name of the package in a requirement, or nothing for what is not one."""
    from packaging import requirements, utils  # the doctor itself must work without it

    try:
        return utils.canonicalize_name(requirements.Requirement(text).name)
    except requirements.InvalidRequirement:
        return ""


def is_looser(found: str, tested: str) -> bool:
    """Return whether a requirement allows versions that the tested one does not.

    Another exact version is a choice, and so is a URL.
    """
    from packaging.requirements import Requirement

    here, there = Requirement(found), Requirement(tested)
    if here.url or ("==" in str(here.specifier) and "==" in str(there.specifier)):
        return False
    clauses = (*here.specifier, *there.specifier)
    versions = ["0", "99999", *(clause.version.removesuffix(".*") for clause in clauses)]
    return any(it in here.specifier and it not in there.specifier for it in versions)
