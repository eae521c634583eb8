"""Statements of shops, chats, meters and bookings, written by docs/sql.md alone, without a look at the rules."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from inside.tools.corpus.case import EVE, OF_ADA, ORDER, PAID, Case
from msgspec import Struct
from service.kit.db.query import Query

JANUARY = datetime.fromisoformat("2026-01-01T00:00Z")
FEBRUARY = datetime.fromisoformat("2026-02-01T00:00Z")
UNPAID = OF_ADA[3]


class Followed(Struct):
    number: str
    next: str


class Paid(Struct):
    number: str
    is_paid: bool


class Line(Struct):
    order_id: UUID
    sku: str


class Sold(Struct):
    sku: str
    sold: int


class Active(Struct):
    email: str
    orders: int


class Hour(Struct):
    hour: int
    uses: int


class Balance(Struct):
    number: str
    balance: Decimal


class Message(Struct):
    kind: str
    at: datetime


NULLS = [
    Case(
        "next_of_each",
        Query(
            """
            select number, lead(number) over (order by placed_at, id) as next
              from (
                       select number, placed_at, id from orders where account = $1 order by placed_at, id limit 20
                   ) as page
             order by placed_at, id
            """,
            Followed,
            tuple[str],
        ),
        {"nulls"},
        ("ada",),
    ),
    Case(
        "paid_by_a_constant",
        Query(
            """
            select o.number, paid.is_paid
              from orders as o
              left join lateral (
                   select true as is_paid from billing.payments as p
                    where p.order_id = o.id and p.account = o.account
                    order by p.id limit 1
                   ) as paid on true
             where o.id = $1 and o.account = $2
            """,
            Paid,
            tuple[UUID, str],
        ),
        {"nulls"},
        (UNPAID, "ada"),
    ),
    Case(
        "category_that_is_not_listed",
        Query(
            """
            merge into categories as c
            using unnest($1::int[]) as given (id)
               on c.id = given.id
             when matched then update set rank = 1
             when not matched by source then update set rank = null
            returning given.id
            """,
            int,
            tuple[list[int]],
        ),
        {"nulls"},
        ([1, 2],),
    ),
    Case(
        "beyond_a_pair",
        Query(
            "select (discount, total) > (50, 100) from orders where id = $1 and account = $2",
            bool,
            tuple[UUID, str],
        ),
        {"nulls"},
        (PAID, "ada"),
    ),
    Case(
        "most_frequent_of_a_page",
        Query(
            """
            select mode() within group (order by kind) as kind
              from (select kind from events where account = $1 order by at desc, id desc limit 100) as page
            """,
            str,
            tuple[str],
        ),
        {"nulls"},
        ("eve",),
    ),
    Case(
        "counts_what_is_equal_to_null",
        Query(
            "select count(*) filter (where paid_at = null) from billing.payments where order_id = $1 and account = $2",
            int,
            tuple[UUID, str],
        ),
        {"nulls"},
        unshown="it counts none",
    ),
    Case(
        "fills_a_name_that_is_equal_to_null",
        Query(
            """
            merge into customers as c
            using (values ($1::text, $2::text, $3::text)) as given (account, email, name)
               on c.account = given.account and c.email = given.email
             when matched and c.name = null then update set name = given.name
             when not matched then insert (account, email, name) values (given.account, given.email, given.name)
            """,
            int,
            tuple[str, str, str],
        ),
        {"nulls"},
        unshown="it fills none",
    ),
]

TYPES = [
    Case(
        "day_of_payment",
        Query(
            "select placed_at::date + interval '30 days' from orders where id = $1 and account = $2",
            date,
            tuple[UUID, str],
        ),
        {"types"},
        (ORDER, "ada"),
    ),
    Case(
        "list_in_json",
        Query(
            "select coalesce(extra -> 'steps', '[]') from orders where id = $1 and account = $2",
            list[int],
            tuple[UUID, str],
        ),
        {"types"},
        (ORDER, "ada"),
    ),
    Case(
        "average_as_float",
        Query("select coalesce(avg(quantity), 0) from order_lines where order_id = $1", float, tuple[UUID]),
        {"types"},
        (ORDER,),
    ),
]

PARAMS = [
    Case(
        "factor_of_a_whole_number",
        Query(
            "update orders set total = total * $3 where id = $1 and account = $2 returning total",
            int,
            tuple[UUID, str, float],
        ),
        {"params"},
        unshown="asyncpg makes 1 of 1.5",
    ),
    Case(
        "none_merged",
        Query(
            """
            merge into categories as c
            using (values ($1::int)) as given (id)
               on c.id = given.id
             when matched then update set name = $2
             when not matched then insert (id, name) values (given.id, $2)
            """,
            int,
            tuple[int, str | None],
        ),
        {"params"},
        (2, None),
    ),
    Case(
        "none_for_the_first_page",
        Query(
            """
            select number from orders
             where account = $1 and (placed_at, id) < ($2, $3)
             order by placed_at desc, id desc limit 20
            """,
            str,
            tuple[str, datetime | None, UUID | None],
        ),
        {"params"},
        unshown="it finds nothing for None, where it is meant to begin",
    ),
]

BOUNDS = [
    Case(
        "lines_of_given_orders",
        Query(
            "select order_id, sku from order_lines where order_id = any($1) order by order_id, position",
            Line,
            tuple[list[UUID]],
        ),
        {"unbounded"},
    ),
    Case(
        "raises_prices_of_kinds",
        Query(
            "update products set price = price * $2 where kind = any($1)",
            int,
            tuple[list[str], Decimal],
        ),
        {"unbounded"},
    ),
    Case(
        "locks_both_of_a_transfer",
        Query("select amount from transfers where id in ($1, $2) for update", Decimal, tuple[int, int]),
        {"order"},
    ),
    Case(
        "names_any_five",
        Query(
            """
            select coalesce(string_agg(number, ', '), '')
              from (select number from orders where account = $1 limit 5) as page
            """,
            str,
            tuple[str],
        ),
        {"order"},
    ),
    Case(
        "best_sold",
        Query(
            "select sku, sum(quantity) as sold from order_lines group by sku order by sold desc, sku limit 10",
            Sold,
            never_null={"sold": "a group has lines"},
            sample="select",
        ),
        {"aggregate", "scan", "sort"},
    ),
    Case(
        "place_among_all",
        Query(
            """
            select place from (
                select id, percent_rank() over (order by total) as place from orders where account = $1
            ) as ranked
             where id = $2
            """,
            float,
            tuple[str, UUID],
        ),
        {"aggregate", "sort", "filter"},
    ),
    Case(
        "paid_and_not_shipped",
        Query(
            """
            select number from orders
             where account = $1 and state = 'paid' and shipped_at is null and placed_at < now() - interval '2 days'
             order by placed_at, id limit 50
            """,
            str,
            tuple[str],
        ),
        {"filter"},
    ),
    Case(
        "tasks_of_one_of_many_workers",
        Query(
            "select id from tasks where state = 'ready' and id % $1 = $2 order by run_at, id limit 10",
            int,
            tuple[int, int],
            excused={"scope": "a worker takes the tasks of all accounts"},
        ),
        {"filter"},
    ),
    Case(
        "failed_tasks",
        Query(
            "select id from tasks where state = 'failed' and run_at < now() order by run_at, id limit 100",
            int,
            excused={"scope": "a worker takes the tasks of all accounts"},
        ),
        {"scan", "filter", "sort"},
    ),
    Case(
        "latest_talks_first",
        Query(
            """
            select c.email from customers as c
             where c.account = $1
             order by (
                      select max(o.placed_at) from orders as o where o.customer_id = c.id and o.account = c.account
                      ) desc nulls last, c.id
             limit 20
            """,
            str,
            tuple[str],
        ),
        {"sort", "aggregate"},
    ),
    Case(
        "order_by_choice",
        Query(
            """
            select number from orders where account = $1
             order by case when $2 then placed_at end desc nulls last, id limit 20
            """,
            str,
            tuple[str, bool],
        ),
        {"sort"},
    ),
    Case(
        "bookings_by_their_begin",
        Query(
            "select id from bookings where account = $1 order by lower(during) desc, id limit 20",
            UUID,
            tuple[str],
        ),
        {"sort"},
    ),
]

SCOPE = [
    Case(
        "replaces_the_suppliers_of_all",
        Query(
            """
            merge into suppliers as s
            using unnest($2::int[]) as given (id)
               on s.account = $1 and s.id = given.id
             when matched then update set city = 'Oslo'
             when not matched by source then delete
            """,
            int,
            tuple[str, list[int]],
        ),
        {"scope"},
        ("ada", [2]),
    ),
    Case(
        "claims_a_host",
        Query(
            """
            insert into sites (owner, host)
            select $1, $2 where not exists (select from sites where host = $2)
            returning host
            """,
            str,
            tuple[str, str],
        ),
        {"scope"},
        ("ada", "bob.example"),
    ),
    Case(
        "account_of_a_given_customer",
        Query(
            """
            select number from orders
             where account = (select account from customers where id = $1)
             order by placed_at, id limit 20
            """,
            str,
            tuple[UUID],
        ),
        {"scope"},
        (UUID(int=0xC3),),
    ),
    Case(
        "row_before_a_change",
        Query(
            """
            with changed as (
                update orders set state = 'paid' where id = $1 and account = $2
                returning account, to_jsonb(old) as was
            )
            insert into events (at, account, kind, payload) select now(), account, 'paid', was from changed
            returning kind
            """,
            str,
            tuple[UUID, str],
        ),
        {"star"},
        (ORDER, "ada"),
    ),
]

REFUSED = [
    Case(
        "counter_of_either_row",
        Query(
            "insert into customers (account, email) values ($1, $2) "
            "on conflict (account, email) do update set visits = visits + 1 returning visits",
            int,
            tuple[str, str],
        ),
        {"prepare"},
    ),
    Case(
        "locks_what_may_be_missing",
        Query(
            """
            select o.number from orders as o
              left join customers as c on c.id = o.customer_id and c.account = o.account
             where o.id = $1 and o.account = $2
               for update
            """,
            str,
            tuple[UUID, str],
        ),
        {"prepare"},
        unshown="PostgreSQL refuses it as late as it plans it",
    ),
    Case(
        "ends_before_it_begins",
        Query(
            "update bookings set during = tstzrange($3, $4) where id = $1 and account = $2 returning id",
            UUID,
            tuple[UUID, str, datetime, datetime],
            sample="select id, account, upper(during), lower(during) from bookings where guest = 'Lee'",
        ),
        {"sample"},
    ),
]

FAULTS = [*NULLS, *TYPES, *PARAMS, *BOUNDS, *SCOPE, *REFUSED]

VALID = [
    Case(
        "own_or_shared",
        Query(
            """
            select id from orders
             where account in ($1, 'shared') and number = $2
             order by account = $1 desc limit 1
            """,
            UUID,
            tuple[str, str],
        ),
        args=("ada", "A-1"),
    ),
    Case(
        "replaces_its_suppliers",
        Query(
            """
            merge into suppliers as s
            using unnest($2::int[]) as given (id)
               on s.account = $1 and s.id = given.id
             when matched then update set city = 'Oslo'
             when not matched by source and s.account = $1 then delete
            """,
            int,
            tuple[str, list[int]],
        ),
        args=("ada", [2]),
    ),
    Case(
        "is_free_from_or_until",
        Query(
            """
            select not exists (
                select from bookings where account = $1 and during && tstzrange($2, $3)
            )
            """,
            bool,
            tuple[str, datetime | None, datetime | None],
            excused={"filter": "few overlap"},
        ),
        args=("ada", None, JANUARY),
    ),
    Case(
        "books_unless_taken",
        Query(
            "insert into bookings (account, during, guest) values ($1, tstzrange($2, $3), $4) "
            "on conflict do nothing returning id",
            UUID,
            tuple[str, datetime, datetime | None, str | None],
        ),
        args=("ada", datetime.fromisoformat("2024-01-01T00:00Z"), datetime.fromisoformat("2024-01-02T00:00Z"), None),
    ),
    Case(
        "quota",
        Query(
            """
            update customers set visits = least(visits + $3, 100)
             where id = $1 and account = $2 and visits < 100
            returning 100 - visits
            """,
            int,
            tuple[UUID, str, int],
        ),
        args=(EVE, "ada", 5),
    ),
    Case(
        "creates_or_finds",
        Query(
            """
            with made as (
                insert into orders (account, number, currency, total) values ($1, $2, 'EUR', 0)
                on conflict (account, number) do nothing
                returning id
            )
            select id from made
             union all
            select id from orders where account = $1 and number = $2
            """,
            UUID,
            tuple[str, str],
        ),
        args=("ada", "A-1"),
    ),
    Case(
        "version_of_the_row",
        Query(
            """
            update orders set note = $4
             where id = $1 and account = $2 and xmin::text = $3
            returning xmin::text
            """,
            str,
            tuple[UUID, str, str, str],
        ),
        args=(ORDER, "ada", "0", "x"),
        empty="the row has another version",
    ),
    Case(
        "customers_with_a_capped_count",
        Query(
            """
            select c.email, n.orders
              from (select id, account, email, name from customers where account = $1 order by name, id limit 20) as c
             cross join lateral (
                   select count(*) as orders from (
                       select from orders as o where o.customer_id = c.id and o.account = c.account limit 100
                   ) as capped
                   ) as n
             order by c.name, c.id
            """,
            Active,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "sum_by_number",
        Query(
            """
            select coalesce(sum(l.quantity * l.price), 0)
              from orders as o join order_lines as l on l.order_id = o.id
             where o.account = $1 and o.number = $2
            """,
            Decimal,
            tuple[str, str],
        ),
        args=("ada", "A-1"),
    ),
    Case(
        "notes_that_are_like_it",
        Query(
            "select note from orders where id = any($2) and account = $1 and note ilike $3",
            str,
            tuple[str, list[UUID], str],
        ),
        args=("ada", OF_ADA, "%FRAG%"),
    ),
    Case(
        "customer_that_is_joined",
        Query(
            """
            select o.customer_id
              from orders as o join customers as c on c.id = o.customer_id and c.account = o.account
             where o.id = $1 and o.account = $2
            """,
            UUID,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "is_paid_or_not",
        Query(
            """
            select o.number, paid.is_paid is not null as is_paid
              from orders as o
              left join lateral (
                   select true as is_paid from billing.payments as p
                    where p.order_id = o.id and p.account = o.account
                    order by p.id limit 1
                   ) as paid on true
             where o.id = $1 and o.account = $2
            """,
            Paid,
            tuple[UUID, str],
        ),
        args=(UNPAID, "ada"),
    ),
    Case(
        "uses_by_hour",
        Query(
            """
            select h as hour, count(page.at) as uses
              from generate_series(0, 23) as h
              left join (
                   select at from events where account = $1 and at >= $2 order by at, id limit 5000
                   ) as page on extract(hour from page.at at time zone 'UTC') = h
             group by h
             order by h
            """,
            Hour,
            tuple[str, datetime],
        ),
        args=("ada", JANUARY),
    ),
    Case(
        "reading_that_differs",
        Query(
            """
            insert into readings (region, sensor, at, value) values ($1, $2, $3, $4)
            on conflict (region, sensor, at) do update set value = excluded.value
             where readings.value is distinct from excluded.value
            returning sensor
            """,
            int,
            tuple[str, int, datetime, Decimal | None],
        ),
        args=("north", 1, JANUARY, None),
    ),
    Case(
        "adds_up_readings",
        Query(
            """
            insert into readings (region, sensor, at, value)
            select $1, given.sensor, $2, sum(given.value)
              from unnest($3::int[], $4::numeric[]) as given (sensor, value)
             where given.sensor is not null
             group by given.sensor
             order by given.sensor
            on conflict (region, sensor, at) do update set value = coalesce(readings.value, 0) + excluded.value
            returning sensor
            """,
            int,
            tuple[str, datetime, list[int], list[Decimal]],
        ),
        args=("north", JANUARY, [1, 1, 2], [Decimal(1), Decimal(2), Decimal(3)]),
    ),
    Case(
        "last_touched",
        Query(
            "select greatest(shipped_at, placed_at) from orders where id = $1 and account = $2",
            datetime,
            tuple[UUID, str],
        ),
        args=(PAID, "ada"),
    ),
    Case(
        "pairs_in_a_list",
        Query(
            "select id from orders where (account, number) in (($1, $2), ($1, $3))",
            UUID,
            tuple[str, str, str],
        ),
        args=("ada", "A-1", "A-2"),
    ),
    Case(
        "keys_in_json",
        Query(
            "select number from orders "
            "where account = $1 and id in (select jsonb_array_elements_text($2::jsonb)::uuid)",
            str,
            tuple[str, str],
        ),
        args=("ada", f'["{ORDER}"]'),
    ),
    Case(
        "order_of_a_menu",
        Query(
            """
            update categories as c set rank = given.place
              from unnest($1::int[]) with ordinality as given (id, place)
             where c.id = given.id
            returning c.id
            """,
            int,
            tuple[list[int]],
        ),
        args=([3, 2],),
    ),
    Case(
        "balance_after_each",
        Query(
            """
            select number, coalesce(sum(total) over (order by placed_at, id), 0) as balance
              from (
                       select number, total, placed_at, id from orders
                        where account = $1 order by placed_at, id limit 100
                   ) as page
             order by placed_at, id
            """,
            Balance,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "states_in_use",
        Query(
            """
            with recursive used as (
                (select state from orders where account = $1 order by state limit 1)
                 union all
                select (
                       select o.state from orders as o
                        where o.account = $1 and o.state > used.state
                        order by o.state limit 1
                       )
                  from used where used.state is not null
            )
            select state from used where state is not null order by state limit 10
            """,
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "names_that_begin_alike",
        Query(
            """
            select name from customers
             where account = $1 and name >= $2 and name < $2 || chr(65535)
             order by name, id limit 10
            """,
            str,
            tuple[str, str],
        ),
        args=("ada", "E"),
    ),
    Case(
        "around_a_message",
        Query(
            """
            (select kind, at from events where account = $1 and (at, id) < ($2, $3) order by at desc, id desc limit 10)
             union all
            (select kind, at from events where account = $1 and (at, id) >= ($2, $3) order by at, id limit 10)
             order by at
            """,
            Message,
            tuple[str, datetime, int],
        ),
        args=("ada", JANUARY, 1),
    ),
    Case(
        "where_events_are",
        Query(
            "select tableoid::regclass::text from events where account = $1 order by at desc, id desc limit 5",
            str,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "changes_what_is_given",
        Query(
            """
            update orders set note = case when $3 then $4 else note end, version = version + 1
             where id = $1 and account = $2
            returning version
            """,
            int,
            tuple[UUID, str, bool, str | None],
        ),
        args=(ORDER, "ada", True, None),
    ),
    Case(
        "adds_up_an_order_again",
        Query(
            """
            update orders as o
               set total = coalesce(
                       (select sum(l.quantity * l.price * 100) from order_lines as l where l.order_id = o.id), 0
                   )
             where o.id = $1 and o.account = $2
            returning o.total
            """,
            int,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "days_ago",
        Query(
            """
            select number from orders
             where account = $1 and placed_at > now() - $2 * interval '1 day'
             order by placed_at, id limit 20
            """,
            str,
            tuple[str, float],
        ),
        args=("ada", 10_000.0),
    ),
    Case(
        "all_sites_of_an_owner",
        Query("select host from sites where owner = $1 order by id", str, tuple[str]),
        {"unbounded"},  # valid by docs/sql.md as it was then, which did not ask for a line in [largest_account]
    ),
    Case(
        "counted_sites_of_an_owner",
        Query("select count(*) from sites where owner = $1", int, tuple[str]),
        args=("ada",),
    ),
]

CASES = [*FAULTS, *VALID]
