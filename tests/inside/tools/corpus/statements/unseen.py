"""Statements of billing, audit, planning and tenants, written by docs/sql.md alone, without a look at the rules."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from inside.tools.corpus.case import EVE, OF_ADA, OF_BOB, ORDER, PAID, SHIPPED, Case
from msgspec import Struct
from service.kit.db.query import Query

JANUARY = datetime.fromisoformat("2026-01-01T00:00Z")
JULY = datetime.fromisoformat("2026-07-01T00:00Z")
NO_ROW = "it finds nothing for None, where it is meant to leave nothing out"


class Quantities(Struct):
    sku: str
    was: int
    now: int


class QuantitiesOrNot(Struct):
    sku: str
    was: int | None
    now: int | None


class Owed(Struct):
    number: str
    owed: Decimal


class Place(Struct):
    name: str | None
    place: int


class Found(Struct):
    kind: str
    id: UUID


class Moved(Struct):
    source: Decimal
    target: Decimal


class Lines(Struct):
    number: str
    placed_at: datetime
    lines: int


class Bucket(Struct):
    bucket: int
    orders: int


class Smoothed(Struct):
    at: datetime
    mean: Decimal | None


class Smooth(Struct):
    at: datetime
    mean: Decimal


class City(Struct):
    city: str
    suppliers: int


NULLS = [
    Case(  # "no outer join can leave its row out"; `using` merges the key alone
        "lines_of_two_versions",
        Query(
            """
            select sku, a.quantity as was, b.quantity as now
              from (select sku, quantity from order_lines where order_id = $1 order by position limit 200) as a
              full join (select sku, quantity from order_lines where order_id = $2 order by position limit 200) as b
                   using (sku)
             order by sku
            """,
            Quantities,
            tuple[UUID, UUID],
        ),
        {"nulls"},
        (ORDER, PAID),
    ),
    Case(  # "All else can be null": an operator on `->`
        "number_of_steps",
        Query(
            "select jsonb_array_length(extra -> 'steps') from orders where id = $1 and account = $2",
            int,
            tuple[UUID, str],
        ),
        {"nulls"},
        (PAID, "ada"),
    ),
    Case(  # an outer join in the `from` of a change leaves its row out
        "referrer_of_a_changed_order",
        Query(
            """
            update orders as o set note = 'referred'
              from customers as c
              left join customers as r on r.id = c.referrer_id and r.account = c.account
             where o.id = $1 and o.account = $2 and c.id = o.customer_id and c.account = o.account
            returning r.email
            """,
            str,
            tuple[UUID, str],
        ),
        {"nulls"},
        (ORDER, "ada"),
    ),
    Case(  # a sum of a `filter` can be null, and so what is computed of it
        "owed_for_an_order",
        Query(
            """
            select o.number, o.total / 100.0 - sum(p.amount) filter (where p.paid_at is not null) as owed
              from orders as o join billing.payments as p on p.order_id = o.id and p.account = o.account
             where o.id = $1 and o.account = $2
             group by o.id
            """,
            Owed,
            tuple[UUID, str],
        ),
        {"nulls"},
        (ORDER, "ada"),
    ),
    Case(  # the frame of a window is empty in the last row: "all else can be null"
        "mean_of_those_that_follow",
        Query(
            """
            select placed_at as at, avg(total) over (order by placed_at, id rows between 1 following and 3 following)
                   as mean
              from (
                       select total, placed_at, id from orders where account = $1 order by placed_at, id limit 50
                   ) as page
             order by placed_at, id
            """,
            Smooth,
            tuple[str],
        ),
        {"nulls"},
        ("ada",),
    ),
    Case(  # "it compares with null: = null", here in a `having`
        "number_of_parents_without_rank",
        Query(
            "select count(*) from categories where parent_id = $1 having count(rank) = null",
            int,
            tuple[int],
        ),
        {"nulls"},
        unshown="it finds nothing, whatever there is",
    ),
    Case(  # "it compares with null", here with an array that has one
        "number_that_is_none_of",
        Query(
            "select number from orders where id = $1 and account = $2 and currency <> all(array['EUR', null])",
            str,
            tuple[UUID, str],
        ),
        {"nulls"},
        unshown="it finds nothing, whatever the currency is",
    ),
]

TYPES = [
    Case(
        "number_of_pages",
        Query(
            "select ceil(total / 100.0) from orders where id = $1 and account = $2",
            int,
            tuple[UUID, str],
        ),
        {"types"},
        (ORDER, "ada"),
    ),
    Case(
        "time_since_opening",
        Query("select time '18:00' - opens from devices where id = $1 and account = $2", time, tuple[int, str]),
        {"types"},
        (1, "ada"),
    ),
]

PARAMS = [
    Case(  # None "is stored where nulls are refused", by the second half of an upsert
        "visits_of_an_import",
        Query(
            """
            insert into customers (account, email, visits) values ($1, $2, coalesce($3, 0))
            on conflict (account, email) do update set visits = $3
            returning id
            """,
            UUID,
            tuple[str, str, int | None],
        ),
        {"params"},
        ("ada", "eve@example.com", None),
    ),
    Case(  # "compared with, which finds no row then"
        "orders_between_optional_times",
        Query(
            """
            select number from orders
             where account = $1 and placed_at between $2 and $3
             order by placed_at, id limit 50
            """,
            str,
            tuple[str, datetime | None, datetime | None],
        ),
        {"params"},
        unshown=NO_ROW,
    ),
    Case(
        "timedelta_for_a_number_of_days",
        Query(
            "update tasks set run_at = run_at + make_interval(days => $3) where id = $1 and account = $2 returning id",
            int,
            tuple[int, str, timedelta],
        ),
        {"params"},
        (1, "ada", timedelta(days=1)),
    ),
]

BOUNDS = [
    Case(  # one product has any number of lines
        "price_of_all_lines_of_a_product",
        Query(
            "update order_lines as l set price = p.price from products as p where p.id = $1 and l.sku = p.sku",
            int,
            tuple[int],
        ),
        {"unbounded"},
    ),
    Case(  # the inner limit is one for each customer
        "latest_two_of_every_customer",
        Query(
            """
            select latest.number
              from customers as c
             cross join lateral (
                   select o.number from orders as o
                    where o.customer_id = c.id and o.account = c.account
                    order by o.placed_at desc, o.id desc limit 2
                   ) as latest
             where c.account = $1
             order by c.name, c.id
            """,
            str,
            tuple[str],
        ),
        {"unbounded"},
    ),
    Case(  # what is kept is bounded, and what is deleted is not
        "keeps_the_latest_thousand",
        Query(
            """
            delete from events
             where account = $1
               and (at, id) < (
                   select at, id from events where account = $1 order by at desc, id desc offset 999 limit 1
               )
            """,
            int,
            tuple[str],
        ),
        {"unbounded", "offset"},
    ),
    Case(
        "one_of_two_kinds",
        Query(
            """
            select number from orders where account = $1
             union all
            select reference from billing.payments where account = $1
             limit 20
            """,
            str,
            tuple[str],
        ),
        {"order"},
    ),
    Case(
        "has_used_a_currency",
        Query("select count(*) > 0 from orders where account = $1 and currency = $2", bool, tuple[str, str]),
        {"aggregate", "filter", "scan"},
    ),
    Case(
        "largest_so_far",
        Query("select max(total) from orders where account = $1", int | None, tuple[str]),
        {"aggregate", "filter", "scan"},
    ),
    Case(
        "thirty_days_old",
        Query(
            """
            select number from orders
             where account = $1 and placed_at + interval '30 days' < now()
             order by placed_at, id limit 50
            """,
            str,
            tuple[str],
        ),
        {"filter"},
        unhelpful="Add the column to an index",
    ),
    Case(
        "not_shipped_yet",
        Query(
            "select number from orders where account = $1 and state <> 'shipped' order by placed_at, id limit 20",
            str,
            tuple[str],
        ),
        {"filter"},
        unhelpful="Add the column to an index",
    ),
    Case(
        "numbers_in_a_natural_order",
        Query(
            "select number from orders where account = $1 order by length(number), number limit 20",
            str,
            tuple[str],
        ),
        {"sort"},
    ),
]

SCOPE = [
    Case(  # the place counts the rows of others
        "place_in_a_list_of_all",
        Query(
            """
            select s.name, s.place
              from (select account, name, row_number() over (order by id desc) as place from suppliers) as s
             where s.account = $1
             order by s.place limit 50
            """,
            Place,
            tuple[str],
        ),
        {"scope"},
        ("ada",),
    ),
    Case(  # a row of another account hides one of this
        "one_supplier_of_each_city",
        Query(
            """
            select s.id
              from (select distinct on (city) city, account, id from suppliers order by city, id desc) as s
             where s.account = $1
             order by s.id limit 50
            """,
            int,
            tuple[str],
        ),
        {"scope"},
        ("ada",),
    ),
    Case(
        "support_sees_all",
        Query(
            "select number from orders where id = $1 and (account = $2 or $3)",
            str,
            tuple[UUID, str, bool],
        ),
        {"scope"},
        (OF_BOB, "ada", True),
    ),
    Case(  # the account of the customer is no proof of that of the order
        "ships_for_a_customer_of_the_account",
        Query(
            """
            update orders as o set state = 'shipped', shipped_at = now()
              from customers as c
             where o.id = $1 and c.id = o.customer_id and c.account = $2
            returning o.number
            """,
            str,
            tuple[UUID, str],
        ),
        {"scope"},
        unshown="each order is of its customer's account",
    ),
    Case(  # the audit reads what the change does not
        "audits_any_task",
        Query(
            """
            insert into events (at, account, kind, note)
            select now(), $1, 'task ' || t.state, t.error from tasks as t where t.id = $2
            returning kind
            """,
            str,
            tuple[str, int],
        ),
        {"scope"},
        ("ada", 3),
    ),
]

REFUSED = [
    Case(
        "distinct_by_another_order",
        Query(
            "select distinct currency from orders where id = any($1) and account = $2 order by placed_at limit 10",
            str,
            tuple[list[UUID], str],
        ),
        {"prepare"},
    ),
    Case(
        "kind_that_is_too_long",
        Query(
            "update products set kind = $2 where sku = $1 returning kind",
            str,
            tuple[str, str],
            sample="select sku, 'a kind of thing that nobody has' from products order by id limit 1",
        ),
        {"sample"},
    ),
    Case(
        "counter_that_overflows",
        Query(
            "update customers set visits = visits + $3 where id = $1 and account = $2 returning visits",
            int,
            tuple[UUID, str, int],
            sample="select id, account, 2147483647 from customers where name = 'Eve'",
        ),
        {"sample"},
    ),
]

FAULTS = [*NULLS, *TYPES, *PARAMS, *BOUNDS, *SCOPE, *REFUSED]

VALID = [
    Case(
        "lines_of_two_versions_or_none",
        Query(
            """
            select sku, a.quantity as was, b.quantity as now
              from (select sku, quantity from order_lines where order_id = $1 order by position limit 200) as a
              full join (select sku, quantity from order_lines where order_id = $2 order by position limit 200) as b
                   using (sku)
             order by sku
            """,
            QuantitiesOrNot,
            tuple[UUID, UUID],
        ),
        args=(ORDER, PAID),
    ),
    Case(
        "changes_a_note_that_differs",
        Query(
            """
            update orders set note = $3, version = version + 1
             where id = $1 and account = $2 and note is distinct from $3
            returning version
            """,
            int,
            tuple[UUID, str, str | None],
        ),
        args=(ORDER, "ada", None),
    ),
    Case(
        "in_any_of_the_states",
        Query(
            "select number from orders where id = any($1) and account = $2 and state = any($3::order_state[])",
            str,
            tuple[list[UUID], str, list[str]],
        ),
        args=(OF_ADA, "ada", ["open", "paid"]),
    ),
    Case(
        "place_in_the_list_of_an_account",
        Query(
            """
            select s.name, s.place
              from (
                       select account, name, row_number() over (partition by account order by id desc) as place
                         from suppliers
                   ) as s
             where s.account = $1
             order by s.place limit 50
            """,
            Place,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "suppliers_of_each_city",
        Query(
            """
            select n.city, n.suppliers
              from (select account, city, count(*) as suppliers from suppliers group by account, city) as n
             where n.account = $1 and n.city <> ''
             order by n.suppliers desc, n.city limit 10
            """,
            City,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "moves_an_amount",
        Query(
            """
            with taken as (
                update transfers set amount = amount - $3 where id = $1 and amount >= $3 returning amount
            ), given as (
                update transfers set amount = amount + $3
                 where id = $2 and exists (select from taken)
                returning amount
            )
            select taken.amount as source, given.amount as target from taken, given
            """,
            Moved,
            tuple[int, int, Decimal],
        ),
        args=(2, 1, Decimal(5)),
    ),
    Case(
        "first_free_id",
        Query(
            """
            select n from generate_series(1, 1000) as n
             where not exists (select from categories as c where c.id = n)
             order by n limit 1
            """,
            int,
        ),
    ),
    Case(
        "those_that_a_customer_referred",
        Query("select count(*) from customers where referrer_id = $1 and account = $2", int, tuple[UUID, str]),
        args=(EVE, "ada"),
    ),
    Case(
        "weekday_that_is_due",
        Query(
            "select extract(isodow from due)::int from orders where id = $1 and account = $2 and due is not null",
            int | None,  # that of `infinity` is null
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "audits_a_change_with_what_was",
        Query(
            """
            with changed as (
                update discounts set share = $3 where id = $1 and account = $2
                returning account, old.share as was, new.share as now
            )
            insert into events (at, account, kind, payload)
            select now(), account, 'discount', jsonb_build_object('was', was, 'now', now) from changed
            returning kind
            """,
            str,
            tuple[int, str, int],
        ),
        args=(1, "ada", 30),
    ),
    Case(
        "is_on_shift",
        Query(
            "select shifts @> $3::int from devices where id = $1 and account = $2",
            bool,
            tuple[int, str, int],
        ),
        args=(1, "ada", 2),
    ),
    Case(
        "closes_at",
        Query("select opens + lasts from devices where id = $1 and account = $2", time, tuple[int, str]),
        args=(1, "ada"),
    ),
    Case(
        "began_in_a_zone",
        Query(
            "select started at time zone $3 from devices where id = $1 and account = $2",
            datetime,
            tuple[int, str, str],
        ),
        args=(1, "ada", "Europe/Oslo"),
    ),
    Case(
        "removes_a_batch_of_a_partitioned_table",
        Query(
            """
            delete from events
             where account = $1
               and (at, id) in (
                   select at, id from events where account = $1 and at < $2 order by at, id limit 1000
                   )
            returning id
            """,
            int,
            tuple[str, datetime],
        ),
        args=("ada", JULY),
    ),
    Case(
        "changes_lines_from_a_document",
        Query(
            """
            update order_lines as l set quantity = given.quantity
              from jsonb_to_recordset($3::jsonb) as given (position int, quantity int), orders as o
             where o.id = $1 and o.account = $2 and l.order_id = o.id and l.position = given.position
            returning l.quantity
            """,
            int,
            tuple[UUID, str, str],
        ),
        args=(ORDER, "ada", '[{"position": 1, "quantity": 7}]'),
    ),
    Case(
        "names_after_one",
        Query(
            "select name from customers where account = $1 and (name, id) > ($2, $3) order by name, id limit 20",
            str,
            tuple[str, str, UUID],
        ),
        args=("ada", "A", EVE),
    ),
    Case(
        "name_to_show",
        Query(
            """
            select coalesce(nullif(trim(name), ''), split_part(email, '@', 1)) from customers
             where id = $1 and account = $2
            """,
            str,
            tuple[UUID, str],
        ),
        args=(UUID(int=0xC2), "ada"),
    ),
    Case(
        "lines_of_each_of_some",
        Query(
            """
            select o.number, o.placed_at, count(l.order_id) as lines
              from orders as o left join order_lines as l on l.order_id = o.id
             where o.id = any($1) and o.account = $2
             group by o.id
             order by o.placed_at, o.id
            """,
            Lines,
            tuple[list[UUID], str],
        ),
        args=(OF_ADA, "ada"),
    ),
    Case(
        "next_number",
        Query("select 'R-' || lpad(nextval('products_id_seq')::text, 8, '0')", str),
    ),
    Case(
        "order_or_payment",
        Query(
            """
            select 'order' as kind, id from orders where account = $1 and number = $2
             union all
            select 'payment', id from billing.payments where account = $1 and id = $3
            """,
            Found,
            tuple[str, str, UUID],
        ),
        args=("ada", "A-1", UUID(int=0xF1)),
    ),
    Case(
        "moves_a_category_but_not_below_itself",
        Query(
            """
            update categories set parent_id = $2
             where id = $1
               and not exists (
                   with recursive up as (
                       select id, parent_id from categories where id = $2
                        union
                       select c.id, c.parent_id from categories as c join up on c.id = up.parent_id
                   )
                   select from up where up.id = $1
                   )
            returning id
            """,
            int,
            tuple[int, int],
        ),
        args=(3, 2),
    ),
    Case(
        "discount_unless_it_is_the_same",
        Query(
            """
            merge into discounts as d
            using (values ($1::int, $2::text, $3::int)) as given (id, account, share)
               on d.id = given.id and d.account = given.account
             when matched and d.share = given.share then do nothing
             when matched then update set share = given.share
             when not matched then insert (id, account, share) values (given.id, given.account, given.share)
            returning d.share
            """,
            int,
            tuple[int, str, int],
        ),
        args=(1, "ada", 35),
    ),
    Case(
        "sizes_of_the_latest",
        Query(
            """
            select width_bucket(total, 0, 5000, 10) as bucket, count(*) as orders
              from (
                       select total from orders where account = $1 order by placed_at desc, id desc limit 500
                   ) as page
             group by bucket
             order by bucket
            """,
            Bucket,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "moving_mean",
        Query(
            """
            select at, avg(value) over (order by at rows between 6 preceding and current row) as mean
              from (
                       select at, value from readings
                        where region = $1 and sensor = $2 and at >= $3
                        order by at limit 1000
                   ) as page
             order by at
            """,
            Smoothed,
            tuple[str, int, datetime],
        ),
        args=("north", 1, JANUARY),
    ),
    Case(
        "order_of_one_of_the_tenants",
        Query(
            "select id from orders where account = any($1) and number = $2 order by account limit 50",
            UUID,
            tuple[list[str], str],
        ),
        args=(["ada", "eve"], "A-1"),
    ),
    Case(
        "number_of_days_before",
        Query(
            """
            select coalesce(due - placed_at::date, $3) from orders
             where id = $1 and account = $2 and shipped_at is not distinct from null
            """,
            int,
            tuple[UUID, str, int],
        ),
        args=(PAID, "ada", 14),
    ),
    Case(
        "payment_that_is_overdue",
        Query(
            """
            select p.reference
              from orders as o
             cross join lateral (
                   select reference, paid_at from billing.payments
                    where order_id = o.id and account = o.account
                    order by id limit 100
                   ) as p
             where o.account = $1 and o.number = any($2) and p.paid_at is null
             order by o.number, p.reference
            """,
            str,
            tuple[str, list[str]],
        ),
        args=("ada", ["A-1", "A-2"]),
    ),
    Case(
        "total_with_the_share_of_a_discount",
        Query(
            """
            select o.total - coalesce(o.total * d.share / 100, 0)
              from orders as o left join discounts as d on d.id = $3 and d.account = o.account
             where o.id = $1 and o.account = $2
            """,
            int,
            tuple[UUID, str, int],
        ),
        args=(SHIPPED, "ada", 9),
    ),
    Case(
        "free_days_of_a_week",
        Query(
            """
            select d::date
              from generate_series($2::date::timestamp, $2::date + interval '6 days', interval '1 day') as d
             where not exists (
                   select from bookings where account = $1 and during && tstzrange(d, d + interval '1 day')
                   )
             order by d limit 7
            """,
            date | None,
            tuple[str, date],
            excused={"filter": "few overlap"},
        ),
        args=("ada", date(2026, 1, 1)),
    ),
]

CASES = [*FAULTS, *VALID]
