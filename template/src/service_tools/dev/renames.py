# kit: updated by the template; extend it from app.py
"""Write the kit's new names into the team's files: `uv run python -m service_tools.dev.renames`."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from service.kit.renamed import RENAMED
from service_tools.dev.team_files import list_team_files

FOLDERS = (Path("src"), Path("tests"))

THROTTLE = re.compile(r"\b(?:Guesses|LoginThrottle)\b")
"""The class of the login throttle, by its old and its new name."""

MAKES_THROTTLE = re.compile(rf"(?:\w+\.)*{THROTTLE.pattern}\(.*", re.DOTALL)


class Edit(NamedTuple):
    """What to write in place of the source between two positions: a line, and a column in bytes."""

    start: tuple[int, int]
    end: tuple[int, int]
    text: str


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if a file has old names.")
def rename_imports(check: bool) -> None:
    """Replace old names of the kit in your files, and print the files that change.

    Run it in the project's folder, then `uv run ruff check --fix` and `uv run ruff format`.
    """
    outdated = 0
    for path in list_team_files(*FOLDERS):
        source = path.read_text("utf-8")
        try:
            renamed = rewrite_source(source)
        except SyntaxError as error:
            raise click.ClickException(f"{path}:{error.lineno}: {error.msg}") from None
        if renamed != source:
            outdated += 1
            click.echo(path)
            if not check:
                path.write_text(renamed, "utf-8")
    if check and outdated:
        raise SystemExit(1)


def rewrite_source(source: str) -> str:
    """Return a module with the kit's new names."""
    tree = ast.parse(source)
    edits: list[Edit] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_from_kit(node):
            edits += rewrite_import(node, tree)
    edits += rename_throttle_methods(tree)

    lines = source.encode().splitlines(keepends=True)
    for edit in sorted(edits, reverse=True):  # from the end, so that earlier positions stay valid
        apply_edit(lines, edit)
    return b"".join(lines).decode()


def rewrite_import(node: ast.ImportFrom, tree: ast.Module) -> Iterator[Edit]:
    """Yield the edits for one import from the kit, and for each use of what it imports."""
    imports: list[str] = []
    for alias in node.names:
        old = f"{node.module}.{alias.name}"
        package, name = find_new_name(old)
        imports.append(f"from {package} import {name}")
        if alias.asname:
            imports[-1] += f" as {alias.asname}"
        elif name != alias.name and is_parameter(tree, alias.name):
            imports[-1] += f" as {alias.name}"  # its uses may mean the parameter
        elif name != alias.name:
            for use in find_uses(tree, alias.name):
                yield replace_node(use, name)
        if old in RENAMED:
            continue
        for attribute in find_attributes(tree, alias.asname or alias.name):
            old_attribute = f"{old}.{attribute.attr}"
            if old_attribute in RENAMED:
                package, name = find_new_name(old_attribute)
                imports.append(f"from {package} import {name}")
                yield replace_node(attribute, name)

    if imports != [f"from {node.module} import {ast.unparse(alias)}" for alias in node.names]:
        line_break = "\n" + " " * node.col_offset
        yield replace_node(node, line_break.join(dict.fromkeys(imports)))


def rename_throttle_methods(tree: ast.Module) -> Iterator[Edit]:
    """Yield the edits for the methods of the login throttle, where the module imports its class.

    Other classes may have a `begin`, so that is renamed only for what is annotated as a throttle,
    or made by a call of the class.
    """
    if not imports_throttle(tree):
        return
    throttles = set(find_throttles(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        if node.attr == "take_back":
            yield rename_attribute(node, "forgive")
        elif node.attr == "begin" and ast.unparse(node.value) in throttles:
            yield rename_attribute(node, "count_attempt")


def imports_throttle(tree: ast.Module) -> bool:
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and is_from_kit(node):
            names += [alias.name for alias in node.names]
    return any(THROTTLE.fullmatch(name) for name in names)


def is_from_kit(node: ast.ImportFrom) -> bool:
    return f"{node.module}.".startswith("service.kit.")


def find_throttles(tree: ast.Module) -> Iterator[str]:
    """Yield the names of login throttles, such as `throttle` or `self.throttle`."""
    for node in ast.walk(tree):
        match node:
            case ast.arg(name, ast.expr() as annotation):
                if THROTTLE.search(ast.unparse(annotation)):
                    yield name
            case ast.AnnAssign(target, annotation):
                if THROTTLE.search(ast.unparse(annotation)):
                    yield ast.unparse(target)
            case ast.Assign(targets, value):
                if MAKES_THROTTLE.fullmatch(ast.unparse(value)):
                    yield from map(ast.unparse, targets)


def is_parameter(tree: ast.Module, name: str) -> bool:
    return any(isinstance(node, ast.arg) and node.arg == name for node in ast.walk(tree))


def find_uses(tree: ast.Module, name: str) -> Iterator[ast.Name]:
    """Yield each use of a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id == name:
            yield node


def find_attributes(tree: ast.Module, name: str) -> Iterator[ast.Attribute]:
    """Yield each attribute that is read from a name, such as `web.Problem` from `web`."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=found)) if found == name:
                yield node


def find_new_name(old: str) -> tuple[str, str]:
    """Return the package and the name to import now, for the full name of before."""
    package, _, name = RENAMED.get(old, old).rpartition(".")
    return package, name


def replace_node(node: ast.stmt | ast.expr, text: str) -> Edit:
    return Edit((node.lineno, node.col_offset), find_end(node), text)


def rename_attribute(node: ast.Attribute, name: str) -> Edit:
    """Return the edit of an attribute's own name, which ends the node."""
    line, column = find_end(node)
    return Edit((line, column - len(node.attr.encode())), (line, column), name)


def find_end(node: ast.stmt | ast.expr) -> tuple[int, int]:
    assert node.end_lineno is not None  # noqa: S101 - `ast.parse` sets both
    assert node.end_col_offset is not None  # noqa: S101
    return node.end_lineno, node.end_col_offset


def apply_edit(lines: list[bytes], edit: Edit) -> None:
    first, start = edit.start
    last, end = edit.end
    before = lines[first - 1][:start]
    after = lines[last - 1][end:]
    lines[first - 1 : last] = [before + edit.text.encode() + after]


if __name__ == "__main__":
    rename_imports()
