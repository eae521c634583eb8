"""The text of a statement is a constant: the contract accepts an f-string of constants, and nothing that may change."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.processes import ROOT
from tests.kit.source import INSERTED, find_strays

START = "import os\nfrom service.kit.db import Query\n"
CONSTANTS = {
    "a literal": 'OPEN = "open"\nq = Query(f"select {OPEN}")',
    "with a type": 'OPEN: str = "open"\nq = Query(f"select {OPEN}")',
    "a number": 'MOST = 2**31 - 1\nq = Query(f"select 1 limit {MOST:d}")',
    "of another constant": 'A = "a"\nB = f"{A}, b"\nq = Query(f"select {B}")',
    "several choices": 'OPEN = ("open", "paid")\nq = Query(f"select 1 where status in {OPEN}")',
    "joined": 'A = "a"\nq = Query("select " + A)',
    "of the kit": 'from service.kit.rows import DEFAULT_LIMIT\nq = Query(f"select 1 limit {DEFAULT_LIMIT}")',
    "under another name": 'from service.kit.rows import DEFAULT_LIMIT as MOST\nq = Query(f"select 1 limit {MOST}")',
    "in a dict": 'OPEN = "open"\nqueries = {"a": Query(f"select {OPEN}")}',
    "fragments": 'A = "a"\nq = Query("select {columns}", int, columns={"b": A, "c": f"{A} + 1", "d": A + "1"})',
    "shared fragments": 'COLUMNS = {"b": "1"}\nMORE = {**COLUMNS, "c": "2"}\nq = Query("select 1", columns=MORE)',
    "a dict that is read": 'COLUMNS = {"b": "1"}\nA = COLUMNS.items()\nq = Query("select 1", columns=COLUMNS)',
    "a list": 'TABLE = "a"\nq = Listing(f"{TABLE} as b", scope={"account": str}, joins="join c", key=("at", "id"))',
}
OWN = {
    "a class": "class Listing: ...\nit = Listing(os.environ['A'], key=os.environ['B'])",
    "a row": "from service.flats.model import Listing\nit = Listing(os.environ['A'], key=os.environ['B'])",
}
"""Other things than lists of the kit that have the name of one."""
CHANGING = {
    "of the environment": 'OPEN = os.environ["OPEN"]\nq = Query(f"select {OPEN}")',
    "of nowhere": 'q = Query(f"select {OPEN}")',
    "bound twice": 'OPEN = "open"\nOPEN = os.environ["OPEN"]\nq = Query(f"select {OPEN}")',
    "added to": 'OPEN = "open"\nOPEN += os.environ["OPEN"]\nq = Query(f"select {OPEN}")',
    "on a condition": 'if os.environ:\n    OPEN = "open"\nq = Query(f"select {OPEN}")',
    "by a function": 'OPEN = "open"\ndef change(text):\n    global OPEN\n    OPEN = text\nq = Query(f"select {OPEN}")',
    "of what changes": 'A = os.environ["A"]\nB = f"{A}"\nq = Query(f"select {B}")',
    "a call": 'OPEN = "open"\nq = Query(f"select {OPEN.upper()}")',
    "a list": 'OPEN = ["open"]\nq = Query(f"select {OPEN}")',
    "a format": 'A = "a"\nB = os.environ["B"]\nq = Query(f"select {A:{B}}")',
    "an item": "q = Query(f\"select {os.environ['A']}\")",
    "of the standard library": 'from os import name\nq = Query(f"select {name}")',
    "of a module that reads it": 'from service.accounts.http import SIGN_UPS\nq = Query(f"select {SIGN_UPS}")',
    "imported and bound": 'from service.kit.rows import DEFAULT_LIMIT as A\nA = os.environ["A"]\nq = Query(f"{A}")',
    "bound by an import": 'OPEN = "open"\nfrom os import name as OPEN\nq = Query(f"select {OPEN}")',
    "a loop": 'OPEN = "open"\nfor OPEN in os.environ:\n    pass\nq = Query(f"select {OPEN}")',
    "all of a module": 'OPEN = "open"\nfrom service.settings import *\nq = Query(f"select {OPEN}")',
    "a pattern": 'OPEN = "open"\nmatch os.environ:\n    case {**OPEN}:\n        pass\nq = Query(f"select {OPEN}")',
    "formatted": 'A = "a"\nq = Query("select {}".format(A))',
    "by a percent sign": 'q = Query("select %s" % os.environ["A"])',
    "added": 'q = Query("select " + os.environ["A"])',
    "joined by a method": 'q = Query(", ".join(os.environ))',
    "of a file": 'from pathlib import Path\nq = Query(Path("a.sql").read_text())',
    "of a function": 'def read():\n    return "select 1"\nq = Query(read())',
    "in a function": 'def make(text):\n    return Query("select 1")',
    "in a lambda": 'make = lambda: Query("select 1")',
    "in a comprehension": 'queries = {it: Query(f"select {it}") for it in os.environ}',
    "under another class": "class Text(Query):\n    pass",
    "chosen": 'q = Query("select 1") if os.environ else None',
    "spread": 'TEXTS = ["select 1"]\nq = Query(*TEXTS)',
    "an exception": 'OPEN = "open"\ntry:\n    pass\nexcept KeyError as OPEN:\n    pass\nq = Query(f"select {OPEN}")',
}


FRAGMENTS = {
    "a sum": 'q = Query("select 1", columns={"a": "b" + os.environ["A"]})',
    "a format": 'q = Query("select 1", columns={"a": "{}".format(os.environ)})',
    "a name": 'A = os.environ["A"]\nq = Query("select 1", columns={"a": A})',
    "a function": 'q = Query("select 1", columns=read_columns())',
    "a changed dict": 'A = {"b": "1"}\nA["b"] = os.environ["B"]\nq = Query("select 1", columns=A)',
    "an updated dict": 'A = {"b": "1"}\nA.update(os.environ)\nq = Query("select 1", columns=A)',
    "a mapping of options": 'q = Query("select 1", **read_options())',
    "a table": 'q = Listing(os.environ["A"], int)',
    "a table by its name": 'q = Listing(table=os.environ["A"])',
    "a join": 'q = Listing("a", joins="join b on %s" % os.environ)',
    "a condition": 'q = Listing("a", conditions={"b": f"{os.environ}"})',
    "a key": 'q = Listing("a", key=(os.environ["A"], "id"))',
    "under another name": 'from service.kit.rows import Listing as Rows\nq = Rows("a", joins=os.environ["A"])',
    "of a module": 'from service.kit import rows\nq = rows.Listing("a", joins=os.environ["A"])',
}


def find(folder: Path, text: str) -> list[str]:
    path = folder / "queries.py"
    path.write_text(f"{START}{text}\n")
    return [advice for _, advice in find_strays(path)]


@pytest.mark.parametrize("text", CONSTANTS.values(), ids=CONSTANTS)
def test_a_statement_of_constants_is_one(text: str, tmp_path: Path):
    assert find(tmp_path, text) == []


@pytest.mark.parametrize("text", CHANGING.values(), ids=CHANGING)
def test_a_statement_with_something_that_may_change_is_none(text: str, tmp_path: Path):
    assert find(tmp_path, text) == [f"write this statement out, as a constant of its slice's queries.py; {INSERTED}"]


@pytest.mark.parametrize("text", OWN.values(), ids=OWN)
def test_a_class_of_the_team_may_be_called_a_listing(text: str, tmp_path: Path):
    assert find(tmp_path, text) == []


@pytest.mark.parametrize("text", FRAGMENTS.values(), ids=FRAGMENTS)
def test_parts_of_a_statement_are_constants_as_well(text: str, tmp_path: Path):
    [advice] = find(tmp_path, text)
    assert advice == "write its SQL out, as constants; what a request gives is a parameter, like $tag"


def test_ruff_flags_no_constant_in_queries_and_all_elsewhere(tmp_path: Path):
    text = 'OPEN = "open"\nq = Query(f"select a from b where status = \'{OPEN}\'")\n'
    for name, expected in (("queries.py", 0), ("http.py", 1)):
        (tmp_path / name).write_text(f"{START}{text}")
        command = [sys.executable, "-m", "ruff", "check", "--config", ROOT / "ruff.toml", "--select=S", tmp_path / name]
        assert subprocess.run(command, capture_output=True, check=False).returncode == expected, name
