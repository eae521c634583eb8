"""Samples that fail, or show what nothing else does, and samples that work."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from inside.tools.corpus.case import Case
from msgspec import Struct
from service.kit.db.query import Query

SAMPLE = {"sample"}
ADA_ORDER = "select id, account from orders where number = 'A-1'"


class Extra(Struct):
    ip: str | None = None
    steps: list[int] = []


class StrictExtra(Struct):
    ip: str


class WithExtra(Struct):
    number: str
    extra: Extra


class WithStrictExtra(Struct):
    number: str
    extra: StrictExtra


class Step(Struct):
    name: str


class WithSteps(Struct):
    number: str
    steps: list[Step]


class WithAttributes(Struct):
    sku: str
    attributes: dict[str, str] | None


class WithAnyAttributes(Struct):
    sku: str
    attributes: dict[str, Any] | None


FAILING = [
    Case(
        "value_that_a_check_refuses",
        Query(
            "update tasks set state = 'refunded' where id = $1 and account = $2 returning id",
            int,
            tuple[int, str],
            sample="select id, account from tasks where account = 'ada' order by id limit 1",
        ),
        SAMPLE,
    ),
    Case(
        "negative_total",
        Query(
            "update orders set total = total - 1000000 where id = $1 and account = $2 returning id",
            UUID,
            tuple[UUID, str],
            sample=ADA_ORDER,
        ),
        SAMPLE,
    ),
    Case(
        "key_of_nothing",
        Query(
            "insert into billing.payments (account, order_id, amount, reference) values ($1, uuidv7(), $2, 'P') "
            "returning id",
            UUID,
            tuple[str, Decimal],
            sample="select 'ada', 5.00",
        ),
        SAMPLE,
    ),
    Case(
        "row_that_others_need",
        Query(
            "delete from orders where id = $1 and account = $2 returning id",
            UUID,
            tuple[UUID, str],
            sample=ADA_ORDER,
        ),
        SAMPLE,
    ),
    Case(
        "row_that_is_there",
        Query(
            "insert into customers (account, email) values ($1, $2) returning id",
            UUID,
            tuple[str, str],
            sample="select account, email from customers limit 1",
        ),
        SAMPLE,
    ),
    Case(
        "null_that_is_computed",
        Query(
            "insert into tasks (account, state) values ($1, nullif($2, 'ready')) returning id",
            int,
            tuple[str, str],
            sample="select 'ada', 'ready'",
        ),
        SAMPLE,
    ),
    Case(
        "time_that_is_taken",
        Query(
            "insert into bookings (account, during) values ($1, tstzrange($2::date, null)) returning id",
            UUID,
            tuple[str, date],
            sample="select 'ada', '2026-01-01'::date",
        ),
        SAMPLE,
    ),
    Case(
        "domain_that_refuses_it",
        Query(
            "insert into customers (account, email) values ($1, $2) returning id",
            UUID,
            tuple[str, str],
            sample="select 'ada', 'nobody'",
        ),
        SAMPLE,
    ),
    Case(
        "no_partition",
        Query(
            "insert into readings (region, sensor, at) values ($1, $2, now()) returning sensor",
            int,
            tuple[str, int],
            sample="select 'west', 1",
        ),
        SAMPLE,
    ),
    Case(
        "division_by_zero",
        Query(
            "select 100 / total from orders where id = $1 and account = $2",
            int,
            tuple[UUID, str],
            sample="select id, account from orders where number = 'A-3'",
        ),
        SAMPLE,
    ),
    Case(
        "text_that_is_no_number",
        Query(
            "select coalesce(number::int, 0) from orders where id = $1 and account = $2",
            int,
            tuple[UUID, str],
            sample=ADA_ORDER,
        ),
        SAMPLE,
    ),
    Case(
        "subquery_with_two_rows",
        Query(
            "select coalesce((select l.sku from order_lines as l where l.order_id = o.id), '') from orders as o "
            "where o.id = $1 and o.account = $2",
            str,
            tuple[UUID, str],
            sample=ADA_ORDER,
        ),
        SAMPLE,
    ),
    Case(
        "sample_that_is_misspelt",
        Query(
            "select number from orders where id = $1 and account = $2",
            str,
            tuple[UUID, str],
            sample="select id, acount from orders limit 1",
        ),
        SAMPLE,
    ),
    Case(
        "sample_with_too_few_arguments",
        Query(
            "select number from orders where id = $1 and account = $2",
            str,
            tuple[UUID, str],
            sample="select id from orders limit 1",
        ),
        SAMPLE,
    ),
    Case(
        "sample_in_another_order",
        Query(
            "select number from orders where id = $1 and account = $2",
            str,
            tuple[UUID, str],
            sample="select account, id from orders limit 1",
        ),
        SAMPLE,
    ),
    Case(
        "stored_json_without_a_key",
        Query(
            "select number, extra from orders where id = $1 and account = $2",
            WithStrictExtra,
            tuple[UUID, str],
            sample="select id, account from orders where number = 'A-2'",
        ),
        SAMPLE,
    ),
    Case(
        "stored_json_with_a_null",
        Query(
            "select number, extra from orders where id = $1 and account = $2",
            WithStrictExtra,
            tuple[UUID, str],
            sample="select id, account from orders where number = 'A-3'",
        ),
        SAMPLE,
    ),
    Case(
        "stored_json_of_other_items",
        Query(
            "select number, extra -> 'steps' as steps from orders where id = $1 and account = $2",
            WithSteps,
            tuple[UUID, str],
            sample=ADA_ORDER,
        ),
        SAMPLE | {"nulls"},
    ),
    Case(
        "stored_json_with_other_values",
        Query(
            "select {columns} from products where sku = $1",
            WithAttributes,
            tuple[str],
            sample="select sku from products where sku = 'cup'",
        ),
        SAMPLE,
    ),
    Case(
        "vouched_null",
        Query(
            "select nullif(note, '') from orders where id = $1 and account = $2",
            str,
            tuple[UUID, str],
            sample="select id, account from orders where number = 'A-4'",
            excused={"nulls": "an order has a note"},
        ),
        SAMPLE,
    ),
    Case(
        "vouched_key",
        Query(
            "select extra ->> 'ip' from orders where id = $1 and account = $2",
            str,
            tuple[UUID, str],
            sample="select id, account from orders where number = 'A-2'",
            excused={"nulls": "an order has an address"},
        ),
        SAMPLE,
    ),
    Case(
        "vouched_sum",
        Query(
            "select sum(price * quantity) from order_lines where order_id = $1",
            Decimal,
            tuple[UUID],
            sample="select id from orders where number = 'A-3'",
            excused={"nulls": "an order has lines", "aggregate": "an order has few lines"},
        ),
        SAMPLE,
    ),
    Case(
        "vouched_without_a_sample",
        Query(
            "select extra ->> 'ip' from orders where id = $1 and account = $2",
            str,
            tuple[UUID, str],
            excused={"nulls": "an order has an address"},
        ),
        {"nulls"},
        (UUID(int=0xA2), "ada"),
    ),
]

WORKING = [
    Case(
        "updated",
        Query(
            "update tasks set state = 'done' where id = $1 and account = $2 returning id",
            int,
            tuple[int, str],
            sample="select id, account from tasks where account = 'ada' order by id limit 1",
        ),
    ),
    Case(
        "inserted",
        Query(
            "insert into customers (account, email) values ($1, $2) returning id",
            UUID,
            tuple[str, str],
            sample="select 'ada', uuidv7() || '@example.com'",
        ),
    ),
    Case(
        "inserted_with_a_key",
        Query(
            "insert into billing.payments (account, order_id, amount, reference) values ($1, $2, $3, $4) returning id",
            UUID,
            tuple[str, UUID, Decimal, str],
            sample="select account, id, 5.00, 'P' from orders limit 1",
        ),
    ),
    Case(
        "deleted",
        Query(
            "delete from tasks where id = $1 and account = $2 returning id",
            int,
            tuple[int, str],
            sample="select id, account from tasks limit 1",
        ),
    ),
    Case(
        "booked",
        Query(
            "insert into bookings (account, during) values ($1, tstzrange($2::date, $2::date + 1)) returning id",
            UUID,
            tuple[str, date],
            sample="select 'ada', '2020-01-01'::date",
        ),
    ),
    Case(
        "in_a_partition",
        Query(
            "insert into readings (region, sensor, at) values ($1, $2, now()) returning sensor",
            int,
            tuple[str, int],
            sample="select 'east', 1",
        ),
    ),
    Case(
        "upserted",
        Query(
            "insert into customers (account, email) values ($1, $2) on conflict (account, email) do update "
            "set visits = customers.visits + 1 returning id",
            UUID,
            tuple[str, str],
            sample="select account, email from customers limit 1",
        ),
    ),
    Case(
        "stored_json",
        Query(
            "select number, extra from orders where id = $1 and account = $2",
            WithExtra,
            tuple[UUID, str],
            sample=ADA_ORDER,
        ),
    ),
    Case(
        "stored_json_with_any_values",
        Query(
            "select {columns} from products where sku = $1",
            WithAnyAttributes,
            tuple[str],
            sample="select sku from products where sku = 'cup'",
        ),
    ),
    Case(
        "vouched",
        Query(
            "select nullif(number, '') from orders where id = $1 and account = $2",
            str,
            tuple[UUID, str],
            sample=ADA_ORDER,
            excused={"nulls": "a number has a digit"},
        ),
    ),
    Case(
        "vouched_sum_of_lines",
        Query(
            "select sum(price * quantity) from order_lines where order_id = $1",
            Decimal,
            tuple[UUID],
            sample="select id from orders where number = 'A-1'",
            excused={"nulls": "an order has lines", "aggregate": "an order has few lines"},
        ),
    ),
    Case(
        "cast",
        Query("select $1::text::int", int, tuple[str], sample="select '12'"),
    ),
    Case(
        "page",
        Query(
            "select id from orders where account = $1 order by placed_at, id limit $2",
            UUID,
            tuple[str, int],
            sample="select 'ada', 20::bigint",
        ),
    ),
]

VIOLATING = [
    Case(
        "violates_what_it_says",
        Query(
            "insert into customers (account, email) values ($1, $2) returning id",
            UUID,
            tuple[str, str],
            sample="select account, email from customers limit 1",
            sample_violates="customers_email_key",
        ),
        args=("ada", "new@example.com"),
    ),
    Case(
        "violates_a_check_as_it_says",
        Query(
            "update tasks set state = $3 where id = $1 and account = $2 returning id",
            int,
            tuple[int, str, str],
            sample="select id, account, 'lost' from tasks limit 1",
            sample_violates="tasks_state_check",
        ),
        args=(1, "ada", "done"),
    ),
    Case(
        "violates_a_key_as_it_says",
        Query(
            "delete from orders where id = $1 and account = $2 returning id",
            UUID,
            tuple[UUID, str],
            sample=ADA_ORDER,
            sample_violates="payments_order_id_fkey",
        ),
        args=(UUID(int=0xA4), "ada"),
    ),
    Case(
        "violates_another",
        Query(
            "insert into customers (account, email) values ($1, $2) returning id",
            UUID,
            tuple[str, str],
            sample="select account, email from customers limit 1",
            sample_violates="customers_pkey",
        ),
        SAMPLE,
    ),
    Case(
        "violates_what_is_not_there",
        Query(
            "insert into customers (account, email) values ($1, $2) returning id",
            UUID,
            tuple[str, str],
            sample="select account, email from customers limit 1",
            sample_violates="customers_mail_key",
        ),
        SAMPLE,
    ),
]

CASES = [*FAILING, *WORKING, *VIOLATING]
