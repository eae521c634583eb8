"""Statements are found by their names, however they are made."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from service.kit.db.query import Query, find_queries

HELPER = """
from service.kit.db.query import Query

def read_by_id(table):
    return Query(f"select id from {table} where id = $1", int, tuple[int])

shared = read_by_id("shared")
"""

CARTS = """
from shop.helper import read_by_id, shared
from service.kit.db import Query
from shop.tills import queries as tills
from shop.tills.queries import read_till

read_cart = read_by_id("carts")
again = tills.read_till
several = {"all": Query("select id from carts", int), "few": [read_by_id("few")]}


def make_query():
    local = Query("select 1", int)
    return local
"""

TILLS = """
from service.kit.db import Query

read_till = Query("select id from tills", int)
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package with two slices, one of which makes its statements by a helper."""
    files = {"__init__": "", "helper": HELPER, "carts/queries": CARTS, "tills/queries": TILLS}
    for name, text in files.items():
        path = tmp_path / "shop" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    for name in ("carts", "tills"):
        (tmp_path / "shop" / name / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield import_module("shop")
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]


def test_a_statement_made_by_a_helper_has_the_name_that_its_slice_gives_it(shop: ModuleType):
    found = dict(find_queries(shop))
    assert found["carts.read_cart"].sql == "select id from carts where id = $1"
    assert [*found] == ["carts.read_cart", "carts.several.all", "carts.several.few.0", "tills.read_till"]


def test_a_statement_knows_where_it_has_its_name_once_it_is_found(shop: ModuleType):
    found = dict(find_queries(shop))
    places = {name: (query.module, query.line) for name, query in found.items()}
    assert places["carts.read_cart"] == (
        "shop.carts.queries",
        CARTS.splitlines().index('read_cart = read_by_id("carts")') + 1,
    )
    assert places["carts.several.few.0"][1] == places["carts.read_cart"][1] + 2
    assert places["tills.read_till"][0] == "shop.tills.queries"


def test_a_statement_that_nobody_has_found_has_no_place():
    query = Query("select 1", int)
    assert (query.module, query.line) == ("", 0)
