"""The documents of the template and of a service, and everything else that they are compared with."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.harness import service
from tests.harness.snapshot import ROOT

BLOCK = re.compile(r"```.*?```", re.DOTALL)
QUOTED = re.compile(r"`([^`]+)`")
TABLE = re.compile(r"(?:^\|.*\n)+", re.MULTILINE)
GROUP = re.compile(r"([A-Z]+)_\*: ")
MAKERS = {"counter", "gauge", "seconds", "histogram", "Counter", "Gauge", "Histogram"}
MODES = {"livesum", "livemax", "livemostrecent", "max", "mostrecent"}
"""How the gauges of workers add up, which is no label."""

type Texts = dict[str, str]


def read_documents(made: Path) -> Texts:
    """Return the text of every document by its name, without the decisions, which are a record, and the style."""
    ours = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/contributing/*.md")]
    found = [*ours, *made.glob("*.md"), *made.glob("deploy/*.md")]
    found.remove(ROOT / "docs/contributing/style.md")
    return {path.name if path.is_relative_to(ROOT) else f"a service's {path.name}": path.read_text() for path in found}


def read_files(*folders: Path) -> Texts:
    """Return the text of every file of some folders, by its path."""
    return {
        path: content.decode(errors="replace")
        for folder in folders
        for path, (content, _) in service.read(folder).items()
    }


def list_quoted(text: str) -> list[str]:
    """Return what stands in backticks, outside of blocks of code."""
    return QUOTED.findall(BLOCK.sub("", text))


class Row(NamedTuple):
    """A row of a table: its cells, and the names of their columns."""

    columns: list[str]
    cells: list[str]


def list_rows(text: str) -> Iterator[Row]:
    """Yield the rows of the tables of a text. The names of columns are in lower case."""
    for table in TABLE.findall(text):
        header, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
        for cells in rows:
            yield Row([name.lower() for name in header], cells)


def list_settings(sources: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """Return the variables with their defaults by group, from the classes whose first line says `GROUP_*: …`."""
    groups: dict[str, dict[str, object]] = {}
    for node in walk(sources, "src/service/"):
        if isinstance(node, ast.ClassDef) and (group := GROUP.match(ast.get_docstring(node) or "")):
            for field in [item for item in node.body if isinstance(item, ast.AnnAssign)]:
                name = f"{group[1]}_{getattr(field.target, 'id', '').upper()}"
                groups.setdefault(group[1], {})[name] = getattr(field.value, "value", None)
    return groups


def list_metrics(sources: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return the labels of each metric that the code of a service makes."""
    metrics: dict[str, tuple[str, ...]] = {"service_build_info": ("name", "version", "python")}
    for node in walk(sources, "src/service/"):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in MAKERS and len(node.args) > 1:
            parts = [it for part in [*node.args[2:], *node.keywords] for it in ast.walk(part)]
            texts = [getattr(it, "value", None) for it in parts if isinstance(it, ast.Constant)]
            name = getattr(node.args[0], "value", "")
            labels = tuple(it for it in texts if isinstance(it, str) and it not in MODES)
            metrics |= {name: labels, f"{name}_total": labels}
    return metrics


def walk(sources: Mapping[str, str], folder: str) -> Iterator[ast.AST]:
    """Yield every node of every module in a folder."""
    for path, text in sources.items():
        if path.startswith(folder) and path.endswith(".py"):
            yield from ast.walk(ast.parse(text))
