"""Faults in SQL that a generated service's suite has to find, with a message that names the place and the fix."""

import re

import pytest

from tests.harness import service, shell
from tests.sql.faulty_statements import EXCUSED, FOREIGN_KEY, HIDDEN, N_PLUS_1, PAGE, SORT, STATEMENTS, TYPES, UNSCOPED

ORDERS = "src/service/orders"


def fail(folder, *tests):
    """Run tests that have to fail, and return what they print."""
    code, output = shell.attempt("uv", "run", "--quiet", "pytest", "-q", "-n0", *tests, cwd=folder)
    assert code == 1, output
    return output


@pytest.fixture(scope="module")
def findings(synced):
    """What the suite says of the planted statements: all at once, for they do not touch each other."""
    path = synced / ORDERS / "queries.py"
    text = path.read_text()
    planted = "".join(f"{name} = Query({arguments})\n" for name, (arguments, _) in STATEMENTS.items())
    imports = text.replace(
        "from uuid import UUID\n",
        "from uuid import UUID\n\nfrom msgspec import Struct\n",
    )
    path.write_text(imports + TYPES + planted + EXCUSED + HIDDEN)
    output = fail(synced, "tests/kit/test_contract.py")
    path.write_text(text)
    return output


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_faulty_statement_is_named_with_its_line_and_what_to_do(findings, name):
    assert re.search(rf"{ORDERS}/queries\.py:\d+ {name} {STATEMENTS[name][1]}", findings), findings


def test_an_excused_statement_and_those_of_the_example_are_not_named(findings):
    for name in ("excused", "read_order", "newest", "oldest_by_status"):
        assert f" {name} [" not in findings


def test_a_statement_that_forgets_the_account_is_found(folder):
    path = folder / ORDERS / "queries.py"
    path.write_text(path.read_text() + UNSCOPED)
    expected = "remove_order [scope] it changes orders without asking for the account. Add `account = $…`"
    assert expected in fail(folder, "tests/kit/test_contract.py")


def test_a_statement_that_no_code_uses_is_named(findings):
    assert re.search(rf"{ORDERS}/queries\.py:\d+ misspelt: no code uses it", findings), findings
    assert "read_order: no code uses it" not in findings


def test_a_statement_that_has_no_name_is_named(findings):
    assert "service.orders.queries: select 1 where $1" in findings, findings
    assert "Give it a name in its slice's queries.py" in findings


def test_a_list_whose_sql_is_put_together_is_named(findings):
    assert re.search(r"queries\.py:\d+: write its SQL out, as constants", findings), findings


def test_a_choice_that_the_table_does_not_know_is_found(folder):
    service.replace(folder / ORDERS / "model.py", ('"shipped", "cancelled"]', '"shipped", "lost"]'))
    output = fail(folder, "tests/kit/test_contract.py")
    assert "orders.model.Order.status lets lost through, which orders_status_check refuses" in output
    assert "orders.model.OrderChange.status does not know cancelled, which orders_status_check lets in" in output


def test_a_row_type_that_forgets_null_is_found(folder):
    service.replace(folder / ORDERS / "model.py", ("    note: Note | None\n", "    note: Note\n"))
    assert "read_order [nulls] note can be null" in fail(folder, "tests/kit/test_contract.py")


def test_a_dropped_index_is_found(folder):
    migration = folder / "migrations/0001_orders.sql"
    service.replace(
        migration, ("create index orders_account_created_at_idx on orders (account, created_at, id);\n", "")
    )
    assert "newest [" in fail(folder, "tests/kit/test_contract.py")


def test_a_foreign_key_without_an_index_and_an_index_without_a_use_are_found(folder):
    (folder / "migrations/0099_lines.sql").write_text(FOREIGN_KEY)
    output = fail(folder, "tests/kit/test_contract.py")
    assert "lines.lines_order_id_fkey: add an index on lines (order_id)" in output
    assert "orders.orders_gift_idx: no statement uses this index; drop it, or give the reason" in output
    budgets = folder / "perf/budgets.toml"
    budgets.write_text(budgets.read_text() + 'orders_gift_idx = "planted"\n')
    assert "orders_gift_idx" not in fail(folder, "tests/kit/test_contract.py")


@pytest.mark.parametrize(
    "imported",
    [
        "from service.kit.db import Query",
        "from service.kit.db import Query as Text",
        "from service.kit import db as kit",
    ],
)
def test_a_statement_made_from_input_is_found(folder, imported):
    path = folder / ORDERS / "http.py"
    made = {"Query as Text": "Text", "db as kit": "kit.Query"}.get(imported.partition("import ")[2], "Query")
    service.replace(
        path,
        ("from service.kit.db import", imported + "\nfrom service.kit.db import"),
        (PAGE, SORT.replace("Query", made) + PAGE),
    )
    output = fail(folder, "tests/kit/test_contract.py", "-k", "constant")
    assert "write this statement out, as a constant of its slice's queries.py" in output


def test_a_request_that_makes_one_statement_for_each_row_is_found(folder):
    service.replace(folder / ORDERS / "http.py", (PAGE, N_PLUS_1))
    output = fail(folder, "tests/orders/test_list.py", "-k", "twenty")
    assert "GET /v1/orders made 21 statements and may make 1: orders.read_order 20 times" in output


def test_a_route_without_a_test_that_runs_a_statement_for_each_row_is_named(folder):
    service.replace(folder / ORDERS / "http.py", (PAGE, N_PLUS_1))
    output = fail(folder, "tests/kit/test_n_plus_1.py")
    assert "GET /v1/orders runs orders.read_order 2 times for 2 rows, and 6 times for 6. Fetch all by one" in output
