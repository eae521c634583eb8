"""Slices of every type pass everything as they are made, in a copy of the service."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.kit.processes import ROOT

KINDS = ("text", "int", "decimal", "date", "timestamp", "uuid")
EVERY = [
    *(f"plain_{kind}:{kind}" for kind in (*KINDS, "bool", "money", "json")),
    *(f"maybe_{kind}:{kind}?" for kind in (*KINDS, "bool", "money", "json")),
    *(f"own_{kind}:{kind}!" for kind in KINDS),
    *(f"sought_{kind}:{kind}@" for kind in (*KINDS, "bool")),
    *(f"all_{kind}:{kind}@?!" for kind in KINDS),
    *("maybe_sought:bool?@", "tags:text[]", "maybe_tags:text[]?", "state:enum(open,paid-late,VOID_2)", "post:text"),
    *("status:enum(a,b)@", "stage:enum(only)?@", "words:enum(a)?", "bare:references:notes", "order:references:orders?"),
    *(f"{name}:text@" for name in ("caller", "data", "key", "db", "request", "type")),
    f"long:enum({','.join(f'value_{n}' for n in range(20))})",
]
"""Each type with each suffix it takes, and some names that the code of a slice uses itself."""

README = ["number:text!", "customer:uuid@", "total:money", "status:enum(open,paid)@", "due:date?"]

SLICES = {
    "notes": ["body:text", "--shared", "--export"],
    "every_things": [*EVERY, "--filters=status,sought_date", "--filters=order_id,stage,sought_int", "--export"],
    "invoices": [*README, "order:references:orders", "--filters=status,customer"],
    "payments": ["invoice:references:invoices", "note:references:notes?", "paid:date@"],
    "transfers": ["source:references:invoices", "target:references:invoices", "why:references:notes"],
    "folders": ["name:text(40)!", "parent:references:folders?", "--export"],
    "items": [
        *("sku:text(20)!", "count:int=1", "why:text(500)?=it's", "paid:bool@=true", "rate:decimal=-1.5"),
        *("state:enum(a,b)=b", "above:references:items?", "--in=orders", "--unique=state,count", "--export"),
    ],
    "lines": ["invoice:references:invoices", "--in=orders", "--unique=order_id,invoice_id"],
    "labels": ["code:text(2)", "note:references:notes?", "invoice:references:invoices", "--unique=note_id,invoice_id"],
    "remarks": ["body:text(9999)", "day:date", "reply:references:remarks?", "--in=notes", "--unique=day,reply_id"],
    "hints": ["at:int", "kind:enum(x,y)", "above:references:hints?", "--in=notes", "--shared", "--unique=kind,at"],
    "colours": ["name:text!", "base:references:colours?", "other:references:colours?", "--shared"],
}
DELETING = """
from tests.payments.test_payments import create, references


async def test_it(client, references):
    payment = await create(client)
    response = await client.delete(f"/v1/invoices/{payment['invoice_id']}")
    assert (response.status_code, response.json()["type"]) == (409, "urn:problem:conflict")
"""
KIT = ("layout", "constraints", "contract", "migration_lint", "ownership", "scenarios")
TESTS = [*SLICES, *(f"kit/test_{name}.py" for name in KIT)]


@pytest.fixture(scope="module")
def folder() -> Generator[Path]:
    """A copy of the service, with new slices."""
    copy = Path(tempfile.mkdtemp(prefix="service-test-"))  # where the embedded PostgreSQL may run as another user
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".git", ".venv", ".p*", "inside", "__pycache__"), dirs_exist_ok=True
    )
    for name, order in SLICES.items():
        output = run_module(copy, "service", "new", name, *order)
        assert "The slice is added to src/service/app.py" in output
        assert f"perf/plans/{name}.txt" in output
    yield copy
    shutil.rmtree(copy, ignore_errors=True)


def run_module(folder: Path, *command: str) -> str:
    """Run a Python module on the service of a folder rather than on the one that is installed."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("TEST_", "AUTH_", "PYTEST"))
    }
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(folder / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@pytest.mark.parametrize("command", ["ruff format --diff", "ruff check", f"ty check --python {sys.prefix}"])
def test_a_tool_has_nothing_to_say_about_new_slices(folder: Path, command: str):
    run_module(folder, *command.split(), *(f"{place}/{name}" for name in SLICES for place in ("src/service", "tests")))


def test_new_slices_pass_their_tests_and_those_of_the_kit(folder: Path):
    assert " passed" in run_module(folder, "pytest", "-q", "-n2", *(f"tests/{name}" for name in TESTS))


def test_no_request_to_new_slices_is_answered_outside_of_the_description(folder: Path):
    assert " passed" in run_module(folder, "pytest", "-q", "-n0", "tests/kit/test_fuzz.py")


def test_a_row_that_others_refer_to_cannot_be_deleted(folder: Path):
    (folder / "tests/payments/test_deleting.py").write_text(DELETING)
    assert " passed" in run_module(folder, "pytest", "-q", "-n0", "tests/payments/test_deleting.py")
    (folder / "tests/payments/test_deleting.py").unlink()
