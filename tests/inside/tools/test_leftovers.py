"""What still uses a room that is gone is found in whatever form it is imported, and nothing else is."""

import ast
import sys
from pathlib import Path

import pytest
import service
from service.kit.server import cli
from service_tools.dev import leftovers

PACKAGE = Path(service.__file__).parent


def find(*sources: str) -> list[set[int]]:
    modules = {Path(str(number)): ast.parse(source) for number, source in enumerate(sources)}
    found = leftovers.find_lines(modules, PACKAGE)
    return [{*found.get(path, ())} for path in modules]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("from service.kit.lost import Thing\nx: int = 1\ny = Thing()", {1, 3}),
        ("from service.kit.lost import Thing as It\nThing = 1\nIt()", {1, 3}),
        ("from service.kit.lost.part import Thing\n", {1}),
        ("from service.kit import lost\nlost.make()", {1, 2}),
        ("import service.kit.lost as gone\ngone.make()", {1, 2}),
        ("from tests.kit.lost import run\nrun()", {1, 2}),
        ("from service.kit import PACKAGE\nfrom service.kit.db import Database\nDatabase", set()),
        ("from tests.kit.fixtures import make_headers\nfrom elsewhere.kit.lost import a\na", set()),
    ],
)
def test_a_line_is_found_when_it_uses_what_is_gone(source: str, lines: set[int]):
    assert find(source) == [lines]


def test_a_constant_made_of_what_is_gone_is_followed_through_modules():
    slice_ = "from service.kit.lost import Thing\n\nthing = Thing()\n\n\ndef use():\n    return thing"
    app = "from service.orders import things\n\nALL = (things.thing,)\n\n\ndef create():\n    return ALL"
    assert find(slice_, app, "from service import app\n\nassert app.ALL") == [{1, 3, 7}, {3, 7}, {3}]


def test_an_import_that_fails_for_another_reason_stays_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "service.lost", None)
    with pytest.raises(ModuleNotFoundError):
        cli.main("service.lost")
