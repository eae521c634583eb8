"""The packages of the kit import each other in one direction, and say what they are for."""

import inspect
from importlib import import_module
from pathlib import Path

import pytest

from tests.kit.test_layout import KIT, find_imports, find_public_names

PACKAGES = (
    "work",
    "edge",
    "db",
    "migrate",
    "rows",
    "offload",
    "calls",
    "cache",
    "auth",
    "web",
    "server",
    "jobs",
    "commands",
)
"""The packages of the kit, and its one module. Each may import those before it, and itself."""

EVERYWHERE = {"PACKAGE", "find_distribution", "renamed"}
"""What every package may import of the kit itself."""

PRESENT = [name for name in PACKAGES if (KIT / name / "__init__.py").exists()]


def test_a_package_imports_only_packages_that_stand_before_it():
    assert {path.name for path in KIT.iterdir() if (path / "__init__.py").exists()} <= set(PACKAGES)
    for path in set(KIT.glob("*/**/*.py")) | {KIT / "cache.py"}:
        package = path.relative_to(KIT).with_suffix("").parts[0]
        ours = {name.split(".")[2] for name in find_imports(path) if name.startswith("service.kit.")}
        strays = ours - EVERYWHERE - set(PACKAGES[: PACKAGES.index(package) + 1])
        assert not strays, f"{path} imports {strays}: arrows between packages go one way"


@pytest.mark.parametrize("package", PRESENT)
def test_the_public_api_of_a_package_is_documented(package: str):
    module = import_module(f"service.kit.{package}")
    assert module.__doc__
    for name in find_public_names(package):
        value = getattr(module, name)
        if inspect.isfunction(value) or inspect.isclass(value) or inspect.ismodule(value):
            assert inspect.getdoc(value), f"service.kit.{package}.{name}: say what it is for"


@pytest.mark.parametrize("path", sorted(KIT.glob("**/*.py")), ids=lambda path: path.name)
def test_a_file_of_the_kit_says_so_in_its_first_line(path: Path):
    assert path.read_text("utf-8").startswith("# kit: updated by the template")
