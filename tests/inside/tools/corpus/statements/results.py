"""Results of more than plain columns: JSON, structs and their order."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from inside.tools.corpus.case import ORDER, Case
from msgspec import Raw, Struct
from service.kit.db.query import Query

COLUMNS = {"columns"}
TYPES = {"types"}
SAMPLE = "select id, account from orders where number = 'A-1'"
ORDER_SAMPLE = "select id from orders where number = 'A-1'"


class Line(Struct):
    sku: str
    quantity: int


class Priced(Struct):
    sku: str
    price: float


class Remarked(Struct):
    sku: str
    quantity: int
    remark: str = ""


class RenamedLine(Struct, rename="camel"):
    line_sku: str
    quantity: int


class WithLines(Struct):
    number: str
    lines: list[Line]


class WithPrices(Struct):
    number: str
    lines: list[Priced]


class WithRemarks(Struct):
    number: str
    lines: list[Remarked]


class WithRenamed(Struct):
    number: str
    lines: list[RenamedLine]


class WithFirst(Struct):
    number: str
    first: Line | None


class Customer(Struct):
    email: str
    visits: int


class WithCustomer(Struct):
    number: str
    customer: Customer


class Summary(Struct):
    number: str
    count: int


class Mapped(Struct):
    number: str
    counts: dict[str, int]


class WithRaw(Struct):
    number: str
    extra: Raw


class WithAny(Struct):
    number: str
    extra: dict[str, Any]


class Booking(Struct):
    guest: str | None
    id: UUID


def lines[Row](
    name: str, item: str, row: type[Row], wants: set[str] | frozenset[str] = frozenset(), sample: str = SAMPLE
) -> Case:
    """Return a case with the lines of an order as JSON."""
    query = Query(
        f"""
        select o.number, coalesce((
                   select json_agg({item}) from order_lines as l where l.order_id = o.id
               ), '[]') as lines
          from orders as o
         where o.id = $1 and o.account = $2
        """,
        row,
        tuple[UUID, str],
        sample=sample,
        excused={"aggregate": "an order has few lines"},
    )
    return Case(name, query, wants)


CASES = [
    lines("key_that_is_missing", "json_build_object('sku', l.sku)", WithLines, COLUMNS | {"sample"}),
    lines(
        "key_that_is_misspelt",
        "json_build_object('sku', l.sku, 'qantity', l.quantity)",
        WithLines,
        COLUMNS | {"sample"},
    ),
    replace(
        lines(
            "key_too_many",
            "json_build_object('sku', l.sku, 'quantity', l.quantity, 'price', l.price)",
            WithLines,
            COLUMNS,
        ),
        given_up="what is in JSON is left to the sample, and decoding passes over keys that no field has",
    ),
    lines("text_for_a_number", "json_build_object('sku', l.sku, 'quantity', l.sku)", WithLines, TYPES | {"sample"}),
    lines(
        "number_for_a_text",
        "json_build_object('sku', l.quantity, 'quantity', l.quantity)",
        WithLines,
        TYPES | {"sample"},
    ),
    lines(
        "key_as_the_field_is_called",
        "json_build_object('line_sku', l.sku, 'quantity', l.quantity)",
        WithRenamed,
        COLUMNS | {"sample"},
    ),
    lines("without_a_sample", "json_build_object('sku', l.sku, 'quantity', l.quantity)", WithLines, TYPES, sample=""),
    lines("in_order", "json_build_object('sku', l.sku, 'quantity', l.quantity)", WithLines),
    lines("in_another_order", "json_build_object('quantity', l.quantity, 'sku', l.sku)", WithLines),
    lines("key_with_a_default", "json_build_object('sku', l.sku, 'quantity', l.quantity)", WithRemarks),
    lines("key_as_the_api_shows_it", "json_build_object('lineSku', l.sku, 'quantity', l.quantity)", WithRenamed),
    lines("sorted", "json_build_object('sku', l.sku, 'quantity', l.quantity) order by l.position", WithLines),
    lines(
        "sorted_by_two", "json_build_object('sku', l.sku, 'quantity', l.quantity) order by l.sku, l.position", WithLines
    ),
    lines("distinct", "distinct jsonb_build_object('sku', l.sku, 'quantity', l.quantity)", WithLines),
    lines("chosen", "json_build_object('sku', l.sku, 'quantity', l.quantity)) filter (where l.quantity > 0", WithLines),
    lines("number_with_a_fraction", "json_build_object('sku', l.sku, 'price', l.price::float8)", WithPrices),
    Case(
        "json_object",
        Query(
            """
            select o.number, coalesce((
                       select json_arrayagg(
                                  json_object('sku': l.sku, 'quantity': l.quantity) order by l.position returning jsonb
                              )
                         from order_lines as l where l.order_id = o.id
                   ), '[]') as lines
              from orders as o
             where o.id = $1 and o.account = $2
            """,
            WithLines,
            tuple[UUID, str],
            sample=SAMPLE,
            excused={"aggregate": "an order has few lines"},
        ),
    ),
    Case(
        "first_line_or_none",
        Query(
            """
            select o.number, (
                       select json_build_object('sku', l.sku, 'quantity', l.quantity)
                         from order_lines as l where l.order_id = o.id order by l.position limit 1
                   ) as first
              from orders as o
             where o.id = $1 and o.account = $2
            """,
            WithFirst,
            tuple[UUID, str],
            sample=SAMPLE,
        ),
    ),
    Case(
        "mapping",
        Query(
            """
            select o.number, coalesce((
                       select json_object_agg(l.sku, l.quantity) from order_lines as l where l.order_id = o.id
                   ), '{}') as counts
              from orders as o
             where o.id = $1 and o.account = $2
            """,
            Mapped,
            tuple[UUID, str],
            sample=SAMPLE,
            excused={"aggregate": "an order has few lines"},
        ),
    ),
    Case(
        "mapping_of_other_values",
        Query(
            """
            select o.number, coalesce((
                       select json_object_agg(l.sku, l.sku) from order_lines as l where l.order_id = o.id
                   ), '{}') as counts
              from orders as o
             where o.id = $1 and o.account = $2
            """,
            Mapped,
            tuple[UUID, str],
            sample=SAMPLE,
            excused={"aggregate": "an order has few lines"},
        ),
        TYPES | {"sample"},
    ),
    Case(
        "raw",
        Query("select {columns} from orders where id = $1 and account = $2", WithRaw, tuple[UUID, str], sample=SAMPLE),
    ),
    Case(
        "any_mapping",
        Query("select {columns} from orders where id = $1 and account = $2", WithAny, tuple[UUID, str], sample=SAMPLE),
    ),
    Case(
        "joined_struct",
        Query(
            "select {o.columns} from orders as o join customers as customer on customer.id = o.customer_id "
            "and customer.account = o.account where o.id = $1 and o.account = $2",
            WithCustomer,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "computed_field",
        Query(
            "select {o.columns} from orders as o where o.id = $id and o.account = $account",
            Summary,
            tuple[UUID, str],
            columns={"count": "(select count(*) from order_lines as l where l.order_id = o.id)"},
            excused={"aggregate": "an order has few lines"},
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "computed_field_that_is_null",
        Query(
            "select {o.columns} from orders as o where o.id = $id and o.account = $account",
            Summary,
            tuple[UUID, str],
            columns={"count": "(select sum(l.quantity) from order_lines as l where l.order_id = o.id)"},
            excused={"aggregate": "an order has few lines"},
        ),
        {"nulls"},
        (UUID(int=0xA3), "ada"),
    ),
    Case(
        "computed_field_of_another_type",
        Query(
            "select {o.columns} from orders as o where o.id = $id and o.account = $account",
            Summary,
            tuple[UUID, str],
            columns={
                "count": "(select coalesce(string_agg(l.sku, ''), '') from order_lines as l where l.order_id = o.id)"
            },
            excused={"aggregate": "an order has few lines"},
        ),
        TYPES,
        (ORDER, "ada"),
    ),
    Case(
        "struct_of_another_order",
        Query("select id, guest from bookings where id = $1 and account = $2", Booking, tuple[UUID, str]),
        COLUMNS,
        (UUID(int=0xE1), "ada"),
    ),
    Case(
        "struct_in_order",
        Query("select guest, id from bookings where id = $1 and account = $2", Booking, tuple[UUID, str]),
        args=(UUID(int=0xE1), "ada"),
    ),
    Case(
        "struct_of_a_view",
        Query("select note as guest, id from open_orders where id = $1 and account = $2", Booking, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "row_by_a_function",
        Query("select number from orders where id = $1 and account = $2", lambda *row: row, tuple[UUID, str]),  # type: ignore[arg-type]
        COLUMNS,
        unshown="nothing is known of the row",
    ),
    Case(
        "returned_in_another_order",
        Query(
            "insert into bookings (account, during, guest) values ($1, tstzrange(now(), now()), $2) returning id, "
            "guest",
            Booking,
            tuple[str, str],
        ),
        COLUMNS,
        ("ada", "Lee"),
    ),
    Case(
        "quoted_names",
        Query(
            'select "for whom" from "Wish Lists" where "Id" = $1 and account = $2',
            str,
            tuple[int, str],
        ),
        args=(1, "ada"),
    ),
    Case(
        "quoted_null",
        Query('select "order" from "Wish Lists" where "Id" = $1 and account = $2', int, tuple[int, str]),
        {"nulls"},
        (1, "ada"),
    ),
    Case(
        "citext",
        Query("select handle from members where handle = $1 and account = $2", str, tuple[str, str]),
        args=("ADA", "ada"),
    ),
    Case(
        "citext_as_int",
        Query("select handle from members where handle = $1 and account = $2", int, tuple[str, str]),
        TYPES,
        ("ADA", "ada"),
    ),
    Case(
        "null_citext",
        Query("select motto from members where handle = $1 and account = $2", str, tuple[str, str]),
        {"nulls"},
        ("ADA", "ada"),
    ),
    Case(
        "price_as_decimal",
        Query("select price * quantity from order_lines where order_id = $1 and position = 1", Decimal, tuple[UUID]),
        args=(ORDER,),
    ),
]
