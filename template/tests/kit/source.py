# kit: updated by the template
"""Find statements and names in the source of the team's modules."""

import ast
import gc
import pkgutil
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any

import service
from service.kit.db.query import Query

PACKAGE = Path(service.__file__).parent
FILES = [path for path in sorted(PACKAGE.glob("**/*.py")) if not path.is_relative_to(PACKAGE / "kit")]

INSERTED = "an f-string may insert names that a module gives a literal once, and never changes"
OPERATORS = (ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context)
LITERALS = (ast.Constant, ast.JoinedStr, ast.FormattedValue, ast.Tuple, ast.Dict, *OPERATORS)
CHANGES = {*dir(dict)} - {*dir(MappingProxyType)}
"""The methods that change a dict."""

FRAGMENTS = ("columns", "conditions", "joins", "key", "sql", "table", None)
"""The arguments that have parts of SQL, by name or in a mapping."""


def import_all() -> None:
    """Import every module of the team's, except the command itself."""
    for module in pkgutil.walk_packages(service.__path__, "service."):
        if not module.name.startswith("service.kit.") and not module.name.endswith("__main__"):
            import_module(module.name)


def find_statements() -> Iterator[tuple[str, Query[Any]]]:
    """Yield every statement that a team's module holds, also in lists and dicts, with the module's name."""
    import_all()
    for name, module in sorted(sys.modules.items()):
        if name.startswith("service.") and not name.startswith("service.kit."):
            for value in [*vars(module).values()]:
                for statement in list_held_statements(value):
                    yield name, statement


def list_held_statements(value: object) -> Iterator[Query[Any]]:
    """Yield the statements in a value: in a class, a list, a mapping, or an object that refers to them."""
    parts = vars(value).values() if isinstance(value, type) else gc.get_referents(value)
    for part in [value, *parts]:
        if isinstance(part, Query):
            yield part


def list_names() -> set[str]:
    """Return every name that the team's modules read or import."""
    names: set[str] = set()
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.alias):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                names.add(node.id)
    return names


def find_strays(path: Path) -> Iterator[tuple[int, str]]:
    """Yield lines with statements that the contract cannot see, or that are not constants, and what to do."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {"Query"} | list_aliases(tree, "Query")
    listings = list_aliases(tree, "Listing")
    values = [*list_constants(tree)]
    allowed = {id(part) for node in ast.walk(tree) for hint in list_hints(node) for part in ast.walk(hint)}
    if path.name == "queries.py":
        calls = [it for it in values if isinstance(it, ast.Call) and it.args]
        made = [it for it in calls if is_constant(it.args[0], tree)]
        allowed |= {id(it.func) for it in made}
    for node in ast.walk(tree):
        name = get_name(node)
        if isinstance(node, ast.Call) and (made := get_name(node.func)) in names | listings:
            parts = [it.value for it in node.keywords if it.arg in FRAGMENTS] + node.args[: made in listings]
            if not all(is_constant(part, tree) for part in parts):
                yield node.lineno, "write its SQL out, as constants; what a request gives is a parameter, like $tag"
        if isinstance(node, ast.Attribute) and name == "raw":
            yield node.lineno, "run a Query instead of text on the raw connection"
        elif isinstance(node, ast.expr) and name in names and id(node) not in allowed:
            yield node.lineno, f"write this statement out, as a constant of its slice's queries.py; {INSERTED}"


def list_constants(tree: ast.Module) -> Iterator[ast.expr]:
    """Yield the values of a module's names, and those in its lists and dicts."""
    waiting = [node.value for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value]
    for value in waiting:
        yield value
        inner = value.values if isinstance(value, ast.Dict) else getattr(value, "elts", ())
        waiting.extend(inner)


def list_hints(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the types that a node declares."""
    for name in ("annotation", "returns"):
        if hint := getattr(node, name, None):
            yield hint
    if isinstance(node, ast.TypeAlias):
        yield node.value


def list_aliases(tree: ast.Module, kind: str) -> set[str]:
    """Return the names under which a module has `kind` of the kit, rather than a class of the team's own."""
    kits: set[str] = set()
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names = kits if str(node.module).startswith("service.kit") else own
            names.update(alias.asname or kind for alias in node.names if alias.name == kind)
    return {kind} - own | kits


def get_name(node: ast.AST) -> str:
    """Return the name that an expression reads, without what it belongs to."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def is_constant(value: ast.expr, tree: ast.Module) -> bool:
    """Return whether an expression in a module has nothing but literals and constants in it."""
    parts = [*ast.walk(value)]
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    has_others = any(not isinstance(part, (ast.Name, *LITERALS)) for part in parts)
    return not has_others and all(has_constant(tree, name) for name in names)


def has_constant(tree: ast.Module, name: str) -> bool:
    """Return whether a module binds a name once, to a constant of its own or of another module of the service."""
    bound = [node for node in ast.walk(tree) if get_bound_name(node) in (name, "*")]
    if len(bound) != 1:
        return False
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and bound[0] in node.names:
            module = node.module or ""
            spec = find_spec(module) if module.startswith("service.") else None
            names = {alias.asname or alias.name: alias.name for alias in node.names}
            text = Path(spec.origin).read_text("utf-8") if spec and spec.origin else ""
            return has_constant(ast.parse(text), names[name])
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value and bound[0] in targets:
            return is_constant(node.value, tree)
    return False


def get_bound_name(node: ast.AST) -> str | None:
    """Return the name that a node binds, deletes or changes: "*" for all names of another module."""
    if isinstance(node, ast.alias):
        return node.asname or node.name
    if isinstance(node, ast.Name):
        return None if isinstance(node.ctx, ast.Load) else node.id
    if isinstance(node, ast.Attribute | ast.Subscript):
        is_changed = not isinstance(node.ctx, ast.Load) or get_name(node) in CHANGES
        return get_name(node.value) if is_changed else None
    return getattr(node, "name", None) or getattr(node, "rest", None)
