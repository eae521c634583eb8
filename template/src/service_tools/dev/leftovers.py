# kit: updated by the template; extend it from app.py
"""What an update leaves behind where an answer takes a part of the kit away: lines of the team's that still use it."""

import ast
from collections.abc import Iterator, Mapping, Set
from importlib import import_module
from pathlib import Path

from service.kit import PACKAGE

MOST = 60
"""Lines that are shown."""

type Modules = Mapping[Path, ast.Module]
type Lines = Mapping[Path, Set[int]]


def explain(error: ImportError) -> str | None:
    """Return which lines to take out after a room of the kit could not be imported; None if that is not the reason."""
    package = Path(import_module(PACKAGE).__file__ or "").parent
    room = ".".join((error.name or "").split(".")[:3])
    if not is_gone(room, package):
        return None
    lines = [
        f"  {path.relative_to(package.parents[1])}:{number}: {path.read_text('utf-8').splitlines()[number - 1].strip()}"
        for path, numbers in find_lines(read_modules(package), package).items()
        for number in sorted(numbers)
    ]
    more = [f"  and {len(lines) - MOST} more"] * (len(lines) > MOST)
    advice = "Take out these lines and what only they need, or change the answer back:"
    return "\n".join([f"{room} is no part of this service. {advice}", *lines[:MOST], *more])


def read_modules(package: Path) -> Modules:
    """Return the modules of the service and of its tests, but for the kit's."""
    files = [*package.glob("**/*.py"), *(package.parents[1] / "tests").glob("**/*.py")]
    own = [path for path in files if not {package / "kit", package.parents[1] / "tests/kit"} & {*path.parents}]
    return {path: ast.parse(path.read_bytes(), str(path)) for path in sorted(own)}


def is_gone(name: str, package: Path) -> bool:
    """Return whether a module of the kit, or of its tests, has no file; what Python compiled of it may be left."""
    top, *parts = name.split(".")
    folders = {PACKAGE: package, "tests": package.parents[1] / "tests"}
    if top not in folders or parts[:1] != ["kit"] or len(parts) == 1:
        return False
    path = folders[top].joinpath(*parts)
    return not ((path / "__init__.py").is_file() or path.with_suffix(".py").is_file())


def find_lines(modules: Modules, package: Path) -> Lines:
    """Return the lines that import what is gone, that use it, or that use a constant of the team's made of it."""
    made: set[str] = set()
    while True:
        lines = {path: {node.lineno for node in find_uses(tree, package, made)} for path, tree in modules.items()}
        more = {
            target.id
            for path, tree in modules.items()
            for node in tree.body
            if isinstance(node, ast.Assign) and lines[path] & {*range(node.lineno, (node.end_lineno or 0) + 1)}
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        if more <= made:
            return {path: numbers for path, numbers in lines.items() if numbers}
        made |= more


def find_uses(tree: ast.Module, package: Path, made: Set[str]) -> Iterator[ast.stmt | ast.expr]:
    """Yield what imports a module that is gone, and what uses a name of it or one of those `made` of it."""
    names = {*made}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported = {(alias.asname or alias.name): alias for alias in node.names}
            gone = {name for name, alias in imported.items() if is_gone(find_module(node, alias), package)}
            names |= gone
            if gone or any(alias.name in made for alias in node.names):
                yield node
    for node in ast.walk(tree):
        if (isinstance(node, ast.Name) and node.id in names) or (isinstance(node, ast.Attribute) and node.attr in made):
            yield node


def find_module(node: ast.Import | ast.ImportFrom, alias: ast.alias) -> str:
    """Return the module that a name comes from, or the name itself where it is that of a room."""
    if isinstance(node, ast.Import):
        return alias.name
    is_room = f"{node.module}".endswith(".kit") and alias.name.islower()
    return f"{node.module}.{alias.name}" if is_room else f"{node.module}"
