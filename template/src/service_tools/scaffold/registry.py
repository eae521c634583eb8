# kit: updated by the template; extend it from app.py
"""The slices that app.py lists: one is added, or removed, where the file looks as expected."""

import ast
from pathlib import Path

from service_tools.scaffold.render import tidy

FILE = Path("src/service/app.py")


def uses(root: Path, name: str) -> bool:
    """Return whether app.py has something of this name."""
    module = ast.parse((root / FILE).read_text("utf-8"))
    used = {node.id for node in ast.walk(module) if isinstance(node, ast.Name)}
    return name in used | {
        node.asname or node.name for node in ast.walk(module) if isinstance(node, ast.alias)
    }


def change(root: Path, table: str, *, remove: bool = False) -> bool:
    """Add a slice to `SLICES`, or remove it, with its import. Return whether that was possible."""
    source = (root / FILE).read_text("utf-8")
    nodes = ast.parse(source).body
    ours = [
        node
        for node in nodes
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("service.")
    ]
    imports = [node for node in ours if node.module == "service"]
    listed = [
        node
        for node in nodes
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SLICES"
    ]
    if (
        not ours
        or len(imports) > 1
        or len(listed) != 1
        or not isinstance(listed[0].value, ast.Tuple)
    ):
        return False
    names = [alias.name for node in imports for alias in node.names if alias.name != table] + [
        table
    ] * (not remove)
    slices = [
        text for item in listed[0].value.elts if (text := ast.unparse(item)) != f"{table}.SLICE"
    ]
    slices += [f"{table}.SLICE"] * (not remove)
    line = f"from service import {', '.join(names)}\n" if names else ""
    place = (imports or ours)[
        0
    ]  # where no slice is imported yet, the line comes before the first import of a room
    written = {
        listed[0]: f"SLICES = ({', '.join(slices)}{',' * (len(slices) == 1)})\n",
        place: line if imports else f"{line}{ast.unparse(place)}\n",
    }
    lines = source.splitlines(keepends=True)
    for node, text in written.items():  # from below, so that the numbers of lines above stay right
        if "#" in "".join(lines[node.lineno - 1 : node.end_lineno]):
            return False  # the comment would be lost
        lines[node.lineno - 1 : node.end_lineno] = [tidy(FILE, text)]
    (root / FILE).write_text("".join(lines), "utf-8")
    return True
