"""The types of arguments and of columns."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface
from typing import Any
from uuid import UUID

import asyncpg
from inside.tools.corpus.case import OF_ADA, ORDER, PAID, Case
from msgspec import Raw, Struct
from service.kit.db.query import Query

TYPES = {"types"}
PARAMS = {"params"}
COLUMNS = {"columns"}
PREPARE = {"prepare"}
ONE = "from orders where id = $1 and account = $2"
DEVICE = "from devices where id = $1 and account = $2"


class Pair(Struct):
    number: str
    currency: str


class Totals(Struct):
    number: str
    total: int


def column[Row](name: str, value: str, row: type[Row], wants: set[str] | frozenset[str] = frozenset()) -> Case:
    """Return a case with a value of an order."""
    return Case(name, Query(f"select {value} {ONE}", row, tuple[UUID, str]), wants, (ORDER, "ada"))


def device[Row](name: str, value: str, row: type[Row], wants: set[str] | frozenset[str] = frozenset()) -> Case:
    """Return a case with a value of a device, which has the less usual types."""
    return Case(name, Query(f"select {value} {DEVICE}", row, tuple[int, str]), wants, (1, "ada"))


RESULTS = [
    column("text_as_int", "number", int, TYPES),
    column("bigint_as_str", "total", str, TYPES),
    column("numeric_as_int", "total::numeric", int, TYPES),
    column("numeric_as_float", "total / 100.0", float, TYPES),
    column("time_as_str", "placed_at", str, TYPES),
    column("time_as_date", "placed_at", date, TYPES),
    column("date_as_time", "placed_at::date", datetime, TYPES),
    column("uuid_as_str", "id", str, TYPES),
    column("array_as_str", "tags", str, TYPES),
    column("array_of_other_items", "tags", list[int], TYPES),
    column("json_as_int", "extra", int, TYPES),
    Case(
        "jsonb_as_str",
        Query(f"select extra {ONE}", str, tuple[UUID, str]),
        TYPES,
        unshown="the pool decodes JSON, and a plain connection does not",
    ),
    column("interval_as_int", "now() - placed_at", int, TYPES),
    column("bool_as_str", "total > 1", str, TYPES),
    column("text", "number", str),
    column("bigint", "total", int),
    column("numeric", "total::numeric", Decimal),
    column("time", "placed_at", datetime),
    column("date", "placed_at::date", date),
    column("uuid", "id", UUID),
    column("array", "tags", list[str]),
    column("enum", "state", str),
    column("raw_json", "extra", Raw),
    column("interval", "now() - placed_at", timedelta),
    column("json_as_text", "extra::text", str),
    device("inet_as_str", "address", str, TYPES),
    device("inet_as_int", "address", int, TYPES),
    device("char_as_int", "code", int, TYPES),
    device("range_as_str", "life", str, TYPES),
    device("range_as_list", "life", list[datetime], TYPES),
    device("multirange_as_str", "shifts", str, TYPES),
    Case(
        "composite_as_str",
        Query(f"select home {DEVICE}", str, tuple[int, str]),
        TYPES,
        (1, "ada"),
        unhelpful="Correct the type in Python,",
    ),
    device("composite_as_dict", "home", dict[str, str], TYPES | {"sample"}),
    device("point_as_str", "place", str, TYPES),
    device("bits_as_str", "flags", str, TYPES),
    device("macaddr_as_int", "mac", int, TYPES),
    device("bytea_as_str", "picture", str, TYPES),
    device("time_as_text", "opens", str, TYPES),
    device("double_as_decimal", "score", Decimal, TYPES),
    device("interval_as_time", "lasts", time, TYPES),
    device("inet_as_text", "address::text", str),
    device("char_as_text", "code::text", str),
    device("bounds_of_a_range_as_text", "life::text", str),
    device("field_of_a_composite", "coalesce((home).city, '')", str),
    device("bytes", "picture", bytes),
    device("time_of_day", "opens", time),
    device("local_time", "started", datetime),
    device("double", "score", float),
    device("duration", "lasts", timedelta),
    device("integer", "id", int),
    device("address_of_its_types", "address", IPv4Address | IPv6Address | IPv4Interface | IPv6Interface),
    device("mac_address", "mac", str),
    device("range_of_its_type", "life", asyncpg.Range),
    Case(
        "domain_as_int",
        Query("select email from customers where id = $1 and account = $2", int, tuple[UUID, str]),
        TYPES,
        (UUID(int=0xC1), "ada"),
    ),
    Case(
        "domain_over_text",
        Query("select email from customers where id = $1 and account = $2", str, tuple[UUID, str]),
        args=(UUID(int=0xC1), "ada"),
    ),
    Case(
        "domain_over_int_as_str",
        Query("select share from discounts where id = $1 and account = $2", str, tuple[int, str]),
        TYPES,
        (1, "ada"),
    ),
    Case("varchar_as_int", Query("select kind from products where sku = $1", int, tuple[str]), TYPES, ("cup",)),
    Case("varchar", Query("select kind from products where sku = $1", str, tuple[str]), args=("cup",)),
    Case(
        "real_as_decimal",
        Query("select coalesce(weight, 0) from products where sku = $1", Decimal, tuple[str]),
        TYPES,
        ("cup",),
    ),
    Case("money_per_piece", Query("select price from products where sku = $1", Decimal, tuple[str]), args=("cup",)),
    Case(
        "tsvector_as_list",
        Query("select search from products where sku = $1", list[str] | None, tuple[str]),
        TYPES,
        ("cup",),
    ),
    Case(
        "range_of_dates_as_date", Query("select sold from products where sku = $1", date, tuple[str]), TYPES, ("cup",)
    ),
]

PARAMETERS = [
    Case(
        "uuid_given_as_str",
        Query("select number from orders where id = $1 and account = $2", str, tuple[str, str]),
        PARAMS,
        ("a", "ada"),
    ),
    Case("int_given_as_str", Query("select name from products where id = $1", str, tuple[str]), PARAMS, ("1",)),
    Case(
        "too_few", Query("select number from orders where id = $1 and account = $2", str, tuple[UUID]), PARAMS, (ORDER,)
    ),
    Case(
        "too_many",
        Query("select number from orders where id = $1 and account = $2", str, tuple[UUID, str, int]),
        PARAMS,
        (ORDER, "ada", 1),
    ),
    Case(
        "other_order",
        Query("select number from orders where account = $1 and id = $2", str, tuple[UUID, str]),
        PARAMS,
        (ORDER, "ada"),
    ),
    Case(
        "items_of_another_type",
        Query(
            "select number from orders where id = any($1) and account = $2 order by id limit 9",
            str,
            tuple[list[str], str],
        ),
        PARAMS,
        (["a"], "ada"),
    ),
    Case(
        "list_for_one",
        Query("select number from orders where id = $1 and account = $2", str, tuple[list[UUID], str]),
        PARAMS,
        (OF_ADA, "ada"),
    ),
    Case(
        "inet_given_as_int",
        Query("select id from devices where account = $1 and id = $3 and address = $2", int, tuple[str, int, int]),
        PARAMS,
        unshown="asyncpg makes an address of a number",
    ),
    Case(
        "range_given_as_str",
        Query("update bookings set during = $3 where id = $1 and account = $2", int, tuple[UUID, str, str]),
        PARAMS,
        (UUID(int=0xE1), "ada", "[2026-01-01,)"),
    ),
    Case(
        "time_given_as_str",
        Query("update orders set shipped_at = $3 where id = $1 and account = $2", int, tuple[UUID, str, str]),
        PARAMS,
        (ORDER, "ada", "2026-01-01"),
    ),
    Case(
        "none_for_a_column_that_is_never_null",
        Query("update orders set number = $3 where id = $1 and account = $2", int, tuple[UUID, str, str | None]),
        PARAMS,
        (ORDER, "ada", None),
    ),
    Case(
        "none_inserted",
        Query("insert into tasks (account, state) values ($1, $2)", int, tuple[str, str | None]),
        PARAMS,
        ("ada", None),
    ),
    Case(
        "none_for_a_domain",
        Query("insert into books (code, account) values ($1, $2)", int, tuple[str | None, str]),
        PARAMS,
        (None, "ada"),
    ),
    Case(
        "none_inserted_elsewhere",
        Query(
            "insert into billing.payments (account, order_id, amount, reference) values ($1, $2, $3, $4)",
            int,
            tuple[str, UUID, Decimal | None, str],
        ),
        PARAMS,
        ("ada", ORDER, None, "P9"),
    ),
    Case(
        "none_compared",
        Query(
            "select number from orders where account = $1 and due = $2 order by due limit 20",
            str,
            tuple[str, date | None],
        ),
        PARAMS,
        unshown="it finds nothing for None, where it is meant to find the orders without a date",
    ),
    Case(
        "none_compared_with_a_key",
        Query(
            "select email from customers where account = $1 and referrer_id = $2 order by id limit 20",
            str,
            tuple[str, UUID | None],
            excused={"sort": "few", "filter": "few"},
        ),
        PARAMS,
        unshown="it finds nothing for None, where it is meant to find the customers without a referrer",
    ),
    Case(
        "none_compared_in_a_key",
        Query(
            "select value from readings where region = $1 and sensor = $2 and at = $3",
            Decimal | None,
            tuple[str, int, datetime | None],
        ),
        PARAMS,
        unshown="it finds nothing for None",
    ),
    Case(
        "none_compared_in_an_update",
        Query(
            "update orders set version = version + 1 where id = $1 and account = $2 and customer_id = $3 returning id",
            UUID,
            tuple[UUID, str, UUID | None],
        ),
        PARAMS,
        unshown="it changes nothing for None",
    ),
    Case(
        "none_compared_in_another_schema",
        Query(
            "select id from billing.payments where account = $1 and id = $2 and paid_at = $3",
            UUID,
            tuple[str, UUID, datetime | None],
        ),
        PARAMS,
        unshown="it finds nothing for None, where it is meant to find what is not paid",
    ),
    Case(
        "uuid_given",
        Query("select number from orders where id = $1 and account = $2", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case("int_given", Query("select name from products where id = $1", str, tuple[int]), args=(1,)),
    Case(
        "list_given",
        Query("select sku from products where id = any($1) order by id limit 100", str, tuple[list[int]]),
        args=([1, 2],),
    ),
    Case(
        "enum_given",
        Query("update orders set state = $3 where id = $1 and account = $2 returning id", UUID, tuple[UUID, str, str]),
        args=(ORDER, "ada", "paid"),
    ),
    Case(
        "none_for_a_column_that_may_be_null",
        Query(
            "update orders set note = $3 where id = $1 and account = $2 returning id",
            UUID,
            tuple[UUID, str, str | None],
        ),
        args=(ORDER, "ada", None),
    ),
    Case(
        "none_coalesced",
        Query(
            "update orders set number = coalesce($3, number) where id = $1 and account = $2 returning id",
            UUID,
            tuple[UUID, str, str | None],
        ),
        args=(PAID, "ada", None),
    ),
    Case(
        "none_is_not_distinct",
        Query(
            "select number from orders where id = $1 and account = $2 and note is not distinct from $3",
            str,
            tuple[UUID, str, str | None],
        ),
        args=(PAID, "ada", None),
    ),
    Case(
        "json_given",
        Query("update orders set extra = $3 where id = $1 and account = $2 returning id", UUID, tuple[UUID, str, Any]),
        args=(ORDER, "ada", "{}"),
    ),
    Case(
        "range_given",
        Query(
            "select id from bookings where account = $1 and id = $2 and during && $3",
            UUID,
            tuple[str, UUID, asyncpg.Range],
        ),
        args=("ada", UUID(int=0xE1), asyncpg.Range(datetime.fromisoformat("2026-01-01T00:00Z"), None)),
    ),
    Case(
        "text_given_for_a_cast",
        Query("select number from orders where id = $1::text::uuid and account = $2", str, tuple[str, str]),
        args=(str(ORDER), "ada"),
    ),
]

SHAPES = [
    Case(
        "swapped",
        Query("select currency, number from orders where id = $1 and account = $2", Pair, tuple[UUID, str]),
        COLUMNS,
        unshown="both are texts",
    ),
    Case(
        "swapped_by_alias",
        Query(
            "select currency as number, number as currency from orders where id = $1 and account = $2",
            Pair,
            tuple[UUID, str],
        ),
        COLUMNS,
        unshown="both are texts",
    ),
    Case(
        "one_too_few",
        Query("select number from orders where id = $1 and account = $2", Pair, tuple[UUID, str]),
        COLUMNS,
    ),
    Case(
        "one_too_many",
        Query("select number, currency, total from orders where id = $1 and account = $2", Pair, tuple[UUID, str]),
        COLUMNS,
    ),
    Case(
        "wrong_name",
        Query("select number, note as remark from orders where id = $1 and account = $2", Pair, tuple[UUID, str]),
        COLUMNS,
        unshown="names do not show",
    ),
    Case(
        "two_for_a_plain_type",
        Query("select number, total from orders where id = $1 and account = $2", str, tuple[UUID, str]),
        COLUMNS,
        unshown="names do not show",
    ),
    Case(
        "in_order",
        Query("select number, currency from orders where id = $1 and account = $2", Pair, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "columns",
        Query("select {columns} from orders where id = $1 and account = $2", Totals, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "renamed",
        Query(
            "select o.number, upper(o.currency) as currency from orders as o where id = $1 and account = $2",
            Pair,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "returned",
        Query(
            "update orders set total = 5 where id = $1 and account = $2 returning number, total",
            Totals,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
]

REFUSED = [
    Case(
        "misspelt_column",
        Query("select nmber from orders where id = $1 and account = $2", str, tuple[UUID, str]),
        PREPARE,
    ),
    Case(
        "misspelt_table",
        Query("select number from ordres where id = $1 and account = $2", str, tuple[UUID, str]),
        PREPARE,
    ),
    Case(
        "misspelt_keyword",
        Query("selct number from orders where id = $1 and account = $2", str, tuple[UUID, str]),
        PREPARE,
    ),
    Case(
        "not_in_the_path",
        Query("select reference from payments where id = $1 and account = $2", str, tuple[UUID, str]),
        PREPARE,
    ),
    Case(
        "unknown_enum",
        Query(
            "select id from orders where account = $1 and state = 'refunded' order by placed_at, id limit 9",
            UUID,
            tuple[str],
        ),
        PREPARE,
    ),
    Case(
        "unknown_function",
        Query("select shorten(number) from orders where id = $1 and account = $2", str, tuple[UUID, str]),
        PREPARE,
    ),
    Case(
        "written_generated",
        Query("update orders set total_with_tax = 1 where id = $1 and account = $2", int, tuple[UUID, str]),
        PREPARE,
    ),
    Case(
        "written_identity", Query("insert into products (id, sku, name, price) values (9, 'a', 'A', 1)", int), PREPARE
    ),
]

CASES = [*RESULTS, *PARAMETERS, *SHAPES, *REFUSED]
