# kit: updated by the template; extend it from app.py
"""Check the team's own files, which no update touches, for faults that earlier releases made."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from service_tools.dev import packages
from service_tools.dev.results import Finding, Findings

PACKAGE = Path("src/service")

TEMPLATE_FOLDERS = (PACKAGE / "kit", Path("src/service_tools"), Path("tests/kit"))
"""The folders that are the template's, in those of the team."""

PERSONAL = re.compile(r".*\.(to|email|recipient|customer_email)")
"""Attributes that identify a person."""

THROTTLE_CALL = re.compile(r"(.*\.)?\w*(throttle|guesses)\.(begin|count_attempt)")
LOWERED = re.compile(r".*\.(lower|casefold)\(\)")
LOG_CALL = re.compile(r"log(ger)?\.(debug|info|warning|error|exception|critical)")

type Exposure = tuple[int, str, str, str]
"""A line of a file, the kind of fault, what it exposes, and how to fix it."""

type Options = dict[str, str]
"""The keyword arguments of a call, as source."""


def list_team_files(*folders: Path) -> Iterator[Path]:
    """Yield the team's Python files in folders of the project, which is the current folder."""
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if not any(path.is_relative_to(owned) for owned in TEMPLATE_FOLDERS):
                yield path


def find_outdated_code() -> Findings:
    """Yield what the team's files should no longer do."""
    yield from find_exposures()
    yield from find_old_name()


def find_old_name() -> Findings:
    """Yield a finding if the name in the code differs from the one in pyproject.toml."""
    try:
        name = packages.read_project()["project"]["name"]
        source = (PACKAGE / "__init__.py").read_text("utf-8")
    except (KeyError, OSError):
        return
    named = re.search(r"^NAME = [\"'](.*)[\"']$", source, re.MULTILINE)
    if named and named[1] != name:
        says = f"{PACKAGE}/__init__.py calls the service {named[1]}, but pyproject.toml {name}."
        advice = "`docs=settings.server.docs` and `configure_traces(settings.traces)`"
        fix = f"Remove NAME from both files: in app.py, write {advice}, without it."
        yield Finding("team-name", says, fix, f"{PACKAGE}/__init__.py")


def find_exposures() -> Findings:
    """Yield what the team's files expose, with file and line."""
    for path in list_team_files(PACKAGE):
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (OSError, SyntaxError, ValueError):  # other checks report it
            continue
        for line, kind, says, fix in sorted(find_exposures_in(tree)):
            yield Finding(f"team-{kind}", f"{path}:{line} {says}", fix, str(path), line)


def find_exposures_in(tree: ast.Module) -> Iterator[Exposure]:
    tables = read_route_tables(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and is_open_to_floods(node, tables):
            says = f"lets anyone hash passwords by {node.name}, as often as they like."
            fix = "Add `limit=Rate(10, per=60)` to its route (`service.kit.web`)."
            yield node.lineno, "flood", says, fix
        elif isinstance(node, ast.Call):
            yield from examine_call(node)


def examine_call(call: ast.Call) -> Iterator[Exposure]:
    """Yield a finding if a call throttles a lower-cased name, or logs personal data."""
    function = ast.unparse(call.func)
    if THROTTLE_CALL.fullmatch(function):
        for argument in call.args:
            if LOWERED.fullmatch(ast.unparse(argument)):
                says = (
                    "lowers a name before its attempts are counted: Python's lower() is not SQL's."
                )
                fix = f"Pass to `{function}` what the client sent."
                yield call.lineno, "lowered", says, fix
    if LOG_CALL.fullmatch(function):
        for value in read_options(call).values():
            if PERSONAL.fullmatch(value):
                says = f"writes {value} to the log, which identifies a person."
                yield call.lineno, "logged", says, "Leave it out; log an id instead."


def read_route_tables(tree: ast.Module) -> dict[str, Options]:
    """Return the options of each table of routes, as in `routes = Routes("/v1", access=PUBLIC)`."""
    tables = {}
    for node in tree.body:
        match node:
            case ast.Assign([ast.Name(table)], ast.Call() as call):
                tables[table] = read_options(call)
    return tables


def is_open_to_floods(function: ast.AsyncFunctionDef, tables: dict[str, Options]) -> bool:
    """Return whether a function hashes passwords for a public route without a rate limit."""
    if not re.search(r"\bhash_password\(", ast.unparse(function)):
        return False
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(ast.Attribute(ast.Name(table))):
                options = tables.get(table, {}) | read_options(decorator)
                if options.get("access") == "PUBLIC" and options.get("limit", "None") == "None":
                    return True
    return False


def read_options(call: ast.Call) -> Options:
    return {word.arg: ast.unparse(word.value) for word in call.keywords if word.arg}
