"""`service new` makes a slice that passes everything as it is, whatever types its fields have."""

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
APP = {
    "from service import NAME, orders\n": "from service import NAME, every_things, invoices, notes, orders\n",
    "SLICES = (orders.SLICE,)\n": "SLICES = (orders.SLICE, every_things.SLICE, invoices.SLICE, notes.SLICE)\n",
}
TESTS = [
    *(f"tests/{name}" for name in SLICES),
    *(f"tests/kit/test_{name}.py" for name in ("layout", "constraints", "contract", "openapi")),
]


@pytest.fixture(scope="module")
def folder(render, workshop):
    """A service with both slices, added to app.py as the command says."""
    folder = service.adopt(render(), workshop / "scaffold")
    shell.run("uv", "sync", "--quiet", cwd=folder)
    for name, fields in SLICES.items():
        output = shell.run("uv", "run", "--quiet", "service", "new", name, *fields, cwd=folder)
        assert f"SLICES = (…, {name}.SLICE)" in output
    app = folder / "src/service/app.py"
    text = app.read_text()
    for old, new in APP.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    app.write_text(text)
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
