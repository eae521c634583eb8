"""Statements of orders, billing, audits and tenants, written by docs/sql.md alone, without a look at the rules."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from inside.tools.corpus.case import OF_ADA, OF_BOB, ORDER, PAID, Case
from msgspec import Struct
from service.kit.db.query import Query

JULY = datetime.fromisoformat("2026-07-01T00:00Z")
NO_ROW = "it finds nothing for None, where it is meant to leave nothing out"


class Notes(Struct):
    state: str
    notes: str


class Item(Struct):
    sku: str
    quantity: int


class Preview(Struct):
    number: str
    lines: list[Item]


class Usage(Struct):
    account: str
    tasks: int


class Line(Struct):
    position: int
    quantity: int


class Made(Struct):
    id: UUID
    email: str


class Unpaid(Struct):
    number: str
    payments: int


class Sold(Struct):
    sku: str
    is_sold: bool


class Last(Struct):
    last: datetime


class Spent(Struct):
    currency: str
    total: int


class Payments(Struct):
    first: datetime | None
    last: datetime | None
    payments: int


class Place(Struct):
    number: str
    place: int


class Listed(Struct):
    sku: str
    categories: list[str]


NULLS = [
    Case(  # "All else can be null": a tag that is not among them has no place
        "place_of_a_tag",
        Query(
            "select array_position(tags, $3) from orders where id = $1 and account = $2",
            int,
            tuple[UUID, str, str],
        ),
        {"nulls"},
        (ORDER, "ada", "sold"),
    ),
    Case(  # "All else can be null": a path may find nothing
        "step_beyond_the_first",
        Query(
            """
            select jsonb_path_query_first(extra, '$.steps[*] ? (@ > 1)')::int from orders
             where id = $1 and account = $2
            """,
            int,
            tuple[UUID, str],
        ),
        {"nulls"},
        (PAID, "ada"),
    ),
    Case(  # "All else can be null": where no order of a state has a note, there is none to join
        "notes_of_each_state",
        Query(
            """
            select state, string_agg(note, '; ' order by placed_at) as notes
              from (
                       select state, note, placed_at from orders where account = $1
                        order by placed_at desc, id desc limit 50
                   ) as latest
             group by state
             order by state
            """,
            Notes,
            tuple[str],
        ),
        {"nulls"},
        ("ada",),
    ),
    Case(  # "Items of arrays are checked like columns"
        "customers_of_the_latest",
        Query(
            """
            select coalesce(array_agg(distinct customer_id), '{}')
              from (
                       select customer_id from orders where account = $1 order by placed_at desc, id desc limit 50
                   ) as latest
            """,
            list[UUID],
            tuple[str],
        ),
        {"nulls"},
        ("ada",),
    ),
    Case(  # "a column that the `where` … asks to be `is not null`": half of an `or` asks for nothing
        "named_or_paid",
        Query(
            """
            select c.name
              from orders as o left join customers as c on c.id = o.customer_id and c.account = o.account
             where o.id = any($1) and o.account = $2 and (c.name is not null or o.state = 'paid')
            """,
            str,
            tuple[list[UUID], str],
        ),
        {"nulls"},
        (OF_ADA, "ada"),
    ),
    Case(  # "it compares with null: `= null`", in the condition of an upsert
        "fills_a_name_unless_there_is_one",
        Query(
            """
            insert into customers (account, email, name) values ($1, $2, $3)
            on conflict (account, email) do update set name = excluded.name where customers.name = null
            """,
            int,
            tuple[str, str, str],
        ),
        {"nulls"},
        unshown="it fills none",
    ),
    Case(  # "it compares with null: `= null`", in a row of two
        "open_and_not_shipped",
        Query(
            "select number from orders where id = $1 and account = $2 and (state, shipped_at) = ('open', null)",
            str,
            tuple[UUID, str],
        ),
        {"nulls"},
        unshown="it finds nothing, whatever the state is",
    ),
]

TYPES = [
    Case(  # `types`: "the result's names, order or types differ from the row type"; it is a numeric
        "price_with_tax",
        Query("select round(price * 1.25, 2) from products where sku = $1", float, tuple[str]),
        {"types"},
        ("cup",),
    ),
    Case(  # `types`: "the result's names, order or types differ from the row type"; it is a double precision
        "median_of_the_latest",
        Query(
            """
            select coalesce(percentile_cont(0.5) within group (order by total), 0)
              from (select total from orders where account = $1 order by placed_at desc, id desc limit 100) as latest
            """,
            Decimal,
            tuple[str],
        ),
        {"types"},
        ("ada",),
    ),
    Case(  # `prepare`: "PostgreSQL refuses it"
        "counted_without_groups",
        Query(
            "select currency, count(*) as total from orders where customer_id = $1 and account = $2 limit 10",
            Spent,
            tuple[UUID, str],
        ),
        {"prepare"},
    ),
]

PARAMS = [
    Case(  # `params`: "items of arrays included, … may be `None` and is stored where nulls are refused"
        "tasks_of_optional_states",
        Query(
            """
            insert into tasks (account, state)
            select $1, given.state from unnest($2::text[]) as given (state)
            returning id
            """,
            int,
            tuple[str, list[str | None]],
        ),
        {"params"},
        ("ada", [None]),
        given_up="an item that may be None is not followed to the column",
    ),
    Case(  # `params`: "differ from those PostgreSQL infers"
        "paid_at_least",
        Query(
            """
            select reference from billing.payments
             where order_id = $1 and account = $2 and amount >= $3
             order by id limit 20
            """,
            str,
            tuple[UUID, str, float],
        ),
        {"params"},
        unshown="asyncpg makes a numeric of a float, with all its digits",
    ),
    Case(  # `params`: "may be `None` and is … compared with, which finds no row then"
        "one_of_its_tags",
        Query(
            "select number from orders where id = $1 and account = $2 and $3 = any(tags)",
            str,
            tuple[UUID, str, str | None],
        ),
        {"params"},
        unshown=NO_ROW,
    ),
]

BOUNDS = [
    Case(  # `unbounded`: "nothing bounds what it … changes"
        "forgets_guests",
        Query("update bookings set guest = null where account = $1 and upper(during) < $2", int, tuple[str, datetime]),
        {"unbounded", "filter"},
    ),
    Case(  # `unbounded`: the limit is one of kinds, which are no key
        "removes_the_oldest_kinds",
        Query(
            """
            delete from events
             where account = $1 and kind in (select kind from events where account = $1 order by at, id limit 10)
            """,
            int,
            tuple[str],
        ),
        {"unbounded", "filter"},
    ),
    Case(  # `order`: "it pages without `order by`, also in a subquery whose rows are shown or aggregated"
        "preview_in_json",
        Query(
            """
            select o.number,
                   coalesce((
                       select json_agg(json_build_object('sku', l.sku, 'quantity', l.quantity))
                         from (select sku, quantity from order_lines where order_id = o.id limit 5) as l
                   ), '[]') as lines
              from orders as o
             where o.id = $1 and o.account = $2
            """,
            Preview,
            tuple[UUID, str],
            sample="select id, account from orders where number = 'A-1'",
        ),
        {"order"},
    ),
    Case(  # `aggregate`: "it reads 10,000 rows or more to count"
        "customers_without_an_order",
        Query(
            """
            select count(*) from customers as c
             where c.account = $1
               and not exists (select from orders as o where o.customer_id = c.id and o.account = c.account)
            """,
            int,
            tuple[str],
        ),
        {"aggregate", "scan", "filter"},
    ),
    Case(  # `aggregate`: "to … group them"
        "busiest_tenants",
        Query(
            "select account, count(*) as tasks from tasks group by account order by tasks desc, account limit 20",
            Usage,
            excused={"scope": "the operators see all accounts"},
        ),
        {"aggregate", "scan", "sort"},
    ),
    Case(  # `scan`, `filter`: no index has the times of a region
        "sensors_that_were_last_read",
        Query(
            """
            select sensor from readings
             where region = $1 and at = (select max(at) from readings where region = $1)
             order by sensor limit 100
            """,
            int,
            tuple[str],
        ),
        {"aggregate", "scan", "filter", "sort"},
    ),
    Case(  # `filter`: "it reads rows of such a table and then discards them"; gin serves `@>`, and not `= any`
        "latest_with_a_tag",
        Query(
            """
            select number from orders
             where account = $1 and $2 = any(tags)
             order by placed_at desc, id desc limit 20
            """,
            str,
            tuple[str, str],
        ),
        {"filter", "scan"},
    ),
    Case(  # `filter`: that the index includes the total does not bring the rows together
        "large_and_overdue",
        Query(
            "select number from orders where account = $1 and due < $2 and total > $3 order by due limit 50",
            str,
            tuple[str, date, int],
        ),
        {"filter"},
    ),
    Case(  # `sort`: "it sorts more than 1,000 rows, unless an index has them"
        "latest_touched",
        Query(
            """
            select number from orders
             where account = $1
             order by coalesce(shipped_at, placed_at) desc, id desc limit 20
            """,
            str,
            tuple[str],
        ),
        {"sort"},
    ),
    Case(  # `sort`: all without a name are equal, and a name is no time
        "names_down_and_keys_up",
        Query("select email from customers where account = $1 order by name desc, id limit 20", str, tuple[str]),
        {"sort"},
    ),
]

SCOPE = [  # "each part of a statement that reads or changes the table has to ask for the account"
    Case(
        "account_unless_support",
        Query(
            "select number from orders where id = $1 and case when $3 then true else account = $2 end",
            str,
            tuple[UUID, str, bool],
        ),
        {"scope"},
        (OF_BOB, "ada", True),
    ),
    Case(  # "each … subquery": members have an account
        "order_of_a_tenant_of_a_member",
        Query(
            """
            select number from orders
             where account in (select m.account from members as m where m.handle = $1) and number = $2
            """,
            str,
            tuple[str, str],
        ),
        {"scope"},
        ("Bob", "B-1"),
    ),
    Case(  # "each arm of a `union`"
        "creates_once",
        Query(
            """
            with made as (
                insert into orders (id, account, number, currency, total) values ($1, $2, $3, 'EUR', 0)
                on conflict (id) do nothing
                returning number
            )
            select number from made
             union all
            select number from orders where id = $1
            """,
            str,
            tuple[UUID, str, str],
        ),
        {"scope"},
        (OF_BOB, "ada", "A-9"),
    ),
    Case(  # "each … subquery": also one that only sorts
        "customers_by_their_orders",
        Query(
            """
            select c.email from customers as c
             where c.id = any($1) and c.account = $2
             order by (select count(*) from orders as o where o.customer_id = c.id) desc, c.id
            """,
            str,
            tuple[list[UUID], str],
        ),
        {"scope"},
        unshown="each order is of its customer's account",
    ),
    Case(  # `sample`: "run with its sample, it fails"
        "state_of_an_import",
        Query(
            """
            update orders set state = $3::text::order_state where id = $1 and account = $2 returning state
            """,
            str,
            tuple[UUID, str, str],
            sample="select id, account, 'lost' from orders where number = 'A-1'",
        ),
        {"sample"},
    ),
]

FAULTS = [*NULLS, *TYPES, *PARAMS, *BOUNDS, *SCOPE]

VALID = [
    Case(
        "place_of_a_tag_or_none",
        Query(
            "select coalesce(array_position(tags, $3), 0) from orders where id = $1 and account = $2",
            int,
            tuple[UUID, str, str],
        ),
        args=(ORDER, "ada", "sold"),
    ),
    Case(
        "removes_a_tag",
        Query(
            "update orders set tags = array_remove(tags, $3) where id = $1 and account = $2 returning tags",
            list[str],
            tuple[UUID, str, str],
        ),
        args=(ORDER, "ada", "new"),
    ),
    Case(
        "adds_to_the_lines",
        Query(
            """
            insert into order_lines (order_id, position, sku, quantity, price)
            select o.id, given.position, p.sku, given.quantity, p.price
              from orders as o
             cross join unnest($3::int[], $4::text[], $5::int[]) as given (position, sku, quantity)
              join products as p on p.sku = given.sku
             where o.id = $1 and o.account = $2
            on conflict (order_id, position) do update set quantity = order_lines.quantity + excluded.quantity
            returning position, quantity
            """,
            Line,
            tuple[UUID, str, list[int], list[str], list[int]],
        ),
        args=(ORDER, "ada", [1, 3], ["cup", "pen"], [1, 4]),
    ),
    Case(
        "registers",
        Query(
            """
            insert into customers (account, email, name) values ($1, lower($2), nullif(trim($3), ''))
            returning id, email
            """,
            Made,
            tuple[str, str, str],
        ),
        args=("ada", "Ann@example.com", " "),
    ),
    Case(
        "time_of_the_next_attempt",
        Query(
            """
            select greatest(run_at, now()) + interval '1 minute' * power(2, least(attempts, 6)) from tasks
             where id = $1 and account = $2
            """,
            datetime,
            tuple[int, str],
        ),
        args=(1, "ada"),
    ),
    Case(
        "part_of_a_month",
        Query(
            "select round(amount * $3 / 30, 2) from billing.payments where id = $1 and account = $2",
            Decimal,
            tuple[UUID, str, Decimal],
        ),
        args=(UUID(int=0xF1), "ada", Decimal(12)),
    ),
    Case(
        "not_paid_in_full",
        Query(
            """
            select o.number, count(p.id) as payments
              from orders as o
              left join billing.payments as p on p.order_id = o.id and p.account = o.account
             where o.id = any($1) and o.account = $2
             group by o.id
            having coalesce(sum(p.amount), 0) * 100 < o.total
             order by o.placed_at, o.id
            """,
            Unpaid,
            tuple[list[UUID], str],
        ),
        args=(OF_ADA, "ada"),
    ),
    Case(
        "products_that_were_sold",
        Query(
            """
            select p.sku, exists (select from order_lines as l where l.sku = p.sku) as is_sold
              from products as p
             where p.kind = $1
             order by p.price, p.id limit 50
            """,
            Sold,
            tuple[str],
        ),
        args=("thing",),
    ),
    Case(
        "last_order_of_a_customer",
        Query(
            "select max(placed_at) as last from orders where customer_id = $1 and account = $2",
            Last,
            tuple[UUID, str],
            sample="select customer_id, account from orders where customer_id is not null order by id limit 1",
            never_null={"last": "it is asked for customers who have ordered"},
        ),
    ),
    Case(
        "spent_in_each_currency",
        Query(
            """
            select currency, sum(total)::bigint as total from orders
             where customer_id = $1 and account = $2
             group by currency
             order by currency limit 20
            """,
            Spent,
            tuple[UUID, str],
            sample="select customer_id, account from orders where customer_id is not null order by id limit 1",
            never_null={"total": "a group has rows"},
        ),
    ),
    Case(
        "swaps_two_ranks",
        Query(
            """
            update categories as c set rank = other.rank from categories as other
             where (c.id = $1 and other.id = $2) or (c.id = $2 and other.id = $1)
            returning c.id
            """,
            int,
            tuple[int, int],
        ),
        args=(3, 2),
    ),
    Case(
        "locks_an_order_of_a_customer",
        Query(
            """
            select o.version
              from orders as o join customers as c on c.id = o.customer_id and c.account = o.account
             where o.id = $1 and o.account = $2
               for no key update of o
            """,
            int,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "first_and_last_payment",
        Query(
            """
            select min(paid_at) as first, max(paid_at) as last, count(*) as payments
              from billing.payments
             where order_id = $1 and account = $2
            """,
            Payments,
            tuple[UUID, str],
        ),
        args=(ORDER, "ada"),
    ),
    Case(
        "since_the_begin_of_a_year",
        Query(
            """
            select number from orders
             where account = $1 and placed_at >= date_trunc('year', $2::timestamptz)
             order by placed_at, id limit 100
            """,
            str,
            tuple[str, datetime],
        ),
        args=("ada", JULY),
    ),
    Case(
        "etag_of_an_order",
        Query("select md5(id::text || version) from orders where id = $1 and account = $2", str, tuple[UUID, str]),
        args=(ORDER, "ada"),
    ),
    Case(
        "open_for_days",
        Query(
            """
            select number from orders
             where account = $1 and state = 'open' and placed_at < now() - make_interval(days => $2)
             order by placed_at, id limit 100
            """,
            str,
            tuple[str, int],
        ),
        args=("ada", -10_000),
    ),
    Case(
        "ships_a_batch",
        Query(
            """
            update orders set state = 'shipped', shipped_at = now()
             where account = $1
               and id in (
                   select id from orders
                    where account = $1 and state = 'paid' and placed_at < $2
                    order by placed_at, id limit 500
                      for update skip locked
                   )
            returning number
            """,
            str,
            tuple[str, datetime],
        ),
        args=("ada", JULY),
    ),
    Case(
        "ids_that_are_not_there",
        Query(
            """
            select given.id from unnest($1::uuid[]) as given (id)
             where not exists (select from orders as o where o.id = given.id and o.account = $2)
            """,
            UUID,
            tuple[list[UUID], str],
        ),
        args=([ORDER, OF_BOB], "ada"),
    ),
    Case(
        "place_in_its_currency",
        Query(
            """
            select number, dense_rank() over (partition by currency order by total desc) as place
              from (
                       select number, currency, total from orders
                        where account = $1
                        order by placed_at desc, id desc limit 50
                   ) as latest
             order by currency, place, number
            """,
            Place,
            tuple[str],
        ),
        args=("ada",),
    ),
    Case(
        "cancels_and_audits",
        Query(
            """
            with gone as (
                delete from bookings where id = $1 and account = $2 returning account, id, guest
            )
            insert into events (at, account, kind, payload, note)
            select now(), account, 'cancelled', jsonb_build_object('id', id), guest from gone
            returning id
            """,
            int,
            tuple[UUID, str],
        ),
        args=(UUID(int=0xE1), "ada"),
    ),
    Case(
        "preview_in_order",
        Query(
            """
            select o.number,
                   coalesce((
                       select json_agg(json_build_object('sku', l.sku, 'quantity', l.quantity) order by l.position)
                         from (
                                  select sku, quantity, position from order_lines
                                   where order_id = o.id
                                   order by position limit 5
                              ) as l
                   ), '[]') as lines
              from orders as o
             where o.id = $1 and o.account = $2
            """,
            Preview,
            tuple[UUID, str],
            sample="select id, account from orders where number = 'A-1'",
        ),
    ),
    Case(
        "fills_a_missing_name",
        Query(
            """
            insert into customers (account, email, name) values ($1, $2, $3)
            on conflict (account, email) do update set name = excluded.name where customers.name is null
            returning id
            """,
            UUID,
            tuple[str, str, str],
        ),
        args=("ada", "max@example.com", "Max"),
    ),
    Case(
        "has_a_tag_if_one_is_given",
        Query(
            "select number from orders where id = $1 and account = $2 and ($3::text is null or $3 = any(tags))",
            str,
            tuple[UUID, str, str | None],
        ),
        args=(ORDER, "ada", None),
    ),
    Case(
        "floor_of_a_room",
        Query(
            "update rooms set floor = $3 where id = $1 and tenant = $2 returning floor",
            int | None,
            tuple[UUID, str, int | None],
        ),
        args=(UUID(int=0x91), "ada", None),
    ),
    Case(
        "how_long_all_last",
        Query(
            "select sum(lasts) from devices where id = any($1) and account = $2",
            timedelta | None,
            tuple[list[int], str],
        ),
        args=([1, 2], "ada"),
    ),
    Case(
        "day_it_ends",
        Query("select (started + lasts)::date from devices where id = $1 and account = $2", date, tuple[int, str]),
        args=(1, "ada"),
    ),
    Case(
        "product_with_its_categories",
        Query(
            """
            select p.sku,
                   array(
                       select c.name from product_categories as m join categories as c on c.id = m.category_id
                        where m.product_id = p.id
                        order by c.name
                   ) as categories
              from products as p
             where p.sku = $1
            """,
            Listed,
            tuple[str],
        ),
        args=("pen",),
    ),
    Case(
        "removes_lines_of_a_number",
        Query(
            """
            delete from order_lines as l using orders as o
             where o.id = l.order_id and o.account = $1 and o.number = $2 and l.position = any($3)
            returning l.position
            """,
            int,
            tuple[str, str, list[int]],
        ),
        args=("ada", "A-1", [1, 2]),
    ),
]

CASES = [*FAULTS, *VALID]
