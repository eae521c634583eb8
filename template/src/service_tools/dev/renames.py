# kit: updated by the template
"""Rewrites the team's files to the new names of the kit: `python -m service_tools.dev.renames`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import click

from service.kit.renamed import RENAMED

FOLDERS = ("src", "tests")
OWNED = ("src/service/kit", "src/service_tools", "tests/kit")
"""What an update has brought up to date already."""

type Edit = tuple[ast.stmt | ast.expr, str]
"""A node of the syntax tree, and the text that replaces it."""


@click.command()
@click.option("--check", is_flag=True, help="Change nothing; exit with 1 if a file has old names.")
def rename_imports(check: bool) -> None:
    """Write the kit's new names into your files, in place of those that an import warns of.

    Run it in the project's folder, then `uv run ruff check --fix` and `uv run ruff format`.
    """
    outdated = 0
    for path in list_team_files(Path.cwd()):
        source = path.read_text("utf-8")
        renamed = rewrite_source(source)
        if renamed != source:
            outdated += 1
            click.echo(path.relative_to(Path.cwd()))
            if not check:
                path.write_text(renamed, "utf-8")
    if check and outdated:
        raise SystemExit(1)


def list_team_files(root: Path) -> Iterator[Path]:
    """Yield the Python files that belong to the team."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            if not any(path.is_relative_to(root / owned) for owned in OWNED):
                yield path


def rewrite_source(source: str) -> str:
    """Return a module with the kit's new names. An old name that is no import's stays."""
    tree = ast.parse(source)
    edits: list[Edit] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("service.kit."):
            edits += rewrite_import(node, tree)
    lines = source.encode().splitlines(keepends=True)
    from_last = sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True)
    for node, text in from_last:
        replace_node(lines, node, text)
    return b"".join(lines).decode()


def rewrite_import(node: ast.ImportFrom, tree: ast.Module) -> Iterator[Edit]:
    """Yield the edits for one import of the kit, and for what uses it."""
    imports: list[str] = []
    for alias in node.names:
        old = f"{node.module}.{alias.name}"
        package, name = find_new_name(old)
        imports.append(f"from {package} import {name}")
        if alias.asname:
            imports[-1] += f" as {alias.asname}"
        elif name != alias.name:
            yield from ((use, name) for use in find_uses(tree, alias.name))
        if old in RENAMED:
            continue
        for use in find_uses(tree, alias.asname or alias.name, of_attribute=True):
            if isinstance(use, ast.Attribute) and f"{old}.{use.attr}" in RENAMED:
                package, name = find_new_name(f"{old}.{use.attr}")
                imports.append(f"from {package} import {name}")
                yield use, name
    if imports != [f"from {node.module} import {ast.unparse(alias)}" for alias in node.names]:
        line_break = "\n" + " " * node.col_offset
        yield node, line_break.join(dict.fromkeys(imports))


def find_uses(tree: ast.Module, name: str, *, of_attribute: bool = False) -> Iterator[ast.expr]:
    """Yield where a name is used, or the attributes that are read of it."""
    for node in ast.walk(tree):
        if of_attribute and isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == name:
                yield node
        elif not of_attribute and isinstance(node, ast.Name) and node.id == name:
            yield node


def find_new_name(old: str) -> tuple[str, str]:
    """Return the package and the name under which something is imported now."""
    package, _, name = RENAMED.get(old, old).rpartition(".")
    return package, name


def replace_node(lines: list[bytes], node: ast.stmt | ast.expr, text: str) -> None:
    """Replace what stands at a node of the syntax tree, whose columns count bytes."""
    first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
    before = lines[first][: node.col_offset]
    after = lines[last][node.end_col_offset :]
    lines[first : last + 1] = [before + text.encode() + after]


if __name__ == "__main__":
    rename_imports()
