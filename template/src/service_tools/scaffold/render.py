# kit: updated by the template; extend it from app.py
"""Render the files of a slice. ruff sorts their imports, removes unused ones, and formats them."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.kit.work.command_error import CommandError
from service_tools.dev.programs import ProgramError, run_program
from service_tools.scaffold.resource import Resource

TEMPLATES = Path(__file__).parent / "templates"


def render_file(template: str, path: Path, resource: Resource) -> str:
    """Return the text of one file. Raises `CommandError` if two of its names are the same."""
    environment = Environment(  # noqa: S701 - nothing of it is HTML
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    known = {name: getattr(resource, name) for name in dir(resource) if not name.startswith("_")}
    text = environment.get_template(f"{template}.tmpl").render(known)
    if path.suffix != ".py":
        return text
    text = run_ruff(path, text, "I,F401")
    counts = Counter(list_names(ast.parse(text)))
    doubled = [name for name, count in counts.items() if count > 1]
    if doubled:
        raise CommandError(
            f"{path.name} would have two things called {', '.join(doubled)}; rename the field, or"
            " give another name by --singular."
        )
    return text


def run_ruff(path: Path, text: str, rules: str = "I") -> str:
    """Return Python as ruff leaves it at a path: formatted, and with these rules applied."""
    ruff = (sys.executable, "-m", "ruff")
    file = (f"--stdin-filename={path}", "--quiet", "-")
    try:
        text = run_program(*ruff, "check", "--fix-only", f"--select={rules}", *file, stdin=text)
        return run_program(*ruff, "format", *file, stdin=text)
    except ProgramError as error:
        raise CommandError(f"ruff cannot format {path}: {error}") from None


def list_names(module: ast.Module) -> Iterator[str]:
    """Yield the names that a module imports or defines."""
    for node in module.body:
        match node:
            case ast.Import(names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name for alias in names)
            case ast.ClassDef(name) | ast.FunctionDef(name) | ast.AsyncFunctionDef(name):
                yield name
            case ast.Assign([ast.Name(name)]):
                yield name
