"""How much a team gets: the content and the shape of the default render's code, and what a request passes.

`uv run python -m tests.size` prints it, and what the lines are for; `--write` renews both in CONTRIBUTING.md.
"""

import ast
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.harness import packages, service, shell, snapshot
from tests.size import density

DOCUMENT = snapshot.ROOT / "CONTRIBUTING.md"
TABLE = re.compile(r"(?<=<!-- size -->\n).*?(?=<!-- end of size -->)", re.DOTALL)
PACKAGES = re.compile(r"(?<=<!-- packages -->\n).*?(?=<!-- end of packages -->)", re.DOTALL)

NEEDED = ("websockets",)
"""What the kit's tests need and a service does not have, unless its team adds it."""

EIGHT_FIELDS = (
    "number:text! customer:uuid@ total:money status:enum(open,paid)@ due:date? paid:bool tags:text[] extra:json?"
)


class Part(NamedTuple):
    """One line of the table: what is counted, how much there is and may be, and what Starlette has."""

    name: str
    count: float
    most: float
    starlette: float | str = ""


def count_lines(*places: Path) -> int:
    """Return the lines of all Python files, and of the templates that `service new` makes files from."""
    files = [path for place in places for path in ([place] if place.is_file() else place.rglob("*"))]
    return sum(path.read_text().count("\n") for path in files if path.suffix in (".py", ".tmpl"))


def measure(folder: Path) -> list[Part]:
    """Return the parts of a rendered service whose packages are installed."""
    source = folder / "src/service"
    printed = shell.run(*in_service(folder, "python", "-m", "inside.path"), cwd=folder)
    walks = json.loads(printed.splitlines()[-1])
    files, hops = walks["GET"]
    write_files, write_hops = walks["POST"]
    kit = density.measure(source / "kit")
    tools = density.measure(folder / "src/service_tools")
    (library,) = folder.glob(".venv/lib/python3.*/site-packages/starlette")
    starlette = density.measure(library)
    return [
        Part("the kit, tokens of code", kit.tokens, 94_000),
        Part("the kit, tokens in a line", kit.tokens_per_line, 8.5, starlette.tokens_per_line),
        Part("the kit, lines over 100 columns", kit.wide_lines, 0, starlette.wide_lines),
        Part("the kit, width of a line, 90th percentile", kit.width, 80, starlette.width),
        Part("the tools for development, tokens of code", tools.tokens, 68_200),
        Part("the tools, tokens in a line", tools.tokens_per_line, 8.5, starlette.tokens_per_line),
        Part("the tools, lines over 100 columns", tools.wide_lines, 0, starlette.wide_lines),
        Part("the tools, width of a line, 90th percentile", tools.width, 80, starlette.width),
        Part("comprehensions within comprehensions, in both", kit.nested + tools.nested, 5, starlette.nested),
        Part("the template's tests in the service, lines", count_lines(folder / "tests/kit"), 2_400),
        Part("the slice `orders` with its job, lines", count_lines(source / "orders"), 550),
        Part("a slice of 8 fields by `service new`, lines", count_slice(folder), 270),
        Part("files that a GET by key passes", files, 12),
        Part("hops between them", hops, 25),
        Part("files that a POST with a key and a job passes", write_files, 17),
        Part("hops between those", write_hops, 50),
    ]


def count_slice(folder: Path) -> int:
    """Return the lines of a new slice, without its tests."""
    command = ("service", "new", "invoices", *EIGHT_FIELDS.split(), "--no-plans")
    shell.run(*in_service(folder, *command), cwd=folder)
    return count_lines(folder / "src/service/invoices")


def in_service(folder: Path, *command: str) -> tuple[str, ...]:
    """Return a command as the environment of a service runs it."""
    return (str(folder / ".venv/bin" / command[0]), *command[1:])


def draw(parts: list[Part]) -> str:
    """Return the table in Markdown."""
    rows = [f"| {part.name} | {part.count:,} | {part.most:,} | {part.starlette} |" for part in parts]
    return "\n".join(["| of the default render | now | at most | Starlette |", "|---|---|---|---|", *rows, ""])


def draw_packages(source: Path) -> str:
    """Return in Markdown what each package of the kit and of the tools is for, and its lines."""
    found = [*sorted(source.glob("service/kit/*/__init__.py")), *sorted(source.glob("service_tools/*/__init__.py"))]
    rows = []
    for path in found:
        said = ast.get_docstring(ast.parse(path.read_text())) or ""
        purpose = " ".join(said.partition("\n\n")[0].split()).rstrip(".")
        rows.append(f"| `{path.parent.relative_to(source)}` | {count_lines(path.parent):,} | {purpose} |")
    return "\n".join(["| package | lines | what it is for |", "|---|---|---|", *rows, ""])


def prepare(template: Path, folder: Path) -> Path:
    """Render the default service with the tests that run inside of it, install its packages, and return it."""
    made = service.render(template, folder, {})
    shutil.copytree(snapshot.ROOT / "tests/inside", made / "inside", ignore=shutil.ignore_patterns("__pycache__"))
    packages.install(made)
    shell.run("uv", "pip", "install", "--quiet", *NEEDED, cwd=made)
    return made


def main() -> None:
    """Print the table, and renew it where it stands."""
    with tempfile.TemporaryDirectory(prefix="size-") as name:
        Path(name).chmod(0o755)  # PostgreSQL runs as another user when this one is root
        made = prepare(snapshot.take(Path(name, "template")), Path(name, "service"))
        table, packages = draw(measure(made)), draw_packages(made / "src")
    print(table, packages, sep="\n", end="")
    if "--write" in sys.argv:
        DOCUMENT.write_text(PACKAGES.sub(lambda _: packages, TABLE.sub(lambda _: table, DOCUMENT.read_text())))
