"""Statements are found by their names, however they are made."""

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

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
one = other = Query("select 2", int)
by_name = {"one": one, "till": read_till, "third": Query("select 3", int)}


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
    several = ["carts.several.all", "carts.several.few.0"]
    assert [*found] == ["carts.read_cart", *several, "carts.one", "carts.by_name.till", "carts.by_name.third"]


def test_a_statement_under_two_names_has_the_first_however_often_they_are_found(shop: ModuleType):
    again = [[*find_queries(shop)] for _ in range(2)]
    assert again[0] == again[1]
    queries = [query for _, query in again[0]]
    assert len({id(query) for query in queries}) == len(queries)


def test_a_statement_knows_where_it_has_its_name_once_it_is_found(shop: ModuleType):
    found = dict(find_queries(shop))
    places = {name: (query.module, query.line) for name, query in found.items()}
    assert places["carts.read_cart"] == (
        "shop.carts.queries",
        CARTS.splitlines().index('read_cart = read_by_id("carts")') + 1,
    )
    assert places["carts.several.few.0"][1] == places["carts.read_cart"][1] + 2
    assert places["carts.by_name.till"][0] == "shop.carts.queries"


@pytest.mark.parametrize("name", [*Query.__slots__, "nothing"])
def test_a_statement_never_changes(name: str):
    query = Query("select id from carts", int, excused={"scope": "it is for all"})
    with pytest.raises(AttributeError, match=f"a Query never changes: make another one to set its {name}"):
        setattr(query, name, "")
    excused: Any = query.excused
    with pytest.raises(TypeError):
        excused["unbounded"] = "now"


def test_what_a_statement_is_excused_from_is_read_once():
    excused = {"scope": "it is for all"}
    query = Query("select id from carts", int, excused=excused)
    excused["unbounded"] = "now"
    assert [*query.excused] == ["scope"]


def test_a_statement_that_nobody_has_found_has_no_place():
    query = Query("select 1", int)
    assert (query.module, query.line) == ("", 0)
