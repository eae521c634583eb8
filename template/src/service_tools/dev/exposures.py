# kit: updated by the template; extend it from app.py
"""What files of the team expose that were made by an earlier release, and that no update
touches.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path("src/service")

PERSONAL = ("to", "email", "recipient", "customer_email")
"""Attributes that tell who somebody is."""

LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


def find() -> Iterator[tuple[str, str]]:
    """Yield what is exposed, with its file and line, and what to do about it."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if PACKAGE / "kit" in path.parents:
            continue
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (OSError, SyntaxError, ValueError):  # for another check to say
            continue
        for line, says, fix in sorted(examine(tree)):
            yield f"{path}:{line} {says}", fix


def examine(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield what is exposed in one file: the line, what it is, and what to do about it."""
    shared = {name: read_options(call) for name, call in find_tables(tree)}
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef) and is_open_to_floods(node, shared):
            says = f"lets anyone hash passwords by {node.name}, as often as they like."
            yield (
                node.lineno,
                says,
                "Add `limit=Rate(10, per=60)` to its route (`service.kit.web`).",
            )
        if isinstance(node, ast.Call):
            yield from examine_call(node)


def examine_call(call: ast.Call) -> Iterator[tuple[int, str, str]]:
    name = ast.unparse(call.func)
    if name.endswith("guesses.begin") and any(is_lowered(argument) for argument in call.args):
        says = (
            "lowers a name by Python before its guesses are counted: PostgreSQL does it otherwise."
        )
        yield call.lineno, says, "Pass to `guesses.begin` what the client sent."
    logged = [word.value for word in call.keywords if is_log(name)]
    for value in logged:
        if isinstance(value, ast.Attribute) and value.attr in PERSONAL:
            says = f"writes {ast.unparse(value)} to the log, which tells who somebody is."
            yield call.lineno, says, "Leave it out; an id leads to it in the database."


def find_tables(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield the tables of routes: `routes = Routes("/v1", access=PUBLIC)`."""
    for node in tree.body:
        match node:
            case ast.Assign([ast.Name(name)], ast.Call(ast.Name("Routes")) as call):
                yield name, call


def is_open_to_floods(function: ast.AsyncFunctionDef, shared: dict[str, dict[str, str]]) -> bool:
    """Return whether anyone may call a route without a rate that hashes new passwords."""
    called = {ast.unparse(it.func) for it in ast.walk(function) if isinstance(it, ast.Call)}
    if not any(name.rpartition(".")[2] == "hash_password" for name in called):
        return False
    for decorator in function.decorator_list:
        match decorator:
            case ast.Call(ast.Attribute(ast.Name(table))) if table in shared:
                options = shared[table] | read_options(decorator)
                if options.get("access") == "PUBLIC" and options.get("limit", "None") == "None":
                    return True
    return False


def is_log(function: str) -> bool:
    """Return whether a function, as it is called, writes a line to the log."""
    owner, _, level = function.rpartition(".")
    return owner in ("log", "logger") and level in LEVELS


def is_lowered(argument: ast.expr) -> bool:
    match argument:
        case ast.Call(ast.Attribute(attr="lower" | "casefold")):
            return True
    return False


def read_options(call: ast.Call) -> dict[str, str]:
    """Return what a call is given by name, as it is written."""
    return {word.arg: ast.unparse(word.value) for word in call.keywords if word.arg}
