"""How dense Python code is: its tokens, the width of its lines, and comprehensions that hold others.

Docstrings, comments and blank lines are not code. The templates of `service new` are not counted.
"""

import ast
import io
import tokenize
from pathlib import Path
from typing import NamedTuple

WIDE = 100
"""Columns up to which a line is read at a glance."""

SILENT = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Density(NamedTuple):
    """What is measured of a folder of Python files."""

    tokens: int
    tokens_per_line: float
    wide_lines: int
    """Lines of code over `WIDE` columns."""
    width: int
    """The 90th percentile of a line's width, without its indentation."""
    nested: int
    """Comprehensions that hold another, or have two `for`."""


def measure(folder: Path) -> Density:
    """Return how dense the Python files under a folder are."""
    tokens = wide_lines = nested = 0
    widths: list[int] = []
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text()
        rows = text.splitlines()
        tree = ast.parse(text)
        nested += count_nested(tree)
        code = count_tokens(text, find_docstrings(tree))
        tokens += sum(code.values())
        wide_lines += sum(len(rows[number - 1]) > WIDE for number in code)
        widths += [len(rows[number - 1].strip()) for number in code]
    widths.sort()
    return Density(
        tokens=tokens,
        tokens_per_line=round(tokens / len(widths), 1),
        wide_lines=wide_lines,
        width=widths[int(0.9 * len(widths))],
        nested=nested,
    )


def count_nested(tree: ast.Module) -> int:
    """Return the number of comprehensions that hold another, or have two `for`."""
    count = 0
    for node in ast.walk(tree):
        if isinstance(node, COMPREHENSIONS):
            inner = [other for other in ast.walk(node) if isinstance(other, COMPREHENSIONS)]
            count += len(inner) > 1 or len(node.generators) > 1
    return count


def find_docstrings(tree: ast.Module) -> set[int]:
    """Return the numbers of the lines that are strings by themselves."""
    numbers: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str())):
                numbers.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return numbers


def count_tokens(text: str, docstrings: set[int]) -> dict[int, int]:
    """Return the number of tokens on each line of code, by the line's number."""
    code: dict[int, int] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        line = token.start[0]
        if token.type not in SILENT and line not in docstrings:
            code[line] = code.get(line, 0) + 1
    return code
