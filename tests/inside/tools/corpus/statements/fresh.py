"""Statements that were written by docs/sql.md alone, without a look at the rules."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from inside.tools.corpus.case import EVE, OF_ADA, OF_BOB, ORDER, PAID, SHIPPED, Case
from msgspec import Struct
from service.kit.db.query import Query

JANUARY = datetime.fromisoformat("2026-01-01T00:00Z")
FEBRUARY = datetime.fromisoformat("2026-02-01T00:00Z")
FIRST_DAY = date.fromisoformat("2026-01-01")
UNPAID = OF_ADA[3]
"""An order without lines, payments and a date of shipping."""


class Seen(Struct):
    email: str
    at: datetime


class Entry(Struct):
    kind: str
    at: datetime
    text: str


class Priced(Struct):
    sku: str
    total: Decimal


class Step(Struct):
    step: str
    at: datetime


class Preview(Struct):
    number: str
    skus: list[str]


class Usage(Struct):
    at: datetime
    used: Decimal | None


class Outcome(Struct):
    found: bool
    version: int | None


class Stored(Struct):
    id: UUID
    inserted: bool


class Lines(Struct):
    id: UUID
    lines: int


class Flags(Struct):
    has_orders: bool
    has_referred: bool


class Tag(Struct):
    tag: str
    uses: int


NULLS = [
    Case(
        "patched_date",
        Query(
            "update orders set due = coalesce($3, due) where id = $1 and account = $2 returning due",
            date,
            tuple[UUID, str, date | None],
        ),
        {"nulls"},
        (PAID, "ada", None),
    ),
    Case(
        "excluded_name",
        Query(
            "insert into customers (account, email, name) values ($1, $2, $3) on conflict (account, email) "
            "do update set name = excluded.name returning name",
            str,
            tuple[str, str, str | None],
        ),
        {"nulls"},
        ("ada", "eve@example.com", None),
    ),
    Case(
        "last_shipment_of_a_customer",
        Query(
            """
            select c.email, seen.at
              from customers as c
             cross join lateral (
                   select max(o.shipped_at) as at from orders as o
                    where o.customer_id = c.id and o.account = c.account
                   ) as seen
             where c.id = $1 and c.account = $2
            """,
            Seen,
            tuple[UUID, str],
        ),
        {"nulls"},
        (EVE, "ada"),
    ),
    Case(
        "discount_in_percent",
        Query(
            "select coalesce(discount, 0) * 100.0 / nullif(total, 0) from orders where id = $1 and account = $2",
            Decimal,
            tuple[UUID, str],
        ),
        {"nulls"},
        (SHIPPED, "ada"),
    ),
    Case(
        "all_is_paid",
        Query(
            "select bool_and(p.paid_at is not null) from billing.payments as p "
            "where p.order_id = $1 and p.account = $2",
            bool,
            tuple[UUID, str],
        ),
        {"nulls"},
        (UNPAID, "ada"),
    ),
    Case(
        "feed_of_two_tables",
        Query(
            """
            (select 'order' as kind, placed_at as at, number as text from orders
              where account = $1 order by placed_at desc, id desc limit 20)
             union all
            (select kind, at, null from events where account = $1 order by at desc, id desc limit 20)
             order by at desc limit 20
            """,
            Entry,
            tuple[str],
        ),
        {"nulls"},
        ("ada",),
    ),
    Case(
        "cart_of_two_lists",
        Query(
            """
            select p.sku, p.price * given.quantity as total
              from unnest($1::text[], $2::int[]) as given (sku, quantity)
              join products as p on p.sku = given.sku
             order by p.sku
            """,
            Priced,
            tuple[list[str], list[int]],
        ),
        {"nulls"},
        (["cup", "pen"], [1]),
    ),
    Case(
        "steps_of_an_order",
        Query(
            """
            select v.step, v.at
              from orders as o
             cross join lateral (values ('placed', o.placed_at), ('shipped', o.shipped_at)) as v (step, at)
             where o.id = $1 and o.account = $2
             order by v.at
            """,
            Step,
            tuple[UUID, str],
        ),
        {"nulls"},
        (PAID, "ada"),
    ),
    Case(
        "visits_before_a_merge",
        Query(
            """
            merge into customers as c
            using (values ($1::text, $2::text)) as given (account, email)
               on c.account = given.account and c.email = given.email
             when matched then update set visits = c.visits + 1
             when not matched then insert (account, email) values (given.account, given.email)
            returning old.visits
            """,
            int,
            tuple[str, str],
        ),
        {"nulls"},
        ("ada", "new@example.com"),
    ),
]

TYPES = [
    Case(
        "spent_by_a_customer",
        Query(
            "select coalesce(sum(total), 0) from orders where customer_id = $1 and account = $2",
            int,
            tuple[UUID, str],
        ),
        {"types"},
        (EVE, "ada"),
    ),
    Case(
        "seconds_since",
        Query(
            "select coalesce(extract(epoch from now() - placed_at), 0) from orders where id = $1 and account = $2",
            float,
            tuple[UUID, str],
        ),
        {"types"},
        (ORDER, "ada"),
    ),
    Case(
        "month_of_an_order",
        Query(
            "select date_trunc('month', placed_at) from orders where id = $1 and account = $2",
            date,
            tuple[UUID, str],
        ),
        {"types"},
        (ORDER, "ada"),
    ),
    Case(
        "days_late",
        Query(
            "select current_date - coalesce(due, current_date) from orders where id = $1 and account = $2",
            timedelta,
            tuple[UUID, str],
        ),
        {"types"},
        (ORDER, "ada"),
    ),
]

PARAMS = [
    Case(
        "interval_given_as_str",
        Query(
            "select number from orders where account = $1 and placed_at > now() - $2::interval "
            "order by placed_at, id limit 50",
            str,
            tuple[str, str],
        ),
        {"params"},
        ("ada", "7 days"),
    ),
    Case(
        "day_where_a_range_is_inferred",
        Query("select name from products where sku = any($1) and sold @> $2", str, tuple[list[str], date]),
        {"params"},
        (["cup"], FIRST_DAY),
    ),
    Case(
        "none_for_a_list",
        Query(
            "select number from orders where id = $1 and account = $2 and currency <> all($3)",
            str,
            tuple[UUID, str, list[str] | None],
        ),
        {"params"},
        unshown="it finds nothing for None, where it is meant to leave nothing out",
    ),
    Case(
        "day_given_for_a_time",
        Query(
            "select number from orders where account = $1 and placed_at >= $2 order by placed_at, id limit 20",
            str,
            tuple[str, date],
        ),
        {"params"},
        unshown="asyncpg makes a midnight of it, wherever the process runs",
    ),
]

BOUNDS = [
    Case(
        "removes_the_lines_of_an_order",
        Query("delete from order_lines where order_id = $1", int, tuple[UUID]),
        {"unbounded"},
    ),
    Case(
        "archives_old_events",
        Query(
            """
            with old as (
                delete from events where account = $1 and at < $2 returning account, at
            )
            insert into tasks (account, state, run_at) select account, 'done', at from old
            """,
            int,
            tuple[str, datetime],
        ),
        {"unbounded"},
    ),
    Case(
        "readings_of_given_sensors",
        Query(
            """
            select r.value
              from unnest($2::int[]) as given (sensor)
              join readings as r on r.region = $1 and r.sensor = given.sensor and r.at >= $3 and r.at < $4
            """,
            Decimal | None,
            tuple[str, list[int], datetime, datetime],
        ),
        {"unbounded"},
    ),
    Case(
        "latest_of_each_sensor",
        Query(
            "select distinct on (sensor) at from readings where region = $1 order by sensor, at desc",
            datetime,
            tuple[str],
        ),
        {"unbounded", "aggregate", "scan", "sort", "filter"},
    ),
    Case(
        "preview_of_the_lines",
        Query(
            """
            select o.number, array(select l.sku from order_lines as l where l.order_id = o.id limit 3) as skus
              from orders as o
             where o.id = $1 and o.account = $2
            """,
            Preview,
            tuple[UUID, str],
        ),
        {"order"},
    ),
    Case(
        "pages_by_the_standard",
        Query(
            "select id from events where account = $1 order by at desc, id desc offset $2 rows fetch next 50 rows only",
            int,
            tuple[str, int],
        ),
        {"offset"},
    ),
    Case(
        "unread",
        Query("select count(*) from events where account = $1 and at > $2", int, tuple[str, datetime]),
        {"aggregate"},
    ),
    Case(
        "usage_of_each_day",
        Query(
            """
            select date_trunc('day', at) as at, sum(value) as used
              from readings
             where region = $1 and sensor = $2 and at >= $3 and at < $4
             group by date_trunc('day', at)
             order by date_trunc('day', at) limit 31
            """,
            Usage,
            tuple[str, int, datetime, datetime],
        ),
        {"aggregate", "sort"},
        given_up="how many rows there are between two times is a guess",
    ),
    Case(
        "size_of_a_category",
        Query("select count(*) from product_categories where category_id = $1", int, tuple[int]),
        {"aggregate"},
    ),
    Case(
        "placed_on_a_day",
        Query(
            "select number from orders where account = $1 and placed_at::date = $2 order by placed_at, id limit 50",
            str,
            tuple[str, date],
        ),
        {"filter"},
    ),
    Case(
        "last_due_first",
        Query(
            "select number from orders where account = $1 order by due desc nulls last limit 20",
            str,
            tuple[str],
        ),
        {"sort"},
    ),
    Case(
        "search_in_two_tables",
        Query(
            """
            select o.number
              from orders as o left join customers as c on c.id = o.customer_id and c.account = o.account
             where o.account = $1 and (o.number = $2 or c.email = $2)
             order by o.placed_at desc, o.id desc limit 20
            """,
            str,
            tuple[str, str],
        ),
        {"filter", "scan", "sort"},
    ),
    Case(
        "next_tasks_of_an_account",
        Query(
            """
            select id from tasks
             where account = $1 and state = 'ready' and run_at < now()
             order by run_at, id limit 10
            """,
            int,
            tuple[str],
        ),
        {"filter", "sort"},
    ),
    Case(
        "joined_by_a_cast",
        Query(
            """
            select p.name
              from order_lines as l join products as p on p.id::text = l.sku
             where l.order_id = $1
             order by l.position limit 100
            """,
            str,
            tuple[UUID],
        ),
        {"scan", "filter"},
    ),
]

SCOPE = [
    Case(
        "returns_the_given_customer",
        Query(
            """
            update orders set customer_id = $3
             where id = $1 and account = $2
            returning (select c.email from customers as c where c.id = customer_id)
            """,
            str | None,
            tuple[UUID, str, UUID],
        ),
        {"scope"},
        (ORDER, "ada", UUID(int=0xC3)),
    ),
    Case(
        "orders_for_an_address",
        Query(
            """
            insert into orders (account, number, customer_id, currency, total)
            select $1, $2, c.id, 'EUR', 0 from customers as c where c.email = $3
            returning number
            """,
            str,
            tuple[str, str, str],
        ),
        {"scope", "scan", "unbounded"},
        ("ada", "A-9", "kim@example.com"),
    ),
    Case(
        "cancels_if_there_is_a_customer",
        Query(
            "delete from bookings where id = $1 and exists (select from customers where id = $2 and account = $3)",
            int,
            tuple[UUID, UUID, str],
        ),
        {"scope"},
        (UUID(int=0xE3), EVE, "ada"),
    ),
    Case(
        "account_or_its_own",
        Query(
            "select number from orders where id = $1 and account = coalesce($2, account)",
            str,
            tuple[UUID, str | None],
        ),
        {"scope"},
        (OF_BOB, None),
    ),
    Case(
        "row_without_a_key",
        Query("select (to_jsonb(p) - 'search')::text from products as p where p.sku = $1", str, tuple[str]),
        {"star"},
        ("cup",),
    ),
]

SAMPLES = [
    Case(
        "one_reading_twice",
        Query(
            """
            insert into readings (region, sensor, at, value)
            select $1, $2, given.at, given.value from unnest($3::timestamptz[], $4::numeric[]) as given (at, value)
            on conflict (region, sensor, at) do update set value = excluded.value
            """,
            int,
            tuple[str, int, list[datetime], list[Decimal]],
            sample="select 'north', 1, array[now(), now()], array[1.0, 2.0]",
        ),
        {"sample"},
    ),
    Case(
        "price_that_is_too_high",
        Query(
            "update order_lines set price = price * $3 where order_id = $1 and position = $2 returning price",
            Decimal,
            tuple[UUID, int, Decimal],
            sample="select order_id, position, 10000000000.0 from order_lines order by order_id, position limit 1",
        ),
        {"sample"},
    ),
]

FAULTS = [*NULLS, *TYPES, *PARAMS, *BOUNDS, *SCOPE, *SAMPLES]

VALID = [
    Case(
        "both_parts_of_a_key",
        Query("select id from orders where (account, number) = ($1, $2)", UUID, tuple[str, str]),
        args=("ada", "A-1"),
    ),
    Case(
        "newest_first_and_ties_by_key",
        Query("select number from orders where account = $1 order by placed_at desc, id limit 20", str, tuple[str]),
        args=("ada",),
    ),
    Case(
        "categories_of_a_product",
        Query("select count(*) from product_categories where product_id = $1", int, tuple[int]),
        args=(2,),
    ),
    Case(
        "largest_orders_of_a_customer",
        Query(
            "select number from orders where customer_id = $1 and account = $2 order by total desc, id limit 10",
            str,
            tuple[UUID, str],
        ),
        args=(EVE, "ada"),
    ),
    Case(
        "paid_of_an_order",
        Query(
            "select coalesce(sum(amount) filter (where paid_at is not null), 0) from billing.payments "
            "where order_id = $1 and account = $2",
            Decimal,
            tuple[UUID, str],
        ),
        args=(PAID, "ada"),
    ),
    Case(
        "new_readings_of_a_sensor",
        Query(
            """
            insert into readings (region, sensor, at, value)
            select $1, $2, given.at, given.value from unnest($3::timestamptz[], $4::numeric[]) as given (at, value)
            on conflict (region, sensor, at) do nothing
            returning at
            """,
            datetime,
            tuple[str, int, list[datetime], list[Decimal]],
        ),
        args=("north", 1, [JANUARY, FEBRUARY], [Decimal(1), Decimal(2)]),
    ),
    Case(
        "missing_or_changed_by_another",
        Query(
            """
            with changed as (
                update orders set note = $4, version = version + 1
                 where id = $1 and account = $2 and version = $3
                returning version
            )
            select exists (select from orders where id = $1 and account = $2) as found,
                   (select version from changed) as version
            """,
            Outcome,
            tuple[UUID, str, int, str],
        ),
        args=(ORDER, "ada", 9, "x"),
    ),
    Case(
        "earlier_messages_as_they_came",
        Query(
            """
            select kind from (
                select kind, at, id from events
                 where account = $1 and (at, id) < ($2, $3)
                 order by at desc, id desc limit 50
            ) as page
             order by at, id
            """,
            str,
            tuple[str, datetime, int],
        ),
        args=("ada", FEBRUARY, 1),
    ),
    Case(
        "may_order_again",
        Query(
            """
            select count(*) < 5 from (
                select from orders where account = $1 and placed_at > now() - interval '1 hour' limit 5
            ) as recent
            """,
            bool,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "due_within_days",
        Query(
            "select number from orders where account = $1 and due < current_date + $2::int order by due limit 50",
            str,
            tuple[str, int],
        ),
        args=("ada", 10_000),
    ),
    Case(
        "pays_what_is_not_paid",
        Query(
            """
            insert into billing.payments (account, order_id, amount, reference)
            select o.account, o.id, o.total, $3
              from orders as o
             where o.id = $1 and o.account = $2
               and not exists (select from billing.payments as p where p.order_id = o.id and p.account = o.account)
            returning reference
            """,
            str,
            tuple[UUID, str, str],
        ),
        args=(UNPAID, "ada", "P9"),
    ),
    Case(
        "upsert_that_tells_what_it_did",
        Query(
            """
            insert into customers (account, email) values ($1, $2)
            on conflict (account, email) do update set visits = customers.visits + 1
            returning id, (xmax = 0) as inserted
            """,
            Stored,
            tuple[str, str],
        ),
        args=("ada", "eve@example.com"),
    ),
    Case(
        "lines_of_a_request",
        Query(
            """
            insert into order_lines (order_id, position, sku, quantity, price)
            select o.id, given.position, given.sku, given.quantity, given.price
              from orders as o
             cross join rows from (
                   jsonb_to_recordset($3::jsonb) as (sku text, quantity int, price numeric)
                   ) with ordinality as given (sku, quantity, price, position)
             where o.id = $1 and o.account = $2
            returning position
            """,
            int,
            tuple[UUID, str, str],
        ),
        args=(UNPAID, "ada", '[{"sku": "cup", "quantity": 1, "price": 4.5}]'),
    ),
    Case(
        "tags_added_once",
        Query(
            """
            update orders set tags = array(select distinct t from unnest(tags || $3::text[]) as t order by t)
             where id = $1 and account = $2
            returning tags
            """,
            list[str],
            tuple[UUID, str, list[str]],
        ),
        args=(ORDER, "ada", ["gift", "sold"]),
    ),
    Case(
        "breadcrumbs",
        Query(
            """
            with recursive up as (
                select id, parent_id, name, 0 as depth from categories where id = $1
                 union all
                select c.id, c.parent_id, c.name, up.depth + 1 from categories as c join up on c.id = up.parent_id
            )
            select coalesce(string_agg(name, ' / ' order by depth desc), '') from up
            """,
            str,
            tuple[int],
        ),
        args=(2,),
    ),
    Case(
        "in_the_order_of_the_request",
        Query(
            "select number from orders where account = $1 and number = any($2) order by array_position($2, number)",
            str,
            tuple[str, list[str]],
        ),
        args=("ada", ["A-2", "A-1"]),
    ),
    Case(
        "latest_payment_of_each_order",
        Query(
            """
            select distinct on (order_id) reference from billing.payments
             where order_id = any($1) and account = $2
             order by order_id, paid_at desc nulls last, id limit 100
            """,
            str,
            tuple[list[UUID], str],
        ),
        args=(OF_ADA, "ada"),
    ),
    Case(
        "lines_of_each_given_order",
        Query(
            """
            select given.id, (select count(*) from order_lines as l where l.order_id = given.id) as lines
              from unnest($1::uuid[]) as given (id)
            """,
            Lines,
            tuple[list[UUID]],
        ),
        args=(OF_ADA,),
    ),
    Case(
        "next_state",
        Query(
            """
            update orders set state = case state when 'open' then 'paid' when 'paid' then 'shipped' else state end
             where id = $1 and account = $2
            returning state
            """,
            str,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "what_a_customer_has",
        Query(
            """
            select exists (select from orders where customer_id = $1 and account = $2) as has_orders,
                   exists (select from customers where referrer_id = $1 and account = $2) as has_referred
            """,
            Flags,
            tuple[UUID, str],
        ),
        args=(EVE, "ada"),
    ),
    Case(
        "next_position",
        Query("select greatest(max(position), 0) + 1 from order_lines where order_id = $1", int, tuple[UUID]),
        args=(UNPAID,),
    ),
    Case(
        "steps_that_an_order_took",
        Query(
            """
            select v.step, v.at
              from orders as o
             cross join lateral (values ('placed', o.placed_at), ('shipped', o.shipped_at)) as v (step, at)
             where o.id = $1 and o.account = $2 and v.at is not null
             order by v.at
            """,
            Step,
            tuple[UUID, str],
        ),
        args=(PAID, "ada"),
    ),
    Case(
        "used_between_readings",
        Query(
            """
            select at, value - lag(value) over (order by at) as used
              from (
                       select at, value from readings
                        where region = $1 and sensor = $2 and at >= $3
                        order by at limit 1440
                   ) as page
             order by at
            """,
            Usage,
            tuple[str, int, datetime],
        ),
        args=("north", 1, JANUARY),
    ),
    Case(
        "highest_of_each_quarter_of_an_hour",
        Query(
            """
            select date_bin('15 minutes', at, '2026-01-01Z') as at, max(value) as used
              from (
                       select at, value from readings
                        where region = $1 and sensor = $2 and at >= $3
                        order by at limit 1440
                   ) as page
             group by 1
             order by 1
            """,
            Usage,
            tuple[str, int, datetime],
        ),
        args=("north", 1, JANUARY),
    ),
    Case(
        "host_of_an_address",
        Query("select split_part(email, '@', 2) from customers where id = $1 and account = $2", str, tuple[UUID, str]),
        args=(EVE, "ada"),
    ),
    Case(
        "marks_a_payment_of_a_number",
        Query(
            """
            update billing.payments as p set paid_at = now()
              from orders as o
             where o.id = p.order_id and o.account = p.account
               and o.account = $1 and o.number = $2 and p.id = $3
            returning p.reference
            """,
            str,
            tuple[str, str, UUID],
        ),
        args=("ada", "A-1", UUID(int=0xF2)),
    ),
    Case(
        "orders_of_a_month",
        Query(
            """
            select number from orders
             where account = $1 and placed_at >= $2 and placed_at < $2 + interval '1 month'
             order by placed_at, id limit 100
            """,
            str,
            tuple[str, datetime],
        ),
        args=("ada", JANUARY),
    ),
    Case(
        "postpones_a_task",
        Query(
            "update tasks set run_at = now() + $3 where id = $1 and account = $2 returning run_at",
            datetime,
            tuple[int, str, timedelta],
        ),
        args=(1, "ada", timedelta(hours=1)),
    ),
    Case(
        "books_what_is_taken",
        Query(
            "insert into bookings (account, during, guest) values ($1, tstzrange($2, $3), $4) returning id",
            UUID,
            tuple[str, datetime, datetime, str | None],
            sample="select account, lower(during), upper(during), guest from bookings where guest = 'Lee'",
            sample_violates="bookings_during_excl",
        ),
        args=("ada", datetime.fromisoformat("2024-01-01T00:00Z"), datetime.fromisoformat("2024-01-02T00:00Z"), None),
    ),
    Case(
        "tags_of_the_latest",
        Query(
            """
            select t as tag, count(*) as uses
              from (
                       select tags from orders where account = $1 order by placed_at desc, id desc limit 100
                   ) as page
             cross join unnest(page.tags) as t
             group by t
             order by uses desc, tag limit 5
            """,
            Tag,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "cities_of_suppliers",
        Query(
            "select city from suppliers where account = $1 and city is not null order by city, name limit 50",
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
]

CASES = [*FAULTS, *VALID]
