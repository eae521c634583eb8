"""`service new` makes a slice that passes everything as it is, whatever types its fields have."""

import re
import time

import pytest

from tests import service, shell
from tests.test_generated import PASSED

KINDS = ("text", "int", "decimal", "date", "timestamp", "uuid")
EVERY = [
    *(f"plain_{kind}:{kind}" for kind in (*KINDS, "bool", "money", "json")),
    *(f"maybe_{kind}:{kind}?" for kind in (*KINDS, "bool", "money", "json")),
    *(f"own_{kind}:{kind}!" for kind in KINDS),
    *(f"sought_{kind}:{kind}@" for kind in (*KINDS, "bool")),
    *(f"all_{kind}:{kind}@?!" for kind in KINDS),
    *("maybe_sought:bool?@", "tags:text[]", "maybe_tags:text[]?", "state:enum(open,paid-late,VOID_2)", "post:text"),
    *(
        "status:enum(a,b)@",
        "stage:enum(only)?@",
        "text:enum(a)?",
        f"long:enum({','.join(f'value_{n}' for n in range(20))})",
    ),
]
"""Each type with each suffix it takes, and some names that the code of a slice uses itself."""

README = ["number:text!", "customer:uuid@", "total:money", "status:enum(open,paid)@", "due:date?"]

SLICES = {"every_things": EVERY, "invoices": README, "notes": ["body:text"]}
APP = (
    (
        "from service import NAME, accounts, orders\n",
        "from service import NAME, accounts, every_things, invoices, notes, orders\n",
    ),
    (
        "SLICES = (accounts.SLICE, orders.SLICE, imports.SLICE)\n",
        "SLICES = (accounts.SLICE, every_things.SLICE, invoices.SLICE, notes.SLICE, orders.SLICE, imports.SLICE)\n",
    ),
)
NEWCOMER = (
    ("from service import NAME, accounts, orders\n", "from service import NAME, accounts, invoices, orders\n"),
    (
        "SLICES = (accounts.SLICE, orders.SLICE, imports.SLICE)\n",
        "SLICES = (accounts.SLICE, orders.SLICE, imports.SLICE, invoices.SLICE)\n",
    ),
)
TESTS = [
    *(f"tests/{name}" for name in SLICES),
    *(
        f"tests/kit/test_{name}.py"
        for name in ("layout", "constraints", "contract", "openapi", "migration_lint", "perf")
    ),
]


@pytest.fixture(scope="module")
def folder(render, workshop):
    """A service with both slices, added to app.py as the command says."""
    folder = service.adopt(render(), workshop / "scaffold")
    shell.run("uv", "sync", "--quiet", cwd=folder)
    for name, fields in SLICES.items():
        output = shell.run("uv", "run", "--quiet", "service", "new", name, *fields, cwd=folder)
        assert f"SLICES = (…, {name}.SLICE)" in output
        assert f"perf/plans/{name}.txt" in output
    service.replace(folder / "src/service/app.py", *APP)
    return folder


@pytest.mark.parametrize("command", ["ruff format --no-cache --diff", "ruff check --no-cache", "ty check"])
def test_a_tool_has_nothing_to_say_about_new_slices(folder, command):
    shell.run("uv", "run", "--quiet", *command.split(), cwd=folder)


def test_new_slices_pass_their_tests_and_those_of_the_kit(folder):
    assert PASSED.search(shell.run("uv", "run", "--quiet", "pytest", "-q", *TESTS, cwd=folder))


def test_a_slice_that_is_there_is_refused(folder):
    code, output = shell.attempt("uv", "run", "--quiet", "service", "new", "notes", "body:text", cwd=folder)
    assert code == 1
    assert "notes is there already" in output
    assert "Traceback" not in output


def test_a_newcomer_adds_a_resource_and_measures_it_in_under_a_minute(render, workshop):
    """One command, and no edit beyond app.py, in a service that was synced before and never run."""
    folder = service.adopt(render(), workshop / "newcomer")
    shell.run("uv", "sync", "--quiet", cwd=folder)
    began = time.monotonic()
    shell.run("uv", "run", "service", "new", "invoices", *README, cwd=folder)
    service.replace(folder / "src/service/app.py", *NEWCOMER)
    output = shell.run(
        "uv", "run", "service", "perf", "load", "invoices", "--rate", "100", "--seconds", "2", "--check", cwd=folder
    )
    assert time.monotonic() - began < 60
    for step in ("read", "first page", "later page", "page by customer", "page by status", "create", "all"):
        assert re.search(rf"^  {step} +\d", output, re.MULTILINE), output
    changed = [line for line in service.changes(folder).splitlines() if not line.startswith("??")]
    assert changed == [" M src/service/app.py"]
