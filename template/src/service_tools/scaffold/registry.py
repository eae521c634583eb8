# kit: updated by the template; extend it from app.py
"""Add a slice to those that app.py lists, if the file looks as expected."""

import ast
import re
from pathlib import Path

from service_tools.scaffold.render import list_names, run_ruff

APP_FILE = Path("src/service/app.py")

SLICE_IMPORT = re.compile(r"^from service import (\w[\w, ]*|\([\w,\s]+\))\n", re.MULTILINE)
KIT_IMPORT = re.compile(r"^(?=from service\.)", re.MULTILINE)
SLICES = re.compile(r"^SLICES = (\([\w.,\s]*\))\n", re.MULTILINE)


def is_used_in_app(root: Path, name: str) -> bool:
    """Return whether app.py defines or imports something of this name."""
    source = (root / APP_FILE).read_text("utf-8")
    return name in list_names(ast.parse(source))


def add_slice(root: Path, table: str) -> bool:
    """Add a slice to `SLICES`, with its import. Return whether that was possible."""
    path = root / APP_FILE
    source = path.read_text("utf-8")
    imports = SLICE_IMPORT.findall(source)
    slices = SLICES.findall(source)
    if len(imports) > 1 or len(slices) != 1 or not KIT_IMPORT.search(source):
        return False

    listed = append_name(slices[0], f"{table}.SLICE")
    source = SLICES.sub(run_ruff(APP_FILE, f"SLICES = ({listed})\n"), source)
    if imports:
        names = append_name(imports[0], table)
        source = SLICE_IMPORT.sub(run_ruff(APP_FILE, f"from service import ({names})\n"), source)
    else:
        source = KIT_IMPORT.sub(f"from service import {table}\n", source, count=1)
    path.write_text(source, "utf-8")
    return True


def append_name(names: str, name: str) -> str:
    known = names.strip("(), \n")
    return f"{known}, {name}" if known else f"{name},"
