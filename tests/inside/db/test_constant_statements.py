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
}
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
    "an exception": 'OPEN = "open"\ntry:\n    pass\nexcept KeyError as OPEN:\n    pass\nq = Query(f"select {OPEN}")',
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


def test_ruff_flags_no_constant_in_queries_and_all_elsewhere(tmp_path: Path):
    text = 'OPEN = "open"\nq = Query(f"select a from b where status = \'{OPEN}\'")\n'
    for name, expected in (("queries.py", 0), ("http.py", 1)):
        (tmp_path / name).write_text(f"{START}{text}")
        command = [sys.executable, "-m", "ruff", "check", "--config", ROOT / "ruff.toml", "--select=S", tmp_path / name]
        assert subprocess.run(command, capture_output=True, check=False).returncode == expected, name
