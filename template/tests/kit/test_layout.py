# kit: updated by the template
"""The architecture rules: they let an update replace the kit, and let a slice be deleted or moved whole."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.kit.renamed import RENAMED

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "service"
KIT = PACKAGE / "kit"
PACKAGES = [path.parent.name for path in sorted(KIT.glob("*/__init__.py"))]

RENAMED_FILE = KIT / "renamed.py"
"""Has old and new names as strings, which are not imports."""

TOOLS_ENTRY = KIT / "commands" / "development.py"
"""The one module that looks for the tools for development, which production does not have."""

SLICES = [path.parent for path in PACKAGE.glob("*/__init__.py") if path.parent != KIT]
SQL = re.compile(
    r"\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|merge\s+into\s|with\s+\w+\s+as\s"
    r"|(create|alter|drop)\s+(unique\s+)?(table|index|type|schema)\s|truncate\s|copy\s+\S+\s+(from|to)\s|select\s+\S+\s*$)",
    re.IGNORECASE | re.DOTALL,
)

MODULE = re.compile(r"service(\.kit|_tools)(\.[a-z_]\w*)*")
"""A string that names a module, for `import_module`."""


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def find_imports(path: Path) -> set[str]:
    """Return the dotted names that a module imports, with `from a import b` as a.b.

    Imports for types and imports by string count as well: a reader has to follow them, too.
    """
    names: set[str] = set()
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by the full name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    if path != RENAMED_FILE:
        names |= {text for _, text in find_strings(path) if MODULE.fullmatch(text)}
    return names


def find_strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module with their lines, without docstrings; x stands for values of an f-string."""
    tree = parse(path)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values]
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def test_the_kit_imports_nothing_of_the_service_around_it():
    for path in KIT.glob("**/*.py"):
        ours = {name for name in find_imports(path) if is_within(name, "service")}
        strays = {name for name in ours if not is_within(name, "service.kit")}
        assert not strays, f"{path} imports {strays}; hand it over as a parameter, from app.py"


def test_slices_do_not_import_each_other():
    for folder in SLICES:
        others = [f"service.{other.name}" for other in SLICES if other != folder]
        for path in folder.glob("**/*.py"):
            strays = [name for name in find_imports(path) for other in others if is_within(name, other)]
            assert not strays, f"{path} imports {strays}; hand it over as a parameter, from app.py"


def test_sql_stands_in_queries_and_in_the_kit():
    for path in PACKAGE.glob("**/*.py"):
        if path.name == "queries.py" or path.is_relative_to(KIT):
            continue
        for line, text in find_strings(path):
            assert not SQL.match(text), f"{path}:{line}: move this SQL into a queries.py"


def test_no_pattern_lets_a_line_break_pass_at_its_end():
    r"""In Python, `$` also matches before a line break at the end. `\Z` is the end itself."""
    for path in [path for path in PACKAGE.glob("**/*.py") if not path.is_relative_to(KIT)]:
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.keyword) and node.arg == "pattern" and isinstance(node.value, ast.Constant):
                assert not str(node.value.value).endswith("$"), rf"{path}:{node.lineno}: end the pattern in \Z"


def test_the_web_framework_is_imported_in_app_in_http_and_in_the_package_web():
    allowed = {
        PACKAGE / "app.py",
        *KIT.glob("web/*.py"),
        *(path for folder in SLICES for path in folder.glob("**/http.py")),
    }
    for path in set(PACKAGE.glob("**/*.py")) - allowed:
        strays = {name for name in find_imports(path) if is_within(name, "starlette")}
        assert not strays, f"{path} imports {strays}; that belongs in an http.py"


def find_public_names(package: str) -> set[str]:
    """Return the public API of a package: its `__all__`."""
    (exported,) = [
        node.value
        for node in parse(KIT / package / "__init__.py").body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"
    ]
    return set(ast.literal_eval(exported))


def test_the_teams_files_import_only_the_public_api_of_the_kit():
    public = {f"service.kit.{package}.{name}" for package in PACKAGES for name in find_public_names(package)}
    public |= {f"service.kit.{package}" for package in PACKAGES} | {"service.kit.find_distribution"}
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "kit" not in path.relative_to(ROOT).parts]
    ours = [path for path in PACKAGE.glob("**/*.py") if not path.is_relative_to(KIT)]
    for path in [*ours, *tests]:
        for name in find_imports(path):
            if is_within(name, "service.kit") and not is_within(name, "service.kit.cache"):
                assert name in public | RENAMED.keys(), f"{path} imports {name}, which no package of the kit exports"


def test_the_kit_never_imports_the_tools_for_development():
    for path in set(PACKAGE.glob("**/*.py")) - {TOOLS_ENTRY}:
        strays = [name for name in find_imports(path) if is_within(name, "service_tools")]
        assert not strays, f"{path} imports {strays}: production does not have them"


def test_settings_are_passed_and_not_imported():
    for path in set(PACKAGE.glob("**/*.py")) - {PACKAGE / "app.py"}:
        strays = {name for name in find_imports(path) if is_within(name, "service.settings")}
        assert not strays, f"{path} imports {strays}; take what you need as a parameter, from app.py"


@pytest.mark.parametrize(
    "options", [("src/service",), (".", "--non-dev-dependency-groups", "dev")], ids=["service", "all"]
)
def test_what_is_imported_is_declared_and_what_is_declared_is_used(options: tuple[str, ...]):
    command = [sys.executable, "-m", "deptry", "--no-ansi", *options]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
