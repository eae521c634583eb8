# kit: updated by the template; extend it from app.py
"""Templates become the files of a slice; ruff sorts their imports, drops those without a use, and
formats them.
"""

import ast
import shutil
import subprocess
import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.kit.work.command_error import CommandError
from service_tools.scaffold.resource import Resource

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, path: Path, resource: Resource) -> str:
    """Return the text of one file. Raises `CommandError` where two of its names are the same."""
    environment = Environment(  # noqa: S701 - nothing of it is HTML
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    known = {name: getattr(resource, name) for name in dir(resource) if not name.startswith("_")}
    known |= {"many": resource.table.replace("_", " "), "spoken": resource.one.replace("_", " ")}
    text = environment.get_template(f"{template}.tmpl").render(known)
    if path.suffix != ".py":
        return text
    text = tidy(path, text, "I,F401")
    doubled = [name for name, times in Counter(list_names(ast.parse(text))).items() if times > 1]
    if doubled:
        advice = "rename the field, or say what one is called with --singular"
        raise CommandError(
            f"{path.name} would have two things called {', '.join(doubled)}; {advice}."
        )
    return text


def tidy(path: Path, text: str, rules: str = "I") -> str:
    """Return Python as ruff would leave it at a path: formatted, and with these rules applied."""
    program = shutil.which("ruff", path=sysconfig.get_path("scripts")) or "ruff"
    for command in (("check", "--fix-only", f"--select={rules}"), ("format",)):
        line = [program, *command, "--quiet", f"--stdin-filename={path}", "-"]
        done = subprocess.run(line, input=text, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        if done.returncode:
            raise CommandError(f"ruff cannot format {path}: {done.stderr.strip()}")
        text = done.stdout
    return text


def list_names(module: ast.Module) -> Iterator[str]:
    for node in module.body:
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from (alias.asname or alias.name for alias in node.names)
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                yield node.name
            case ast.Assign():
                yield from (target.id for target in node.targets if isinstance(target, ast.Name))
