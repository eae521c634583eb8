# kit: updated by the template; extend it from app.py
"""Python source as the formatter would write it: imports in order, and lists that are broken when they are long."""

import ast
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from string import Template

WIDTH = 120

# Where the names come from that a slice uses, apart from its own. In this order they are imported.
STANDARD = {
    "random": "",
    "AsyncGenerator": "collections.abc",
    "AsyncIterator": "collections.abc",
    "UTC": "datetime",
    "date": "datetime",
    "datetime": "datetime",
    "timedelta": "datetime",
    "Decimal": "decimal",
    "partial": "functools",
    "pairwise": "itertools",
    "Annotated": "typing",
    "Any": "typing",
    "Literal": "typing",
    "UUID": "uuid",
    "uuid4": "uuid",
}
OTHERS = {
    "httpx2": "",
    "pytest": "",
    "pytest_asyncio": "",
    **dict.fromkeys(("Request", "Response", "Router", "get", "patch", "post"), "litestar"),
    **dict.fromkeys(("FromPath", "FromQuery", "JSONBody", "QueryParameter"), "litestar.params"),
    **dict.fromkeys(("UNSET", "Meta", "Struct", "UnsetType", "structs"), "msgspec"),
}
KIT = {
    "documents": "service.kit.db",
    **dict.fromkeys(("filters", "pages"), "service.kit.rows"),
    "values": "service.kit.web",
    **dict.fromkeys(("Connection", "Database"), "service.kit.db"),
    **dict.fromkeys(("NEEDS_TOKEN", "Cursor", "Db", "IdempotencyKey", "Limit", "Slice", "once"), "service.kit.web"),
    **dict.fromkeys(("Keyset", "Page"), "service.kit.rows"),
    **dict.fromkeys(("conflict", "invalid", "not_found"), "service.kit.edge"),
    "Query": "service.kit.db",
    "Settings": "service.settings",
}


def complete(template: str, own: Mapping[str, str], **parts: str) -> str:
    """Return a module: its template with `parts` put in, and with the imports of all that it uses for `imports`.

    `own` has the names that it may use of its own slice, and their modules.
    """
    text = Template(template)
    used = find_names(ast.parse(text.substitute(parts, imports="")))
    sections = [
        write_imports({name: module for name, module in known.items() if name in used})
        for known in (STANDARD, OTHERS, {**KIT, **own})
    ]
    return text.substitute(parts, imports="\n\n".join(filter(None, sections)))


def find_names(node: ast.AST) -> set[str]:
    """Return the names that code refers to. What is a parameter of a function is none in its body."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        parameters = {inner.arg for inner in ast.walk(node.args) if isinstance(inner, ast.arg)}
        inside: set[str] = set().union(*map(find_names, node.body))
        around = [node.args, *node.decorator_list, *([node.returns] if node.returns else [])]
        return (inside - parameters).union(*map(find_names, around))
    own = {node.id} if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else set()
    return own.union(*map(find_names, ast.iter_child_nodes(node)))


def write_imports(wanted: Mapping[str, str]) -> str:
    """Return the imports of names from modules, in the order of isort."""
    modules: defaultdict[str, list[str]] = defaultdict(list)
    for name, module in wanted.items():
        modules[module].append(name)
    lines = [f"import {name}" for name in sorted(modules.pop("", []))]
    for module, names in sorted(modules.items()):
        lines.append(wrap(f"from {module} import ", sorted(names, key=rank), "", brackets="()"))
    return "\n".join(lines)


def rank(name: str) -> tuple[int, list[tuple[int, str]]]:
    """Return where isort puts a name: constants, then classes, then the rest, and numbers by their value."""
    group = 0 if len(name) > 1 and name.isupper() else 1 if name[0].isupper() else 2
    return group, [(int(digits or 0), rest.lower()) for digits, rest in re.findall(r"(\d*)(\D*)", name)]


def wrap(opening: str, items: Sequence[str], closing: str, indent: str = "", brackets: str = "", room: int = 0) -> str:
    """Return `opening`, the items and `closing` in one line, or in a line for each item where that is too long.

    `brackets` are added around the items only when they are broken. `room` is how many letters follow in the line.
    """
    line = f"{indent}{opening}{', '.join(items)}{closing}"
    if len(line) + room <= WIDTH and "\n" not in line:
        return line
    before, after = brackets or ("", "")
    inner = "".join(f"{indent}    {item},\n" for item in items)
    return f"{indent}{opening}{before}\n{inner}{indent}{after}{closing}"


def fill(sql: str, indent: str, hanging: str) -> str:
    """Return SQL in lines that are not too long; all but the first are indented by `hanging`."""
    return textwrap.fill(
        sql,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )


def lines(items: Iterable[str], indent: str) -> str:
    """Return a line for each item, as between brackets that are broken."""
    return "\n".join(f"{indent}{item}," for item in items)


def block(opening: str, items: Sequence[str], closing: str) -> str:
    """Return `opening`, the items each in a line, and `closing`; all in one line when there are none."""
    return f"{opening}\n{lines(items, '    ')}\n{closing}" if items else f"{opening}{closing}"
