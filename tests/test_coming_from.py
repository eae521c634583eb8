"""The examples of the page for those who come from FastAPI and SQLAlchemy are parts of programs that run."""

import re

import pytest

from tests import shell
from tests.snapshot import ROOT

BLOCK = re.compile(r"```python\n# ([^\n]+)\n(.*?)```", re.DOTALL)
PROGRAM = ROOT / "tests/performance/programs/conventional.py"

LOAD = f"""
import sys

sys.path.insert(0, "{PROGRAM.parent}")
from conventional import *  # noqa
from conventional import BaseModel, Annotated
from fastapi import BackgroundTasks
from sqlalchemy import insert
from uuid import uuid4

exec(sys.argv[1])
created = app.openapi()["paths"]["/v1/orders"]["post"]
print(created["responses"]["201"]["content"]["application/json"]["schema"]["$ref"])
"""


@pytest.fixture(scope="module")
def examples():
    return BLOCK.findall((ROOT / "docs/fastapi.md").read_text())


def find_foreign(parts, text):
    """Return the parts, each up to two empty lines, that do not stand in a text letter for letter."""
    return [part for part in parts.strip().split("\n\n\n") if part not in text]


def test_what_stands_here_is_the_example_slice(examples, render):
    slice_ = render() / "src/service"
    ours = [(name, code) for name, code in examples if name != "FastAPI"]
    assert len(ours) == 6
    for name, code in ours:
        assert find_foreign(code, (slice_ / name).read_text()) == [], name
    assert find_foreign("orders = Listing()\n", (slice_ / "orders/queries.py").read_text())


def test_what_stood_there_is_the_program_of_the_comparison_and_a_route_that_fastapi_takes(examples):
    read, listed, created = [code for name, code in examples if name == "FastAPI"]
    assert find_foreign(f"{read}\n\n{listed}", PROGRAM.read_text()) == []
    requirements = re.findall(r'^#     "(.+)",$', PROGRAM.read_text(), re.MULTILINE)
    command = [
        "uv",
        "run",
        "--quiet",
        "--no-project",
        *(f"--with={it}" for it in requirements),
        "python",
        "-c",
        LOAD,
        created,
    ]
    url = {"DATABASE_URL": "postgresql://nowhere/none", "DATABASE_POOL_SIZE": "1"}
    assert shell.run(*command, cwd=ROOT, **url).strip() == "#/components/schemas/OrderOut"
