# kit: updated by the template; extend it from app.py
"""Check the team's own files, which no update touches, for what earlier releases wrote there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from service_tools.dev import packages
from service_tools.dev.results import Findings

PACKAGE = Path("src/service")

PERSONAL = re.compile(r".*\.(to|email|recipient|customer_email)")
"""Attributes that tell who somebody is."""

THROTTLE_CALL = re.compile(r"(.*\.)?\w*(throttle|guesses)\.(begin|count_attempt)")
LOWERED = re.compile(r".*\.(lower|casefold)\(\)")
LOG_CALL = re.compile(r"log(ger)?\.(debug|info|warning|error|exception|critical)")

type Exposure = tuple[int, str, str]
"""A line of a file, what it exposes, and how to fix it."""

type Options = dict[str, str]
"""The keyword arguments of a call, as they are written."""


def find_outdated_code() -> Findings:
    """Yield what a file of the team does that it should not do any more."""
    yield from find_exposures()
    yield from find_old_name()


def find_old_name() -> Findings:
    """Yield whether the service's name in its code is not that of its distribution."""
    try:
        name = packages.read_project()["project"]["name"]
        source = (PACKAGE / "__init__.py").read_text("utf-8")
    except (KeyError, OSError):
        return
    named = re.search(r"^NAME = [\"'](.*)[\"']$", source, re.MULTILINE)
    if named and named[1] != name:
        says = f"{PACKAGE}/__init__.py calls the service {named[1]}, and pyproject.toml {name}."
        advice = "`docs=settings.server.docs` and `configure_traces(settings.traces)`"
        yield says, f"Remove NAME from both files: in app.py, write {advice}, without it."


def find_exposures() -> Findings:
    """Yield what the team's files expose, with file and line."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if PACKAGE / "kit" in path.parents:
            continue
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (OSError, SyntaxError, ValueError):  # other checks say so
            continue
        for line, says, fix in sorted(find_exposures_in(tree)):
            yield f"{path}:{line} {says}", fix


def find_exposures_in(tree: ast.Module) -> Iterator[Exposure]:
    tables = read_route_tables(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and is_open_to_floods(node, tables):
            says = f"lets anyone hash passwords by {node.name}, as often as they like."
            fix = "Add `limit=Rate(10, per=60)` to its route (`service.kit.web`)."
            yield node.lineno, says, fix
        elif isinstance(node, ast.Call):
            yield from examine_call(node)


def examine_call(call: ast.Call) -> Iterator[Exposure]:
    """Yield whether a call counts guesses of a name in lower case, or logs who somebody is."""
    function = ast.unparse(call.func)
    if THROTTLE_CALL.fullmatch(function):
        for argument in call.args:
            if LOWERED.fullmatch(ast.unparse(argument)):
                says = "lowers a name in Python before its guesses are counted: PostgreSQL differs."
                yield call.lineno, says, f"Pass to `{function}` what the client sent."
    if LOG_CALL.fullmatch(function):
        for value in read_options(call).values():
            if PERSONAL.fullmatch(value):
                says = f"writes {value} to the log, which tells who somebody is."
                yield call.lineno, says, "Leave it out; an id leads to it in the database."


def read_route_tables(tree: ast.Module) -> dict[str, Options]:
    """Return the options of tables of routes: `routes = Routes("/v1", access=PUBLIC)`."""
    tables = {}
    for node in tree.body:
        match node:
            case ast.Assign([ast.Name(table)], ast.Call() as call):
                tables[table] = read_options(call)
    return tables


def is_open_to_floods(function: ast.AsyncFunctionDef, tables: dict[str, Options]) -> bool:
    """Return whether a public route without a rate hashes passwords."""
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
