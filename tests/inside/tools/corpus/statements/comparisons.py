"""Comparisons with null, which find nothing."""

from datetime import datetime
from uuid import UUID

from inside.tools.corpus.case import ORDER, PAID, Case
from service.kit.db.query import Query

NEVER_TRUE = {"nulls"}
"""A condition that is null for each row."""

ONE = "where id = $1 and account = $2"


def fault(name: str, condition: str) -> Case:
    """Return a case with a condition that no order meets."""
    query = Query(f"select number from orders {ONE} and {condition}", str, tuple[UUID, str])
    return Case(name, query, NEVER_TRUE, (PAID, "ada"))


def valid(name: str, condition: str, order: UUID = PAID) -> Case:
    """Return a case with a condition that an order meets."""
    query = Query(f"select number from orders {ONE} and {condition}", str, tuple[UUID, str])
    return Case(name, query, args=(order, "ada"))


CASES = [
    fault("equal", "note = null"),
    fault("not_equal", "note <> null"),
    fault("equal_to_a_cast", "shipped_at = null::timestamptz"),
    fault("greater", "discount > null"),
    fault("not_in_a_list", "currency not in ('EUR', null)"),
    fault("not_in_numbers", "total not in (1, 2, null)"),
    fault("not_all", "currency <> all (array['EUR', null])"),
    fault("in_null", "customer_id in (null)"),
    fault("like_null", "number like null"),
    fault("between_null", "total between 1 and null"),
    fault(
        "not_in_nullables",
        "number not in (select c.name from customers as c where c.account = $2 order by c.name limit 100)",
    ),
    fault(
        "not_in_notes",
        "number not in (select l.comment from order_lines as l where l.order_id = $1 order by l.position limit 100)",
    ),
    Case(
        "update_where_null",
        Query(
            "update tasks set state = 'done' where id = $1 and account = $2 and error = null returning id",
            int,
            tuple[int, str],
        ),
        NEVER_TRUE,
        args=(1, "ada"),
    ),
    Case(
        "delete_where_null",
        Query(
            "delete from billing.payments where id = $1 and account = $2 and paid_at = null returning 1",
            int,
            tuple[UUID, str],
        ),
        NEVER_TRUE,
        args=(UUID(int=0xF2), "ada"),
    ),
    Case(
        "reading_that_is_null",
        Query(
            "select sensor from readings where region = $1 and sensor = $2 and at = $3 and value = null",
            int,
            tuple[str, int, datetime],
        ),
        NEVER_TRUE,
        args=("north", 1, datetime.fromisoformat("2026-01-02T00:00Z")),
    ),
    Case(
        "case_of_null",
        Query(
            f"select case note when null then 'none' else 'some' end from orders {ONE}",
            str,
            tuple[UUID, str],
        ),
        NEVER_TRUE,
        unshown="it says some for none",
    ),
    Case(
        "join_on_null",
        Query(
            "select o.number from orders as o join tasks as t on t.account = o.account and t.error = null "
            "where o.id = $1 and o.account = $2 order by t.id limit 10",
            str,
            tuple[UUID, str],
            excused={"filter": "of no interest"},
        ),
        NEVER_TRUE,
        args=(PAID, "ada"),
    ),
    valid("is_null", "note is null"),
    valid("is_not_null", "note is not null", ORDER),
    valid("is_distinct", "note is distinct from 'fragile'"),
    valid("is_not_distinct", "note is not distinct from null"),
    valid("not_in_values", "currency not in ('USD', 'GBP')"),
    valid("in_values_with_null", "(currency in ('EUR', 'USD') or note is null)"),
    valid("not_all_of_values", "currency <> all (array['USD', 'GBP'])"),
    valid("between", "total between 1 and 9999"),
    valid("coalesced", "coalesce(discount, 0) = 0"),
    valid("nullif", "nullif(number, '') is not null"),
    valid(
        "not_in_keys",
        "number not in (select l.sku from order_lines as l where l.order_id = $1 order by l.position limit 100)",
    ),
    valid(
        "not_in_what_is_not_null",
        "number not in (select l.comment from order_lines as l where l.order_id = $1 and l.comment is not null "
        "order by l.position limit 100)",
    ),
    Case(
        "set_to_null",
        Query(f"update orders set note = null {ONE} returning number", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "coalesced_null",
        Query(f"select coalesce(null, number) from orders {ONE}", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "default_null",
        Query(
            "insert into orders (account, number, currency, total, note) values ($1, $2, 'EUR', 1, null) returning id",
            UUID,
            tuple[str, str],
        ),
        args=("ada", "A-9"),
    ),
    Case(
        "case_that_tests_for_null",
        Query(f"select case when note is null then 'none' else 'some' end from orders {ONE}", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
]
