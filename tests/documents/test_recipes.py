"""The recipes do what they say: a service takes each up as it is written, and uses it against a local stand-in."""

import re
import shutil

import pytest

from tests.harness import service, shell
from tests.harness.snapshot import ROOT

RECIPES = {
    "Sentry": ("errors", []),
    "S3": ("files", ["moto[server]"]),
    "Mail": ("mail", ["aiosmtpd"]),
    "Many rows at once": ("batch", []),
    "To a folder": ("pictures", []),
}
"""The test of each recipe, and what its stand-in needs."""

DOCUMENTS = {"To a folder": "uploads.md"}
"""Where a recipe is that is not in recipes.md."""

FILE = re.compile(r"```python\n# (src/\S+)\n(.*?)```", re.DOTALL)
CHANGE = re.compile(r"```diff\n(.*?)```", re.DOTALL)
PACKAGE = re.compile(r"`(uv add [\w-]+)`")


def read_recipe(name):
    """Return the section of the document on a recipe."""
    document = ROOT / "docs" / DOCUMENTS.get(name, "recipes.md")
    return document.read_text().split(f"\n## {name}\n")[1].split("\n## ")[0]


def take_up(text, folder):
    """Do in a service what a recipe says."""
    for command in PACKAGE.findall(text):
        shell.run(*command.split(), "--quiet", cwd=folder)
    for path, content in FILE.findall(text):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(content)
    (change,) = CHANGE.findall(text)
    (folder / "change.diff").write_text(change)
    shell.run("git", "apply", "change.diff", cwd=folder)
    (folder / "change.diff").unlink()


def test_every_recipe_is_run():
    document = (ROOT / "docs/recipes.md").read_text()
    assert re.findall(r"^## (.*)$", document, re.MULTILINE) == [name for name in RECIPES if name not in DOCUMENTS]


@pytest.mark.parametrize("name", RECIPES)
def test_the_lines_that_a_recipe_changes_are_there(name, render, tmp_path):
    folder = service.adopt(render(), tmp_path / "service")
    (tmp_path / "change.diff").write_text(CHANGE.findall(read_recipe(name))[0])
    shell.run("git", "apply", "--check", tmp_path / "change.diff", cwd=folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_works_as_it_stands_in_the_document(name, render, workshop):
    module, needed = RECIPES[name]
    folder = service.adopt(render(), workshop / module)
    take_up(read_recipe(name), folder)
    shell.run("uv", "run", "--quiet", "ruff", "check", cwd=folder)
    shell.run("uv", "run", "--quiet", "ruff", "format", "--check", cwd=folder)
    shell.run("uv", "run", "--quiet", "ty", "check", cwd=folder)
    own = ["tests/kit/test_layout.py", "tests/orders/test_confirm.py"]
    if "queries.py" in read_recipe(name):
        own.append("tests/kit/test_contract.py")
    shell.run("uv", "run", "--quiet", "pytest", "-q", "-k", "not recorded", *own, cwd=folder)
    shutil.copytree(ROOT / "tests/recipes", folder / "recipes")
    extra = [part for package in needed for part in ("--with", package)]
    shell.run("uv", "run", "--quiet", *extra, "pytest", "-q", f"recipes/test_{module}.py", cwd=folder)
