# kit: updated by the template
"""The laws of the layout: they let an update replace the kit, and let a slice be deleted or moved whole."""

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "service"
KIT = PACKAGE / "kit"
TOOLS = ROOT / "src" / "service_tools"
ROOMS = ("edge", "db", "migrate", "rows", "offload", "auth", "web", "server", "jobs")
"""The rooms of the kit. Each may import those before it."""
GROUND = {"PACKAGE", "find_distribution"}
"""What every room may import of the kit itself."""
PRESENT = [room for room in ROOMS if (KIT / room / "__init__.py").exists()]

SLICES = [path.parent for path in PACKAGE.glob("*/__init__.py") if path.parent != KIT]
SQL = re.compile(
    r"\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\S+\s+set\s|delete\s+from\s|merge\s+into\s|with\s+\w+\s+as\s"
    r"|(create|alter|drop)\s+(unique\s+)?(table|index|type|schema)\s|truncate\s|copy\s+\S+\s+(from|to)\s|select\s+\S+\s*$)",
    re.IGNORECASE | re.DOTALL,
)


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def find_imports(path: Path) -> set[str]:
    """Return the dotted names that a module imports, with `from a import b` as a.b."""
    names: set[str] = set()
    tree = parse(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []  # a type is no dependency
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: import by the full name"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def find_strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a module with their lines, docstrings apart; what an f-string inserts shows as x."""
    tree = parse(path)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values),
            )
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


def test_the_web_framework_is_imported_in_app_in_http_and_in_the_room_web():
    allowed = {
        PACKAGE / "app.py",
        *KIT.glob("web/*.py"),
        *(path for folder in SLICES for path in folder.glob("**/http.py")),
    }
    for path in set(PACKAGE.glob("**/*.py")) - allowed:
        strays = {name for name in find_imports(path) if is_within(name, "starlette")}
        assert not strays, f"{path} imports {strays}; that belongs in an http.py"


def test_a_room_imports_only_rooms_that_stand_before_it():
    assert {path.name for path in KIT.iterdir() if (path / "__init__.py").exists()} <= set(ROOMS)
    for path in KIT.glob("*/**/*.py"):
        room = path.relative_to(KIT).parts[0]
        imported = {name.split(".")[2] for name in find_imports(path) if is_within(name, "service.kit")} - GROUND
        strays = imported - set(ROOMS[: ROOMS.index(room) + 1])
        assert not strays, f"{path} imports {strays}: arrows between rooms go one way"


def find_public_names(room: str) -> set[str]:
    """Return what the face of a room exports."""
    (exported,) = [
        node.value
        for node in parse(KIT / room / "__init__.py").body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__"
    ]
    return set(ast.literal_eval(exported))


def test_rooms_are_imported_by_their_faces_from_everywhere_but_within():
    public = {room: find_public_names(room) for room in PRESENT}
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "kit" not in path.relative_to(ROOT).parts]
    for path in [*PACKAGE.glob("**/*.py"), *TOOLS.glob("**/*.py"), *tests]:
        inside = path.relative_to(KIT).parts[0] if path.is_relative_to(KIT) else ""
        for name in find_imports(path):
            room, _, rest = name.removeprefix("service.kit.").partition(".")
            if is_within(name, "service.kit") and rest and room != inside:
                assert rest in public[room], f"{path} imports {name}, which is no part of the face of `{room}`"


def test_the_kit_never_imports_the_tools_for_development():
    for path in PACKAGE.glob("**/*.py"):
        strays = [name for name in find_imports(path) if is_within(name, "service_tools")]
        assert not strays, f"{path} imports {strays}: production does not have them"


@pytest.mark.parametrize("room", PRESENT)
def test_whatever_a_face_exports_is_explained(room: str):
    face = import_module(f"service.kit.{room}")
    assert face.__doc__
    for name in find_public_names(room):
        value = getattr(face, name)
        if inspect.isfunction(value) or inspect.isclass(value) or inspect.ismodule(value):
            assert inspect.getdoc(value), f"service.kit.{room}.{name}: say what it is for"


def test_settings_are_passed_and_not_imported():
    for path in set(PACKAGE.glob("**/*.py")) - {PACKAGE / "app.py"}:
        strays = {name for name in find_imports(path) if is_within(name, "service.settings")}
        assert not strays, f"{path} imports {strays}; take what you need as a parameter, from app.py"


@pytest.mark.parametrize("path", sorted(KIT.glob("**/*.py")), ids=lambda path: path.name)
def test_a_file_of_the_kit_says_so_in_its_first_line(path: Path):
    assert path.read_text("utf-8").startswith("# kit: updated by the template")


@pytest.mark.parametrize(
    "options", [("src/service",), (".", "--non-dev-dependency-groups", "dev")], ids=["service", "all"]
)
def test_what_is_imported_is_declared_and_what_is_declared_is_used(options: tuple[str, ...]):
    command = [sys.executable, "-m", "deptry", "--no-ansi", *options]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
